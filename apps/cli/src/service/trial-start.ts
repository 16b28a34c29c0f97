import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Environment } from '@moltbot/config';
import { askRole } from '../client/ask-role.js';
import { readRunning } from '../roles/run-lock.js';
import type { Installation } from './installation.js';

/** How starting it once went. */
export type TrialStart =
  | { readonly ready: true; readonly readyMs: number }
  | { readonly ready: false; readonly why: string /** What the server wrote last. */; readonly said: string };

export interface TrialStartOptions {
  readonly command: Installation['command'];
  readonly env: Environment;
  readonly withinMs: number;
  readonly signal?: AbortSignal | undefined;
}

const ASK_EVERY_MS = 50;
const ENDS_WITHIN_MS = 30_000;
const KEPT_OUTPUT = 4_000;

/** Spare ports, an empty home: nothing that runs, and no data, is touched. */
const CONFIG = {
  server: { port: 0, metrics_port: 0 },
  worker: { metrics_port: 0 },
  discovery: { local_servers: false },
};

/** Starts primary and worker on spare ports with an empty home, waits until `/ready` of both says yes, and stops them. */
export async function trialStart(options: TrialStartOptions): Promise<TrialStart> {
  const home = mkdtempSync(join(tmpdir(), 'moltbot-trial-'));
  // Root's database runs as another user, who has to pass.
  chmodSync(home, 0o755);
  writeFileSync(join(home, 'config.yml'), JSON.stringify(CONFIG));
  const [program, ...args] = options.command;
  const child = spawn(program, [...args, 'start', '--json'], {
    env: { ...withoutOurs(options.env), MOLTBOT_HOME: home },
    // The channel says nothing: that it closes tells the server that we are gone.
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    windowsHide: true,
  });
  let said = '';
  const listen = (chunk: Buffer): void => {
    said = (said + chunk.toString()).slice(-KEPT_OUTPUT);
  };
  child.stdout?.on('data', listen);
  child.stderr?.on('data', listen);
  try {
    const outcome = await untilReady({ ...options, child, runDirectory: join(home, 'run') });
    return typeof outcome === 'number' ? { ready: true, readyMs: outcome } : { ready: false, why: outcome, said };
  } finally {
    await end(child);
    rmSync(home, { recursive: true, force: true });
  }
}

/** @returns after how many milliseconds, or why not */
async function untilReady(
  options: TrialStartOptions & { readonly child: ChildProcess; readonly runDirectory: string },
): Promise<number | string> {
  const { child, runDirectory, withinMs, signal } = options;
  const began = performance.now();
  let failure: string | undefined;
  child.once('error', (error) => {
    failure = error.message;
  });
  while (performance.now() - began < withinMs) {
    signal?.throwIfAborted();
    if (failure !== undefined) return failure;
    if (child.exitCode !== null || child.signalCode !== null) return `it ended (${child.exitCode ?? child.signalCode})`;
    const { metricsUrl, workerMetricsUrl } = readRunning(runDirectory) ?? {};
    if (metricsUrl !== undefined && workerMetricsUrl !== undefined) {
      const roles = await Promise.all([askRole('primary', metricsUrl), askRole('worker', workerMetricsUrl)]);
      if (roles.every(({ ready }) => ready)) return Math.round(performance.now() - began);
    }
    await delay(ASK_EVERY_MS);
  }
  return `it was not ready within ${withinMs / 1_000} s`;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const closed = once(child, 'close');
  // Windows knows no SIGTERM that a program could hear; the closed channel says the same.
  if (process.platform === 'win32') child.disconnect();
  else child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), ENDS_WITHIN_MS);
  await closed;
  clearTimeout(timer);
}

function withoutOurs(env: Environment): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('MOLTBOT_')));
}
