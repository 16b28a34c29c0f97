import { open, rm, stat, utimes } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';

const POLL_MS = 100;
const BEAT_MS = 2_000;
/** A holder that was killed beats no more. */
const STALE_MS = 15_000;

/**
 * Does the work while no other process holds the lock file; waits for one that does.
 * @throws the signal's reason
 */
export async function underLock<Result>(
  options: { readonly file: string; readonly signal: AbortSignal },
  work: () => Promise<Result>,
): Promise<Result> {
  const { file, signal } = options;
  while (!(await taken(file))) {
    await breakIfStale(file);
    await delay(POLL_MS, undefined, { signal }).catch(() => {});
    signal.throwIfAborted();
  }
  const beat = setInterval(() => {
    const now = new Date();
    utimes(file, now, now).catch(() => {});
  }, BEAT_MS).unref();
  try {
    return await work();
  } finally {
    clearInterval(beat);
    await rm(file, { force: true });
  }
}

async function taken(file: string): Promise<boolean> {
  try {
    await (await open(file, 'wx', 0o600)).close();
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** Two that break one lock at once both get on: what is done under it bears that, it only costs twice. */
async function breakIfStale(file: string): Promise<void> {
  const info = await stat(file).catch(() => undefined);
  if (info !== undefined && Date.now() - info.mtimeMs > STALE_MS) await rm(file, { force: true });
}
