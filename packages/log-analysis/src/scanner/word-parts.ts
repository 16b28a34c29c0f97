import { CLASSES, DIGIT, HEX_LETTER, isDigit, JOINT, LETTER } from './byte-classes.js';
import { TYPE } from './variable-types.js';

const UNDERSCORE = 0x5f;
const DASH = 0x2d;
const DOT = 0x2e;

/** Names with three digits or more that are words all the same. */
const WELL_KNOWN = new Set(
  'sha224 sha256 sha384 sha512 md5 x509 ed25519 p256 p384 aes128 aes192 aes256 rsa2048 rsa4096 es256 rs256 hs256 h264 h265 utf16 utf8'.split(
    ' ',
  ),
);

const TOP_LEVEL = new Set('com net org edu gov mil int local internal lan localdomain'.split(' '));
const SECOND_LEVEL = new Set('com net org edu gov ac co ne or go gob nom'.split(' '));

/** What a word with digits is made of: parts between joints, each `pure` (digits only) or `impure` (digits and others). */
export interface WordParts {
  pure: number;
  impure: number;
  /** A group between underscores is all digits, as in `job_1445_0020` and `blk_-16089`. */
  numbered: boolean;
  /** Has a row of dots that leads to a value: `enable......0`. */
  leader: boolean;
}

export const newWordParts = (): WordParts => ({ pure: 0, impure: 0, numbered: false, leader: false });

export function readWordParts(bytes: Uint8Array, start: number, end: number, parts: WordParts): void {
  parts.pure = 0;
  parts.impure = 0;
  parts.numbered = false;
  parts.leader = false;
  let digits = 0;
  let others = 0;
  let groupDigits = 0;
  let groupOthers = 0;
  let underscores = 0;
  for (let at = start; at <= end; at += 1) {
    const byte = at < end ? (bytes[at] as number) : DOT;
    const kind = CLASSES[byte] as number;
    if ((kind & DIGIT) !== 0) {
      digits += 1;
      groupDigits += 1;
      continue;
    }
    const joint = (kind & JOINT) !== 0;
    if (byte === UNDERSCORE || joint) {
      if (groupDigits > 0 && groupOthers === 0 && (underscores > 0 || (byte === UNDERSCORE && digits < at - start))) {
        parts.numbered = true;
      }
      groupDigits = 0;
      groupOthers = 0;
    }
    if (!joint) {
      others += 1;
      if (byte === UNDERSCORE) underscores += 1;
      else groupOthers += 1;
      continue;
    }
    if (byte === DOT && at + 1 < end && bytes[at + 1] === DOT) parts.leader = true;
    if (byte === DASH && at > start && bytes[at - 1] === UNDERSCORE && isDigit(bytes[at + 1]) && at + 1 < end) {
      parts.numbered = true;
    }
    if (digits > 0 && others === 0) parts.pure += 1;
    else if (digits > 0) parts.impure += 1;
    digits = 0;
    others = 0;
    underscores = 0;
  }
}

/**
 * Whether one part with letters and digits is a value rather than a name: `storage534`, `Brcm43xx`, `8aff0003`; `first` where
 * it begins its word (`v1.0`). @returns the type of the value, or -1
 */
export function valuePartType(bytes: Uint8Array, start: number, end: number, first: boolean): number {
  let runs = 0;
  let longest = 0;
  let run = 0;
  let hex = 0;
  let letters = 0;
  let between = false;
  let angled = false;
  for (let at = start; at < end; at += 1) {
    const kind = CLASSES[bytes[at] as number] as number;
    if ((kind & (DIGIT | HEX_LETTER)) !== 0) hex += 1;
    if ((kind & DIGIT) !== 0) {
      if (run === 0) {
        runs += 1;
        if (at > start && bytes[at - 1] === 0x3c) angled = true;
      }
      run += 1;
      if (run > longest) longest = run;
      continue;
    }
    if (run >= 2 && at > start + run && (kind & LETTER) !== 0) between = true;
    run = 0;
    if ((kind & LETTER) !== 0) letters += 1;
  }
  const length = end - start;
  if (hex === length && length >= 8 && letters > 0) return TYPE.hex;
  if (isDigit(bytes[start]) || angled) return TYPE.identifier;
  if (first && ((bytes[start] as number) | 0x20) === 0x76 && letters === 1) return TYPE.identifier;
  if ((longest >= 3 && letters >= 2) || between) {
    return length <= 8 && WELL_KNOWN.has(textOf(bytes, start, end).toLowerCase()) ? -1 : TYPE.identifier;
  }
  return runs >= 2 && letters > runs ? TYPE.identifier : -1;
}

/** Whether the dotted word is a host's name; a name without digits needs an ending that nothing else has. */
export function isHostName(bytes: Uint8Array, start: number, end: number, hasDigit: boolean): boolean {
  let dots = 0;
  let lastDot = -1;
  let previousDot = start - 1;
  for (let at = start; at < end; at += 1) {
    const byte = bytes[at] as number;
    if (byte === DOT) {
      if (at === lastDot + 1 || at === start) return false;
      dots += 1;
      previousDot = lastDot === -1 ? start - 1 : lastDot;
      lastDot = at;
    } else if (byte !== DASH && byte !== UNDERSCORE && ((CLASSES[byte] as number) & (LETTER | DIGIT)) === 0)
      return false;
  }
  const length = end - lastDot - 1;
  if (dots === 0 || length < 2 || length > 11) return false;
  for (let at = lastDot + 1; at < end; at += 1) {
    const byte = bytes[at] as number;
    if (byte < 0x61 || byte > 0x7a) return false;
  }
  const last = textOf(bytes, lastDot + 1, end);
  if (TOP_LEVEL.has(last)) return true;
  if (length !== 2) return false;
  if (dots >= 2 && SECOND_LEVEL.has(textOf(bytes, previousDot + 1, lastDot))) return true;
  return hasDigit && dots >= 2;
}

export function textOf(bytes: Uint8Array, start: number, end: number): string {
  let text = '';
  for (let at = start; at < end; at += 1) text += String.fromCharCode(bytes[at] as number);
  return text;
}
