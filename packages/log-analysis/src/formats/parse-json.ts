import { FIELD } from './field-names.js';
import { FieldTable } from './field-table.js';
import { FieldValues } from './field-values.js';
import { type LogRecord, resetRecord } from './log-record.js';
import type { TimestampReader } from './timestamp.js';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN = 0x7b;
const CLOSE = 0x7d;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const MAX_DEPTH = 3;

/**
 * A line that is one JSON object, without JSON.parse: the few fields that matter are found by walking over the bytes, all else
 * is passed over. What it finds is what JSON.parse would (tests compare them); a broken object is no JSON line, though what is
 * passed over (numbers, literals) is not checked letter by letter.
 */
export class JsonLineParser {
  readonly #table = new FieldTable();
  readonly #values: FieldValues;
  #scratch: Uint8Array = new Uint8Array(4_096);
  #escaped = false;

  constructor(options: { readonly timestamps: TimestampReader }) {
    this.#values = new FieldValues(options.timestamps);
  }

  parse(bytes: Uint8Array, from: number, to: number, record: LogRecord): boolean {
    let start = from;
    let end = to;
    while (start < end && isBlank(bytes[start] as number)) start += 1;
    while (end > start && isBlank(bytes[end - 1] as number)) end -= 1;
    if (end - start < 2 || bytes[start] !== OPEN || bytes[end - 1] !== CLOSE) return false;
    const values = this.#values;
    values.clear();
    if (this.#object(bytes, start + 1, end, '', 0) !== end) return false;
    resetRecord(record, bytes, end, end);
    values.fill(bytes, record);
    const field = values.has(FIELD.message) ? FIELD.message : FIELD.error;
    if (values.has(field)) {
      const textStart = values.starts[field] as number;
      const textEnd = values.ends[field] as number;
      if (values.escaped[field] === 1) this.#unescape(bytes, textStart, textEnd, record);
      else {
        record.messageStart = textStart;
        record.messageEnd = textEnd;
      }
    }
    return true;
  }

  /** From after the opening brace. @returns the position after the closing one, or -1 */
  #object(bytes: Uint8Array, from: number, end: number, prefix: string, depth: number): number {
    let at = skipBlanks(bytes, from, end);
    if (bytes[at] === CLOSE) return at + 1;
    for (;;) {
      if (bytes[at] !== QUOTE || at >= end) return -1;
      const keyStart = at + 1;
      const keyEnd = this.#string(bytes, keyStart, end);
      if (keyEnd === -1) return -1;
      const key = this.#key(bytes, keyStart, keyEnd, prefix);
      at = skipBlanks(bytes, keyEnd + 1, end);
      if (bytes[at] !== 0x3a) return -1;
      at = skipBlanks(bytes, at + 1, end);
      at = this.#value(bytes, at, end, key, depth);
      if (at === -1) return -1;
      at = skipBlanks(bytes, at, end);
      const byte = bytes[at];
      if (at >= end) return -1;
      if (byte === CLOSE) return at + 1;
      if (byte !== 0x2c) return -1;
      at = skipBlanks(bytes, at + 1, end);
    }
  }

  #key(bytes: Uint8Array, start: number, end: number, prefix: string): ReturnType<FieldTable['find']> {
    if (prefix === '' && !this.#escaped) return this.#table.find(bytes, start, end);
    let text = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('utf8');
    if (this.#escaped) {
      try {
        text = JSON.parse(`"${text}"`) as string;
      } catch {
        return undefined;
      }
    }
    const full = Buffer.from(prefix === '' ? text : `${prefix}.${text}`);
    return this.#table.find(full, 0, full.length);
  }

  #value(bytes: Uint8Array, at: number, end: number, key: ReturnType<FieldTable['find']>, depth: number): number {
    const byte = bytes[at];
    if (at >= end) return -1;
    if (byte === QUOTE) {
      const stop = this.#string(bytes, at + 1, end);
      if (stop === -1) return -1;
      if (key?.found !== undefined) this.#values.set(key.found.field, key.found.rank, at + 1, stop, this.#escaped);
      return stop + 1;
    }
    if (byte === OPEN && key?.container === true && depth < MAX_DEPTH) {
      return this.#object(bytes, at + 1, end, key.name, depth + 1);
    }
    if (byte === OPEN || byte === OPEN_LIST) return this.#skipNested(bytes, at, end);
    let stop = at;
    while (stop < end && !isValueEnd(bytes[stop] as number)) stop += 1;
    if (stop === at) return -1;
    const first = byte as number;
    const number = first === 0x2d || (first >= 0x30 && first <= 0x39);
    if (!number && first !== 0x74 && first !== 0x66 && first !== 0x6e) return -1;
    if (key?.found !== undefined && number && key.found.field !== FIELD.message && key.found.field !== FIELD.error) {
      this.#values.set(key.found.field, key.found.rank, at, stop, false);
    }
    return stop;
  }

  /** @returns the position of the closing quote, or -1 */
  #string(bytes: Uint8Array, from: number, end: number): number {
    this.#escaped = false;
    for (let at = from; at < end; at += 1) {
      const byte = bytes[at] as number;
      if (byte === QUOTE) return at;
      if (byte === BACKSLASH) {
        this.#escaped = true;
        at += 1;
      } else if (byte < 0x20) return -1;
    }
    return -1;
  }

  #skipNested(bytes: Uint8Array, from: number, end: number): number {
    let depth = 0;
    let at = from;
    while (at < end) {
      const byte = bytes[at] as number;
      if (byte === QUOTE) {
        at = this.#string(bytes, at + 1, end);
        if (at === -1) return -1;
      } else if (byte === OPEN || byte === OPEN_LIST) depth += 1;
      else if (byte === CLOSE || byte === CLOSE_LIST) {
        depth -= 1;
        if (depth === 0) return at + 1;
      }
      at += 1;
    }
    return -1;
  }

  /** Undoes the escapes into a buffer of our own; a lone surrogate becomes U+FFFD. */
  #unescape(bytes: Uint8Array, start: number, end: number, record: LogRecord): void {
    if (this.#scratch.length < end - start) this.#scratch = new Uint8Array((end - start) * 2);
    const out = this.#scratch;
    let length = 0;
    for (let at = start; at < end; at += 1) {
      const byte = bytes[at] as number;
      if (byte !== BACKSLASH) {
        out[length++] = byte;
        continue;
      }
      at += 1;
      const escape = bytes[at] as number;
      if (escape !== 0x75) {
        out[length++] = SHORT[escape] ?? escape;
        continue;
      }
      let code = hex4(bytes, at + 1);
      at += 4;
      if (code >= 0xd800 && code <= 0xdbff && bytes[at + 1] === BACKSLASH && bytes[at + 2] === 0x75) {
        const low = hex4(bytes, at + 3);
        if (low >= 0xdc00 && low <= 0xdfff) {
          code = 0x10000 + (code - 0xd800) * 0x400 + (low - 0xdc00);
          at += 6;
        }
      }
      if (code >= 0xd800 && code <= 0xdfff) code = 0xfffd;
      length = writeUtf8(out, length, code);
    }
    record.messageBytes = out;
    record.messageStart = 0;
    record.messageEnd = length;
  }
}

const SHORT: Readonly<Record<number, number>> = { 0x6e: 10, 0x74: 9, 0x72: 13, 0x62: 8, 0x66: 12 };

const isBlank = (byte: number): boolean => byte === 0x20 || byte === 9 || byte === 13 || byte === 10;

function skipBlanks(bytes: Uint8Array, from: number, end: number): number {
  let at = from;
  while (at < end && isBlank(bytes[at] as number)) at += 1;
  return at;
}

const isValueEnd = (byte: number): boolean =>
  byte === 0x2c || byte === CLOSE || byte === CLOSE_LIST || isBlank(byte) || byte === QUOTE;

function hex4(bytes: Uint8Array, at: number): number {
  let value = 0;
  for (let index = at; index < at + 4; index += 1) {
    const byte = (bytes[index] ?? 0) | 0x20;
    const digit = byte <= 0x39 ? byte - 0x30 : byte - 0x57;
    if (digit < 0 || digit > 15) return 0xfffd;
    value = value * 16 + digit;
  }
  return value;
}

function writeUtf8(out: Uint8Array, at: number, code: number): number {
  let length = at;
  if (code < 0x80) out[length++] = code;
  else if (code < 0x800) {
    out[length++] = 0xc0 | (code >> 6);
    out[length++] = 0x80 | (code & 0x3f);
  } else if (code < 0x10000) {
    out[length++] = 0xe0 | (code >> 12);
    out[length++] = 0x80 | ((code >> 6) & 0x3f);
    out[length++] = 0x80 | (code & 0x3f);
  } else {
    out[length++] = 0xf0 | (code >> 18);
    out[length++] = 0x80 | ((code >> 12) & 0x3f);
    out[length++] = 0x80 | ((code >> 6) & 0x3f);
    out[length++] = 0x80 | (code & 0x3f);
  }
  return length;
}
