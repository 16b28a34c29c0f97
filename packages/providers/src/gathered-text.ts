/** Pieces are copied together once they are this long. */
const LOOSE_LENGTH = 4_096;

/**
 * A text as it grows. Each piece may be a slice of the chunk it came in, and would keep the chunk: a long answer would hold all
 * the bytes of its stream, ten times the text.
 */
export class GatheredText {
  #text = '';
  /** The end of the text, in the pieces that came. */
  #loose = '';

  constructor(text = '') {
    this.#text = text;
  }

  get text(): string {
    return this.#text + this.#loose;
  }

  add(piece: string): void {
    this.#loose += piece;
    if (this.#loose.length < LOOSE_LENGTH) return;
    this.#text += copyOf(this.#loose);
    this.#loose = '';
  }
}

/** Through bytes and back is a copy for sure: ASCII takes a byte a character, and UTF-16 is exact for lone surrogates too. */
function copyOf(text: string): string {
  const utf8 = Buffer.from(text, 'utf8');
  return utf8.length === text.length ? utf8.toString('latin1') : Buffer.from(text, 'utf16le').toString('utf16le');
}
