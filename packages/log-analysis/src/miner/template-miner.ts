import type { MaskedMessage } from '../scanner/masked-message.js';
import { SHAPE } from '../scanner/shapes.js';
import { TYPE, VARIABLE_BYTE } from '../scanner/variable-types.js';
import { hashMasked, type KeyEntry, KeyTable } from './key-table.js';
import { type MaskedWords, newMaskedWords, readMaskedWords, sameWord } from './masked-words.js';
import { neededWords } from './needed-words.js';
import { SiblingIndex } from './sibling-index.js';
import {
  commonPrefix,
  mapVariables,
  newTemplate,
  resolveTemplate,
  type Template,
  type VariableMap,
  withWildcards,
  wordRanges,
} from './template.js';

export interface MinerLimits {
  /** Exact masked messages that are remembered. */
  readonly maxKeys: number;
  readonly maxTemplates: number;
  /** Rests with one word left out. */
  readonly maxRests: number;
}

export const DEFAULT_MINER_LIMITS: MinerLimits = { maxKeys: 50_000, maxTemplates: 10_000, maxRests: 131_072 };

/** Templates of one structure that the fallback looks through. */
const MAX_CANDIDATES = 96;
/** Structures whose templates are remembered for the fallback. */
const MAX_STRUCTURES = 20_000;
/** Former ids that a template remembers. */
const MAX_FORMER_IDS = 16;
const REST_LOW = 0x9e3779b1;
const REST_HIGH = 0x85ebca6b;

export interface MinerCounts {
  readonly keys: number;
  readonly templates: number;
  readonly merges: number;
  readonly evictedKeys: number;
  readonly evictedTemplates: number;
  /** Lines that had gone into templates which were evicted. */
  readonly evictedLines: number;
}

export interface MinerEvents {
  /** `from` became part of `into`; what was counted for it belongs there. `into.variables` are new. */
  onMerge?(from: Template, into: Template): void;
  /** The positions of the template's variables changed: `from` was its key before. */
  onChange?(template: Template, from: Uint8Array): void;
  onEvict?(template: Template): void;
}

/**
 * Messages → templates in one pass with bounded memory. A masked message that was seen before costs one look-up. A new one
 * is compared with those that differ from it in one word only; once a position has shown enough words (`neededWords`) they
 * become one template. Longer messages that differ in up to three words meet in the fallback by the same evidence.
 */
export class TemplateMiner {
  readonly templates = new Set<Template>();
  readonly #limits: MinerLimits;
  readonly #events: MinerEvents;
  readonly #keys: KeyTable;
  readonly #siblings: SiblingIndex;
  /** The rest of a merged template → its index. */
  readonly #merged = new Map<number, Template>();
  /** Structure → templates with two or more merged words, and all templates for the fallback. */
  readonly #wild = new Map<number, Template[]>();
  readonly #structures = new Map<number, Template[]>();
  readonly #words: MaskedWords = newMaskedWords();
  readonly #others: MaskedWords = newMaskedWords();
  readonly #ids = new Set<string>();
  #serial = 0;
  #clock = 0;
  #merges = 0;
  #evictedKeys = 0;
  #evictedTemplates = 0;
  #evictedLines = 0;
  /** After `add`: which variable of the message each variable of the template is; undefined: one to one. */
  map: VariableMap | undefined;

  constructor(options: { readonly limits?: MinerLimits; readonly events?: MinerEvents } = {}) {
    this.#limits = options.limits ?? DEFAULT_MINER_LIMITS;
    this.#events = options.events ?? {};
    this.#keys = new KeyTable(this.#limits.maxKeys);
    this.#siblings = new SiblingIndex(this.#limits.maxRests);
  }

  get counts(): MinerCounts {
    return {
      keys: this.#keys.size,
      templates: this.templates.size,
      merges: this.#merges,
      evictedKeys: this.#evictedKeys,
      evictedTemplates: this.#evictedTemplates,
      evictedLines: this.#evictedLines,
    };
  }

  /** The template of the message that the scanner has just read. */
  add(message: MaskedMessage): Template {
    let entry = this.#keys.find(message.out, message.length, message.hashLow, message.hashHigh);
    if (entry === undefined) entry = this.#newKey(message);
    entry.touched = true;
    let { template } = entry;
    if (template.parent !== template) {
      template = resolveTemplate(template);
      entry.template = template;
    }
    if (entry.mappedFor !== template || entry.mappedVersion !== template.version) {
      entry.map = mapVariables(entry.bytes, template.key);
      entry.mappedFor = template;
      entry.mappedVersion = template.version;
    }
    this.map = entry.map;
    template.count += 1;
    template.lastSeen = ++this.#clock;
    const { variables } = template;
    const { map } = entry;
    for (let index = 0; index < variables.length; index += 1) {
      const variable = variables[index] as Template['variables'][number];
      const source = map === undefined ? index : (map.sources[index] as number);
      if (source < 0) continue;
      if (variable.shape !== message.shapes[source]) variable.shape = SHAPE.plain;
      if (variable.type !== message.types[source]) variable.type = TYPE.word;
      if (variable.prefix !== '') variable.prefix = '';
    }
    return template;
  }

  #newKey(message: MaskedMessage): KeyEntry {
    if (this.#keys.size >= this.#limits.maxKeys) this.#evictKeys();
    if (this.templates.size >= this.#limits.maxTemplates) this.#evictTemplates();
    const bytes = message.out.slice(0, message.length);
    const words = this.#words;
    readMaskedWords(bytes, bytes.length, words);
    const known = words.tooMany ? undefined : this.#findMerged(bytes, words);
    const template = known ?? this.#newTemplate(message, bytes);
    const entry = newEntry(bytes, message.hashLow, message.hashHigh, template);
    this.#keys.insert(entry);
    if (known !== undefined) this.#shortenPrefixes(known, bytes);
    else if (!words.tooMany) {
      const { structure } = words;
      this.#join(template);
      this.#remember(structure, resolveTemplate(template));
    }
    return entry;
  }

  #newTemplate(message: MaskedMessage, key: Uint8Array): Template {
    const variables = Array.from({ length: message.variables }, (_, index) => ({
      type: message.types[index] as number,
      shape: message.shapes[index] as number,
      prefix: '',
    }));
    const template = newTemplate({
      serial: ++this.#serial,
      id: this.#newId(message.hashLow, message.hashHigh),
      key,
      variables,
      lastSeen: ++this.#clock,
    });
    this.templates.add(template);
    return template;
  }

  /** The same oldest message gets the same id in every run. */
  #newId(low: number, high: number): string {
    let salt = 0;
    for (;;) {
      const value = ((high ^ salt) >>> 0) % 0x10000;
      const id = `${value.toString(16).padStart(4, '0')}${low.toString(16).padStart(8, '0')}`;
      if (!this.#ids.has(id)) {
        this.#ids.add(id);
        return id;
      }
      salt += 1;
    }
  }

  /** A merged template that has this message, by one look-up for each word, else through those with more merged words. */
  #findMerged(key: Uint8Array, words: MaskedWords): Template | undefined {
    for (let position = 0; position < words.count; position += 1) {
      const merged = this.#merged.get(restOf(words, position));
      if (merged === undefined) continue;
      const template = resolveTemplate(merged);
      if (!template.evicted && this.#covers(template, key, words)) return template;
    }
    for (const wild of this.#wild.get(words.structure) ?? []) {
      const template = resolveTemplate(wild);
      if (!template.evicted && this.#covers(template, key, words)) return template;
    }
    return undefined;
  }

  #covers(template: Template, key: Uint8Array, words: MaskedWords): boolean {
    const others = this.#others;
    readMaskedWords(template.key, template.key.length, others);
    if (others.structure !== words.structure || others.tooMany) return false;
    for (let index = 0; index < words.count; index += 1) {
      const start = others.starts[index] as number;
      const end = others.ends[index] as number;
      if (end - start === 1 && template.key[start] === VARIABLE_BYTE) continue;
      if (others.low[index] !== words.low[index] || others.high[index] !== words.high[index]) return false;
      if (!sameWord(template.key, start, end, key, words.starts[index] as number, words.ends[index] as number))
        return false;
    }
    return true;
  }

  /** Looks for siblings of the template and merges them, again and again while there is enough evidence. */
  #join(first: Template): void {
    let template = first;
    for (let round = 0; round < 8; round += 1) {
      const words = this.#words;
      readMaskedWords(template.key, template.key.length, words);
      const found = this.#siblingsOf(template, words) ?? this.#similarTo(template, words);
      if (found === undefined) return;
      template = this.#merge(found.members, found.positions);
    }
  }

  #siblingsOf(template: Template, words: MaskedWords): { members: Template[]; positions: number[] } | undefined {
    let best: { members: Template[]; positions: number[] } | undefined;
    for (let position = 0; position < words.count; position += 1) {
      const needed = neededWords(template.key, words, position);
      if (needed === Number.POSITIVE_INFINITY) continue;
      const rest = restOf(words, position);
      if (this.#siblings.add(rest, template) < needed) continue;
      const members = [...new Set(this.#siblings.get(rest).map(resolveTemplate))].filter((each) =>
        this.#differsOnlyAt(template, each, [position]),
      );
      if (members.length >= needed && (best === undefined || members.length > best.members.length)) {
        best = { members, positions: [position] };
      }
    }
    return best;
  }

  /** Templates of the same structure that differ from this one in the same two or three words. */
  #similarTo(template: Template, words: MaskedWords): { members: Template[]; positions: number[] } | undefined {
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
      if (!this.#differsOnlyAt(template, candidate, positions)) continue;
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

  #differsOnlyAt(template: Template, other: Template, positions: readonly number[]): boolean {
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

  /** The oldest member takes the others in; its id stays. */
  #merge(members: readonly Template[], positions: readonly number[]): Template {
    const all = [...members];
    // Whatever already has the merged key joins: a number may have stood there before.
    const model = all[0] as Template;
    const made = withWildcards(model, positions);
    const { low, high } = hashMasked(made.key);
    const existing = this.#keys.find(made.key, made.key.length, low, high);
    if (existing !== undefined) {
      const template = resolveTemplate(existing.template);
      if (!all.includes(template)) all.push(template);
    }
    const oldest = all.reduce((a, b) => (b.serial < a.serial ? b : a));
    const before = oldest.key;
    const prefixes = positions.map((position) => sharedPrefix(all, position));
    const { key, variables } = withWildcards(oldest, positions);
    oldest.key = key;
    oldest.variables = variables;
    oldest.version += 1;
    oldest.wildcards += positions.length;
    this.#setPrefixes(oldest, positions, prefixes);
    this.#events.onChange?.(oldest, before);
    for (const member of all) {
      if (member === oldest) continue;
      oldest.count += member.count;
      if (member.lastSeen > oldest.lastSeen) oldest.lastSeen = member.lastSeen;
      member.parent = oldest;
      oldest.formerIds.push(member.id, ...member.formerIds.splice(0));
      for (const id of oldest.formerIds.splice(MAX_FORMER_IDS)) this.#ids.delete(id);
      this.#events.onMerge?.(member, oldest);
      this.templates.delete(member);
    }
    this.#merges += 1;
    if (existing === undefined) this.#keys.insert(newEntry(key, low, high, oldest));
    const words = this.#words;
    readMaskedWords(key, key.length, words);
    for (const position of positions) this.#merged.set(restOf(words, position), oldest);
    if (oldest.wildcards >= 2) {
      const list = this.#wild.get(words.structure) ?? [];
      if (!list.includes(oldest) && list.length < MAX_CANDIDATES) list.push(oldest);
      this.#wild.set(words.structure, list);
    }
    return oldest;
  }

  #setPrefixes(template: Template, positions: readonly number[], prefixes: readonly string[]): void {
    const words = wordRanges(template.key);
    let variable = 0;
    words.forEach((word, index) => {
      const prefix = prefixes[positions.indexOf(index)];
      const target = template.variables[variable];
      if (prefix !== undefined && prefix !== '' && target !== undefined) target.prefix = prefix;
      for (let at = word.start; at < word.end; at += 1) if (template.key[at] === VARIABLE_BYTE) variable += 1;
    });
  }

  /** A word that begins differently ends what all words at its place had in common. */
  #shortenPrefixes(template: Template, key: Uint8Array): void {
    if (template.variables.every(({ prefix }) => prefix === '')) return;
    const mine = wordRanges(template.key);
    const theirs = wordRanges(key);
    let variable = 0;
    mine.forEach((word, index) => {
      const target = template.variables[variable];
      const their = theirs[index];
      if (
        target !== undefined &&
        their !== undefined &&
        target.prefix !== '' &&
        template.key[word.start] === VARIABLE_BYTE
      ) {
        target.prefix = commonPrefix(target.prefix, textOfWord(key, their.start, their.end));
      }
      for (let at = word.start; at < word.end; at += 1) if (template.key[at] === VARIABLE_BYTE) variable += 1;
    });
  }

  #remember(structure: number, template: Template): void {
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

  /** Keys that were not seen since the last time go first; those of no other use than to be quicker are found again. */
  #evictKeys(): void {
    this.#evictedKeys += this.#keys.sweep(({ touched }) => !touched);
    if (this.#keys.size > this.#limits.maxKeys * 0.9) {
      let order = 0;
      this.#evictedKeys += this.#keys.sweep(() => order++ % 2 === 0);
    }
  }

  /** A quarter of the templates goes: the rare ones that were not seen for the longest time. */
  #evictTemplates(): void {
    const live = [...this.templates].sort((a, b) => a.count - b.count || a.lastSeen - b.lastSeen);
    for (const template of live.slice(0, Math.ceil(live.length / 4))) {
      template.evicted = true;
      this.#evictedTemplates += 1;
      this.#evictedLines += template.count;
      for (const id of [template.id, ...template.formerIds]) this.#ids.delete(id);
      this.#events.onEvict?.(template);
      this.templates.delete(template);
    }
    this.#keys.sweep(({ template }) => resolveTemplate(template).evicted);
    for (const [rest, template] of this.#merged) if (resolveTemplate(template).evicted) this.#merged.delete(rest);
    for (const lists of [this.#wild, this.#structures]) {
      for (const [structure, list] of lists) {
        const kept = list.filter((template) => !resolveTemplate(template).evicted);
        if (kept.length === 0) lists.delete(structure);
        else lists.set(structure, kept);
      }
    }
  }
}

const newEntry = (bytes: Uint8Array, low: number, high: number, template: Template): KeyEntry => ({
  bytes,
  low,
  high,
  template,
  map: undefined,
  mappedFor: undefined,
  mappedVersion: 0,
  touched: true,
});

function textOfWord(key: Uint8Array, start: number, end: number): string {
  let text = '';
  for (let at = start; at < end; at += 1) {
    if (key[at] === VARIABLE_BYTE) break;
    text += String.fromCharCode(key[at] as number);
  }
  return text;
}

function sharedPrefix(templates: readonly Template[], position: number): string {
  let prefix: string | undefined;
  for (const { key } of templates) {
    const word = wordRanges(key)[position];
    if (word === undefined) return '';
    const text = textOfWord(key, word.start, word.end);
    prefix = prefix === undefined ? text : commonPrefix(prefix, text);
    if (prefix === '') return '';
  }
  return prefix ?? '';
}

/** The hash of the message without the word at `position`. */
function restOf(words: MaskedWords, position: number): number {
  let low = words.structure | 0;
  let high = position + 1;
  for (let index = 0; index < words.count; index += 1) {
    if (index === position) continue;
    low = Math.imul(low ^ (words.low[index] as number), REST_LOW);
    low ^= low >>> 15;
    high = Math.imul(high + (words.high[index] as number), REST_HIGH);
    high ^= high >>> 13;
  }
  return (high >>> 0) * 2 ** 20 + ((low >>> 0) & 0xfffff);
}
