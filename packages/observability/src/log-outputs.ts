import { hostname } from 'node:os';
import type { Writable } from 'node:stream';
import winston from 'winston';
import { DropTally } from './drop-tally.js';
import { type LogFields, type LogLevel, type LogRecord, toJsonLine } from './log-line.js';
import { ConsoleTransport, FileTransport, MESSAGE, RECORD } from './log-transports.js';
import { RotatingFile } from './rotating-file.js';
import { parseSyslogUrl } from './syslog/syslog-address.js';
import { createSyslogFormat, type SyslogFacility } from './syslog/syslog-message.js';
import { createSyslogSender, type SyslogSender, type SyslogTls } from './syslog/syslog-sender.js';
import { SyslogTransport } from './syslog/syslog-transport.js';

export type LogSink = 'console' | 'file' | 'syslog';

export interface SyslogOptions {
  /** `udp://host:514`, `tcp://…`, `tls://…`, `unix:///path`. */
  readonly url: string;
  readonly facility?: SyslogFacility | undefined;
  readonly appName?: string | undefined;
  /** This machine, as the server shows it. */
  readonly hostname?: string | undefined;
  /** SD-ID of our structured data: `name@private-enterprise-number`. */
  readonly structuredDataId?: string | undefined;
  readonly format?: 'json' | 'text' | undefined;
  /** Bytes of one message. */
  readonly maxMessage?: number | undefined;
  /** Bytes kept until the server has them. */
  readonly buffer?: number | undefined;
  readonly tls?: SyslogTls | undefined;
}

export interface OutputOptions {
  /** Of the console; the file always gets JSON. `auto`: pretty on a terminal, JSON elsewhere. */
  readonly format?: 'auto' | 'json' | 'pretty' | undefined;
  /** Where lines go besides the file. Default stdout; `none` for a program whose output is its own. */
  readonly console?: 'stdout' | 'stderr' | 'none' | Writable | undefined;
  /** Also write JSON lines to this file. */
  readonly file?: string | undefined;
  readonly maxSize?: number | undefined;
  readonly maxFiles?: number | undefined;
  /** Also rotated when an hour or a day (UTC) begins. */
  readonly rotate?: 'size' | 'hourly' | 'daily' | undefined;
  /** Rotated files older than this many ms are deleted. */
  readonly maxAge?: number | undefined;
  /** Also send to a syslog server (RFC 5424). */
  readonly syslog?: SyslogOptions | undefined;
  /** Lines that an output didn't take; for a counter. */
  readonly onDrop?: ((count: number, sink: LogSink) => void) | undefined;
  /** A line was too long for syslog and was shortened; for a counter. */
  readonly onTruncate?: (() => void) | undefined;
}

/** Facts about an output itself, which become lines of the other outputs, and of its own once it works again. */
export type OutputNote = (level: LogLevel, message: string, fields: LogFields) => void;

export interface Outputs {
  readonly write: (record: LogRecord) => void;
  /** Writes out what is waiting; bounded in time. */
  readonly close: () => Promise<void>;
}

const LEVEL = Symbol.for('level');
const CLOSE_WITHIN_MS = 3_000;
/** What every receiver should take (RFC 5426, 3.2), and what rsyslog takes unasked. */
const MAX_MESSAGE = { udp: 2_048, stream: 8_096 } as const;
const SYSLOG_BUFFER = 4 * 1024 * 1024;

/** Opens what is asked for. @throws Error for a syslog URL that is none */
export function openOutputs(options: OutputOptions, note: OutputNote): Outputs {
  const tallyOf = (sink: LogSink): DropTally =>
    new DropTally({
      onDrop: (count) => options.onDrop?.(count, sink),
      onRecovered: (count) => {
        note('warn', 'log lines were dropped', { sink, count });
      },
    });
  const console = openConsole(options, tallyOf('console'));
  const file = options.file === undefined ? undefined : openFile(options, options.file, tallyOf('file'));
  const syslog =
    options.syslog === undefined ? undefined : openSyslog(options, options.syslog, tallyOf('syslog'), note);
  const transports = [
    ...(console === undefined ? [] : [console]),
    ...(file === undefined ? [] : [new FileTransport(file)]),
    ...(syslog === undefined ? [] : [syslog.transport]),
  ];
  if (transports.length === 0) return { write: () => {}, close: async () => {} };

  const logger = winston.createLogger({
    levels: { error: 0, warn: 1, info: 2, debug: 3 },
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
      await Promise.race([Promise.all([console?.flush(), file?.close(), syslog?.sender.flush()]), late]);
      clearTimeout(timer);
      syslog?.end();
      console?.detach();
      logger.close();
      process.off('exit', atExit);
    },
  };
}

function openConsole(options: OutputOptions, tally: DropTally): ConsoleTransport | undefined {
  const choice = options.console ?? 'stdout';
  if (choice === 'none') return undefined;
  const stream = typeof choice === 'string' ? process[choice] : choice;
  const isTerminal = 'isTTY' in stream && stream.isTTY;
  const format = options.format ?? 'auto';
  return new ConsoleTransport({
    stream,
    format: format === 'auto' ? (isTerminal ? 'pretty' : 'json') : format,
    colour: isTerminal,
    onDrop: (count) => {
      tally.dropped(count);
    },
    onTook: () => {
      tally.took();
    },
  });
}

function openFile(options: OutputOptions, path: string, tally: DropTally): RotatingFile {
  return new RotatingFile({
    path,
    maxSize: options.maxSize ?? 10 * 1024 * 1024,
    maxFiles: options.maxFiles ?? 5,
    rotate: options.rotate,
    maxAge: options.maxAge,
    onDrop: (count) => {
      tally.dropped(count);
    },
    onTook: () => {
      tally.took();
    },
    onError: (error) => {
      process.stderr.write(`moltbot: cannot write the log file ${path}: ${error.message}; trying again\n`);
    },
  });
}

interface OpenSyslog {
  readonly transport: SyslogTransport;
  readonly sender: SyslogSender;
  readonly end: () => void;
}

function openSyslog(options: OutputOptions, syslog: SyslogOptions, tally: DropTally, note: OutputNote): OpenSyslog {
  const address = parseSyslogUrl(syslog.url);
  if (address === undefined) throw new Error('expected the URL of a syslog server: udp://, tcp://, tls:// or unix://');
  const server = { server: syslog.url };
  const sender = createSyslogSender({
    address,
    tls: syslog.tls,
    maxBytes: syslog.buffer ?? SYSLOG_BUFFER,
    onDrop: (count) => {
      tally.dropped(count);
    },
    onTook: () => {
      tally.took();
    },
    onLost: (error) => {
      note('warn', 'syslog server lost, lines wait', { ...server, error: error.message });
    },
    onBack: () => {
      note('info', 'syslog server is back', server);
    },
  });
  const format = createSyslogFormat({
    facility: syslog.facility ?? 'local0',
    hostname: syslog.hostname ?? hostname(),
    appName: syslog.appName ?? 'moltbot',
    processId: process.pid,
    structuredDataId: syslog.structuredDataId ?? 'moltbot@32473',
    format: syslog.format ?? 'json',
    maxBytes: syslog.maxMessage ?? (address.transport === 'udp' ? MAX_MESSAGE.udp : MAX_MESSAGE.stream),
  });
  return {
    transport: new SyslogTransport({ format, sender, onTruncate: () => options.onTruncate?.() }),
    sender,
    end: () => {
      const left = sender.destroy();
      if (left === 0) return;
      tally.dropped(left);
      process.stderr.write(`moltbot: ${left} log lines did not reach the syslog server ${syslog.url}\n`);
    },
  };
}
