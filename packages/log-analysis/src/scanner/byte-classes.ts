/** What a byte is, as flags: one table look-up answers every question the scanner asks. */
export const LETTER = 1;
export const DIGIT = 2;
/** Ends a word: white space and `, ; = | " ' ( ) [ ] { } :`. */
export const SEPARATOR = 4;
/** Splits a word into parts: `. - + @ # $ % & !` and the slash. */
export const JOINT = 8;
/** `a`–`f` and `A`–`F`; the digits have their own flag. */
export const HEX_LETTER = 16;
export const SPACE = 32;
/** Ends a path (the separators and `!`). */
export const PATH_END = 64;

export const CLASSES = buildClasses();

function buildClasses(): Uint8Array {
  const table = new Uint8Array(256);
  const add = (text: string, flag: number): void => {
    for (let at = 0; at < text.length; at += 1) table[text.charCodeAt(at)] = (table[text.charCodeAt(at)] ?? 0) | flag;
  };
  for (let byte = 0; byte < 256; byte += 1) {
    // Bytes of UTF-8 sequences are letters of some script.
    if (byte >= 0x80) table[byte] = LETTER;
    if (byte < 0x20) table[byte] = SEPARATOR | SPACE | PATH_END;
  }
  add('abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ', LETTER);
  add('abcdefABCDEF', HEX_LETTER);
  add('0123456789', DIGIT);
  add(' \t', SEPARATOR | SPACE | PATH_END);
  add(',;=|"\'()[]{}:', SEPARATOR | PATH_END);
  add('!', PATH_END);
  add('.-+@#$%&!/', JOINT);
  return table;
}

/** @returns the class of the byte at `at`; past the end everything is a separator */
export function classAt(bytes: Uint8Array, at: number, end: number): number {
  return at < end ? (CLASSES[bytes[at] as number] as number) : SEPARATOR | SPACE | PATH_END;
}

export const isDigit = (byte: number | undefined): boolean => byte !== undefined && byte >= 0x30 && byte <= 0x39;

export const isHex = (byte: number | undefined): boolean =>
  byte !== undefined && ((CLASSES[byte] as number) & (DIGIT | HEX_LETTER)) !== 0;

/** @returns the position after the digits that start at `at` */
export function skipDigits(bytes: Uint8Array, at: number, end: number): number {
  let next = at;
  while (next < end && ((CLASSES[bytes[next] as number] as number) & DIGIT) !== 0) next += 1;
  return next;
}

/** @returns the position after the hexadecimal digits that start at `at` */
export function skipHex(bytes: Uint8Array, at: number, end: number): number {
  let next = at;
  while (next < end && ((CLASSES[bytes[next] as number] as number) & (DIGIT | HEX_LETTER)) !== 0) next += 1;
  return next;
}

/** Whether the ASCII text stands at `at`; letters of `text` must be lower case, those of the bytes may be either. */
export function hasText(bytes: Uint8Array, at: number, end: number, text: string): boolean {
  if (at + text.length > end) return false;
  for (let index = 0; index < text.length; index += 1) {
    const byte = bytes[at + index] as number;
    const lower = byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte;
    if (lower !== text.charCodeAt(index)) return false;
  }
  return true;
}
