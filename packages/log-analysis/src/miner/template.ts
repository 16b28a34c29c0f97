import { SHAPE, shapeText } from '../scanner/shapes.js';
import { PLACEHOLDER, TYPE, VARIABLE_BYTE } from '../scanner/variable-types.js';
import { isSeparatorByte } from './masked-words.js';

export interface TemplateVariable {
  type: number;
  shape: number;
  /** What all words at this place begin with, up to a dot: `com.apple.` of `com.apple.<*>`. */
  prefix: string;
}

/** A template: a masked message in which more words may have become variables. */
export interface Template {
  /** Order of making, from 1; never used twice. */
  readonly serial: number;
  /** Stable: that of the oldest member, made from its masked message. */
  readonly id: string;
  /** The masked message; one byte for each variable. */
  key: Uint8Array;
  variables: TemplateVariable[];
  /** What it was merged into, or itself. */
  parent: Template;
  /** Ids of templates that were merged into it; the oldest few. */
  readonly formerIds: string[];
  /** Words that became variables by merging. */
  wildcards: number;
  /** Grows with every change of `key`. */
  version: number;
  count: number;
  /** Order of the last line, for eviction. */
  lastSeen: number;
  evicted: boolean;
  /** Hashes of the words of `key` at `wordsVersion`, for quick comparisons. */
  words: Uint32Array | undefined;
  wordsVersion: number;
  /** Whatever the user of the miner keeps with it. */
  attachment: object | undefined;
}

export function newTemplate(made: Pick<Template, 'serial' | 'id' | 'key' | 'variables' | 'lastSeen'>): Template {
  const template = {
    ...made,
    formerIds: [],
    wildcards: 0,
    version: 1,
    count: 0,
    evicted: false,
    words: undefined,
    wordsVersion: 0,
  } as unknown as Template;
  template.parent = template;
  return template;
}

/** What became of a template: itself, or the one it was merged into. Shortens the way for the next time. */
export function resolveTemplate(template: Template): Template {
  let root = template;
  while (root.parent !== root) root = root.parent;
  let at = template;
  while (at !== root) {
    const next = at.parent;
    at.parent = root;
    at = next;
  }
  return root;
}

const decoder = new TextDecoder();

/** The template as people read it, with `<*>` for variables. Bytes that are no UTF-8 show as U+FFFD. */
export function renderTemplate({ key, variables }: Template): string {
  let text = '';
  let from = 0;
  let variable = 0;
  for (let at = 0; at <= key.length; at += 1) {
    if (at < key.length && key[at] !== VARIABLE_BYTE) continue;
    if (at > from) text += decoder.decode(key.subarray(from, at));
    from = at + 1;
    if (at < key.length) {
      text += renderVariable(variables[variable]);
      variable += 1;
    }
  }
  return text;
}

/** For each variable the constant text between it and the one before it. */
export function textsBefore({ key }: Template): string[] {
  const texts: string[] = [];
  let from = 0;
  for (let at = 0; at < key.length; at += 1) {
    if (key[at] !== VARIABLE_BYTE) continue;
    texts.push(decoder.decode(key.subarray(from, at)));
    from = at + 1;
  }
  return texts;
}

function renderVariable(variable: TemplateVariable | undefined): string {
  if (variable === undefined) return PLACEHOLDER;
  if (variable.prefix !== '') return variable.prefix + PLACEHOLDER;
  return shapeText(variable.shape);
}

export interface Range {
  readonly start: number;
  readonly end: number;
}

/** Ranges of the words of a masked message. */
export function wordRanges(key: Uint8Array): Range[] {
  const ranges: Range[] = [];
  let start = -1;
  for (let at = 0; at <= key.length; at += 1) {
    const inWord = at < key.length && !isSeparatorByte(key[at] as number);
    if (inWord && start === -1) start = at;
    if (!inWord && start !== -1) {
      ranges.push({ start, end: at });
      start = -1;
    }
  }
  return ranges;
}

const variablesIn = (key: Uint8Array, { start, end }: Range): number => {
  let count = 0;
  for (let at = start; at < end; at += 1) if (key[at] === VARIABLE_BYTE) count += 1;
  return count;
};

export interface VariableMap {
  /** For each variable of the template which variable of the message it is; -1 where the message has a word there. */
  readonly sources: Int16Array;
  /** Those words. */
  readonly words: readonly (string | undefined)[];
}

/** How the variables of a message (its masked key) lie in a template that covers it; undefined: one to one. */
export function mapVariables(key: Uint8Array, template: Uint8Array): VariableMap | undefined {
  const keyWords = wordRanges(key);
  const templateWords = wordRanges(template);
  const sources: number[] = [];
  const words: (string | undefined)[] = [];
  let variable = 0;
  let same = true;
  for (let index = 0; index < templateWords.length; index += 1) {
    const mine = keyWords[index];
    const theirs = templateWords[index] as Range;
    const wanted = variablesIn(template, theirs);
    const had = mine === undefined ? 0 : variablesIn(key, mine);
    const whole = wanted === 1 && theirs.end - theirs.start === 1;
    if (whole && mine !== undefined && !(had === 1 && mine.end - mine.start === 1)) {
      sources.push(-1);
      words.push(decoder.decode(key.subarray(mine.start, mine.end)).replaceAll('\u0001', PLACEHOLDER));
      same = false;
    } else {
      for (let each = 0; each < wanted; each += 1) {
        sources.push(variable + each);
        words.push(undefined);
      }
    }
    variable += had;
  }
  return same ? undefined : { sources: Int16Array.from(sources), words };
}

/** The key and variables of a template in which the words at `positions` are variables. */
export function withWildcards(template: Template, positions: readonly number[]): Pick<Template, 'key' | 'variables'> {
  const words = wordRanges(template.key);
  const key: number[] = [];
  const variables: TemplateVariable[] = [];
  let variable = 0;
  let at = 0;
  for (let index = 0; index < words.length; index += 1) {
    const word = words[index] as Range;
    while (at < word.start) key.push(template.key[at++] as number);
    const had = variablesIn(template.key, word);
    if (positions.includes(index)) {
      key.push(VARIABLE_BYTE);
      const only = had === 1 && word.end - word.start === 1 ? template.variables[variable] : undefined;
      variables.push(only ?? { type: TYPE.word, shape: SHAPE.plain, prefix: '' });
    } else {
      for (let each = word.start; each < word.end; each += 1) key.push(template.key[each] as number);
      for (let each = 0; each < had; each += 1) {
        variables.push(template.variables[variable + each] ?? { type: TYPE.word, shape: SHAPE.plain, prefix: '' });
      }
    }
    variable += had;
    at = word.end;
  }
  while (at < template.key.length) key.push(template.key[at++] as number);
  return { key: Uint8Array.from(key), variables };
}

/** What two words both begin with, up to and with a dot; at least one whole part. */
export function commonPrefix(a: string, b: string): string {
  let length = 0;
  while (length < a.length && length < b.length && a[length] === b[length]) length += 1;
  const dot = a.lastIndexOf('.', length - 1);
  return dot <= 0 ? '' : a.slice(0, dot + 1);
}
