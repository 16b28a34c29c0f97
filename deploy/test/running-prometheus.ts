import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleepFor } from 'node:timers/promises';

const RULES = resolve(import.meta.dirname, '../prometheus');
const READY_WITHIN_MS = 30_000;

export interface Series {
  readonly metric: Readonly<Record<string, string>>;
  /** Those that are numbers. */
  readonly values: readonly number[];
}

export interface RunningPrometheus {
  /** What `expr` was over the last so many seconds, second by second. @throws what Prometheus says is wrong with it */
  range(expr: string, seconds: number): Promise<readonly Series[]>;
  /** What it is now. */
  now(expr: string): Promise<readonly Series[]>;
  api<T>(path: string): Promise<T>;
  stop(): Promise<void>;
}

/** Debian's Prometheus on a free port, with our rules; it asks each target (`host:port` by job) once a second. */
export async function startPrometheus(
  targets: Readonly<Record<string, readonly string[]>>,
): Promise<RunningPrometheus> {
  const folder = mkdtempSync(join(tmpdir(), 'moltbot-prometheus-'));
  for (const name of ['rules.yml', 'alerts.yml']) copyFileSync(join(RULES, name), join(folder, name));
  const config = {
    global: { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' },
    rule_files: ['rules.yml', 'alerts.yml'],
    scrape_configs: Object.entries(targets).map(([job, addresses]) => ({
      job_name: job,
      static_configs: [{ targets: addresses }],
    })),
  };
  writeFileSync(join(folder, 'prometheus.yml'), JSON.stringify(config));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const child = spawn(
    'prometheus',
    [
      `--config.file=${join(folder, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let output = '';
  child.stderr.on('data', (text: Buffer) => (output += text.toString()));
  const ended = once(child, 'exit');

  async function api<T>(path: string): Promise<T> {
    const answer = (await (await fetch(`${url}/api/v1/${path}`)).json()) as {
      readonly status: string;
      readonly data: T;
      readonly error?: string;
    };
    if (answer.status !== 'success') throw new Error(`${decodeURIComponent(path)}: ${answer.error}`);
    return answer.data;
  }

  for (const until = performance.now() + READY_WITHIN_MS; ; await sleepFor(100)) {
    const answer = await fetch(`${url}/-/ready`).catch(() => undefined);
    if (answer?.status === 200) break;
    if (performance.now() > until || child.exitCode !== null) throw new Error(`Prometheus did not start:\n${output}`);
  }
  return {
    api,
    async range(expr, seconds) {
      const end = Date.now() / 1_000;
      const parameters = new URLSearchParams({
        query: expr,
        start: String(end - seconds),
        end: String(end),
        step: '1',
      });
      const { result } = await api<{ result: { metric: Series['metric']; values: [number, string][] }[] }>(
        `query_range?${parameters.toString()}`,
      );
      return result.map(({ metric, values }) => ({ metric, values: numbers(values) }));
    },
    async now(expr) {
      const { result } = await api<{ result: { metric: Series['metric']; value: [number, string] }[] }>(
        `query?${new URLSearchParams({ query: expr }).toString()}`,
      );
      return result.map(({ metric, value }) => ({ metric, values: numbers([value]) }));
    },
    async stop() {
      child.kill('SIGTERM');
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function numbers(values: readonly (readonly [number, string])[]): readonly number[] {
  return values.map(([, value]) => Number(value)).filter(Number.isFinite);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
