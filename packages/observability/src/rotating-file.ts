import { appendFileSync, constants, type Stats } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, rename, rm, stat, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { isNativeError } from 'node:util/types';

export interface RotatingFileOptions {
  readonly path: string;
  /** Bytes at which the file is rotated to `path.1`, `path.1` to `path.2` and so on. */
  readonly maxSize: number;
  /** Rotated files kept beside the current one. */
  readonly maxFiles: number;
  /** Also rotated when an hour or a day (UTC) has begun since its first line. Default `size`: by its size alone. */
  readonly rotate?: 'size' | 'hourly' | 'daily' | undefined;
  /** Rotated files whose last line is older than this many ms are deleted. */
  readonly maxAge?: number | undefined;
  /** Bytes that may wait for the disk; further lines are dropped. */
  readonly maxPending?: number | undefined;
  /** Lines given up: `full` (more waiting than allowed) or `failed` (the disk refused them). */
  readonly onDrop: (count: number, reason: 'full' | 'failed') => void;
  /** First error of a series; another one is reported only after a write went well again. */
  readonly onError: (error: Error) => void;
  /** Lines were written. */
  readonly onTook?: (() => void) | undefined;
  /** Milliseconds that only grow. */
  readonly now?: (() => number) | undefined;
  /** Unix time in ms. */
  readonly date?: (() => number) | undefined;
}

const PERIODS = { size: Number.POSITIVE_INFINITY, hourly: 3_600_000, daily: 86_400_000 } as const;

const MAX_PENDING = 8 * 1024 * 1024;
const BATCH = 256 * 1024;
/** After an error the file is tried again at most this often. */
const RETRY_AFTER_MS = 1_000;
/** How often it is looked up whether the path still leads to the open file (another process rotated, someone deleted it). */
const RECHECK_MS = 1_000;
/** A lock older than this belongs to a process that died while rotating. */
const STALE_LOCK_MS = 10_000;
/** Readable too, to see whether the last line has its end; without blocking, should the path be a pipe. */
const OPEN_FLAGS = constants.O_RDWR | constants.O_APPEND | constants.O_CREAT | (constants.O_NONBLOCK ?? 0);
const LINE_END = 10;

/**
 * Appends lines to a file without ever blocking or throwing: lines wait in memory up to a bound, errors are counted.
 * Several processes may write the same file; a lock file lets one of them rotate at a time.
 */
export class RotatingFile {
  readonly #options: RotatingFileOptions;
  readonly #now: () => number;
  readonly #date: () => number;
  /** In ms; infinite where only the size counts. */
  readonly #periodLength: number;
  /** Within which hour or day the open file began. */
  #period = 0;
  #pending: string[] = [];
  #pendingBytes = 0;
  #handle: FileHandle | undefined;
  #size = 0;
  #checkedAt = 0;
  #failedAt = Number.NEGATIVE_INFINITY;
  #failing = false;
  #writing: Promise<void> | undefined;
  #closed = false;

  constructor(options: RotatingFileOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    this.#date = options.date ?? Date.now;
    this.#periodLength = PERIODS[options.rotate ?? 'size'];
  }

  /** Takes one line, its end included. */
  write(line: string): void {
    // While the disk refuses, lines cost no more than being counted.
    if (this.#failing && this.#now() - this.#failedAt < RETRY_AFTER_MS) {
      this.#options.onDrop(1, 'failed');
      return;
    }
    const bytes = Buffer.byteLength(line);
    if (this.#closed || this.#pendingBytes + bytes > (this.#options.maxPending ?? MAX_PENDING)) {
      this.#options.onDrop(1, 'full');
      return;
    }
    this.#pending.push(line);
    this.#pendingBytes += bytes;
    this.#writing ??= this.#drain();
  }

  /** Resolves when what was taken so far is written or given up. */
  async flush(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
  }

  /** For the end of the process, when nothing asynchronous runs any more. */
  flushNow(): void {
    const lines = this.#pending.join('');
    this.#pending = [];
    if (lines === '') return;
    try {
      appendFileSync(this.#options.path, lines);
    } catch {
      // The process ends: there is nobody left to tell.
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.flush();
    await this.#closeHandle();
  }

  async #drain(): Promise<void> {
    // Lines of the same turn go out in one write.
    await new Promise<void>((resolve) => {
      setImmediate(resolve);
    });
    while (this.#pending.length > 0) {
      const { lines, bytes, count } = this.#takeBatch(BATCH);
      try {
        await this.#append(lines, bytes);
        this.#failing = false;
        this.#options.onTook?.();
      } catch (error) {
        // What has come since would wait for the same refusal.
        const { lines: _, count: more, bytes: moreBytes } = this.#takeBatch(Number.POSITIVE_INFINITY);
        this.#pendingBytes -= moreBytes;
        await this.#failed(error, count + more);
      }
      this.#pendingBytes -= bytes;
    }
    this.#writing = undefined;
  }

  #takeBatch(limit: number): { lines: string; bytes: number; count: number } {
    let lines = '';
    let bytes = 0;
    let count = 0;
    for (const line of this.#pending) {
      if (count > 0 && bytes >= limit) break;
      lines += line;
      bytes += Buffer.byteLength(line);
      count += 1;
    }
    this.#pending = count === this.#pending.length ? [] : this.#pending.slice(count);
    return { lines, bytes, count };
  }

  async #append(lines: string, bytes: number): Promise<void> {
    let handle = await this.#current();
    const isOver = this.#size + bytes > this.#options.maxSize || this.#periodAt(this.#date()) !== this.#period;
    if (this.#size > 0 && isOver) {
      await this.#rotate();
      handle = await this.#current();
    }
    await handle.appendFile(lines);
    this.#size += bytes;
  }

  async #failed(error: unknown, count: number): Promise<void> {
    this.#options.onDrop(count, 'failed');
    this.#failedAt = this.#now();
    await this.#closeHandle();
    if (!this.#failing) this.#options.onError(isNativeError(error) ? error : new Error(String(error)));
    this.#failing = true;
  }

  /** The open file, opened again where the path leads to another one by now. */
  async #current(): Promise<FileHandle> {
    const now = this.#now();
    if (this.#handle !== undefined && now - this.#checkedAt >= RECHECK_MS) {
      this.#checkedAt = now;
      const [opened, named] = await Promise.all([this.#handle.stat(), statOrNothing(this.#options.path)]);
      if (named === undefined || named.ino !== opened.ino) await this.#closeHandle();
      else this.#size = opened.size;
    }
    if (this.#handle !== undefined) return this.#handle;
    await mkdir(dirname(this.#options.path), { recursive: true });
    const handle = await open(this.#options.path, OPEN_FLAGS, 0o640);
    this.#handle = handle;
    this.#checkedAt = now;
    const { size, mtimeMs } = await handle.stat();
    this.#size = size;
    this.#period = this.#periodAt(size > 0 ? mtimeMs : this.#date());
    await endTornLine(handle, size);
    return handle;
  }

  #periodAt(time: number): number {
    return Math.floor(time / this.#periodLength);
  }

  async #rotate(): Promise<void> {
    const { path, maxFiles } = this.#options;
    const lock = `${path}.lock`;
    if (!(await this.#takeLock(lock))) return;
    try {
      const opened = await this.#handle?.stat();
      const named = await statOrNothing(path);
      await this.#closeHandle();
      // Another process was faster where the path leads elsewhere.
      if (opened === undefined || named === undefined || named.ino !== opened.ino || !named.isFile()) return;
      for (let index = maxFiles - 1; index >= 1; index -= 1)
        await renameIfThere(`${path}.${index}`, `${path}.${index + 1}`);
      await renameIfThere(path, `${path}.1`);
      await this.#deleteOld();
    } finally {
      await rm(lock, { force: true });
    }
  }

  async #deleteOld(): Promise<void> {
    const { path, maxAge } = this.#options;
    if (maxAge === undefined) return;
    const folder = dirname(path);
    const start = `${basename(path)}.`;
    for (const name of await readdir(folder)) {
      if (!name.startsWith(start) || !/^\d+$/.test(name.slice(start.length))) continue;
      const old = await statOrNothing(join(folder, name));
      if (old?.isFile() === true && this.#date() - old.mtimeMs > maxAge) await rm(join(folder, name), { force: true });
    }
  }

  async #takeLock(lock: string): Promise<boolean> {
    try {
      await (await open(lock, 'wx')).close();
      return true;
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error;
      const held = await statOrNothing(lock);
      // Its time may lie ahead of a clock that was set back.
      if (held !== undefined && Math.abs(Date.now() - held.mtimeMs) > STALE_LOCK_MS) await unlink(lock).catch(() => {});
      return false;
    }
  }

  async #closeHandle(): Promise<void> {
    const handle = this.#handle;
    this.#handle = undefined;
    await handle?.close().catch(() => {});
  }
}

/** A full disk or a killed process leaves half a line; the next one must not be glued to it. */
async function endTornLine(handle: FileHandle, size: number): Promise<void> {
  if (size === 0) return;
  const { bytesRead, buffer } = await handle.read(Buffer.alloc(1), 0, 1, size - 1);
  if (bytesRead === 1 && buffer[0] !== LINE_END) await handle.appendFile('\n');
}

async function statOrNothing(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

async function renameIfThere(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
}

function codeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
}
