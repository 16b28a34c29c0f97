import { editConfigFile } from '@moltbot/config';
import { type Check, configuredCheck, type ConfiguredContext, finding, type Fix, type Observation } from '../check.js';
import { freePortAfter, portHolder, tryToListen } from '../measure/port-holder.js';

interface Place {
  readonly setting: 'server.port' | 'server.metrics_port' | 'worker.metrics_port';
  readonly host: string;
  readonly port: number;
  /** Whether it is a server of this home that has it now. */
  readonly ours: boolean;
}

export const portsChat: Check = configuredCheck('ports.chat', async (context) => {
  const { server } = context.config.settings;
  const { primary } = await context.measured.roles(context.config);
  const ours = context.running !== undefined || primary.reachable;
  return [await look(context, { setting: 'server.port', host: server.host, port: server.port, ours })];
});

export const portsMetrics: Check = configuredCheck('ports.metrics', async (context) => {
  const { server, worker } = context.config.settings;
  const roles = await context.measured.roles(context.config);
  // One port for both: each role has a container of its own, and whichever is in this one has it.
  const either = server.metrics_port === worker.metrics_port && (roles.primary.reachable || roles.worker.reachable);
  const running = context.running !== undefined || either;
  const host = server.metrics_host;
  const places: readonly Place[] = [
    { setting: 'server.metrics_port', host, port: server.metrics_port, ours: running || roles.primary.reachable },
    { setting: 'worker.metrics_port', host, port: worker.metrics_port, ours: running || roles.worker.reachable },
  ];
  return Promise.all(places.map(async (place) => look(context, place)));
});

async function look({ paths, command }: ConfiguredContext, place: Place): Promise<Observation> {
  const { setting, host, port, ours } = place;
  const subject = setting;
  if (ours) return { status: 'skipped', subject, reason: 'this-server' };
  const code = await tryToListen({ host, port });
  const url = { label: 'url' as const, value: `${host}:${port}` };
  if (code === undefined) return { status: 'ok', subject, evidence: [url] };
  const error = { label: 'error' as const, value: code };
  if (code !== 'EADDRINUSE') {
    const facts = { port, host, code, setting };
    return finding({ status: 'error', subject, code: 'port-forbidden', facts, evidence: [url, error] });
  }
  const by = await portHolder({ host, port });
  const free = await freePortAfter({ host, port });
  const mends = `${command} config set ${setting} ${free}`;
  const fix: Fix = {
    file: paths.configFile,
    command: mends,
    apply: async () => editConfigFile({ paths, key: setting, value: String(free) }),
  };
  return finding({
    status: 'error',
    subject,
    code: 'port-taken',
    facts: { port, setting, by },
    evidence: [url, error, { label: 'process', value: by }],
    command: mends,
    fix,
  });
}
