/** Joins the text of a model that goes on with a broken answer to the text that was shown. Pure; one joiner per seam. */
export interface SeamJoiner {
  /** What is to be shown of a piece of the new text; `''` while it may still repeat what was shown. */
  push(text: string): string;
  /** What was held back, at the end of the new text. */
  end(): string;
}

/** `at`: how far the new answer repeats what was shown, in UTF-16 units of what was shown. */
export type ReplayVerdict =
  | { readonly diverged: false; readonly text: string }
  | { readonly diverged: true; readonly text: ''; readonly at: number };

export interface ReplayJoiner {
  /** What is to be shown of a piece of the new answer; `''` as long as it repeats what was shown. */
  push(text: string): ReplayVerdict;
  /** An answer that ends before it has repeated everything has diverged too. */
  end(): ReplayVerdict;
}

/** How much of what was shown may be repeated, in UTF-16 units. */
const LOOK_BACK = 2_000;
/** Text held back at most: the look-back and its white space, which need not be the same. */
const MOST_HELD = 4_096;
const MOST_SPACE = 1_024;

/**
 * The seam of a continuation. The new text may start with the end of what was shown, more or less white space between its
 * words: the longest such overlap is left out, unless it is so short or so uniform that it may well be meant (`ha`, `===`,
 * a word said twice, a line that was repeated before). White space on both sides of the seam is shown once.
 */
export function createSeamJoiner(options: { readonly shown: string }): SeamJoiner {
  return new OverlapJoiner(options.shown);
}

/** The seam of an answer that starts anew: left out as long as it repeats what was shown, whatever the white space. */
export function createReplayJoiner(options: { readonly shown: string }): ReplayJoiner {
  return new Replay(options.shown);
}

class OverlapJoiner implements SeamJoiner {
  readonly #overlaps: Overlaps;
  readonly #space: SpaceJoiner;
  #held = '';
  /** Position in `#held` up to which it was compared. */
  #read = 0;
  /** Position in `#held` where the longest overlap ends. */
  #cut = 0;
  #settled = false;

  constructor(shown: string) {
    this.#overlaps = new Overlaps(shown.slice(-LOOK_BACK));
    this.#space = new SpaceJoiner(shown);
  }

  push(text: string): string {
    if (this.#settled) return this.#space.push(text);
    this.#held += text;
    for (; this.#read < this.#held.length; this.#read += 1) {
      if (this.#read >= MOST_HELD) return this.#settle();
      const character = this.#held.charAt(this.#read);
      if (isSpace(character)) continue;
      const state = this.#overlaps.push(character, isSpace(this.#held.charAt(0)));
      if (state.overlap) this.#cut = this.#read + 1;
      if (!state.open) return this.#settle();
    }
    return '';
  }

  end(): string {
    return (this.#settled ? '' : this.#settle()) + this.#space.end();
  }

  #settle(): string {
    this.#settled = true;
    const rest = this.#held.slice(this.#cut);
    this.#held = '';
    return this.#space.push(rest);
  }
}

/** Follows which ends of the shown text the new text starts with, white space left out on both sides. */
class Overlaps {
  readonly #tail: string;
  /** The tail without white space, and where each of its units stands in the tail. */
  readonly #visible: string;
  readonly #positions: readonly number[];
  /** Positions in `#visible` from where on it says what the new text says. */
  #starts: number[] | undefined;
  #length = 0;

  constructor(tail: string) {
    const positions: number[] = [];
    let visible = '';
    for (let index = 0; index < tail.length; index += 1) {
      const character = tail.charAt(index);
      if (isSpace(character)) continue;
      positions.push(index);
      visible += character;
    }
    this.#tail = tail;
    this.#visible = visible;
    this.#positions = positions;
  }

  /** @returns whether the new text so far is an overlap to be left out, and whether a longer one may follow */
  push(character: string, afterSpace: boolean): { readonly overlap: boolean; readonly open: boolean } {
    const starts: number[] = [];
    const offset = this.#length;
    if (this.#starts === undefined) {
      for (
        let start = this.#visible.indexOf(character);
        start !== -1;
        start = this.#visible.indexOf(character, start + 1)
      ) {
        starts.push(start);
      }
    } else {
      for (const start of this.#starts) if (this.#visible[start + offset] === character) starts.push(start);
    }
    this.#length += 1;
    // The last start is the one whose end is reached first.
    const ends = starts.length > 0 && (starts.at(-1) ?? 0) + this.#length === this.#visible.length;
    if (ends) starts.pop();
    this.#starts = starts;
    return { overlap: ends && this.#isMeant(this.#length, afterSpace), open: starts.length > 0 };
  }

  /** Whether so long an end of the shown text, found again at the start of the new one, is a repetition by mistake. */
  #isMeant(length: number, afterSpace: boolean): boolean {
    const start = this.#visible.length - length;
    const overlap = this.#visible.slice(start);
    const variety = new Set(overlap).size;
    if (variety < 3 || this.#visible.endsWith(overlap, start)) return false;
    if (length >= 12 && variety >= 4) return true;
    if (/[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}]/u.test(overlap)) return length >= 4;
    const from = this.#positions[start] ?? 0;
    const to = (this.#positions.at(-1) ?? 0) + 1;
    const wholeWords = from === 0 || !(isWord(this.#tail.charAt(from - 1)) && isWord(this.#tail.charAt(from)));
    if (!wholeWords) return false;
    if (/\s/.test(this.#tail.slice(from, to))) return length >= 6 && variety >= 4;
    // One word: a word said twice has a space between, a word that was cut and begun again has none.
    return !afterSpace && to === this.#tail.length && length >= 3 && /^[\p{L}\p{M}'’-]+$/u.test(overlap);
  }
}

class Replay implements ReplayJoiner {
  readonly #shown: string;
  readonly #space: SpaceJoiner;
  /** Position in the shown text of the next unit that has to be repeated; its length when all are. */
  #next: number;
  #diverged = false;

  constructor(shown: string) {
    this.#shown = shown;
    this.#space = new SpaceJoiner(shown);
    this.#next = nextVisible(shown, 0);
  }

  push(text: string): ReplayVerdict {
    let index = 0;
    for (; index < text.length && this.#next < this.#shown.length && !this.#diverged; index += 1) {
      const character = text.charAt(index);
      if (isSpace(character)) continue;
      if (character === this.#shown.charAt(this.#next)) this.#next = nextVisible(this.#shown, this.#next + 1);
      else this.#diverged = true;
    }
    if (this.#diverged) return { diverged: true, text: '', at: this.#next };
    const rest = index < text.length ? this.#space.push(text.slice(index)) : '';
    return { diverged: false, text: rest };
  }

  end(): ReplayVerdict {
    if (this.#next < this.#shown.length) this.#diverged = true;
    return this.#diverged ? { diverged: true, text: '', at: this.#next } : { diverged: false, text: this.#space.end() };
  }
}

/** Lets text through, without the white space at its start that the shown text ends with already. */
class SpaceJoiner {
  readonly #before: string;
  #held = '';
  #passed = false;

  constructor(shown: string) {
    this.#before = shown.slice(shown.trimEnd().length).slice(-MOST_SPACE);
  }

  push(text: string): string {
    if (this.#passed) return text;
    this.#held += text;
    const length = this.#held.length - this.#held.trimStart().length;
    if (length === this.#held.length && length < MOST_SPACE) return '';
    return this.end();
  }

  end(): string {
    this.#passed = true;
    const held = this.#held;
    this.#held = '';
    for (let length = Math.min(this.#before.length, held.length); length > 0; length -= 1) {
      if (this.#before.endsWith(held.slice(0, length))) return held.slice(length);
    }
    return held;
  }
}

function nextVisible(text: string, from: number): number {
  let position = from;
  while (position < text.length && isSpace(text.charAt(position))) position += 1;
  return position;
}

function isSpace(character: string): boolean {
  return character.trim() === '';
}

function isWord(character: string): boolean {
  return /[\p{L}\p{M}\p{N}_]/u.test(character);
}
