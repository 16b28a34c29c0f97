import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Environment } from '@moltbot/config';
import { LAUNCHD_LABEL, launchdPlist } from './launchd-plist.js';
import type { ProgramEnd, RunProgram } from './run-program.js';
import { type ServiceDefinition, systemdUnit } from './systemd-unit.js';

export type ServiceManagerName = 'systemd' | 'launchd';

export interface ServiceState {
  readonly installed: boolean;
  readonly active: boolean;
  /** In the manager's word: `active`, `failed`, `inactive`. */
  readonly word: string;
}

/** What starts MoltBot with the machine or the session, and starts it again when it ends. */
export interface ServiceManager {
  readonly name: ServiceManagerName;
  /** The unit or agent. */
  readonly file: string;
  /** Where its output goes: a file, or a command that shows it. */
  readonly logs: string;
  text(definition: ServiceDefinition): string;
  written(): string | undefined;
  state(): Promise<ServiceState>;
  /** Has it started now and from now on. @throws ServiceManagerError */
  enable(): Promise<void>;
  /** Ends it, and takes its file away. @throws ServiceManagerError */
  remove(): Promise<void>;
  /** Until `start`, or the next session. @throws ServiceManagerError */
  stop(): Promise<void>;
  /** @throws ServiceManagerError */
  start(): Promise<void>;
}

/** The manager refused; its own words. */
export class ServiceManagerError extends Error {
  override readonly name = 'ServiceManagerError';
}

export interface ServiceManagerOptions {
  readonly platform: string;
  readonly env: Environment;
  readonly homeDirectory: string;
  readonly userId: number;
  readonly logFile: string;
  readonly run: RunProgram;
}

const UNIT = 'moltbot.service';

/** @returns the manager of this session; `undefined` where there is none: MoltBot then runs in the foreground */
export async function findServiceManager(options: ServiceManagerOptions): Promise<ServiceManager | undefined> {
  if (options.platform === 'darwin') return launchd(options);
  if (options.platform !== 'linux') return undefined;
  // `offline`, or no answer: systemd does not run here, or nobody manages this user's services (containers, most of WSL).
  const { code, stdout } = await options.run('systemctl', ['--user', 'is-system-running']);
  const word = stdout.trim();
  return code === undefined || word === '' || word === 'offline' ? undefined : systemd(options);
}

function systemd({ env, homeDirectory, run }: ServiceManagerOptions): ServiceManager {
  const configured = env['XDG_CONFIG_HOME']?.trim() ?? '';
  const folder = join(configured === '' ? join(homeDirectory, '.config') : configured, 'systemd', 'user');
  const file = join(folder, UNIT);
  const ask = (...args: string[]) => run('systemctl', ['--user', ...args]);
  const tell = async (...args: string[]): Promise<void> => done('systemctl', await ask(...args));
  return {
    name: 'systemd',
    file,
    logs: `journalctl --user --unit ${UNIT}`,
    text: systemdUnit,
    written: () => readIfThere(file),
    async state() {
      const word = (await ask('is-active', UNIT)).stdout.trim();
      return { installed: existsSync(file), active: word === 'active' || word === 'activating', word };
    },
    async enable() {
      await tell('daemon-reload');
      await tell('enable', UNIT);
      await tell('restart', UNIT);
    },
    async remove() {
      await tell('disable', '--now', UNIT);
      rmSync(file, { force: true });
      await tell('daemon-reload');
    },
    stop: async () => tell('stop', UNIT),
    start: async () => tell('start', UNIT),
  };
}

function launchd({ homeDirectory, userId, logFile, run }: ServiceManagerOptions): ServiceManager {
  const file = join(homeDirectory, 'Library', 'LaunchAgents', `${LAUNCHD_LABEL}.plist`);
  const domain = `gui/${userId}`;
  const service = `${domain}/${LAUNCHD_LABEL}`;
  const ask = (...args: string[]) => run('launchctl', args);
  const loaded = async (): Promise<ProgramEnd> => ask('print', service);
  const stop = async (): Promise<void> => {
    if ((await loaded()).code === 0) done('launchctl', await ask('bootout', service));
  };
  const start = async (): Promise<void> => done('launchctl', await ask('bootstrap', domain, file));
  return {
    name: 'launchd',
    file,
    logs: logFile,
    text: launchdPlist,
    written: () => readIfThere(file),
    async state() {
      const { code, stdout } = await loaded();
      const word = /^\s*state = (.+)$/m.exec(stdout)?.[1] ?? 'not loaded';
      return { installed: existsSync(file), active: code === 0 && word === 'running', word };
    },
    async enable() {
      await stop();
      await start();
    },
    async remove() {
      await stop();
      rmSync(file, { force: true });
    },
    stop,
    start,
  };
}

function done(program: string, { code, stdout, stderr }: ProgramEnd): void {
  if (code === 0) return;
  const said = (stderr.trim() || stdout.trim() || `exit code ${code}`).slice(0, 1_000);
  throw new ServiceManagerError(`${program}: ${said}`);
}

function readIfThere(file: string): string | undefined {
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
}
