import { fieldsToJson, type LogFields, type LogLevel, type LogRecord, messageText } from './log-line.js';
import { type OutputOptions, openOutputs } from './log-outputs.js';
import type { RedactOptions } from './redact.js';

export interface Logger {
  /** Whether debug lines are printed: ask before making their fields. */
  readonly isDebug: boolean;
  readonly level: LogLevel;
  error(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  debug(message: string, fields?: LogFields): void;
  /** A logger that adds these fields to each line; level and outputs are shared. */
  child(fields: LogFields): Logger;
  /** For this logger and all its relatives, from the next line on. */
  setLevel(level: LogLevel): void;
  /** Writes out what is waiting, then stops; bounded in time. Lines after it are dropped in silence. */
  close(): Promise<void>;
}

export interface LoggerOptions extends OutputOptions {
  /** `primary`, `worker`, `cli`: a field of each line. */
  readonly role: string;
  readonly level?: LogLevel | undefined;
  /** Print what people and models wrote, where a line has it. Secrets are never printed. */
  readonly content?: boolean | undefined;
  /** Clock in ms. */
  readonly now?: (() => number) | undefined;
}

const LEVELS: Readonly<Record<LogLevel, number>> = { error: 0, warn: 1, info: 2, debug: 3 };

/** What a logger and its children share. */
interface Core {
  readonly role: string;
  readonly now: () => number;
  readonly redaction: RedactOptions;
  readonly write: (record: LogRecord) => void;
  readonly close: () => Promise<void>;
  level: LogLevel;
  threshold: number;
  closed: boolean;
  /** The last millisecond that was printed, and its text. */
  timeMs: number;
  timeText: string;
}

/** A logger on winston whose lines are redacted, one line each, and never block or break the process. */
export function createLogger(options: LoggerOptions): Logger {
  const outputs = openOutputs(options, (noteLevel, message, fields) => {
    logger[noteLevel](message, fields);
  });
  const level = options.level ?? 'info';
  const core: Core = {
    role: options.role,
    now: options.now ?? Date.now,
    redaction: { keepContent: options.content === true },
    write: outputs.write,
    close: outputs.close,
    level,
    threshold: LEVELS[level],
    closed: false,
    timeMs: Number.NaN,
    timeText: '',
  };
  const logger = loggerOn(core, '');
  return logger;
}

function loggerOn(core: Core, boundJson: string): Logger {
  const log = (level: LogLevel, message: string, fields: LogFields | undefined): void => {
    if (LEVELS[level] > core.threshold || core.closed) return;
    core.write({
      time: timeText(core),
      level,
      message: messageText(message),
      role: core.role,
      fieldsJson: boundJson + fieldsToJson(fields, core.redaction),
    });
  };
  return {
    get isDebug() {
      return core.threshold >= LEVELS.debug;
    },
    get level() {
      return core.level;
    },
    error: (message, fields) => {
      log('error', message, fields);
    },
    warn: (message, fields) => {
      log('warn', message, fields);
    },
    info: (message, fields) => {
      log('info', message, fields);
    },
    debug: (message, fields) => {
      log('debug', message, fields);
    },
    child: (fields) => loggerOn(core, boundJson + fieldsToJson(fields, core.redaction)),
    setLevel: (level) => {
      core.level = level;
      core.threshold = LEVELS[level];
    },
    close: async () => {
      if (core.closed) return;
      core.closed = true;
      await core.close();
    },
  };
}

function timeText(core: Core): string {
  const now = core.now();
  if (now !== core.timeMs) {
    core.timeMs = now;
    core.timeText = new Date(now).toISOString();
  }
  return core.timeText;
}
