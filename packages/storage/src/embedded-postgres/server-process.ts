import { spawn } from 'node:child_process';
import { closeSync, fstatSync, openSync, readSync, renameSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { isRunning, type ProcessIdentity, processIdentity } from './process-identity.js';
import { readPostmasterFile } from './postmaster-file.js';
import { cannotStart, programOptions, runProgram } from './run-program.js';
import type { ServerUser } from './server-user.js';

const PORT = 5432;
const POLL_MS = 15;
/** A log that has grown beyond this is put aside at the next start. */
const MAX_LOG_BYTES = 5_242_880;
const LOG_TAIL_BYTES = 4_096;

/** Small and quick rather than large: one organisation's ledger and queue. Measured in stack.md, section 3. */
const SETTINGS = {
  // A crash loses up to 0.6 s of commits, never the files' integrity. The pools of `openDatabase` turn it on again.
  synchronous_commit: 'off',
  io_method: 'sync',
  shared_buffers: '32MB',
  max_connections: '40',
  wal_level: 'minimal',
  max_wal_senders: '0',
  max_logical_replication_workers: '0',
  max_wal_size: '256MB',
  timezone: 'UTC',
  log_timezone: 'UTC',
  // Keeps errors of single statements, and so their texts, out of the log.
  log_min_messages: 'log',
  log_checkpoints: 'off',
} as const;

export interface Listening {
  readonly host: string;
  readonly port: number;
}

/** `postgres`' arguments: on a socket in a private folder, or, on Windows, on 127.0.0.1. */
export function serverArguments(options: {
  readonly data: string;
  readonly listening: Listening;
  readonly platform: string;
}): readonly string[] {
  const { host, port } = options.listening;
  const where =
    options.platform === 'win32'
      ? { listen_addresses: host }
      : { listen_addresses: '', unix_socket_directories: host, unix_socket_permissions: '0700' };
  // After a crash the whole folder is synced, file by file: 0.3 s where one call for the file system takes 0.07 s.
  const recovery = options.platform === 'linux' ? { recovery_init_sync_method: 'syncfs' } : {};
  const settings = Object.entries({ ...where, ...recovery, port: String(port), ...SETTINGS });
  return ['-D', options.data, ...settings.flatMap(([name, value]) => ['-c', `${name}=${value}`])];
}

/** The number in a socket's name is always the same; on Windows the port of last time, or a free one of the moment. */
export async function choosePort(options: { readonly platform: string; readonly last: number }): Promise<number> {
  if (options.platform !== 'win32') return PORT;
  return (await freePort(options.last)) ?? (await freePort(0)) ?? PORT;
}

function freePort(wanted: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer().once('error', () => resolve(undefined));
    server.listen(wanted, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : undefined));
    });
  });
}

export interface LaunchOptions {
  readonly binaries: string;
  readonly data: string;
  readonly log: string;
  readonly listening: Listening;
  readonly user: ServerUser | undefined;
  /** Called at once when it ends, as long as this process lives. */
  readonly onExit: () => void;
}

/**
 * Starts the server in a session of its own: no signal to us, to our group or from our terminal reaches it, and it
 * outlives us. @throws MoltbotError `storage_unavailable` where it can't be started at all
 */
export async function launchServer(options: LaunchOptions): Promise<ProcessIdentity> {
  if ((statSync(options.log, { throwIfNoEntry: false })?.size ?? 0) > MAX_LOG_BYTES) {
    renameSync(options.log, `${options.log}.1`);
  }
  const program = join(options.binaries, 'bin', 'postgres');
  const log = openSync(options.log, 'a', 0o600);
  try {
    const child = spawn(program, serverArguments({ ...options, platform: process.platform }), {
      ...programOptions(options.user, options.data),
      detached: true,
      stdio: ['ignore', log, log],
    });
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', (error) => reject(cannotStart(program, error)));
    });
    child.once('exit', options.onExit);
    child.unref();
    return processIdentity(child.pid ?? 0);
  } finally {
    closeSync(log);
  }
}

/** Waits until the server says `ready` in its file. @returns false where it ended or `timeoutMs` went by */
export async function untilReady(options: {
  readonly server: ProcessIdentity;
  readonly data: string;
  readonly timeoutMs: number;
}): Promise<boolean> {
  const deadline = performance.now() + options.timeoutMs;
  while (performance.now() < deadline) {
    const file = readPostmasterFile(options.data);
    if (file?.pid === options.server.pid && file.status === 'ready') return true;
    if (!isRunning(options.server)) return false;
    await delay(POLL_MS);
  }
  return false;
}

/** @returns whether it is gone */
async function untilGone(server: ProcessIdentity, timeoutMs: number): Promise<boolean> {
  for (const deadline = performance.now() + timeoutMs; isRunning(server); await delay(POLL_MS)) {
    if (performance.now() >= deadline) return false;
  }
  return true;
}

/**
 * SIGINT (fast: connections are cut, everything is written), then, where that hangs, SIGQUIT (recovery at the next
 * start), then SIGKILL. @returns whether it is gone
 */
export async function stopServer(options: {
  readonly server: ProcessIdentity;
  readonly data: string;
  readonly binaries: string | undefined;
  readonly fastTimeoutMs: number;
  readonly immediateTimeoutMs?: number;
}): Promise<boolean> {
  const { server } = options;
  if (process.platform === 'win32' && options.binaries !== undefined) {
    // Windows has no signals: pg_ctl talks to the server by an event.
    const args = ['stop', '-D', options.data, '-m', 'fast', '-w', '-t', '10'];
    const program = join(options.binaries, 'bin', 'pg_ctl');
    await runProgram({ program, args, user: undefined, cwd: options.data, timeoutMs: 15_000 });
    return untilGone(server, 1_000);
  }
  for (const [signal, timeoutMs] of [
    ['SIGINT', options.fastTimeoutMs],
    ['SIGQUIT', options.immediateTimeoutMs ?? 5_000],
    ['SIGKILL', 2_000],
  ] as const) {
    try {
      if (isRunning(server)) process.kill(server.pid, signal);
    } catch {
      // Gone in between, or another user's.
    }
    if (await untilGone(server, timeoutMs)) return true;
  }
  return false;
}

/** The last lines of the server's own log. */
export function logTail(path: string): string {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch {
    return '';
  }
  try {
    const { size } = fstatSync(file);
    const buffer = Buffer.alloc(Math.min(size, LOG_TAIL_BYTES));
    readSync(file, buffer, 0, buffer.length, size - buffer.length);
    return buffer.toString('utf8').trim().split('\n').slice(-12).join('\n');
  } finally {
    closeSync(file);
  }
}
