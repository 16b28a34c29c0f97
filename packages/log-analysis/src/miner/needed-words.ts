import { CLASSES, DIGIT } from '../scanner/byte-classes.js';
import { type MaskedWords, wordKind } from './masked-words.js';

/** Distinct words that make a position a variable. */
const USUAL = 4;
/** The first word of a sentence, and words in capitals, say what happened: there they rarely are values. */
const FIRST_WORD = 12;
const CAPITALS = 10;
const LITTLE_REST = 6;
const LONG_REST = 6;

/** How many distinct words the position must show before it is a variable; infinite where it never is one. */
export function neededWords(key: Uint8Array, words: MaskedWords, position: number): number {
  let steady = 0;
  for (let index = 0; index < words.count; index += 1) {
    if (index === position) continue;
    const kind = wordKind(key, words.starts[index] as number, words.ends[index] as number);
    if (kind === 'name' || kind === 'capitals' || kind === 'partly' || (kind === 'value' && index < position))
      steady += 1;
  }
  // Something must be left to tell the template by.
  if (steady === 0) return Number.POSITIVE_INFINITY;
  const kind = wordKind(key, words.starts[position] as number, words.ends[position] as number);
  if (kind === 'other') return Number.POSITIVE_INFINITY;
  const start = words.starts[position] as number;
  const end = words.ends[position] as number;
  if (kind === 'variable' || kind === 'partly') return USUAL;
  if (position === 0 && !hasDigit(key, start, end) && (kind === 'name' || steady < LONG_REST)) return FIRST_WORD;
  if (kind === 'value') return USUAL;
  if (kind === 'capitals' || isVerb(key, start, end)) return CAPITALS;
  return steady === 1 ? LITTLE_REST : USUAL;
}

function hasDigit(key: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at += 1) if (((CLASSES[key[at] as number] as number) & DIGIT) !== 0) return true;
  return false;
}

/** `Paused`, `starting`: what happened, rather than to whom. */
function isVerb(key: Uint8Array, start: number, end: number): boolean {
  const last = (back: number) => key[end - back];
  const ed = last(2) === 0x65 && last(1) === 0x64;
  const ing = last(3) === 0x69 && last(2) === 0x6e && last(1) === 0x67;
  return end - start >= 5 && (ed || ing);
}
