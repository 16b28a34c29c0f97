import { randomUUID } from 'node:crypto';
import { linkSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { mkdir, open } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ConfigError } from '../problems/config-problem.js';
import { accessProblem, fileProblem } from './file-access.js';

/** Edits take milliseconds: a lock this old was left by a process that was killed. */
const STALE_AFTER_MS = 10_000;
const GIVE_UP_AFTER_MS = 15_000;
const RETRY_MS = 20;

/**
 * Runs `action` while no other process of ours edits the file. The lock is a file beside it; one that a killed process
 * left is taken over after 10 s. @throws ConfigError where the lock can't be had within 15 s
 */
export async function withFileLock<Value>(file: string, action: () => Promise<Value>): Promise<Value> {
  const lock = join(dirname(file), `.${basename(file)}.lock`);
  const mark = `${process.pid} ${randomUUID()}\n`;
  await prepare({ lock, file, mark });
  try {
    return await action();
  } finally {
    // Another process may have taken it over from one that was asleep.
    if (read(lock) === mark) rmSync(lock, { force: true });
  }
}

interface Lock {
  readonly lock: string;
  readonly file: string;
  /** Who holds it. */
  readonly mark: string;
}

async function prepare(options: Lock): Promise<void> {
  const { file } = options;
  try {
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    await acquire(options);
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    throw new ConfigError([accessProblem({ file, action: 'written', error })]);
  }
}

async function acquire({ lock, file, mark }: Lock): Promise<void> {
  const start = performance.now();
  while (!(await tryToLock(lock, mark))) {
    if (takeAwayStale(lock)) continue;
    if (performance.now() - start > GIVE_UP_AFTER_MS) {
      throw new ConfigError([fileProblem(file, `is being edited by another process; ${lock} says so`)]);
    }
    await sleep(RETRY_MS);
  }
}

/** Of those who see the same old lock one gets it: looked at and moved without a pause, and looked at again. */
function takeAwayStale(lock: string): boolean {
  const stale = read(lock);
  const held = statSync(lock, { throwIfNoEntry: false });
  // Its time may lie ahead of a clock that was set back.
  if (stale === undefined || held === undefined || Math.abs(Date.now() - held.mtimeMs) <= STALE_AFTER_MS) return false;
  const aside = `${lock}.${randomUUID()}`;
  try {
    renameSync(lock, aside);
    if (read(aside) !== stale) linkSync(aside, lock);
  } catch {
    // Another was faster.
  } finally {
    rmSync(aside, { force: true });
  }
  return true;
}

function read(lock: string): string | undefined {
  try {
    return readFileSync(lock, 'utf8');
  } catch {
    return undefined;
  }
}

async function tryToLock(lock: string, mark: string): Promise<boolean> {
  try {
    const handle = await open(lock, 'wx', 0o600);
    await handle.writeFile(mark);
    await handle.close();
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}
