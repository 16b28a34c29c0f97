import { constants } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { MoltbotError } from '@moltbot/contracts';
import { fileLog, unreadable } from './file-log.js';
import type { OpenLog } from './log-source.js';

const FLAGS = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);
const TRIES = 5;

interface Opened {
  readonly path: string;
  readonly handle: FileHandle;
  readonly inode: number;
  readonly bytes: number;
  /** Of the last line in it. */
  readonly modifiedMs: number;
}

/**
 * Our own log file and its rotated ones, oldest first: those that may hold lines of the time. All are opened at one moment, so that a
 * rotation meanwhile neither hides nor doubles one. @throws MoltbotError `not_found`, `log_input_invalid`
 */
export async function openOwnLogs(options: {
  /** `logs.file` */
  readonly file: string | undefined;
  readonly maxFiles: number;
  /** Unix ms. */
  readonly sinceMs: number | undefined;
  readonly untilMs: number | undefined;
}): Promise<readonly OpenLog[]> {
  const { file, maxFiles, sinceMs = Number.NEGATIVE_INFINITY, untilMs = Number.POSITIVE_INFINITY } = options;
  if (file === undefined) throw new MoltbotError('not_found', 'The worker writes no log file: set `logs.file`.');
  const opened = await openAll(file, maxFiles);
  const wanted: OpenLog[] = [];
  let before = Number.NEGATIVE_INFINITY;
  for (const { path, handle, bytes, modifiedMs } of opened) {
    // Its lines were written after the last one of the file before it.
    if (modifiedMs < sinceMs || before >= untilMs) await handle.close();
    else wanted.push(fileLog({ handle, name: path, bytes }));
    before = modifiedMs;
  }
  return wanted;
}

async function openAll(file: string, maxFiles: number): Promise<readonly Opened[]> {
  const paths = [...Array.from({ length: maxFiles }, (_, index) => `${file}.${maxFiles - index}`), file];
  for (let tries = 1; ; tries += 1) {
    const opened: Opened[] = [];
    try {
      for (const path of paths) {
        const one = await openOne(path);
        if (one !== undefined) opened.push(one);
      }
      if (tries >= TRIES || (await stillNamed(opened))) {
        if (opened.length > 0) return opened;
        throw new MoltbotError('not_found', `There is no log file ${file}.`);
      }
    } catch (error) {
      await closeAll(opened);
      throw error;
    }
    await closeAll(opened);
  }
}

async function openOne(path: string): Promise<Opened | undefined> {
  let handle: FileHandle;
  try {
    handle = await open(path, FLAGS);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw unreadable(path, error);
  }
  const { ino, size, mtimeMs, ...facts } = await handle.stat();
  if ((facts.mode & constants.S_IFMT) === constants.S_IFREG) {
    return { path, handle, inode: ino, bytes: size, modifiedMs: mtimeMs };
  }
  await handle.close();
  return undefined;
}

/** Whether no rotation came between. */
async function stillNamed(opened: readonly Opened[]): Promise<boolean> {
  const inodes = await Promise.all(opened.map(async ({ path }) => stat(path).catch(() => undefined)));
  return opened.every(({ inode }, index) => inodes[index]?.ino === inode);
}

async function closeAll(opened: readonly Opened[]): Promise<void> {
  await Promise.all(opened.map(async ({ handle }) => handle.close()));
}
