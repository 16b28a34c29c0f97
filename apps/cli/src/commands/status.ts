import { homeTag, loadConfig, type Settings, settingsSchema } from '@moltbot/config';
import { MoltbotError } from '@moltbot/contracts';
import { askRole, type RoleName, type RoleStatus } from '../client/ask-role.js';
import type { Command, CommandContext } from '../context.js';
import { readRunning, type Running } from '../roles/run-lock.js';
import { roleAddresses } from '../server-address.js';

/** Asks what runs, rather than believing a file. */
export const status: Command = async ({ context }) => {
  const { paths, output, messages } = context;
  const running = readRunning(paths.runDirectory);
  const { settings, mistakes } = await readSettings(context, running);
  const addresses = roleAddresses(settings, running);
  const [primary, worker] = await Promise.all([
    askRole('primary', addresses.primary, homeTag(paths)),
    askRole('worker', addresses.worker, homeTag(paths)),
  ]);
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

function describe({ output, messages }: CommandContext, role: RoleName, status: RoleStatus): string {
  const { reachable, ready, url, version, inFlight, otherHome, otherRole } = status;
  const down = otherHome ? messages.stateOtherHome : otherRole ? messages.stateOtherRole[role] : messages.stateDown;
  const word = reachable ? (ready ? messages.stateReady : messages.stateNotReady) : down;
  const style = ready ? 'green' : reachable || otherRole ? 'yellow' : 'red';
  const facts = [
    url,
    ...(version === null ? [] : [messages.version(version)]),
    ...(inFlight === null
      ? []
      : [role === 'primary' ? messages.requestsInFlight(inFlight) : messages.jobsActive(inFlight)]),
  ];
  return `${role.padEnd(8)} ${output.style(style, word)}  ${output.style('dim', facts.join(' · '))}`;
}
