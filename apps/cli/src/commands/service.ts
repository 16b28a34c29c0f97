import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, resolve } from 'node:path';
import type { Command, CommandContext } from '../context.js';
import { CommandError } from '../exit-codes.js';
import { readRunning } from '../roles/run-lock.js';
import { installationOf } from '../service/installation.js';
import { programRunner } from '../service/run-program.js';
import { serviceDefinition } from '../service/service-definition.js';
import { findServiceManager, type ServiceManager, ServiceManagerError } from '../service/service-manager.js';
import { trialStart } from '../service/trial-start.js';

const TRIAL_WITHIN_MS = 120_000;

/** Writes the unit or agent and has it started. The same again is no change. */
export const serviceInstall: Command = async ({ context }) => {
  const { output, messages, paths, env } = context;
  const manager = await managerOrRefuse(context);
  const text = manager.text(serviceDefinition({ installation: thisInstallation(), paths, env }));
  const before = await manager.state();
  if (!before.active) {
    const running = readRunning(paths.runDirectory);
    if (running !== undefined) {
      throw new CommandError('refused', messages.alreadyRunning(running.pid, running.url ?? ''), {
        code: 'already_running',
      });
    }
  }
  const changed = !before.active || manager.written() !== text;
  if (changed) {
    writePrivateFile(manager.file, text);
    await managed(async () => manager.enable());
  }
  const lingers = changed && manager.name === 'systemd' ? await linger(context) : true;
  output.result({ manager: manager.name, file: manager.file, changed, logs: manager.logs });
  output.line(changed ? messages.serviceInstalled(manager.name, manager.file) : messages.serviceThere(manager.file));
  output.note(messages.serviceLogs(manager.logs));
  if (!lingers) output.note(messages.serviceEndsWithSession);
  return 'ok';
};

export const serviceUninstall: Command = async ({ context }) => {
  const { output, messages } = context;
  const manager = await findManager(context);
  const there = manager?.written() !== undefined;
  if (manager !== undefined && there) await managed(async () => manager.remove());
  output.result({ manager: manager?.name ?? null, removed: there });
  output.line(there && manager !== undefined ? messages.serviceRemoved(manager.file) : messages.serviceNotThere);
  return 'ok';
};

export const serviceStatus: Command = async ({ context }) => {
  const { output, messages } = context;
  const manager = await findManager(context);
  if (manager === undefined) {
    output.result({ manager: null, installed: false, active: false });
    output.line(messages.serviceNoManager);
    return 'ok';
  }
  const { installed, active, word } = await manager.state();
  output.result({ manager: manager.name, file: manager.file, installed, active, state: word });
  output.line(installed ? messages.serviceState(manager.name, word) : messages.serviceNotThere);
  if (installed) output.note(messages.serviceLogs(manager.logs));
  return installed && !active ? 'failed' : 'ok';
};

/** What the installer and `update` ask of a version before it is used. */
export const serviceTest: Command = async ({ context }) => {
  const { output, messages, env } = context;
  const trial = await trialStart({ command: entryCommand(), env, withinMs: TRIAL_WITHIN_MS });
  if (!trial.ready) {
    throw new CommandError('failed', `${messages.serviceTestFailed(trial.why)}\n${trial.said}`.trim(), {
      code: 'not_ready',
    });
  }
  output.result({ ready: true, readyMs: trial.readyMs });
  output.line(messages.serviceTestReady(trial.readyMs));
  return 'ok';
};

export function thisInstallation() {
  return installationOf({ entry: resolve(process.argv[1] ?? ''), node: process.execPath });
}

/** This very code, not what `current` names. */
function entryCommand(): readonly [string, ...string[]] {
  return [process.execPath, resolve(process.argv[1] ?? '')];
}

export async function findManager({ env, paths }: CommandContext): Promise<ServiceManager | undefined> {
  return findServiceManager({
    platform: process.platform,
    env,
    homeDirectory: homedir(),
    userId: process.getuid?.() ?? 0,
    logFile: `${paths.logsDirectory}/service.log`,
    run: programRunner(env),
  });
}

/** Whole before it is in place; it may hold a proxy's password. */
function writePrivateFile(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(`${file}.new`, text, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

async function managerOrRefuse(context: CommandContext): Promise<ServiceManager> {
  const manager = await findManager(context);
  if (manager === undefined) {
    throw new CommandError('refused', context.messages.serviceNoManager, { code: 'no_service_manager' });
  }
  return manager;
}

/** @returns whether the user's services go on after the user's last session */
async function linger({ env }: CommandContext): Promise<boolean> {
  return (await programRunner(env)('loginctl', ['enable-linger'])).code === 0;
}

async function managed(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (error instanceof ServiceManagerError) {
      throw new CommandError('failed', error.message, { code: 'service_manager_failed', cause: error });
    }
    throw error;
  }
}
