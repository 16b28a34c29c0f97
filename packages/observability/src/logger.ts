import type { Writable } from 'node:stream';
import winston from 'winston';
import { fieldsToJson, type LogFields, type LogLevel, type LogRecord, messageText, toJsonLine } from './log-line.js';
import { ConsoleTransport, FileTransport, MESSAGE, RECORD } from './log-transports.js';
import { RotatingFile } from './rotating-file.js';

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

export interface LoggerOptions {
  /** `primary`, `worker`, `cli`: a field of each line. */
  readonly role: string;
  readonly level?: LogLevel | undefined;
  /** Of the console; the file always gets JSON. `auto`: pretty on a terminal, JSON elsewhere. */
  readonly format?: 'auto' | 'json' | 'pretty' | undefined;
  /** Where lines go besides the file. Default stdout; `none` for a program whose output is its own. */
  readonly console?: 'stdout' | 'stderr' | 'none' | Writable | undefined;
  /** Also write JSON lines to this file. */
  readonly file?: string | undefined;
  readonly maxSize?: number | undefined;
  readonly maxFiles?: number | undefined;
  /** Lines that no output took; for a counter. */
  readonly onDrop?: ((count: number) => void) | undefined;
  /** Clock in ms. */
  readonly now?: (() => number) | undefined;
}

const LEVELS: Readonly<Record<LogLevel, number>> = { error: 0, warn: 1, info: 2, debug: 3 };
const LEVEL = Symbol.for('level');
const CLOSE_WITHIN_MS = 3_000;

/** What a logger and its children share. */
interface Core {
  readonly role: string;
  readonly now: () => number;
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
  const outputs = openOutputs(options);
  const level = options.level ?? 'info';
  const core: Core = {
    role: options.role,
    now: options.now ?? Date.now,
    write: outputs.write,
    close: outputs.close,
    level,
    threshold: LEVELS[level],
    closed: false,
    timeMs: Number.NaN,
    timeText: '',
  };
  return loggerOn(core, '');
}

function loggerOn(core: Core, boundJson: string): Logger {
  const log = (level: LogLevel, message: string, fields: LogFields | undefined): void => {
    if (LEVELS[level] > core.threshold || core.closed) return;
    core.write({
      time: timeText(core),
      level,
      message: messageText(message),
      role: core.role,
      fieldsJson: boundJson + fieldsToJson(fields),
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
    child: (fields) => loggerOn(core, boundJson + fieldsToJson(fields)),
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

interface Outputs {
  readonly write: (record: LogRecord) => void;
  readonly close: () => Promise<void>;
}

function openOutputs(options: LoggerOptions): Outputs {
  const drop = (count: number): void => options.onDrop?.(count);
  const console = openConsole(options, drop);
  const file = options.file === undefined ? undefined : openFile(options, options.file, drop);
  const transports = [
    ...(console === undefined ? [] : [console]),
    ...(file === undefined ? [] : [new FileTransport(file)]),
  ];
  if (transports.length === 0) return { write: () => {}, close: async () => {} };

  const logger = winston.createLogger({
    levels: { ...LEVELS },
    // Levels are judged before a record is made (a filtered call costs winston 6 µs, us none).
    level: 'debug',
    format: winston.format((info) => {
      (info as { [MESSAGE]?: string })[MESSAGE] = toJsonLine((info as unknown as { [RECORD]: LogRecord })[RECORD]);
      return info;
    })(),
    transports,
  });
  const atExit = (): void => {
    console?.flushNow();
    file?.flushNow();
  };
  process.once('exit', atExit);

  return {
    write: (record) => {
      logger.write({ level: record.level, [LEVEL]: record.level, [RECORD]: record });
    },
    close: async () => {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, CLOSE_WITHIN_MS);
      });
      await Promise.race([Promise.all([console?.flush(), file?.close()]), late]);
      clearTimeout(timer);
      console?.detach();
      logger.close();
      process.off('exit', atExit);
    },
  };
}

function openConsole(options: LoggerOptions, onDrop: (count: number) => void): ConsoleTransport | undefined {
  const choice = options.console ?? 'stdout';
  if (choice === 'none') return undefined;
  const stream = typeof choice === 'string' ? process[choice] : choice;
  const isTerminal = 'isTTY' in stream && stream.isTTY;
  const format = options.format ?? 'auto';
  return new ConsoleTransport({
    stream,
    format: format === 'auto' ? (isTerminal ? 'pretty' : 'json') : format,
    colour: isTerminal,
    onDrop,
  });
}

function openFile(options: LoggerOptions, path: string, onDrop: (count: number) => void): RotatingFile {
  return new RotatingFile({
    path,
    maxSize: options.maxSize ?? 10 * 1024 * 1024,
    maxFiles: options.maxFiles ?? 5,
    onDrop,
    onError: (error) => {
      process.stderr.write(`moltbot: cannot write the log file ${path}: ${error.message}; trying again\n`);
    },
  });
}
