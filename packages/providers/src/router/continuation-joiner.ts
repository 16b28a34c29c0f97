import { createReplayJoiner, createSeamJoiner, type ReplayJoiner, type SeamJoiner } from '../join.js';

/** Joins the text of a model that goes on with an answer to what was shown of it. */
export interface Joiner {
  /** What the caller gets; `''` while that is not clear. */
  push(text: string): string;
  end(): string;
  /** The text is another answer than what was shown; nothing of it has been given out. */
  readonly diverged: boolean;
}

/** So many visible characters of the answer's beginning, said again, are no continuation: the model began anew. */
const LEAST_REPEATED = 100;

/**
 * A model that is asked to go on may say all of it again instead: then it is left out as long as it repeats what was shown,
 * and has diverged where it does not. Anything else is a continuation.
 */
export function createContinuationJoiner(shown: string): Joiner {
  return new ContinuationJoiner(shown);
}

type Reading =
  /** It has said nothing but the beginning of what was shown. */
  | { readonly as: 'undecided'; readonly replay: ReplayJoiner; readonly held: string }
  | { readonly as: 'continuation'; readonly seam: SeamJoiner }
  | { readonly as: 'replay'; readonly replay: ReplayJoiner };

class ContinuationJoiner implements Joiner {
  diverged = false;
  readonly #shown: string;
  #reading: Reading;

  constructor(shown: string) {
    this.#shown = shown;
    // In a short text the overlap at the seam is the whole of it.
    this.#reading =
      visibleLength(shown, LEAST_REPEATED) < LEAST_REPEATED
        ? { as: 'continuation', seam: createSeamJoiner({ shown }) }
        : { as: 'undecided', replay: createReplayJoiner({ shown }), held: '' };
  }

  push(text: string): string {
    const reading = this.#reading;
    switch (reading.as) {
      case 'continuation':
        return reading.seam.push(text);
      case 'replay':
        return this.#note(reading.replay.push(text));
      case 'undecided': {
        const held = reading.held + text;
        const verdict = reading.replay.push(text);
        // It may have turned away only after it repeated enough: the last piece decides nothing about those before.
        if (verdict.diverged && verdict.at < LEAST_REPEATED) return this.#goOn(held);
        if (!verdict.diverged && visibleLength(held, LEAST_REPEATED) < LEAST_REPEATED) {
          this.#reading = { ...reading, held };
          return '';
        }
        this.#reading = { as: 'replay', replay: reading.replay };
        return this.#note(verdict);
      }
    }
  }

  end(): string {
    const reading = this.#reading;
    switch (reading.as) {
      case 'continuation':
        return reading.seam.end();
      case 'replay':
        return this.#note(reading.replay.end());
      case 'undecided':
        return this.#goOn(reading.held) + this.end();
    }
  }

  #goOn(held: string): string {
    const seam = createSeamJoiner({ shown: this.#shown });
    this.#reading = { as: 'continuation', seam };
    return seam.push(held);
  }

  #note(verdict: { readonly diverged: boolean; readonly text: string }): string {
    if (verdict.diverged) this.diverged = true;
    return verdict.text;
  }
}

/** Counted no further than `enough`. */
function visibleLength(text: string, enough: number): number {
  let length = 0;
  for (let index = 0; index < text.length && length < enough; index += 1) {
    if (text.charAt(index).trim() !== '') length += 1;
  }
  return length;
}
