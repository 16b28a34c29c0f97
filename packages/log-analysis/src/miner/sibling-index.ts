import type { Template } from './template.js';

/** Templates that are alike but for the word at one position. */
export interface Siblings {
  /** One for each distinct word. */
  readonly templates: Template[];
  /** The words’ hashes. */
  readonly words: number[];
}

/**
 * For each message with one word left out, which templates have that rest. Bounded by two generations: what was not asked
 * for while `limit` other rests came is forgotten.
 */
export class SiblingIndex {
  #young = new Map<number, Siblings>();
  #old = new Map<number, Siblings>();
  readonly #limit: number;
  forgotten = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get(rest: number): Siblings | undefined {
    const found = this.#young.get(rest);
    if (found !== undefined) return found;
    const older = this.#old.get(rest);
    if (older !== undefined) {
      this.#old.delete(rest);
      this.#set(rest, older);
    }
    return older;
  }

  /** @returns the siblings, this one with them */
  add(rest: number, word: number, template: Template): Siblings {
    const found = this.get(rest);
    if (found === undefined) {
      const made = { templates: [template], words: [word] };
      this.#set(rest, made);
      return made;
    }
    if (!found.words.includes(word) && found.words.length < MAX_SIBLINGS) {
      found.words.push(word);
      found.templates.push(template);
    }
    return found;
  }

  delete(rest: number): void {
    this.#young.delete(rest);
    this.#old.delete(rest);
  }

  #set(rest: number, siblings: Siblings): void {
    if (this.#young.size >= this.#limit) {
      this.forgotten += this.#old.size;
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(rest, siblings);
  }
}

export const MAX_SIBLINGS = 24;
