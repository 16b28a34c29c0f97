import { skipDigits } from '../scanner/byte-classes.js';
import { type FieldValues, textBetween } from './field-values.js';
import { type LogRecord, resetRecord } from './log-record.js';
import type { TimestampReader } from './timestamp.js';

const BLANK = 0x20;
const QUOTE = 0x22;

/**
 * nginx's and Apache's common and combined format: `host ident user [time] "request" status bytes "referer" "agent"`, with an
 * optional time taken at the end (seconds with a point; whole numbers are Apache's microseconds). The message is the request.
 */
export class AccessParser {
  readonly #timestamps: TimestampReader;
  readonly #values: FieldValues;

  constructor(options: { readonly timestamps: TimestampReader; readonly values: FieldValues }) {
    this.#timestamps = options.timestamps;
    this.#values = options.values;
  }

  parse(bytes: Uint8Array, start: number, end: number, record: LogRecord): boolean {
    let at = start;
    for (let word = 0; word < 3; word += 1) {
      const from = at;
      while (at < end && bytes[at] !== BLANK) at += 1;
      if (at === from || at >= end) return false;
      at += 1;
    }
    if (bytes[at] !== 0x5b || !this.#timestamps.read(bytes, at + 1, end)) return false;
    const timestampMs = this.#timestamps.ms;
    at = this.#timestamps.end;
    if (bytes[at] !== 0x5d || bytes[at + 1] !== BLANK || bytes[at + 2] !== QUOTE) return false;
    const requestStart = at + 3;
    let requestEnd = requestStart;
    while (requestEnd < end && bytes[requestEnd] !== QUOTE) requestEnd += bytes[requestEnd] === 0x5c ? 2 : 1;
    if (requestEnd >= end || bytes[requestEnd + 1] !== BLANK) return false;
    const statusAt = requestEnd + 2;
    if (skipDigits(bytes, statusAt, end) !== statusAt + 3) return false;
    resetRecord(record, bytes, requestStart, requestEnd);
    record.timestampMs = timestampMs;
    record.status = Number(textBetween(bytes, statusAt, statusAt + 3));
    record.level = record.status >= 500 ? 5 : record.status >= 400 ? 4 : 3;
    let pathAt = requestStart;
    while (pathAt < requestEnd && bytes[pathAt] !== BLANK) pathAt += 1;
    let pathEnd = pathAt + 1;
    while (pathEnd < requestEnd && bytes[pathEnd] !== BLANK && bytes[pathEnd] !== 0x3f) pathEnd += 1;
    if (pathAt < requestEnd && pathEnd - pathAt < 512) {
      record.route = `${textBetween(bytes, requestStart, pathAt)} ${this.#values.route(textBetween(bytes, pathAt + 1, pathEnd))}`;
    }
    this.#timeTaken(bytes, statusAt + 3, end, record);
    return true;
  }

  /** The last word, where it is a number behind the quoted fields. */
  #timeTaken(bytes: Uint8Array, from: number, end: number, record: LogRecord): void {
    let at = end;
    while (at > from && bytes[at - 1] !== BLANK) at -= 1;
    if (at - 2 < from || bytes[at - 2] !== QUOTE || end - at > 16 || end === at) return;
    const text = textBetween(bytes, at, end);
    if (/^\d+\.\d+$/.test(text)) record.durationMs = Number(text) * 1_000;
    else if (/^\d+$/.test(text)) record.durationMs = Number(text) / 1_000;
  }
}
