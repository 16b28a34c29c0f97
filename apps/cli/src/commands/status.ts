import { loadConfig, type Settings, settingsSchema } from '@moltbot/config';
import { MoltbotError } from '@moltbot/contracts';
import { sendHttpRequest } from '../client/http-request.js';
import type { Command, CommandContext } from '../context.js';
import { readRunning, type Running } from '../roles/run-lock.js';
import { serverAddress } from '../server-address.js';

const ASK_WITHIN_MS = 2_000;
const MAX_ANSWER = 8 * 1_048_576;

interface RoleStatus {
  readonly url: string;
  readonly reachable: boolean;
  readonly ready: boolean;
  readonly version: string | null;
  /** Requests of a primary, jobs of a worker. */
  readonly inFlight: number | null;
  /** What `/ready` said. */
  readonly report: unknown;
}

type RoleName = 'primary' | 'worker';

/** Asks what runs, rather than believing a file. */
export const status: Command = async ({ context }) => {
  const { paths, output, messages } = context;
  const running = readRunning(paths.runDirectory);
  const { settings, mistakes } = await readSettings(context, running);
  const addresses = addressesOf(settings, running);
  const [primary, worker] = await Promise.all([ask('primary', addresses.primary), ask('worker', addresses.worker)]);
  const chain = mistakes === undefined ? [settings.models.primary, ...settings.models.fallbacks] : null;
  output.result({
    pid: running?.pid ?? null,
    startedAt: running?.startedAt ?? null,
    url: addresses.chat,
    chain,
    configMistakes: mistakes ?? null,
    primary,
    worker,
  });
  if (mistakes !== undefined) output.note(messages.lastGoodConfig(mistakes));
  output.line(describe(context, 'primary', primary));
  output.line(describe(context, 'worker', worker));
  if (!primary.reachable && !worker.reachable) {
    output.note(running === undefined ? messages.notRunning : messages.supervisorOnly(running.pid));
    return 'unreachable';
  }
  if (primary.reachable) {
    output.line(messages.serving(addresses.chat, running?.pid));
    if (chain !== null) output.line(messages.chain(chain.join(' → ')));
  }
  return primary.ready ? 'ok' : 'failed';
};

/** A file with mistakes is no reason to say nothing of a server that runs on with the last good one. */
async function readSettings(
  { paths, env }: CommandContext,
  running: Running | undefined,
): Promise<{ readonly settings: Settings; readonly mistakes: string | undefined }> {
  try {
    return { settings: (await loadConfig({ paths, env })).settings, mistakes: undefined };
  } catch (error) {
    if (!(error instanceof MoltbotError) || running?.url === undefined) throw error;
    return { settings: settingsSchema.parse({}), mistakes: error.message };
  }
}

function addressesOf({ server, worker }: Settings, running: Running | undefined) {
  const at = (port: number, host = server.metrics_host): string => serverAddress({ host, port });
  return {
    chat: running?.url ?? at(server.port, server.host),
    primary: running?.metricsUrl ?? at(server.metrics_port),
    worker: running?.workerMetricsUrl ?? at(worker.metrics_port),
  };
}

function describe({ output, messages }: CommandContext, role: RoleName, status: RoleStatus): string {
  const { reachable, ready, url, version, inFlight } = status;
  const word = reachable ? (ready ? messages.stateReady : messages.stateNotReady) : messages.stateDown;
  const style = ready ? 'green' : reachable ? 'yellow' : 'red';
  const facts = [
    url,
    ...(version === null ? [] : [messages.version(version)]),
    ...(inFlight === null
      ? []
      : [role === 'primary' ? messages.requestsInFlight(inFlight) : messages.jobsActive(inFlight)]),
  ];
  return `${role.padEnd(8)} ${output.style(style, word)}  ${output.style('dim', facts.join(' · '))}`;
}

/** Only a process of ours counts: something else may answer at the port. */
async function ask(role: RoleName, url: string): Promise<RoleStatus> {
  const down: RoleStatus = { url, reachable: false, ready: false, version: null, inFlight: null, report: null };
  try {
    const signal = AbortSignal.timeout(ASK_WITHIN_MS);
    const get = async (path: string) => {
      const answer = await sendHttpRequest({ url: url + path, signal });
      return { status: answer.status, text: await answer.text(MAX_ANSWER) };
    };
    const [ready, metrics] = await Promise.all([get('/ready'), get('/metrics')]);
    const build = /^moltbot_build_info\{(.*)\} 1$/m.exec(metrics.text)?.[1];
    if (build === undefined || label(build, 'role') !== role) return down;
    const report = JSON.parse(ready.text) as unknown;
    return {
      url,
      reachable: true,
      ready: ready.status === 200,
      version: label(build, 'version') ?? null,
      inFlight: role === 'primary' ? sample(metrics.text, 'moltbot_requests_in_flight') : activeJobs(report),
      report,
    };
  } catch {
    return down;
  }
}

function label(labels: string, name: string): string | undefined {
  return new RegExp(`(?:^|,)${name}="([^"]*)"`).exec(labels)?.[1];
}

/** A metric without labels; `null` where there is none. */
function sample(text: string, name: string): number | null {
  const value = new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1];
  return value === undefined ? null : Number(value);
}

function activeJobs(report: unknown): number | null {
  const { activeJobs } = (report ?? {}) as { readonly activeJobs?: unknown };
  return typeof activeJobs === 'number' ? activeJobs : null;
}
