import { CommandError } from '../exit-codes.js';
import type { Command, CommandOptions } from '../context.js';
import { type Role, spawnRole } from '../roles/role-process.js';
import { serverFlags } from '../server-flags.js';

/** One role in the foreground, as a container runs it: its output is ours, signals are passed on, so is its exit code. */
function runRole(role: Role): Command {
  return async ({ options, context }) => {
    const child = spawnRole({
      role,
      flags: flagsOf(role, options),
      warmup: options['warmup'] === true,
      env: context.env,
      stdio: 'inherit',
    });
    const pass = (signal: NodeJS.Signals): void => void child.kill(signal);
    process.on('SIGTERM', pass);
    process.on('SIGINT', pass);
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('exit', resolve);
      child.once('error', reject);
    });
    if (code === 0) return 'ok';
    throw new CommandError('failed', context.messages.roleEnded(role, code));
  };
}

function flagsOf(role: Role, options: CommandOptions): Record<string, unknown> {
  if (role === 'primary') return serverFlags(options);
  const { metricsPort, ...rest } = options;
  return { ...serverFlags(rest), ...(metricsPort === undefined ? {} : { 'worker.metrics_port': metricsPort }) };
}

export const primary = runRole('primary');
export const worker = runRole('worker');
