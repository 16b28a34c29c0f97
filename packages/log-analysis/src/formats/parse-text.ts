import { textBetween } from './field-values.js';
import { levelOf, type LogRecord, resetRecord } from './log-record.js';
import type { TimestampReader } from './timestamp.js';

const BLANK = 0x20;
const OPEN = 0x5b;
const CLOSE = 0x5d;
const MAX_HEADER_WORDS = 6;

/**
 * A timestamp, then a level, a logger and a thread in any of the usual orders, then the message:
 * `2015-10-18 18:01:47,978 INFO [main] org.apache.X: text`, `[2024-05-06T07:08:09Z] [error] [pid 7] text`,
 * `2024-05-06 07:08:09 ERROR module - text`.
 */
export class TextParser {
  readonly #timestamps: TimestampReader;

  constructor(options: { readonly timestamps: TimestampReader }) {
    this.#timestamps = options.timestamps;
  }

  parse(bytes: Uint8Array, start: number, end: number, record: LogRecord): boolean {
    let at = start;
    const bracketed = bytes[at] === OPEN;
    if (bracketed) at += 1;
    if (!this.#timestamps.read(bytes, at, end)) return false;
    const timestampMs = this.#timestamps.ms;
    at = this.#timestamps.end;
    if (bracketed) {
      while (at < end && at < this.#timestamps.end + 8 && bytes[at] !== CLOSE) at += 1;
      if (bytes[at] !== CLOSE) return false;
      at += 1;
    }
    if (
      at < end &&
      bytes[at] !== BLANK &&
      bytes[at] !== 9 &&
      bytes[at] !== 0x7c &&
      bytes[at] !== OPEN &&
      bytes[at] !== 0x3a
    )
      return false;
    resetRecord(record, bytes, end, end);
    record.timestampMs = timestampMs;
    record.messageStart = this.#header(bytes, at, end, record);
    record.messageEnd = end;
    return true;
  }

  /** @returns where the message begins */
  #header(bytes: Uint8Array, from: number, end: number, record: LogRecord): number {
    let at = skipGap(bytes, from, end);
    let message = at;
    let level = 0;
    for (let word = 0; word < MAX_HEADER_WORDS && at < end; word += 1) {
      const open = bytes[at] === OPEN || bytes[at] === 0x28;
      const wordStart = open ? at + 1 : at;
      const close = bytes[at] === OPEN ? CLOSE : 0x29;
      let wordEnd = wordStart;
      while (
        wordEnd < end &&
        wordEnd - wordStart < 128 &&
        (open ? bytes[wordEnd] !== close : !isGap(bytes[wordEnd] as number))
      )
        wordEnd += 1;
      if (open && (bytes[wordEnd] !== close || wordEnd >= end)) break;
      let next = open ? wordEnd + 1 : wordEnd;
      const colon = bytes[next] === 0x3a || (!open && bytes[wordEnd - 1] === 0x3a && wordEnd - 1 > wordStart);
      const nameEnd = !open && bytes[wordEnd - 1] === 0x3a ? wordEnd - 1 : wordEnd;
      if (bytes[next] === 0x3a) next += 1;
      const found =
        level === 0 && nameEnd - wordStart <= 13 && nameEnd - wordStart >= 3
          ? levelOf(textBetween(bytes, wordStart, nameEnd))
          : 0;
      if (found > 0) {
        level = found;
        at = skipGap(bytes, next, end);
        message = at;
        continue;
      }
      // Threads, processes and numbers in brackets, before or after the level.
      if (open && (bytes[next] === BLANK || bytes[next] === OPEN || colon)) {
        at = skipGap(bytes, next, end);
        message = at;
        continue;
      }
      if (level === 0 && (word > 2 || !isPlainNumber(bytes, wordStart, nameEnd))) {
        if (word === 0 && colon) break;
        // A level may still come, behind a host or a process: nothing is taken until it does.
        at = skipGap(bytes, next, end);
        if (word >= 3) break;
        continue;
      }
      if (level === 0) {
        at = skipGap(bytes, next, end);
        continue;
      }
      const dash = bytes[skipBlank(bytes, next, end)] === 0x2d && bytes[skipBlank(bytes, next, end) + 1] === BLANK;
      const named = isLoggerName(bytes, wordStart, nameEnd);
      if (named && (colon || dash)) {
        record.logger = textBetween(bytes, wordStart, nameEnd);
        let after = skipBlank(bytes, next, end);
        if (dash) after += 1;
        message = skipBlank(bytes, after, end);
      } else if (bytes[at] === 0x2d && (bytes[at + 1] === BLANK || isDashes(bytes, wordStart, wordEnd))) {
        // `INFO - text`, Spring's `INFO 1 --- [thread] logger : text`
        at = skipGap(bytes, next, end);
        message = at;
        continue;
      } else if (word < 3 && isPlainNumber(bytes, wordStart, nameEnd) && bytes[skipBlank(bytes, next, end)] === 0x2d) {
        at = skipGap(bytes, next, end);
        continue;
      } else if (named && isColonAhead(bytes, next, end)) {
        record.logger = textBetween(bytes, wordStart, nameEnd);
        message = skipBlank(bytes, skipBlank(bytes, next, end) + 1, end);
      }
      break;
    }
    record.level = level;
    return message;
  }
}

const isGap = (byte: number): boolean => byte === BLANK || byte === 9 || byte === 0x7c;

function skipGap(bytes: Uint8Array, from: number, end: number): number {
  let at = from;
  while (at < end && isGap(bytes[at] as number)) at += 1;
  return at;
}

function skipBlank(bytes: Uint8Array, from: number, end: number): number {
  let at = from;
  while (at < end && (bytes[at] === BLANK || bytes[at] === 9)) at += 1;
  return at;
}

const isColonAhead = (bytes: Uint8Array, at: number, end: number): boolean => {
  const next = skipBlank(bytes, at, end);
  return bytes[next] === 0x3a && bytes[next + 1] === BLANK && next > at;
};

function isDashes(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at += 1) if (bytes[at] !== 0x2d) return false;
  return end > start;
}

function isPlainNumber(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at += 1)
    if ((bytes[at] as number) < 0x30 || (bytes[at] as number) > 0x39) return false;
  return end > start;
}

/** Letters, digits and `. _ $ / - @ #`, with a letter first. */
function isLoggerName(bytes: Uint8Array, start: number, end: number): boolean {
  const first = (bytes[start] ?? 0) | 0x20;
  if (end - start < 2 || first < 0x61 || first > 0x7a) return false;
  for (let at = start; at < end; at += 1) {
    const byte = bytes[at] as number;
    const letter = ((byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x7a) || (byte >= 0x30 && byte <= 0x39);
    if (
      !letter &&
      byte !== 0x2e &&
      byte !== 0x5f &&
      byte !== 0x24 &&
      byte !== 0x2f &&
      byte !== 0x2d &&
      byte !== 0x40 &&
      byte !== 0x23 &&
      byte !== 0x3a
    ) {
      return false;
    }
  }
  return true;
}
