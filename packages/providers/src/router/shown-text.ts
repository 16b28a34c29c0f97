import { GatheredText } from '../gathered-text.js';

/** A longer text is not kept: no model could be asked to go on with it. In UTF-16 units. */
const LONGEST_KEPT = 4_194_304;

/** The text of an answer as it grows. */
export class ShownText {
  /** In UTF-16 units; of all of it, kept or not. */
  length = 0;
  #gathered: GatheredText | undefined = new GatheredText();

  /** `undefined` where it has grown too long to be kept. */
  get text(): string | undefined {
    return this.#gathered?.text;
  }

  add(piece: string): void {
    this.length += piece.length;
    if (this.length > LONGEST_KEPT) this.#gathered = undefined;
    else this.#gathered?.add(piece);
  }
}
