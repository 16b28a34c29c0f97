import { mkdir, open, rm, stat } from 'node:fs/promises';
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
  await prepare(lock, file);
  try {
    return await action();
  } finally {
    await rm(lock, { force: true });
  }
}

async function prepare(lock: string, file: string): Promise<void> {
  try {
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    await acquire(lock, file);
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    throw new ConfigError([accessProblem({ file, action: 'written', error })]);
  }
}

async function acquire(lock: string, file: string): Promise<void> {
  const start = performance.now();
  for (;;) {
    if (await tryToLock(lock)) return;
    const held = await stat(lock).catch(() => undefined);
    if (held !== undefined && Date.now() - held.mtimeMs > STALE_AFTER_MS) await rm(lock, { force: true });
    else if (performance.now() - start > GIVE_UP_AFTER_MS) {
      throw new ConfigError([fileProblem(file, `is being edited by another process; ${lock} says so`)]);
    } else await sleep(RETRY_MS);
  }
}

async function tryToLock(lock: string): Promise<boolean> {
  try {
    const handle = await open(lock, 'wx', 0o600);
    await handle.writeFile(`${process.pid}\n`);
    await handle.close();
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}
