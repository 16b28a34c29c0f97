const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Follows the text of one JSON object as it arrives, to know when it is whole; the text need not be valid. */
export class JsonProgress {
  #depth = 0;
  #opened = false;
  #inString = false;
  #escaped = false;

  /** The object that opened has closed. */
  get isWhole(): boolean {
    return this.#opened && this.#depth === 0;
  }

  push(text: string): void {
    for (let index = 0; index < text.length; index += 1) {
      const code = text.charCodeAt(index);
      if (this.#inString) {
        if (this.#escaped) this.#escaped = false;
        else if (code === BACKSLASH) this.#escaped = true;
        else if (code === QUOTE) this.#inString = false;
      } else if (code === QUOTE) this.#inString = true;
      else if (code === OPEN_BRACE || code === OPEN_BRACKET) {
        this.#depth += 1;
        this.#opened = true;
      } else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) this.#depth -= 1;
    }
  }
}
