import type { MaskedMessage } from '../scanner/masked-message.js';
import { SHAPE } from '../scanner/shapes.js';
import { TYPE, VARIABLE_BYTE } from '../scanner/variable-types.js';
import { hashMasked, type KeyEntry, KeyTable } from './key-table.js';
import { type MaskedWords, newMaskedWords, readMaskedWords, sameWord } from './masked-words.js';
import { forgetEvicted, MergeCandidates } from './merge-candidates.js';
import { restOf } from './rest-of.js';
import {
  mapVariables,
  newTemplate,
  resolveTemplate,
  type Template,
  type VariableMap,
  withWildcards,
} from './template.js';
import { setPrefixes, sharedPrefix, shortenPrefixes } from './word-prefixes.js';

export interface MinerLimits {
  /** Exact masked messages that are remembered. */
  readonly maxKeys: number;
  readonly maxTemplates: number;
  /** Rests with one word left out. */
  readonly maxRests: number;
}

export const DEFAULT_MINER_LIMITS: MinerLimits = { maxKeys: 50_000, maxTemplates: 10_000, maxRests: 131_072 };

/** Templates of one structure with more than one merged word. */
const MAX_WILD = 96;
/** Former ids that a template remembers. */
const MAX_FORMER_IDS = 16;

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
  readonly #candidates: MergeCandidates;
  /** The rest of a merged template → the template. */
  readonly #merged = new Map<number, Template>();
  /** Structure → templates with two or more merged words. */
  readonly #wild = new Map<number, Template[]>();
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
    this.#candidates = new MergeCandidates({ maxRests: this.#limits.maxRests });
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
    if (known !== undefined) shortenPrefixes(known, bytes);
    else if (!words.tooMany) {
      const { structure } = words;
      this.#join(template);
      this.#candidates.remember(structure, resolveTemplate(template));
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
      const found = this.#candidates.find(template, words);
      if (found === undefined) return;
      template = this.#merge(found.members, found.positions);
    }
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
    setPrefixes(oldest, positions, prefixes);
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
      if (!list.includes(oldest) && list.length < MAX_WILD) list.push(oldest);
      this.#wild.set(words.structure, list);
    }
    return oldest;
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
    forgetEvicted(this.#wild);
    this.#candidates.forgetEvicted();
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
