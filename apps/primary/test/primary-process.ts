import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { RoleMessage } from '@moltbot/contracts';

const ENTRY = resolve(import.meta.dirname, '../dist/main.js');

export interface PrimaryProcess {
  readonly child: ChildProcess;
  readonly home: string;
  readonly url: string;
  readonly opsUrl: string;
  /** All it wrote to stdout and stderr. */
  output(): string;
  /** The exit code, once it has ended by itself; null after a signal that it did not catch. */
  ended(): Promise<number | null>;
  /** SIGTERM, then the exit code. */
  stop(): Promise<number | null>;
  /** SIGKILL. */
  kill(): Promise<void>;
}

export interface PrimaryOptions {
  /** Written to config.yml as JSON, which is YAML. */
  readonly config?: Record<string, unknown>;
  readonly auth?: Record<string, unknown>;
  /** Kept between two processes; made and removed by the caller. */
  readonly home?: string;
  readonly args?: readonly string[];
}

export function temporaryHome(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'moltbot-primary-'));
  // Root's database runs as another user: in a folder that it can't enter it would live elsewhere, and stay behind.
  chmodSync(path, 0o755);
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** Free ports, and no look around for other servers. */
export function writeConfig(home: string, config: Record<string, unknown>): void {
  const server = { port: 0, metrics_port: 0, ...(config['server'] as object | undefined) };
  writeFileSync(join(home, 'config.yml'), JSON.stringify({ ...config, server, discovery: { local_servers: false } }));
}

export function writeAuth(home: string, auth: Record<string, unknown>): void {
  writeFileSync(join(home, 'auth.json'), JSON.stringify(auth), { mode: 0o600 });
}

/** The built primary as users run it: a process of its own, ports chosen by the system, the embedded database. */
export async function startPrimary(options: PrimaryOptions = {}): Promise<PrimaryProcess> {
  const own = options.home === undefined ? temporaryHome() : undefined;
  const home = options.home ?? (own as { path: string }).path;
  writeConfig(home, options.config ?? {});
  if (options.auth !== undefined) writeAuth(home, options.auth);
  const child = fork(ENTRY, [...(options.args ?? [])], {
    env: { ...process.env, MOLTBOT_HOME: home },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    execArgv: [],
  });
  let output = '';
  child.stdout?.on('data', (text: Buffer) => (output += text.toString()));
  child.stderr?.on('data', (text: Buffer) => (output += text.toString()));
  const exited = once(child, 'exit');
  const ended = exited.then(([code]) => {
    throw new Error(`the primary ended with ${String(code)}:\n${output}`);
  });
  ended.catch(() => undefined);
  const cleanUp = (): void => own?.remove();
  const ready = new Promise<Extract<RoleMessage, { type: 'ready' }>>((resolve) => {
    // One that can't start says why, before it ends.
    child.on('message', (message: RoleMessage) => {
      if (message.type === 'ready') resolve(message);
    });
  });
  const { port, metricsPort } = await Promise.race([ready, ended]).catch((error: unknown) => {
    cleanUp();
    throw error;
  });
  return {
    child,
    home,
    url: `http://127.0.0.1:${port}`,
    opsUrl: `http://127.0.0.1:${metricsPort}`,
    output: () => output,
    async ended() {
      await exited;
      cleanUp();
      return child.exitCode;
    },
    async stop() {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGTERM');
        await exited;
      }
      cleanUp();
      return child.exitCode;
    },
    async kill() {
      child.kill('SIGKILL');
      await exited;
      cleanUp();
    },
  };
}
