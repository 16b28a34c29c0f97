import type { Writable } from 'node:stream';
import Transport from 'winston-transport';
import { type LogRecord, toPrettyLine } from './log-line.js';
import type { RotatingFile } from './rotating-file.js';

/** Where winston's format leaves the finished JSON line, and where ours leaves the record it was made of. */
export const MESSAGE: unique symbol = Symbol.for('message') as never;
export const RECORD: unique symbol = Symbol('record');

/** What travels through winston. */
export interface LogInfo {
  readonly [RECORD]: LogRecord;
  readonly [MESSAGE]?: string;
}

export interface ConsoleTransportOptions {
  readonly stream: Writable;
  readonly format: 'json' | 'pretty';
  readonly colour: boolean;
  readonly onDrop: (count: number) => void;
  readonly onTook: () => void;
}

/** Bytes that may wait for a reader of the stream that doesn't read; further lines are dropped. */
const MAX_WAITING = 4 * 1024 * 1024;

/** Lines of one turn of the event loop leave in one write. Never waits for the reader. */
export class ConsoleTransport extends Transport {
  readonly #options: ConsoleTransportOptions;
  #lines = '';
  #count = 0;
  #scheduled: NodeJS.Immediate | undefined;
  readonly #onStreamError = (): void => {
    this.#broken = true;
  };
  #broken = false;

  constructor(options: ConsoleTransportOptions) {
    super();
    this.#options = options;
    // A reader that went away (EPIPE) is no reason to die.
    options.stream.on('error', this.#onStreamError);
  }

  override log(info: LogInfo, next: () => void): void {
    const { format, colour } = this.#options;
    const line = format === 'json' ? (info[MESSAGE] ?? '') : toPrettyLine(info[RECORD], { colour });
    this.#lines += `${line}\n`;
    this.#count += 1;
    this.#scheduled ??= setImmediate(() => {
      this.flushNow();
    });
    next();
  }

  flushNow(): void {
    if (this.#scheduled !== undefined) clearImmediate(this.#scheduled);
    this.#scheduled = undefined;
    const { stream, onDrop, onTook } = this.#options;
    const count = this.#count;
    if (count === 0) return;
    const lines = this.#lines;
    this.#lines = '';
    this.#count = 0;
    if (this.#broken || stream.destroyed || stream.writableLength > MAX_WAITING) {
      onDrop(count);
      return;
    }
    stream.write(lines);
    onTook();
  }

  /** Resolves when the stream has taken everything. */
  async flush(): Promise<void> {
    this.flushNow();
    const { stream } = this.#options;
    if (this.#broken || stream.destroyed || stream.writableLength === 0) return;
    await new Promise<void>((resolve) => {
      stream.write('', () => {
        resolve();
      });
    });
  }

  detach(): void {
    this.flushNow();
    this.#options.stream.off('error', this.#onStreamError);
  }
}

/** Hands JSON lines to a rotating file. */
export class FileTransport extends Transport {
  readonly #file: RotatingFile;

  constructor(file: RotatingFile) {
    super();
    this.#file = file;
  }

  override log(info: LogInfo, next: () => void): void {
    this.#file.write(`${info[MESSAGE] ?? ''}\n`);
    next();
  }
}
