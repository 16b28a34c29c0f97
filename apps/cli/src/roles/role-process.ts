import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { CommandError } from '../exit-codes.js';

export type Role = 'primary' | 'worker';

/** The built entry point of a role, beside this app. @throws CommandError where it is not built */
export function roleEntry(role: Role): string {
  const path = fileURLToPath(new URL(`../../../${role}/dist/main.js`, import.meta.url));
  if (!existsSync(path)) {
    throw new CommandError('failed', `The ${role} is not built (${path} is missing). Run: npx -y pnpm@12 run build`);
  }
  return path;
}

export interface RoleOptions {
  readonly role: Role;
  /** Settings by dotted key, handed over as flags. */
  readonly flags: Readonly<Record<string, unknown>>;
  readonly warmup: boolean;
  /** What the process sees; nothing of ours is added. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdio: 'inherit' | 'stderr';
}

export interface RoleReady {
  readonly type: 'ready';
  readonly port?: number;
  readonly metricsPort?: number;
}

/** Starts a role as a process of its own. `stdio: stderr` sends its log lines to stderr, so that stdout stays ours. */
export function spawnRole(options: RoleOptions): ChildProcess {
  const args = [roleEntry(options.role), '--flags', JSON.stringify(options.flags)];
  if (options.warmup) args.push('--warmup');
  return spawn(process.execPath, args, {
    env: { ...options.env },
    stdio: ['ignore', options.stdio === 'inherit' ? 'inherit' : 2, 'inherit', 'ipc'],
  });
}

export function isReady(message: unknown): message is RoleReady {
  return typeof message === 'object' && message !== null && (message as { type?: unknown }).type === 'ready';
}
