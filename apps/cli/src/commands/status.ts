import { loadConfig } from '@moltbot/config';
import type { Command, CommandContext } from '../context.js';
import { readRunning } from '../roles/run-lock.js';

const ASK_TIMEOUT_MS = 2_000;

interface RoleStatus {
  readonly url: string;
  readonly reachable: boolean;
  readonly ready: boolean;
  readonly checks: unknown;
}

/** Asks what runs, rather than believing a file. */
export const status: Command = async ({ context }) => {
  const { paths, output, messages } = context;
  const running = readRunning(paths.runDirectory);
  const { settings } = await loadConfig({ paths, env: context.env });
  const { host } = settings.server;
  const primary = await ask(running?.metricsUrl ?? `http://${host}:${settings.server.metrics_port}`);
  const worker = await ask(running?.workerMetricsUrl ?? `http://${host}:${settings.worker.metrics_port}`);
  const url = running?.url ?? `http://${host}:${settings.server.port}`;
  const chain = [settings.models.primary, ...settings.models.fallbacks];
  output.result({ pid: running?.pid, startedAt: running?.startedAt, url, chain, primary, worker });
  output.line(describe(context, 'primary', primary));
  output.line(describe(context, 'worker', worker));
  if (!primary.reachable) {
    output.note(messages.notRunning);
    return 'unreachable';
  }
  output.line(messages.serving(url, running?.pid));
  output.line(messages.chain(chain.join(' → ')));
  return primary.ready ? 'ok' : 'failed';
};

function describe(
  { output, messages }: CommandContext,
  role: 'primary' | 'worker',
  { reachable, ready, url }: RoleStatus,
): string {
  const word = reachable ? (ready ? messages.stateReady : messages.stateNotReady) : messages.stateDown;
  const style = ready ? 'green' : reachable ? 'yellow' : 'red';
  return `${role.padEnd(8)} ${output.style(style, word)}  ${output.style('dim', url)}`;
}

async function ask(url: string): Promise<RoleStatus> {
  try {
    const response = await fetch(`${url}/ready`, { signal: AbortSignal.timeout(ASK_TIMEOUT_MS) });
    const body: unknown = await response.json();
    return { url, reachable: true, ready: response.ok, checks: body };
  } catch {
    return { url, reachable: false, ready: false, checks: undefined };
  }
}
