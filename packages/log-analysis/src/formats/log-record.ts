/** Severities, low to high; 0 is unknown. */
export const LEVELS = ['unknown', 'trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;
export type LevelName = (typeof LEVELS)[number];

/** Kinds of ids that tie lines together, the widest last. */
export const ID_KINDS = ['trace', 'request', 'conversation'] as const;
export type IdKind = (typeof ID_KINDS)[number];

/**
 * What a line says, as ranges of bytes; one object is used for all lines. `messageBytes` is the line itself, or a buffer in which
 * the parser undid escapes. A range whose end is 0 is absent.
 */
export interface LogRecord {
  messageBytes: Uint8Array;
  messageStart: number;
  messageEnd: number;
  /** Milliseconds since 1970; NaN where the line has none. */
  timestampMs: number;
  /** Index in LEVELS. */
  level: number;
  /** NaN where there is none. */
  durationMs: number;
  /** HTTP status; 0 where there is none. */
  status: number;
  id: string;
  idKind: IdKind | undefined;
  route: string;
  logger: string;
}

export function newLogRecord(): LogRecord {
  return {
    messageBytes: new Uint8Array(0),
    messageStart: 0,
    messageEnd: 0,
    timestampMs: Number.NaN,
    level: 0,
    durationMs: Number.NaN,
    status: 0,
    id: '',
    idKind: undefined,
    route: '',
    logger: '',
  };
}

export function resetRecord(record: LogRecord, bytes: Uint8Array, start: number, end: number): void {
  record.messageBytes = bytes;
  record.messageStart = start;
  record.messageEnd = end;
  record.timestampMs = Number.NaN;
  record.level = 0;
  record.durationMs = Number.NaN;
  record.status = 0;
  record.id = '';
  record.idKind = undefined;
  record.route = '';
  record.logger = '';
}

export const FORMATS = ['json', 'logfmt', 'access', 'syslog5424', 'syslog3164', 'text', 'plain'] as const;
export type LogFormat = (typeof FORMATS)[number];

/** @returns whether the line has this format; if not, the record is left as it was reset */
export type LineParser = (bytes: Uint8Array, start: number, end: number, record: LogRecord) => boolean;

const NAMES: Readonly<Record<string, number>> = {
  trace: 1,
  verbose: 1,
  silly: 1,
  finest: 1,
  finer: 1,
  t: 1,
  v: 1,
  debug: 2,
  dbg: 2,
  fine: 2,
  d: 2,
  info: 3,
  information: 3,
  informational: 3,
  notice: 3,
  note: 3,
  http: 3,
  log: 3,
  i: 3,
  warn: 4,
  warning: 4,
  wrn: 4,
  w: 4,
  error: 5,
  err: 5,
  severe: 5,
  e: 5,
  fatal: 6,
  critical: 6,
  crit: 6,
  alert: 6,
  emerg: 6,
  emergency: 6,
  panic: 6,
  f: 6,
};

/** The level that a word names in whatever case; 0 where it names none. */
export function levelOf(word: string): number {
  return NAMES[word] ?? NAMES[word.toLowerCase()] ?? 0;
}

/** pino's and bunyan's numbers: 10 is trace, 60 is fatal. */
export function levelOfNumber(value: number): number {
  if (value >= 10) return Math.min(6, Math.max(1, Math.floor(value / 10)));
  return 0;
}
