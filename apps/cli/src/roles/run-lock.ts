import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** What runs in one home: who, and where to ask it. */
export interface Running {
  readonly pid: number;
  readonly startedAt: string;
  readonly url?: string;
  readonly metricsUrl?: string;
  readonly workerMetricsUrl?: string;
}

export interface RunLock {
  update(changes: Partial<Running>): void;
  release(): void;
}

const FILE = 'moltbot.json';

/** What runs in this home now, as far as its file and its process say. */
export function readRunning(runDirectory: string): Running | undefined {
  try {
    const running = JSON.parse(readFileSync(join(runDirectory, FILE), 'utf8')) as Running;
    return typeof running.pid === 'number' && isAlive(running.pid) ? running : undefined;
  } catch {
    return undefined;
  }
}

/** Takes the home for this process. @returns the lock, or who has it */
export function takeRunLock(runDirectory: string): RunLock | Running {
  mkdirSync(runDirectory, { recursive: true, mode: 0o700 });
  const path = join(runDirectory, FILE);
  let running: Running = { pid: process.pid, startedAt: new Date().toISOString() };
  for (let attempt = 0; ; attempt += 1) {
    try {
      writeFileSync(path, JSON.stringify(running), { flag: 'wx', mode: 0o600 });
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || attempt === 3) throw error;
      const other = readRunning(runDirectory);
      if (other !== undefined && other.pid !== process.pid) return other;
      // Left by a process that was killed.
      rmSync(path, { force: true });
    }
  }
  return {
    update(changes) {
      running = { ...running, ...changes };
      // Renamed into place: a reader never sees half of it.
      writeFileSync(`${path}.new`, JSON.stringify(running), { mode: 0o600 });
      renameSync(`${path}.new`, path);
    },
    release: () => rmSync(path, { force: true }),
  };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
