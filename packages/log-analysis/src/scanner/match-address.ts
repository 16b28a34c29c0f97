import { classAt, HEX_LETTER, isDigit, isHex, JOINT, LETTER, SEPARATOR, skipDigits, skipHex } from './byte-classes.js';

const DOT = 0x2e;
const COLON = 0x3a;
const DASH = 0x2d;
const LOW_X = 0x78;

/** Every function here looks at `at` and gives the position after what it found, or 0. */

/** `10.1.2.3`, each part at most 255. */
export function matchIpv4(bytes: Uint8Array, at: number, end: number): number {
  let next = at;
  for (let part = 0; part < 4; part += 1) {
    const stop = skipDigits(bytes, next, Math.min(end, next + 4));
    const length = stop - next;
    if (length === 0 || length > 3) return 0;
    if (length === 3) {
      const value =
        ((bytes[next] as number) - 48) * 100 +
        ((bytes[next + 1] as number) - 48) * 10 +
        (bytes[next + 2] as number) -
        48;
      if (value > 255) return 0;
    }
    if (part === 3) return (classAt(bytes, stop, end) & LETTER) === 0 && !isDotDigit(bytes, stop, end) ? stop : 0;
    if (bytes[stop] !== DOT) return 0;
    next = stop + 1;
  }
  return 0;
}

function isDotDigit(bytes: Uint8Array, at: number, end: number): boolean {
  return at + 1 < end && bytes[at] === DOT && isDigit(bytes[at + 1]);
}

/** `:8080` and what may follow a port. */
export function matchPort(bytes: Uint8Array, at: number, end: number): number {
  if (at >= end || bytes[at] !== COLON) return 0;
  const stop = skipDigits(bytes, at + 1, end);
  const length = stop - at - 1;
  if (length < 1 || length > 5) return 0;
  const after = classAt(bytes, stop, end);
  return (after & LETTER) === 0 && bytes[stop] !== 0x5f ? stop : 0;
}

/**
 * Groups of hexadecimal digits between colons that are no time of day: a MAC (six or more pairs), an IPv6 address, a PCI
 * address (`0000:00:1d.7`). At least two colons.
 */
export function matchColonHex(bytes: Uint8Array, at: number, end: number): { end: number; mac: boolean } | undefined {
  let next = at;
  let colons = 0;
  let pairs = 0;
  let long = 0;
  let letters = 0;
  let double = false;
  for (;;) {
    const stop = skipHex(bytes, next, end);
    const length = stop - next;
    if (length > 4) return undefined;
    if (length === 2) pairs += 1;
    if (length > 2) long += 1;
    for (let index = next; index < stop; index += 1) if ((classAt(bytes, index, end) & HEX_LETTER) !== 0) letters += 1;
    if (length === 0) {
      if (colons === 0 && bytes[next + 1] !== COLON) return undefined;
      if (bytes[next] === COLON) double = true;
    }
    if (stop >= end || bytes[stop] !== COLON) {
      next = stop;
      break;
    }
    // A colon at the end belongs to the sentence.
    const after = bytes[stop + 1];
    if (stop + 1 >= end || !(isHex(after) || after === COLON)) {
      next = stop;
      break;
    }
    colons += 1;
    next = stop + 1;
  }
  if (colons < 2) return undefined;
  if ((classAt(bytes, next, end) & LETTER) !== 0 || bytes[next] === 0x5f) return undefined;
  const groups = colons + 1;
  const mac = pairs === groups && groups >= 6;
  // Two colons and two digits everywhere is a time of day.
  if (!mac && !double && letters === 0 && long === 0) return undefined;
  if (!mac && !double && groups < 8 && !(groups === 3 && long > 0))
    return letters > 0 || long > 0 ? { end: next, mac } : undefined;
  if (bytes[next] === DOT && isHex(bytes[next + 1])) next = skipHex(bytes, next + 1, end);
  return { end: next, mac };
}

/** 8-4-4-4-12 hexadecimal digits. */
export function matchUuid(bytes: Uint8Array, at: number, end: number): number {
  if (at + 36 > end || bytes[at + 8] !== DASH || bytes[at + 13] !== DASH || bytes[at + 18] !== DASH) return 0;
  for (let index = 0; index < 36; index += 1) {
    const dash = index === 8 || index === 13 || index === 18 || index === 23;
    if (dash ? bytes[at + index] !== DASH : !isHex(bytes[at + index])) return 0;
  }
  return isHex(bytes[at + 36]) && at + 36 < end ? 0 : at + 36;
}

/** `0x` and hexadecimal digits, with a `>` that closes it. */
export function matchHexNumber(bytes: Uint8Array, at: number, end: number): number {
  if (bytes[at] !== 0x30 || ((bytes[at + 1] ?? 0) | 0x20) !== LOW_X || at + 2 >= end) return 0;
  const stop = skipHex(bytes, at + 2, end);
  if (stop === at + 2) return 0;
  return (classAt(bytes, stop, end) & LETTER) === 0 ? stop : 0;
}

/** `scheme://`; gives the position after the slashes. */
export function matchScheme(bytes: Uint8Array, at: number, end: number): number {
  let next = at;
  while (next < end && next - at < 24) {
    const kind = classAt(bytes, next, end);
    if ((kind & SEPARATOR) !== 0) break;
    if ((kind & LETTER) === 0 && !isDigit(bytes[next]) && (kind & JOINT) === 0) return 0;
    next += 1;
  }
  return next > at && bytes[next] === COLON && bytes[next + 1] === 0x2f && bytes[next + 2] === 0x2f && next + 3 < end
    ? next + 3
    : 0;
}
