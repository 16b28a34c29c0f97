import { skipDigits } from '../scanner/byte-classes.js';
import { unitAt } from '../scanner/units.js';
import { FIELD, FIELD_COUNT } from './field-names.js';
import { levelOf, levelOfNumber, type LogRecord } from './log-record.js';
import type { TimestampReader } from './timestamp.js';

export const textBetween = (bytes: Uint8Array, start: number, end: number): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('utf8');

/** Ids longer than this are no ids. */
const MAX_ID_BYTES = 128;
const MAX_NAME_BYTES = 512;
const MAX_ROUTES = 4_096;

/** The fields of one line that were found, as ranges; then the record made from them. */
export class FieldValues {
  readonly starts = new Int32Array(FIELD_COUNT);
  readonly ends = new Int32Array(FIELD_COUNT);
  readonly ranks = new Int32Array(FIELD_COUNT);
  readonly escaped = new Uint8Array(FIELD_COUNT);
  readonly #timestamps: TimestampReader;
  readonly #routes = new Map<string, string>();

  constructor(timestamps: TimestampReader) {
    this.#timestamps = timestamps;
  }

  clear(): void {
    this.ranks.fill(1_000);
  }

  has(field: number): boolean {
    return (this.ranks[field] as number) < 1_000;
  }

  /** The preferred name wins; of one name the last value, as in JSON.parse. */
  set(field: number, rank: number, start: number, end: number, escaped: boolean): void {
    if (rank > (this.ranks[field] as number)) return;
    this.ranks[field] = rank;
    this.starts[field] = start;
    this.ends[field] = end;
    this.escaped[field] = escaped ? 1 : 0;
  }

  /** Everything but the message. */
  fill(bytes: Uint8Array, record: LogRecord): void {
    if (
      this.has(FIELD.time) &&
      this.#timestamps.read(bytes, this.starts[FIELD.time] as number, this.ends[FIELD.time] as number)
    ) {
      record.timestampMs = this.#timestamps.ms;
    }
    if (this.has(FIELD.level)) record.level = this.#level(bytes);
    this.#id(bytes, record);
    this.#duration(bytes, record);
    if (this.has(FIELD.status)) {
      const start = this.starts[FIELD.status] as number;
      const end = skipDigits(bytes, start, this.ends[FIELD.status] as number);
      const value = end - start === 3 ? Number(textBetween(bytes, start, end)) : 0;
      if (value >= 100 && value < 600) record.status = value;
    }
    if (this.has(FIELD.route)) record.route = this.route(this.#text(bytes, FIELD.route, MAX_NAME_BYTES));
    if (this.has(FIELD.logger)) record.logger = this.#text(bytes, FIELD.logger, 128);
    if (record.level === 0 && record.status >= 500) record.level = 5;
  }

  #text(bytes: Uint8Array, field: number, most: number): string {
    const start = this.starts[field] as number;
    return textBetween(bytes, start, Math.min(this.ends[field] as number, start + most));
  }

  #level(bytes: Uint8Array): number {
    const start = this.starts[FIELD.level] as number;
    const end = this.ends[FIELD.level] as number;
    if (end - start > 16) return 0;
    const first = bytes[start] as number;
    const text = textBetween(bytes, start, end);
    return first >= 0x30 && first <= 0x39 ? levelOfNumber(Number(text)) : levelOf(text);
  }

  #id(bytes: Uint8Array, record: LogRecord): void {
    // The narrowest that orders lines: a request before its trace, a trace before the whole conversation.
    for (const [field, kind] of [
      [FIELD.request, 'request'],
      [FIELD.trace, 'trace'],
      [FIELD.conversation, 'conversation'],
    ] as const) {
      if (!this.has(field)) continue;
      const start = this.starts[field] as number;
      const end = this.ends[field] as number;
      if (end === start || end - start > MAX_ID_BYTES) continue;
      record.id = textBetween(bytes, start, end);
      record.idKind = kind;
      return;
    }
  }

  #duration(bytes: Uint8Array, record: LogRecord): void {
    for (const [field, factor] of [
      [FIELD.durationMs, 1],
      [FIELD.durationSeconds, 1_000],
      [FIELD.durationNanoseconds, 1e-6],
    ] as const) {
      if (!this.has(field)) continue;
      const value = readDuration(bytes, this.starts[field] as number, this.ends[field] as number, factor);
      if (Number.isNaN(value)) continue;
      record.durationMs = value;
      return;
    }
  }

  /** `/users/17?x=1` → `/users/*`: without query and fragment, with a star for each part that is a value. */
  route(raw: string): string {
    const known = this.#routes.get(raw);
    if (known !== undefined) return known;
    const path = (raw.split(/[?#]/, 1)[0] ?? '').replace(/^[a-z]+:\/\/[^/]*/i, '');
    const made = path
      .split('/')
      .map((part) => (isValue(part) ? '*' : part))
      .join('/');
    if (this.#routes.size >= MAX_ROUTES) this.#routes.clear();
    this.#routes.set(raw, made);
    return made;
  }
}

const isValue = (part: string): boolean =>
  (/\d/.test(part) &&
    !/^v\d+(?:\.\d+)*$/i.test(part) &&
    (/^[\d.,:-]+$/.test(part) || /\d{3}/.test(part) || part.length >= 16)) ||
  /^[0-9a-f]{8,}$/i.test(part) ||
  part.length > 48;

/** `12`, `12.5`, `"12ms"`, `"1.5s"`, `1e3`: in ms by the unit, else by `factor`; NaN for everything else. */
export function readDuration(bytes: Uint8Array, start: number, end: number, factor: number): number {
  let at = start;
  while (at < end && isNumberByte(bytes[at] as number)) at += 1;
  if (at === start || end - start > 40) return Number.NaN;
  const value = Number(textBetween(bytes, start, at));
  if (!Number.isFinite(value) || value < 0) return Number.NaN;
  if (at === end) return value * factor;
  const from = bytes[at] === 0x20 ? at + 1 : at;
  const unit = unitAt(bytes, from, end, false);
  if (unit === undefined || from + unit.length !== end || unit.factor === 0) return Number.NaN;
  return unit.shape >= 0 && DURATION_UNITS.has(unit.text) ? value * unit.factor : Number.NaN;
}

const DURATION_UNITS = new Set(
  'ns us µs ms msec msecs millis milliseconds microseconds s sec secs second seconds m min mins minute minutes h hour hours'.split(
    ' ',
  ),
);

const isNumberByte = (byte: number): boolean =>
  (byte >= 0x30 && byte <= 0x39) || byte === 0x2e || byte === 0x2b || byte === 0x2d || byte === 0x65 || byte === 0x45;
