import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { RoleMessage } from '@moltbot/contracts';
import { CommandError } from '../exit-codes.js';
import type { Messages } from '../messages/messages.js';

export type Role = 'primary' | 'worker';
export type RoleReady = Extract<RoleMessage, { readonly type: 'ready' }>;
export type RoleNotStarted = Extract<RoleMessage, { readonly type: 'not-started' }>;

/** Written out: the release's bundler finds and places what is named so (deploy/install/bundle-code.mjs). */
const ENTRIES: Readonly<Record<Role, URL>> = {
  primary: new URL('../../../primary/dist/main.js', import.meta.url),
  worker: new URL('../../../worker/dist/main.js', import.meta.url),
};

/** The built entry point of a role, beside this app. @throws CommandError where it is not built */
export function roleEntry(role: Role, messages: Messages): string {
  const path = fileURLToPath(ENTRIES[role]);
  if (!existsSync(path)) throw new CommandError('failed', messages.notBuilt(role, path));
  return path;
}

export interface RoleOptions {
  readonly role: Role;
  readonly messages: Messages;
  /** Settings by dotted key, handed over as flags. */
  readonly flags: Readonly<Record<string, unknown>>;
  readonly warmup: boolean;
  /** What the process sees; nothing of ours is added. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdout: 'inherit' | 'stderr';
}

/**
 * Starts a role as a process of its own. `stdout: stderr` sends its log lines to our stderr, so that stdout stays ours. It is in
 * a process group of its own: a Ctrl-C on the terminal reaches us alone, and we decide how it ends.
 */
export function spawnRole(options: RoleOptions): ChildProcess {
  const args = [roleEntry(options.role, options.messages), '--flags', JSON.stringify(options.flags)];
  if (options.warmup) args.push('--warmup');
  return spawn(process.execPath, args, {
    env: { ...options.env },
    stdio: ['ignore', options.stdout === 'inherit' ? 'inherit' : 2, 'inherit', 'ipc'],
    detached: process.platform !== 'win32',
    windowsHide: true,
  });
}

/** What a role said over its channel; `undefined` for anything else. */
export function readRoleMessage(message: unknown): RoleMessage | undefined {
  const type = typeof message === 'object' && message !== null ? (message as { type?: unknown }).type : undefined;
  return type === 'ready' || type === 'not-started' ? (message as RoleMessage) : undefined;
}
