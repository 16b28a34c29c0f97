import { CLASSES, DIGIT, LETTER, SEPARATOR } from '../scanner/byte-classes.js';
import { VARIABLE_BYTE } from '../scanner/variable-types.js';

export const MAX_WORDS = 64;

/** The words of a masked message: runs of bytes that are no separator; what stands between them is its structure. */
export interface MaskedWords {
  count: number;
  readonly starts: Int32Array;
  readonly ends: Int32Array;
  /** 2 × 32 bit per word. */
  readonly low: Uint32Array;
  readonly high: Uint32Array;
  /** Of everything but the words: separators and number of words. */
  structure: number;
  /** There were more words than are looked at: such a message is known by its exact key only. */
  tooMany: boolean;
}

export function newMaskedWords(): MaskedWords {
  return {
    count: 0,
    starts: new Int32Array(MAX_WORDS),
    ends: new Int32Array(MAX_WORDS),
    low: new Uint32Array(MAX_WORDS),
    high: new Uint32Array(MAX_WORDS),
    structure: 0,
    tooMany: false,
  };
}

export const isSeparatorByte = (byte: number): boolean =>
  byte !== VARIABLE_BYTE && ((CLASSES[byte] as number) & SEPARATOR) !== 0;

export function readMaskedWords(key: Uint8Array, length: number, words: MaskedWords): void {
  words.count = 0;
  words.tooMany = false;
  let structure = 17;
  let at = 0;
  while (at < length) {
    const byte = key[at] as number;
    if (isSeparatorByte(byte)) {
      structure = Math.imul(structure ^ byte, 0x01000193);
      at += 1;
      continue;
    }
    const start = at;
    let low = 0x811c9dc5;
    let high = 7;
    while (at < length && !isSeparatorByte(key[at] as number)) {
      low = Math.imul(low ^ (key[at] as number), 0x01000193);
      high = Math.imul(high + (key[at] as number), 0x9e3779b1) ^ (high >>> 15);
      at += 1;
    }
    if (words.count === MAX_WORDS) {
      words.tooMany = true;
      return;
    }
    const index = words.count++;
    words.starts[index] = start;
    words.ends[index] = at;
    words.low[index] = low >>> 0;
    words.high[index] = high >>> 0;
    structure = Math.imul(structure ^ 0x57, 0x01000193);
  }
  words.structure = (structure >>> 0) * 128 + words.count;
}

/** What kind of word it is, for the question whether it may be a value. */
export type WordKind = 'variable' | 'partly' | 'name' | 'capitals' | 'value' | 'other';

export function wordKind(key: Uint8Array, start: number, end: number): WordKind {
  let variables = 0;
  let letters = 0;
  let capitals = 0;
  let digits = 0;
  let joints = 0;
  for (let at = start; at < end; at += 1) {
    const byte = key[at] as number;
    if (byte === VARIABLE_BYTE) {
      variables += 1;
      continue;
    }
    const kind = CLASSES[byte] as number;
    if ((kind & LETTER) !== 0) {
      letters += 1;
      if (byte >= 0x41 && byte <= 0x5a) capitals += 1;
    } else if ((kind & DIGIT) !== 0) digits += 1;
    // A dot at the end is the sentence's; an underscore and the other marks join.
    else if (at + 1 < end) joints += 1;
  }
  if (variables > 0) return end - start === 1 ? 'variable' : letters > 0 ? 'partly' : 'variable';
  if (letters === 0) return digits > 0 ? 'value' : 'other';
  if (capitals === letters && letters > 1 && digits === 0) return 'capitals';
  return digits > 0 || joints > 0 ? 'value' : 'name';
}

/** Two words of the same bytes. */
export function sameWord(
  a: Uint8Array,
  aStart: number,
  aEnd: number,
  b: Uint8Array,
  bStart: number,
  bEnd: number,
): boolean {
  if (aEnd - aStart !== bEnd - bStart) return false;
  for (let index = 0; index < aEnd - aStart; index += 1) if (a[aStart + index] !== b[bStart + index]) return false;
  return true;
}
