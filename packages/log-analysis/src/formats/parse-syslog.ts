import { isDigit, skipDigits } from '../scanner/byte-classes.js';
import { textBetween } from './field-values.js';
import { type LogRecord, resetRecord } from './log-record.js';
import type { TimestampReader } from './timestamp.js';

const BLANK = 0x20;
/** RFC 5424 severities 0 … 7 → our levels. */
const SEVERITIES = [6, 6, 6, 5, 4, 3, 3, 2] as const;

/** `<34>`; leaves the position after it and the level. */
function readPriority(bytes: Uint8Array, start: number, end: number): { at: number; level: number } | undefined {
  if (bytes[start] !== 0x3c) return undefined;
  const stop = skipDigits(bytes, start + 1, Math.min(end, start + 4));
  if (stop === start + 1 || bytes[stop] !== 0x3e) return undefined;
  const value = Number(textBetween(bytes, start + 1, stop));
  return value > 191 ? undefined : { at: stop + 1, level: SEVERITIES[value & 7] as number };
}

/** RFC 5424: `<34>1 2003-10-11T22:14:15.003Z host app procid msgid [data] message`. */
export class Syslog5424Parser {
  readonly #timestamps: TimestampReader;

  constructor(options: { readonly timestamps: TimestampReader }) {
    this.#timestamps = options.timestamps;
  }

  parse(bytes: Uint8Array, start: number, end: number, record: LogRecord): boolean {
    const priority = readPriority(bytes, start, end);
    if (priority === undefined || !isDigit(bytes[priority.at]) || bytes[priority.at + 1] !== BLANK) return false;
    let at = priority.at + 2;
    let timestampMs = Number.NaN;
    if (bytes[at] === 0x2d) at += 1;
    else {
      if (!this.#timestamps.read(bytes, at, end)) return false;
      timestampMs = this.#timestamps.ms;
      at = this.#timestamps.end;
    }
    const words: number[] = [];
    for (let word = 0; word < 4; word += 1) {
      if (bytes[at] !== BLANK || at >= end) return false;
      words.push(at + 1);
      at += 1;
      while (at < end && bytes[at] !== BLANK) at += 1;
    }
    if (at + 1 >= end) return false;
    at += 1;
    if (bytes[at] === 0x2d) at += 1;
    else if (bytes[at] === 0x5b) {
      // Structured data: elements in brackets, in which quoted values may hold escaped brackets.
      while (at < end && bytes[at] === 0x5b) {
        let quoted = false;
        at += 1;
        while (at < end && (quoted || bytes[at] !== 0x5d)) {
          if (bytes[at] === 0x5c) at += 1;
          else if (bytes[at] === 0x22) quoted = !quoted;
          at += 1;
        }
        at += 1;
      }
    } else return false;
    if (at > end) return false;
    if (at < end && bytes[at] === BLANK) at += 1;
    // A byte order mark says that the message is UTF-8.
    if (bytes[at] === 0xef && bytes[at + 1] === 0xbb && bytes[at + 2] === 0xbf) at += 3;
    resetRecord(record, bytes, Math.min(at, end), end);
    record.timestampMs = timestampMs;
    record.level = priority.level;
    const app = words[1] as number;
    record.logger = textBetween(bytes, app, Math.min((words[2] as number) - 1, app + 128));
    return true;
  }
}

/** RFC 3164 and what /var/log has: `[<34>]Oct 11 22:14:15 host app[pid]: message`. */
export class Syslog3164Parser {
  readonly #timestamps: TimestampReader;

  constructor(options: { readonly timestamps: TimestampReader }) {
    this.#timestamps = options.timestamps;
  }

  parse(bytes: Uint8Array, start: number, end: number, record: LogRecord): boolean {
    const priority = readPriority(bytes, start, end);
    let at = priority?.at ?? start;
    const first = bytes[at] as number;
    // With an ISO time only where a priority or a tag shows that it is syslog.
    const iso = isDigit(first);
    if (!this.#timestamps.read(bytes, at, end) || bytes[this.#timestamps.end] !== BLANK) return false;
    const timestampMs = this.#timestamps.ms;
    at = this.#timestamps.end + 1;
    const hostStart = at;
    while (at < end && bytes[at] !== BLANK) at += 1;
    if (at === hostStart || at >= end || bytes[at - 1] === 0x3a) return false;
    const tagStart = at + 1;
    let tagEnd = tagStart;
    while (tagEnd < end && tagEnd - tagStart < 96 && isTagByte(bytes[tagEnd] as number)) tagEnd += 1;
    let messageStart = tagEnd;
    if (bytes[messageStart] === 0x5b) {
      messageStart = skipDigits(bytes, messageStart + 1, end);
      if (bytes[messageStart] !== 0x5d) return false;
      messageStart += 1;
    } else if (iso && priority === undefined) return false;
    if (tagEnd === tagStart || bytes[messageStart] !== 0x3a) {
      if (priority === undefined || iso) return false;
      messageStart = tagStart;
      tagEnd = tagStart;
    } else messageStart += 1;
    if (bytes[messageStart] === BLANK) messageStart += 1;
    resetRecord(record, bytes, Math.min(messageStart, end), end);
    record.timestampMs = timestampMs;
    record.level = priority?.level ?? 0;
    record.logger = textBetween(bytes, tagStart, tagEnd);
    return true;
  }
}

const isTagByte = (byte: number): boolean => byte > 0x20 && byte !== 0x3a && byte !== 0x5b && byte < 0x7f;
