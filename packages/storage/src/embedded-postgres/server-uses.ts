import { randomUUID } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isRunning, processIdentity } from './process-identity.js';

/**
 * Notes that this process uses the server: a file per use. The last use of all stops the server. Called under the start
 * lock; takes the files of dead processes away. @returns how to end the use
 */
export function registerUse(directory: string): () => void {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  for (const path of files(directory)) if (!isAlive(path)) rmSync(path, { force: true });
  const path = join(directory, `${process.pid}-${randomUUID()}.json`);
  writeFileSync(path, JSON.stringify(processIdentity(process.pid)), { mode: 0o600 });
  return () => rmSync(path, { force: true });
}

/** How many uses there are, of processes that live. */
export function countUses(directory: string): number {
  return files(directory).filter(isAlive).length;
}

function files(directory: string): readonly string[] {
  try {
    return readdirSync(directory).map((name) => join(directory, name));
  } catch {
    return [];
  }
}

function isAlive(path: string): boolean {
  try {
    const { pid, startTime } = JSON.parse(readFileSync(path, 'utf8')) as { pid?: unknown; startTime?: unknown };
    if (typeof pid !== 'number') return false;
    return isRunning({ pid, startTime: typeof startTime === 'string' ? startTime : undefined });
  } catch {
    return false;
  }
}
