import { type LoadedConfig, loadConfig } from '@moltbot/config';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '@moltbot/storage';
import { join } from 'node:path';
import { greet } from '../banner.js';
import type { Command, CommandContext } from '../context.js';
import { CommandError } from '../exit-codes.js';
import { spawnRole, type RoleReady } from '../roles/role-process.js';
import { type RoleEvent, SupervisedRole } from '../roles/supervised-role.js';
import { type RunLock, takeRunLock } from '../roles/run-lock.js';
import { serverFlags } from '../server-flags.js';

/** Beyond the roles' own grace, before they are killed. */
const EXTRA_GRACE_MS = 12_000;

/** Primary and worker together on the embedded database, kept alive until a signal ends them. */
export const start: Command = async ({ options, context }) => {
  const flags = serverFlags(options);
  const config = await loadConfig({ paths: context.paths, env: context.env, flags });
  for (const warning of config.warnings) context.output.note(warning.message);
  const lock = takeHome(context);
  let database: EmbeddedPostgres | undefined;
  try {
    database = await startDatabase(config, context);
    return await supervise({
      context,
      config,
      flags,
      lock,
      warmup: options['warmup'] === true,
      withWorker: options['worker'] !== false,
    });
  } finally {
    await database?.stop();
    lock.release();
  }
};

function takeHome(context: CommandContext): RunLock {
  const lock = takeRunLock(context.paths.runDirectory);
  if ('pid' in lock) throw new CommandError('refused', context.messages.alreadyRunning(lock.pid, lock.url ?? ''));
  return lock;
}

/** The supervisor has the database, so that it outlives both roles and is prepared once. */
async function startDatabase(
  config: LoadedConfig,
  { paths, output, messages }: CommandContext,
): Promise<EmbeddedPostgres | undefined> {
  if (config.settings.storage.url !== 'embedded') return undefined;
  return startEmbeddedPostgres({
    dataDirectory: join(paths.dataDirectory, 'postgres'),
    onEvent(event) {
      if (event.type === 'database-preparing') output.note(messages.preparingDatabase);
    },
  });
}

interface Supervision {
  readonly context: CommandContext;
  readonly config: LoadedConfig;
  readonly flags: Readonly<Record<string, unknown>>;
  readonly lock: RunLock;
  readonly warmup: boolean;
  readonly withWorker: boolean;
}

async function supervise({ context, config, flags, lock, warmup, withWorker }: Supervision): Promise<'ok'> {
  const { output, messages, env } = context;
  const { settings } = config;
  output.note(messages.starting);
  const host = urlHost(settings.server.host);
  return new Promise<'ok'>((resolve, reject) => {
    const spawn = (role: 'primary' | 'worker') => () =>
      spawnRole({ role, flags, warmup: warmup && role === 'primary', env, stdio: 'stderr' });
    const primary = new SupervisedRole({ role: 'primary', spawn: spawn('primary'), onEvent });
    const worker = new SupervisedRole({ role: 'worker', spawn: spawn('worker'), onEvent });
    const roles = withWorker ? [primary, worker] : [primary];
    let stopping = false;

    function onEvent(event: RoleEvent): void {
      if (event.type === 'ready' && event.role === 'primary') primaryReady(event.ready, event.restarted);
      else if (event.type === 'ready' && event.ready.metricsPort !== undefined) {
        lock.update({ workerMetricsUrl: `http://${host}:${event.ready.metricsPort}` });
      } else if (event.type === 'died') {
        output.error(messages.roleDied(event.role, event.signal ?? event.code, event.restartInMs));
      } else if (event.type === 'refused' && event.role === 'primary') {
        void stop().then(() => reject(new CommandError('refused', messages.roleRefused(event.role))));
      } else if (event.type === 'refused') {
        // Chat goes on without the worker.
        output.error(messages.roleRefused(event.role));
      }
    }

    function primaryReady(ready: RoleReady, restarted: boolean): void {
      const url = `http://${host}:${ready.port ?? settings.server.port}`;
      const metricsUrl = `http://${host}:${ready.metricsPort ?? settings.server.metrics_port}`;
      lock.update({ url, metricsUrl });
      if (restarted) {
        output.note(messages.restarted);
        return;
      }
      output.result({ event: 'ready', url, metricsUrl, pid: process.pid });
      void greet({ context, config, url, metricsUrl });
    }

    async function stop(): Promise<void> {
      stopping = true;
      const grace = Math.max(settings.server.drain_grace, settings.worker.drain_grace) + EXTRA_GRACE_MS;
      await Promise.all(roles.map((role) => role.stop(grace)));
    }

    const onSignal = (): void => {
      if (stopping) {
        for (const role of roles) role.kill();
        return;
      }
      output.note(messages.stopping);
      void stop().then(() => resolve('ok'));
    };
    process.on('SIGTERM', onSignal);
    process.on('SIGINT', onSignal);
    for (const role of roles) role.start();
  });
}

/** A host as it stands in a URL; the wildcard addresses are asked on this machine. */
function urlHost(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return host.includes(':') ? `[${host}]` : host;
}
