import { randomUUID } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CommandError } from '../exit-codes.js';
import { isSameProcess, startTimeOf } from './process-start.js';

/** What runs in one home: who, and where to ask it. */
export interface Running {
  readonly pid: number;
  /** Tells this process from a later one with the same number; only Linux says it. */
  readonly startTime?: string | undefined;
  readonly startedAt: string;
  readonly url?: string;
  readonly metricsUrl?: string;
  readonly workerMetricsUrl?: string;
}

export interface RunLock {
  readonly taken: true;
  update(changes: Partial<Running>): void;
  release(): void;
}

const FILE = 'moltbot.json';
/** Two starts at the same moment may both find a stale file; a third try is for a third. */
const TRIES = 5;

/** What runs in this home now, as far as its file and its process say. */
export function readRunning(runDirectory: string): Running | undefined {
  const held = readHeld(join(runDirectory, FILE));
  return held?.alive === true ? held.running : undefined;
}

/** Takes the home for this process. @returns the lock, or who has it */
export function takeRunLock(runDirectory: string): RunLock | { readonly taken: false; readonly by: Running } {
  try {
    mkdirSync(runDirectory, { recursive: true, mode: 0o700 });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const message = `The folder ${runDirectory} can't be made (${code ?? 'unknown'}): make the home writable, or name another with MOLTBOT_HOME.`;
    throw new CommandError('refused', message, { code: 'home_not_writable', cause: error });
  }
  const path = join(runDirectory, FILE);
  let running: Running = {
    pid: process.pid,
    startTime: startTimeOf(process.pid),
    startedAt: new Date().toISOString(),
  };
  const write = (place: (from: string) => void): void => {
    // Whole before it is in place: a reader never sees half of it.
    const aside = `${path}.${randomUUID()}`;
    writeFileSync(aside, JSON.stringify(running), { mode: 0o600 });
    try {
      place(aside);
    } finally {
      rmSync(aside, { force: true });
    }
  };
  for (let attempt = 1; ; attempt += 1) {
    try {
      write((aside) => linkSync(aside, path));
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || attempt === TRIES) throw error;
      const held = readHeld(path);
      if (held?.alive === true) return { taken: false, by: held.running };
      if (held !== undefined) takeAway(path, held.text);
    }
  }
  return {
    taken: true,
    update(changes) {
      running = { ...running, ...changes };
      write((aside) => renameSync(aside, path));
    },
    release() {
      if (readHeld(path)?.running.pid === process.pid) rmSync(path, { force: true });
    },
  };
}

interface Held {
  readonly text: string;
  readonly running: Running;
  readonly alive: boolean;
}

function readHeld(path: string): Held | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
  try {
    const running = JSON.parse(text) as Running;
    return { text, running, alive: isSameProcess(running) };
  } catch {
    // Files are put in place whole: this one is damaged, and its writer can't be asked.
    return { text, running: { pid: 0, startedAt: '' }, alive: false };
  }
}

/** Of two that found the same dead holder's file the rename lets one have it; what it then has is looked at again. */
function takeAway(path: string, stale: string): void {
  const aside = `${path}.${randomUUID()}`;
  try {
    renameSync(path, aside);
    if (readFileSync(aside, 'utf8') !== stale) linkSync(aside, path);
  } catch {
    // Another was faster; the next try sees who holds it.
  }
  rmSync(aside, { force: true });
}
