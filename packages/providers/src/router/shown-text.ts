/** Pieces are copied together once they are this long. */
const LOOSE_LENGTH = 4_096;
/** A longer text is not kept: no model could be asked to go on with it. In UTF-16 units. */
const LONGEST_KEPT = 4_194_304;

/** The text of an answer as it grows. */
export class ShownText {
  /** In UTF-16 units; of all of it, kept or not. */
  length = 0;
  #text = '';
  /** The end of the text, in the pieces that came. */
  #loose = '';

  /** `undefined` where it has grown too long to be kept. */
  get text(): string | undefined {
    return this.length > LONGEST_KEPT ? undefined : this.#text + this.#loose;
  }

  /**
   * Each piece is a slice of the chunk it came in, and keeps the chunk: a long answer would hold all the bytes of its stream,
   * ten times the text.
   */
  add(piece: string): void {
    this.length += piece.length;
    if (this.length > LONGEST_KEPT) {
      this.#text = '';
      this.#loose = '';
      return;
    }
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
