import type { Settings } from '@moltbot/config';
import type { Running } from './roles/run-lock.js';

/** The base URL of a server that listens on `host`; the wildcard addresses are asked on this machine. */
export function serverAddress({ host, port }: { readonly host: string; readonly port: number }): string {
  if (host === '0.0.0.0') return `http://127.0.0.1:${port}`;
  if (host === '::') return `http://[::1]:${port}`;
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** Where a server of this home is asked, or would be: chat, and the metrics addresses of its roles. */
export function roleAddresses({ server, worker }: Pick<Settings, 'server' | 'worker'>, running: Running | undefined) {
  const at = (port: number, host = server.metrics_host): string => serverAddress({ host, port });
  return {
    chat: running?.url ?? at(server.port, server.host),
    primary: running?.metricsUrl ?? at(server.metrics_port),
    worker: running?.workerMetricsUrl ?? at(worker.metrics_port),
  };
}
