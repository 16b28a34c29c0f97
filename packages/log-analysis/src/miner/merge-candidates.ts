import { type MaskedWords, newMaskedWords, readMaskedWords, sameWord } from './masked-words.js';
import { neededWords } from './needed-words.js';
import { restOf } from './rest-of.js';
import { SiblingIndex } from './sibling-index.js';
import { resolveTemplate, type Template, wordRanges } from './template.js';

/** Templates of one structure that the fallback looks through. */
const MAX_CANDIDATES = 96;
/** Structures whose templates are remembered for the fallback. */
const MAX_STRUCTURES = 20_000;

/** Templates that are one but for the words at these positions. */
export interface MergeGroup {
  readonly members: Template[];
  readonly positions: number[];
}

/** Who might be one template with a new one: siblings that differ in one word; else, for longer messages, in two or three. */
export class MergeCandidates {
  readonly #siblings: SiblingIndex;
  /** Structure → its templates. */
  readonly #structures = new Map<number, Template[]>();
  readonly #others: MaskedWords = newMaskedWords();

  constructor(options: { readonly maxRests: number }) {
    this.#siblings = new SiblingIndex(options.maxRests);
  }

  /** @param words of the template's key */
  find(template: Template, words: MaskedWords): MergeGroup | undefined {
    return this.#siblingsOf(template, words) ?? this.#similarTo(template, words);
  }

  remember(structure: number, template: Template): void {
    const list = this.#structures.get(structure);
    if (list === undefined) {
      if (this.#structures.size >= MAX_STRUCTURES) this.#structures.clear();
      this.#structures.set(structure, [template]);
      return;
    }
    if (list.includes(template)) return;
    if (list.length >= MAX_CANDIDATES) list.shift();
    list.push(template);
  }

  #siblingsOf(template: Template, words: MaskedWords): MergeGroup | undefined {
    let best: MergeGroup | undefined;
    for (let position = 0; position < words.count; position += 1) {
      const needed = neededWords(template.key, words, position);
      if (needed === Number.POSITIVE_INFINITY) continue;
      const rest = restOf(words, position);
      if (this.#siblings.add(rest, template) < needed) continue;
      const members = [...new Set(this.#siblings.get(rest).map(resolveTemplate))].filter((each) =>
        differsOnlyAt(template, each, [position]),
      );
      if (members.length >= needed && (best === undefined || members.length > best.members.length)) {
        best = { members, positions: [position] };
      }
    }
    return best;
  }

  /** Templates of the same structure that differ from this one in the same two or three words. */
  #similarTo(template: Template, words: MaskedWords): MergeGroup | undefined {
    if (words.count < 5) return undefined;
    const most = words.count >= 10 ? 3 : 2;
    const groups = new Map<string, { positions: number[]; members: Template[] }>();
    for (const each of this.#structures.get(words.structure) ?? []) {
      const candidate = resolveTemplate(each);
      if (candidate === template || candidate.evicted) continue;
      const theirs = this.#hashesOf(candidate);
      if (theirs.length !== words.count) continue;
      let differences = 0;
      for (let at = 0; at < words.count && differences <= most; at += 1)
        if (theirs[at] !== words.low[at]) differences += 1;
      if (differences < 2 || differences > most) continue;
      const positions: number[] = [];
      for (let at = 0; at < words.count; at += 1) if (theirs[at] !== words.low[at]) positions.push(at);
      if (!differsOnlyAt(template, candidate, positions)) continue;
      const name = positions.join(',');
      const group = groups.get(name) ?? { positions, members: [template] };
      if (!group.members.includes(candidate)) group.members.push(candidate);
      groups.set(name, group);
    }
    for (const group of groups.values()) {
      const needed = Math.max(...group.positions.map((position) => neededWords(template.key, words, position)));
      const steady = words.count - group.positions.length;
      if (group.members.length >= needed && steady >= 3 && steady >= words.count * 0.6) return group;
    }
    return undefined;
  }

  #hashesOf(template: Template): Uint32Array {
    if (template.words === undefined || template.wordsVersion !== template.version) {
      readMaskedWords(template.key, template.key.length, this.#others);
      template.words = this.#others.low.slice(0, this.#others.count);
      template.wordsVersion = template.version;
    }
    return template.words;
  }

  forgetEvicted(): void {
    forgetEvicted(this.#structures);
    this.#siblings.forgetEvicted();
  }
}

/** Evicted templates go from the lists, and lists that are empty then. */
export function forgetEvicted(lists: Map<number, Template[]>): void {
  for (const [structure, list] of lists) {
    const kept = list.filter((template) => !resolveTemplate(template).evicted);
    if (kept.length === 0) lists.delete(structure);
    else lists.set(structure, kept);
  }
}

function differsOnlyAt(template: Template, other: Template, positions: readonly number[]): boolean {
  if (other === template) return true;
  if (other.evicted) return false;
  const mine = wordRanges(template.key);
  const theirs = wordRanges(other.key);
  if (mine.length !== theirs.length) return false;
  return mine.every((word, at) => {
    const their = theirs[at] as (typeof theirs)[number];
    return positions.includes(at) || sameWord(template.key, word.start, word.end, other.key, their.start, their.end);
  });
}
