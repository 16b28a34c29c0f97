import type { LoadedConfig } from '@moltbot/config';
import { ROLE_EXIT } from '@moltbot/contracts';
import type { CommandContext } from '../context.js';
import { CommandError } from '../exit-codes.js';
import { serverAddress } from '../server-address.js';
import { type Role, spawnRole, type RoleReady } from './role-process.js';
import type { RunLock } from './run-lock.js';
import type { StopSignals } from './stop-signals.js';
import { type RoleEvent, SupervisedRole } from './supervised-role.js';

/** Beyond the roles' own grace and their own limit for closing, before they are killed. */
const EXTRA_GRACE_MS = 17_000;

export interface Supervision {
  readonly context: CommandContext;
  readonly config: LoadedConfig;
  readonly flags: Readonly<Record<string, unknown>>;
  readonly lock: RunLock;
  readonly signals: StopSignals;
  readonly warmup: boolean;
  readonly withWorker: boolean;
  /** The primary listens for the first time. */
  readonly onReady: (addresses: { readonly url: string; readonly metricsUrl: string }) => void;
}

/**
 * Both roles as processes of their own until a signal: one that dies is started again while the other goes on.
 * @throws CommandError where the primary does not come up at all
 */
export async function supervise(options: Supervision): Promise<void> {
  const { context, config, lock, signals } = options;
  const { output, messages, env } = context;
  const { server, worker } = config.settings;
  const ended = Promise.withResolvers<void>();
  const roles = (options.withWorker ? (['primary', 'worker'] as const) : (['primary'] as const)).map(
    (role) =>
      new SupervisedRole({
        role,
        spawn: () =>
          spawnRole({
            role,
            messages,
            flags: options.flags,
            warmup: options.warmup && role === 'primary',
            env,
            stdout: 'stderr',
          }),
        onEvent,
      }),
  );
  let stopping = false;

  function onEvent(event: RoleEvent): void {
    if (event.type === 'ready') ready(event.role, event.ready, event.restarted);
    else if (event.role === 'primary' && !event.wasReady && event.signal === null) {
      void stop().then(() => ended.reject(notStarted(event)), ended.reject);
    } else if (event.wasReady || event.said === undefined) {
      output.error(messages.roleDied(event.role, event.signal ?? event.code, event.restartInMs));
    } else {
      // Chat goes on without the worker.
      output.error(messages.roleWaits(event.role, event.restartInMs));
    }
  }

  function ready(role: Role, { port, metricsPort }: RoleReady, restarted: boolean): void {
    const addressOf = (port: number, host = server.metrics_host): string => serverAddress({ host, port });
    if (role === 'worker') {
      lock.update({ workerMetricsUrl: addressOf(metricsPort ?? worker.metrics_port) });
    } else {
      const addresses = {
        url: addressOf(port ?? server.port, server.host),
        metricsUrl: addressOf(metricsPort ?? server.metrics_port),
      };
      lock.update(addresses);
      if (!restarted) options.onReady(addresses);
    }
    if (restarted) output.error(messages.roleBack(role));
  }

  function notStarted({ role, code, said }: Extract<RoleEvent, { readonly type: 'died' }>): CommandError {
    return new CommandError(
      code === ROLE_EXIT.refused ? 'refused' : 'failed',
      // Its own words are on stderr already.
      output.json && said !== undefined ? said.message : messages.roleNotStarted(role),
      said === undefined ? {} : { code: said.code },
    );
  }

  async function stop(): Promise<void> {
    stopping = true;
    const grace = Math.max(server.drain_grace, worker.drain_grace) + EXTRA_GRACE_MS;
    await Promise.all(roles.map((role) => role.stop(grace)));
  }

  const onAsked = (): void => {
    if (stopping) return;
    output.note(messages.stopping);
    void stop().then(ended.resolve, ended.reject);
  };
  const onForced = (): void => {
    for (const role of roles) role.kill();
  };
  signals.asked.addEventListener('abort', onAsked);
  signals.forced.addEventListener('abort', onForced);
  for (const role of roles) role.start();
  return ended.promise;
}
