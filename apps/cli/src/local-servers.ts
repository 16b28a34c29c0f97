import type { Settings } from '@moltbot/config';
import { createNetwork } from '@moltbot/network';
import { createUpstreamClient, findLocalServers, type LocalServer } from '@moltbot/providers';

/** Model servers of this machine, unless `discovery.local_servers` is off: offered, never used unasked. Never throws. */
export async function lookForLocalServers(options: {
  readonly settings: Settings;
  readonly skipPorts: readonly number[];
}): Promise<readonly LocalServer[]> {
  const { settings } = options;
  if (!settings.discovery.local_servers) return [];
  const { server, worker } = settings;
  const skipPorts = [...options.skipPorts, server.metrics_port, worker.metrics_port];
  const client = createUpstreamClient({ network: createNetwork({ maxConnections: 8 }) });
  try {
    return await findLocalServers({ client, skipPorts, signal: AbortSignal.timeout(2_000) });
  } finally {
    await client.close().catch(() => undefined);
  }
}
