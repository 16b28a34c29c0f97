import { constants } from 'node:os';
import type { Command } from '../context.js';
import { becomeRole } from '../roles/become-role.js';
import { type Role, spawnRole } from '../roles/role-process.js';
import { serverFlags } from '../server-flags.js';

const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;

/**
 * One role in the foreground, as a container runs it. Where a process can become another program, this one becomes the role;
 * elsewhere the role's output is ours, signals are passed on, and so is its exit code.
 */
function runRole(role: Role): Command {
  return async ({ options, context }) => {
    const roleOptions = {
      role,
      messages: context.messages,
      flags: serverFlags(role, options),
      warmup: options['warmup'] === true,
      env: context.env,
      stdout: 'inherit',
    } as const;
    becomeRole(roleOptions);
    const child = spawnRole(roleOptions);
    const pass = (signal: NodeJS.Signals): void => void child.kill(signal);
    for (const signal of SIGNALS) process.on(signal, pass);
    try {
      return await new Promise<number>((resolve, reject) => {
        child.once('exit', (code, signal) => resolve(code ?? 128 + constants.signals[signal ?? 'SIGKILL']));
        child.once('error', reject);
      });
    } finally {
      for (const signal of SIGNALS) process.off(signal, pass);
    }
  };
}

export const primary = runRole('primary');
export const worker = runRole('worker');
