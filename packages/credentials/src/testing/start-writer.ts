import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { StorePlace } from './store-place.js';

export interface Writer {
  /** Versions of the writes that it was told are done. */
  readonly acknowledged: readonly number[];
  /** Resolves when there are as many; rejects where the process ends before. */
  hasWritten(count: number): Promise<void>;
  kill(): Promise<void>;
  /** Rejects where it failed. */
  ended(): Promise<void>;
}

export interface WriterOptions {
  readonly place: StorePlace;
  readonly id: string;
  readonly length: number;
  /** Without: until it is killed. */
  readonly writes?: number;
}

const LOADER = fileURLToPath(new URL('../../../storage/src/__fixtures__/source-loader.mjs', import.meta.url));
const PROGRAM = fileURLToPath(new URL('./token-store-process.ts', import.meta.url));

export function startWriter({ place, id, length, writes }: WriterOptions): Writer {
  const child: ChildProcess = spawn(
    process.execPath,
    [
      '--disable-warning=ExperimentalWarning',
      '--conditions=source',
      '--import',
      LOADER,
      PROGRAM,
      JSON.stringify(place),
      id,
      String(length),
      String(writes ?? 'Infinity'),
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const acknowledged: number[] = [];
  const waiting = new Set<() => void>();
  let errors = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  if (child.stdout !== null) {
    createInterface({ input: child.stdout }).on('line', (line) => {
      acknowledged.push(Number(line));
      for (const look of waiting) look();
    });
  }
  const closed = once(child, 'close').then(() => {
    for (const look of waiting) look();
  });

  return {
    acknowledged,
    hasWritten: (count) =>
      new Promise<void>((resolve, reject) => {
        const look = () => {
          if (acknowledged.length >= count) resolve();
          else if (child.exitCode !== null || child.signalCode !== null) reject(new Error(`it ended early: ${errors}`));
          else return;
          waiting.delete(look);
        };
        waiting.add(look);
        look();
      }),
    async kill() {
      child.kill('SIGKILL');
      await closed;
    },
    async ended() {
      await closed;
      if (child.exitCode !== 0) throw new Error(`it failed: ${errors}`);
    },
  };
}
