import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

export const ROOT = resolve(import.meta.dirname, '../../..');
const ENTRY = join(ROOT, 'apps/cli/dist/main.js');

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly home: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Written to stdin, which is then closed; without it stdin is empty. */
  readonly input?: string;
  readonly cwd?: string;
}

export interface TemporaryHome {
  readonly path: string;
  readonly configFile: string;
  config(): string;
  writeConfig(config: Record<string, unknown>): void;
  remove(): void;
}

/** A home of its own; reachable by other users, because root's PostgreSQL runs as one. Ports are chosen by the system. */
export function temporaryHome(config: Record<string, unknown> = {}): TemporaryHome {
  const path = mkdtempSync(join(tmpdir(), 'moltbot-cli-'));
  chmodSync(path, 0o755);
  const configFile = join(path, 'config.yml');
  const home: TemporaryHome = {
    path,
    configFile,
    config: () => readFileSync(configFile, 'utf8'),
    writeConfig(next) {
      const ports = { server: { port: 0, metrics_port: 0, ...(next['server'] as object | undefined) } };
      const rest = { worker: { metrics_port: 0 }, discovery: { local_servers: false } };
      writeFileSync(configFile, JSON.stringify({ ...rest, ...next, ...ports }));
    },
    remove: () => rmSync(path, { recursive: true, force: true }),
  };
  home.writeConfig(config);
  return home;
}

/** The caller's variables without any of ours, in English, without colours. */
export function cleanEnvironment({ home, env = {} }: RunOptions): Record<string, string | undefined> {
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^(MOLTBOT_|LC_|LANG|NO_COLOR|FORCE_COLOR|NODE_OPTIONS|NODE_ENV)/.test(name),
  );
  return { ...Object.fromEntries(inherited), LANG: 'C.UTF-8', MOLTBOT_HOME: home, ...env };
}

export function spawnMoltbot(args: readonly string[], options: RunOptions): ChildProcess {
  return spawn(process.execPath, [ENTRY, ...args], {
    env: cleanEnvironment(options),
    stdio: ['pipe', 'pipe', 'pipe'],
    cwd: options.cwd ?? ROOT,
  });
}

/** One command to its end. */
export async function moltbot(args: readonly string[], options: RunOptions): Promise<Ran> {
  const child = spawnMoltbot(args, options);
  const streams = collect(child);
  child.stdin?.on('error', () => undefined);
  child.stdin?.end(options.input ?? '');
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout: streams.stdout(), stderr: streams.stderr() };
}

export interface RunningMoltbot {
  readonly child: ChildProcess;
  readonly url: string;
  readonly metricsUrl: string;
  stdout(): string;
  stderr(): string;
  /** Resolves when stdout or stderr holds it. */
  said(pattern: RegExp): Promise<void>;
  /** Sends the signal; resolves with the exit code. */
  end(signal?: NodeJS.Signals): Promise<number | null>;
}

/** `moltbot start --json`, ready. @throws with its output where it ends before */
export async function startMoltbot(
  options: RunOptions & { readonly args?: readonly string[] },
): Promise<RunningMoltbot> {
  const child = spawnMoltbot(['start', '--json', ...(options.args ?? [])], options);
  const streams = collect(child);
  const closed = once(child, 'close');
  const said = async (pattern: RegExp): Promise<void> => {
    const text = () => `${streams.stdout()}\n${streams.stderr()}`;
    while (!pattern.test(text())) {
      if (child.exitCode !== null) throw new Error(`moltbot ended with ${child.exitCode}:\n${text()}`);
      await Promise.race([streams.more(), closed]);
    }
  };
  await said(/"event":"ready"/);
  const { url, metricsUrl } = JSON.parse(streams.stdout()) as { readonly url: string; readonly metricsUrl: string };
  return {
    child,
    url,
    metricsUrl,
    stdout: streams.stdout,
    stderr: streams.stderr,
    said,
    async end(signal = 'SIGTERM') {
      if (child.exitCode === null) child.kill(signal);
      await closed;
      return child.exitCode;
    },
  };
}

/** Whether a process runs; a zombie does not. */
export function runs(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  if (!existsSync(`/proc/${pid}/stat`)) return process.platform !== 'linux';
  return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
}

/** The children of a process with their command lines. */
export function childProcesses(parent: number): readonly { readonly pid: number; readonly line: string }[] {
  if (process.platform === 'linux') {
    const pids = readFileSync(`/proc/${parent}/task/${parent}/children`, 'utf8').trim().split(' ').map(Number);
    return pids.map((pid) => ({ pid, line: readFileSync(`/proc/${pid}/cmdline`, 'utf8') }));
  }
  const lines = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,args='], { encoding: 'utf8' }).split('\n');
  const rows = lines.map((line) => /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line) ?? []);
  return rows
    .filter(([, , owner]) => Number(owner) === parent)
    .map(([, pid, , line = '']) => ({ pid: Number(pid), line }));
}

/** Resolves when it holds; a test's own time limit ends the wait. */
export async function eventually(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 25));
}

export function collect(child: ChildProcess) {
  let stdout = '';
  let stderr = '';
  let wake = Promise.withResolvers<void>();
  const heard = (): void => {
    wake.resolve();
    wake = Promise.withResolvers();
  };
  child.stdout?.on('data', (text: Buffer) => {
    stdout += text.toString();
    heard();
  });
  child.stderr?.on('data', (text: Buffer) => {
    stderr += text.toString();
    heard();
  });
  return { stdout: () => stdout, stderr: () => stderr, more: async () => wake.promise };
}
