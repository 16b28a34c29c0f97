import { FIELD } from './field-names.js';
import { FieldTable } from './field-table.js';
import { FieldValues } from './field-values.js';
import { type LogRecord, resetRecord } from './log-record.js';
import type { TimestampReader } from './timestamp.js';

/** `ts=… level=info msg="connected to db" dur=12ms`: pairs from the first byte on, a message or an error among them. */
export class LogfmtParser {
  readonly #table = new FieldTable();
  readonly #values: FieldValues;
  #scratch = new Uint8Array(4_096);

  constructor(options: { readonly timestamps: TimestampReader }) {
    this.#values = new FieldValues(options.timestamps);
  }

  parse(bytes: Uint8Array, start: number, end: number, record: LogRecord): boolean {
    const values = this.#values;
    values.clear();
    let at = start;
    let pairs = 0;
    while (at < end) {
      while (at < end && bytes[at] === 0x20) at += 1;
      const keyStart = at;
      while (at < end && isKeyByte(bytes[at] as number)) at += 1;
      if (at === keyStart) {
        if (at >= end) break;
        return false;
      }
      const keyEnd = at;
      if (at >= end || bytes[at] === 0x20) {
        // A key alone is true; a line that begins with bare words is prose.
        if (pairs === 0) return false;
        continue;
      }
      if (bytes[at] !== 0x3d) return false;
      at += 1;
      let valueStart = at;
      let valueEnd: number;
      let escaped = false;
      if (bytes[at] === 0x22) {
        valueStart = at + 1;
        at = valueStart;
        while (at < end && bytes[at] !== 0x22) {
          if (bytes[at] === 0x5c) {
            escaped = true;
            at += 1;
          }
          at += 1;
        }
        if (at >= end) return false;
        valueEnd = at;
        at += 1;
      } else {
        while (at < end && bytes[at] !== 0x20) at += 1;
        valueEnd = at;
      }
      pairs += 1;
      const key = this.#table.find(bytes, keyStart, keyEnd);
      if (key?.found !== undefined) values.set(key.found.field, key.found.rank, valueStart, valueEnd, escaped);
    }
    const known = values.has(FIELD.time) || values.has(FIELD.level);
    const field = values.has(FIELD.message) ? FIELD.message : FIELD.error;
    if (pairs < 2 || !known || !values.has(field)) return false;
    resetRecord(record, bytes, values.starts[field] as number, values.ends[field] as number);
    if (values.escaped[field] === 1) this.#unescape(bytes, record);
    values.fill(bytes, record);
    return true;
  }

  #unescape(bytes: Uint8Array, record: LogRecord): void {
    const { messageStart, messageEnd } = record;
    if (this.#scratch.length < messageEnd - messageStart) this.#scratch = new Uint8Array(messageEnd - messageStart);
    let length = 0;
    for (let at = messageStart; at < messageEnd; at += 1) {
      let byte = bytes[at] as number;
      if (byte === 0x5c && at + 1 < messageEnd) {
        at += 1;
        byte = bytes[at] as number;
        if (byte === 0x6e || byte === 0x74) byte = 0x20;
      }
      this.#scratch[length++] = byte;
    }
    record.messageBytes = this.#scratch;
    record.messageStart = 0;
    record.messageEnd = length;
  }
}

const isKeyByte = (byte: number): boolean =>
  (byte >= 0x61 && byte <= 0x7a) ||
  (byte >= 0x41 && byte <= 0x5a) ||
  (byte >= 0x30 && byte <= 0x39) ||
  byte === 0x5f ||
  byte === 0x2e ||
  byte === 0x2d ||
  byte === 0x40;
