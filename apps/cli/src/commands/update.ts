import { loadConfig, parseDuration, readProxyEnvironment, systemProxies } from '@moltbot/config';
import { createNetwork } from '@moltbot/network';
import { askRole } from '../client/ask-role.js';
import type { Command, CommandContext, CommandOptions } from '../context.js';
import { CommandError } from '../exit-codes.js';
import { readRunning } from '../roles/run-lock.js';
import { roleAddresses } from '../server-address.js';
import type { Installation } from '../service/installation.js';
import { programRunner } from '../service/run-program.js';
import { compareVersions } from '../update/compare-versions.js';
import { type KeptDatabase, keepDatabase } from '../update/keep-database.js';
import { newestVersion } from '../update/newest-version.js';
import { RELEASE } from '../update/release.js';
import { restartOrRollBack } from '../update/restart-or-roll-back.js';
import { type InstallerReport, runInstaller } from '../update/run-installer.js';
import { useVersion } from '../update/use-version.js';
import { VERSION } from '../version.js';
import { findManager, thisInstallation } from './service.js';

const READY_WITHIN = '2m';

/**
 * Has install.sh put a version beside the one in use, try it and switch to it; then the service is restarted, and the former
 * version put back where the new one does not become ready. Configuration and data stay where they are.
 */
export const update: Command = async ({ options, context }) => {
  const { output, messages, env } = context;
  const registry = text(options, 'registry') ?? (RELEASE.registry === '' ? undefined : RELEASE.registry);
  if (options['check'] === true) return check(context, registry);
  const installation = thisInstallation();
  if (installation.kind !== 'prefix') {
    throw new CommandError('refused', messages.updateNotOurs(installation.kind), {
      code: 'not_installed_by_installer',
    });
  }
  const from = text(options, 'from');
  const withinMs = readWithin(context, text(options, 'readyWithin') ?? READY_WITHIN);
  if (from === undefined && registry === undefined) throw noRegistry(context);
  const report = await runInstaller({
    script: installation.installer,
    args: installerArguments({ installation, from, registry, version: text(options, 'version') }),
    env: { ...env, MOLTBOT_HOME: context.paths.home },
    onProgress: (line) => {
      output.note(line);
    },
  });
  if (!report.changed) {
    output.result({ version: report.version, changed: false });
    output.line(messages.updateNothing(report.version));
    return 'ok';
  }
  return restart({ context, installation, report, withinMs });
};

function readWithin({ messages }: CommandContext, text: string): number {
  const ms = parseDuration(text);
  if (ms === undefined || ms === 0) throw new CommandError('usage', messages.updateDuration(text));
  return ms;
}

async function restart(options: {
  readonly context: CommandContext;
  readonly installation: Extract<Installation, { readonly kind: 'prefix' }>;
  readonly report: InstallerReport;
  readonly withinMs: number;
}): Promise<'ok' | 'failed'> {
  const { context, withinMs } = options;
  const { prefix } = options.installation;
  const { version, previous } = options.report;
  const { output, messages, paths } = context;
  const manager = await findManager(context);
  const service = manager !== undefined && (await manager.state()).active ? manager : undefined;
  if (service === undefined) {
    const running = readRunning(paths.runDirectory);
    output.result({ version, previous, changed: true, restartNeeded: running !== undefined });
    output.line(messages.updated(previous, version));
    if (running !== undefined) output.note(messages.updateRestartYourself(running.pid));
    return 'ok';
  }
  output.note(messages.updateRestarting);
  const outcome = await restartOrRollBack({
    version,
    previous,
    withinMs,
    stop: async () => service.stop(),
    start: async () => service.start(),
    keepData: async () => keepData(context),
    use: (name) => {
      useVersion(prefix, name);
    },
    askVersion: async () => askVersion(context),
  });
  if (outcome.outcome === 'rolled-back') {
    const message = messages.updateRolledBack({ version, previous, ...outcome });
    throw new CommandError('failed', message, { code: 'update_rolled_back' });
  }
  output.result({ version, previous, changed: true, restarted: true });
  output.line(messages.updated(previous, version));
  return 'ok';
}

/** What can't be kept is said, and no reason not to update: most versions change nothing in the database. */
async function keepData({ env, paths, output, messages }: CommandContext): Promise<KeptDatabase | undefined> {
  const config = await loadConfig({ paths, env });
  const kept = await keepDatabase({ config, paths, run: programRunner(env) });
  if (typeof kept !== 'string') return kept;
  output.note(messages.updateNotKept[kept]);
  return undefined;
}

async function askVersion({ paths, env }: CommandContext): Promise<string | undefined> {
  const running = readRunning(paths.runDirectory);
  if (running === undefined) return undefined;
  const { settings } = await loadConfig({ paths, env });
  const { ready, version } = await askRole('primary', roleAddresses(settings, running).primary);
  return ready ? (version ?? undefined) : undefined;
}

async function check(context: CommandContext, registry: string | undefined): Promise<'ok'> {
  const { output, messages, env } = context;
  if (registry === undefined) throw noRegistry(context);
  const network = createNetwork({ system: systemProxies(readProxyEnvironment(env)) });
  try {
    const newest = await newestVersion({ registry, name: RELEASE.package, messages, fetch: network.fetch });
    const updateAvailable = compareVersions(VERSION, newest) < 0;
    output.result({ version: VERSION, newest, updateAvailable });
    output.line(updateAvailable ? messages.updateAvailable(VERSION, newest) : messages.updateNothing(VERSION));
    return 'ok';
  } finally {
    await network.close();
  }
}

function installerArguments(options: {
  readonly installation: Extract<Installation, { readonly kind: 'prefix' }>;
  readonly from: string | undefined;
  readonly registry: string | undefined;
  readonly version: string | undefined;
}): readonly string[] {
  const { installation, from, registry, version } = options;
  return [
    '--prefix',
    installation.prefix,
    '--no-modify-path',
    ...(from === undefined ? [] : ['--from', from]),
    ...(registry === undefined || from !== undefined ? [] : ['--registry', registry]),
    ...(version === undefined ? [] : ['--version', version]),
  ];
}

function noRegistry({ messages }: CommandContext): CommandError {
  return new CommandError('refused', messages.updateNoRegistry, { code: 'no_registry' });
}

function text(options: CommandOptions, name: string): string | undefined {
  const value = options[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
}
