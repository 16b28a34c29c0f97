import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const ENTRY = fileURLToPath(new URL('../dist/main.js', import.meta.url));
const READY_WITHIN_MS = 20_000;

export interface WorkerProcess {
  readonly pid: number;
  /** Its log so far, one record per line. */
  records(): readonly Readonly<Record<string, unknown>>[];
  stderr(): string;
  /** The port of `/metrics`, when it takes jobs. */
  ready(): Promise<number>;
  /** A record with this message, now or later. */
  logged(message: string): Promise<Readonly<Record<string, unknown>>>;
  kill(signal: NodeJS.Signals): void;
  /** As if whoever started it had died. */
  disconnect(): void;
  /** What it ended with. */
  ended(): Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
}

/** The built worker on a home of its own, started as the command starts it. */
export function spawnWorker(options: {
  readonly home: string;
  readonly flags?: Readonly<Record<string, unknown>>;
  readonly args?: readonly string[];
  /** For Node, before the entry. */
  readonly execArgv?: readonly string[];
}): WorkerProcess {
  if (!existsSync(ENTRY)) throw new Error('The worker is not built: run `npx -y pnpm@12 run build` before its tests.');
  const flags = { 'worker.metrics_port': 0, 'logs.format': 'json', ...options.flags };
  const child: ChildProcess = spawn(
    process.execPath,
    [...(options.execArgv ?? []), ENTRY, '--flags', JSON.stringify(flags), ...(options.args ?? [])],
    {
      env: { PATH: process.env['PATH'], HOME: options.home, MOLTBOT_HOME: options.home },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    },
  );
  let output = '';
  let errors = '';
  child.stdout?.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  const ended = once(child, 'exit').then(([code, signal]) => ({
    code: code as number | null,
    signal: signal as NodeJS.Signals | null,
  }));
  const metricsPort = Promise.withResolvers<number>();
  child.on('message', (message: { type?: string; metricsPort?: number }) => {
    if (message.type === 'ready') metricsPort.resolve(message.metricsPort ?? 0);
  });

  const records = (): readonly Record<string, unknown>[] =>
    output
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Record<string, unknown>);

  async function orFail<T>(wanted: Promise<T>, what: string): Promise<T> {
    const timeout = Promise.withResolvers<never>();
    const fail = (why: string): void => {
      timeout.reject(new Error(`${what}: ${why}\n${output}${errors}`));
    };
    const timer = setTimeout(fail, READY_WITHIN_MS, 'not in time');
    void ended.then(({ code }) => {
      fail(`the worker ended with ${code}`);
    });
    try {
      return await Promise.race([wanted, timeout.promise]);
    } finally {
      clearTimeout(timer);
    }
  }

  async function found(message: string): Promise<Readonly<Record<string, unknown>>> {
    for (;;) {
      const record = records().find((candidate) => candidate['message'] === message);
      if (record !== undefined) return record;
      await once(child.stdout ?? child, 'data');
    }
  }

  return {
    pid: child.pid ?? 0,
    records,
    stderr: () => errors,
    ready: async () => orFail(metricsPort.promise, 'ready'),
    logged: async (message) => orFail(found(message), message),
    kill: (signal) => {
      child.kill(signal);
    },
    disconnect: () => {
      child.disconnect();
    },
    ended: async () => ended,
  };
}
