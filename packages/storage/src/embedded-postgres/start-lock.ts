import { randomUUID } from 'node:crypto';
import { linkSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { MoltbotError } from '@moltbot/contracts';
import { isRunning, processIdentity, processNamespace } from './process-identity.js';

export interface StartLock {
  release(): void;
}

export interface StartLockOptions {
  readonly path: string;
  readonly timeoutMs: number;
}

const POLL_MS = 20;
/** A file without content is one whose writer is between two system calls, or died there. */
const EMPTY_IS_STALE_AFTER_MS = 2_000;
/** Where the system doesn't tell when a process began, its number may be another's by now. */
const ANY_IS_STALE_AFTER_MS = 300_000;
/** Of a holder that can't be seen (another container on the same folder) the file's time is the only sign of life. */
const BEAT_MS = 1_000;
const UNSEEN_IS_STALE_AFTER_MS = 10_000;

/**
 * One process at a time starts or stops the server of a folder: a file made with O_EXCL that names its holder; a dead
 * holder's file is taken away. Behind it stands PostgreSQL's own lock, which lets no second server in.
 * @throws MoltbotError `storage_unavailable` where a living process holds it for longer than `timeoutMs`
 */
export async function acquireStartLock({ path, timeoutMs }: StartLockOptions): Promise<StartLock> {
  const deadline = performance.now() + timeoutMs;
  const holder = { ...processIdentity(process.pid), namespace: processNamespace(), token: randomUUID() };
  const content = JSON.stringify(holder);
  for (;;) {
    if (tryCreate(path, content)) return held(path, content);
    const other = readHolder(path);
    if (other !== undefined && other.stale) {
      takeAway(path, other.content);
      continue;
    }
    if (performance.now() >= deadline) {
      throw new MoltbotError(
        'storage_unavailable',
        `Another process${other?.pid === undefined ? '' : ` (pid ${other.pid})`} has been starting or stopping the embedded database for ${Math.round(timeoutMs / 1_000)} s; if it is gone, delete ${path}.`,
      );
    }
    await delay(POLL_MS);
  }
}

function tryCreate(path: string, content: string): boolean {
  try {
    writeFileSync(path, content, { flag: 'wx', mode: 0o600 });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function held(path: string, content: string): StartLock {
  const beat = setInterval(() => {
    try {
      if (readText(path) === content) utimesSync(path, new Date(), new Date());
    } catch {
      // Taken away in between.
    }
  }, BEAT_MS);
  beat.unref();
  return {
    release() {
      clearInterval(beat);
      release(path, content);
    },
  };
}

function release(path: string, content: string): void {
  if (readText(path) === content) rmSync(path, { force: true });
}

function readHolder(path: string): { content: string; pid: number | undefined; stale: boolean } | undefined {
  const content = readText(path);
  const age = ageOf(path);
  if (content === undefined || age === undefined) return undefined;
  let holder: { pid?: unknown; startTime?: unknown; namespace?: unknown } = {};
  try {
    holder = JSON.parse(content) as typeof holder;
  } catch {
    return { content, pid: undefined, stale: age > EMPTY_IS_STALE_AFTER_MS };
  }
  const pid = typeof holder.pid === 'number' ? holder.pid : undefined;
  const startTime = typeof holder.startTime === 'string' ? holder.startTime : undefined;
  if (typeof holder.namespace === 'string' && holder.namespace !== processNamespace()) {
    // Its time may lie ahead of a clock that was set back.
    return { content, pid, stale: Math.abs(age) > UNSEEN_IS_STALE_AFTER_MS };
  }
  const alive = pid !== undefined && isRunning({ pid, startTime });
  return { content, pid, stale: !alive || (startTime === undefined && age > ANY_IS_STALE_AFTER_MS) };
}

/** Two processes may see the same stale file: the rename lets one have it, and what was renamed is looked at again. */
function takeAway(path: string, stale: string): void {
  const aside = `${path}.${randomUUID()}`;
  try {
    renameSync(path, aside);
  } catch {
    return;
  }
  if (readText(aside) !== stale) {
    // The stale one was gone and this is a living holder's: give it back, unless a third has come.
    try {
      linkSync(aside, path);
    } catch {
      // The third holds it now.
    }
  }
  rmSync(aside, { force: true });
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

function ageOf(path: string): number | undefined {
  const status = statSync(path, { throwIfNoEntry: false });
  return status === undefined ? undefined : Date.now() - status.mtimeMs;
}
