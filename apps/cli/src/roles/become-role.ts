import { type RoleOptions, roleEntry } from './role-process.js';

/**
 * Makes this very process the role: same process id, no supervisor above it, so that a container's signals and exit code are the
 * role's own. Returns only where that can't be done: on Windows, on Node before 22.15, and where a starter listens on our channel.
 * @throws CommandError where the role is not built
 */
export function becomeRole(options: Omit<RoleOptions, 'stdout'>): void {
  if (process.execve === undefined || process.platform === 'win32' || process.connected) return;
  const { role, messages, flags, warmup, env } = options;
  const args = [process.execPath, ...process.execArgv, roleEntry(role, messages), '--flags', JSON.stringify(flags)];
  if (warmup) args.push('--warmup');
  process.execve(process.execPath, args, { ...env });
}
