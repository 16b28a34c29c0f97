import { spawn } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { MoltbotError, Secret } from '@moltbot/contracts';
import { programOptions, runProgram } from './run-program.js';
import { give, type ServerDirectories } from './server-directories.js';
import type { ServerUser } from './server-user.js';

export const SUPERUSER = 'moltbot';

export interface InitialiseOptions {
  readonly directories: ServerDirectories;
  readonly binaries: string;
  readonly user: ServerUser | undefined;
  /** Windows, where the server listens on TCP. */
  readonly password: Secret | undefined;
}

/** A cold Raspberry Pi with a slow card takes half a minute. */
const TIMEOUT_MS = 180_000;

export function isInitialised(directories: ServerDirectories): boolean {
  return existsSync(join(directories.data, 'PG_VERSION'));
}

/**
 * Makes the data folder with `initdb`, under another name until it is whole: one that was interrupted is never taken for
 * data, and the next start makes it anew. `syncInBackground` comes after it. Called under the start lock.
 * @throws MoltbotError `storage_unavailable` with the end of initdb's output
 */
export async function initialiseData(options: InitialiseOptions): Promise<void> {
  const { directories, user } = options;
  const unfinished = `${basename(directories.data)}.new-`;
  for (const name of readdirSync(directories.server)) {
    if (name.startsWith(unfinished)) rmSync(join(directories.server, name), { recursive: true, force: true });
  }
  const fresh = join(directories.server, `${unfinished}${randomUUID()}`);
  mkdirSync(fresh, { mode: 0o700 });
  const passwordFile = `${fresh}-password`;
  try {
    give(fresh, user);
    if (options.password !== undefined) writeFileSync(passwordFile, options.password.reveal(), { mode: 0o600 });
    const { code, output } = await runProgram({
      program: join(options.binaries, 'bin', 'initdb'),
      args: ['-D', fresh, '-U', SUPERUSER, '--encoding=UTF8', '--locale=C', '--no-instructions', '--no-sync'].concat(
        options.password === undefined ? ['--auth=trust'] : ['--auth=scram-sha-256', `--pwfile=${passwordFile}`],
      ),
      user,
      cwd: fresh,
      timeoutMs: TIMEOUT_MS,
    });
    if (code !== 0) {
      throw new MoltbotError('storage_unavailable', `The embedded database could not be prepared (initdb):\n${output}`);
    }
    writeFileSync(unsyncedNote(directories), '');
    await rename(fresh, directories.data);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOTEMPTY') throw error;
    throw new MoltbotError(
      'storage_unavailable',
      `${directories.data} holds files that are no database: move them away.`,
      {
        cause: error,
      },
    );
  } finally {
    await Promise.all([rm(fresh, { recursive: true, force: true }), rm(passwordFile, { force: true })]);
  }
}

/**
 * Writes a fresh data folder through to the disk beside the running server: on a busy disk or a slow card initdb's own
 * sync holds up the first start for seconds. One that was cut off is done again at the next start.
 */
export function syncInBackground(options: Omit<InitialiseOptions, 'password'>): void {
  const note = unsyncedNote(options.directories);
  if (!existsSync(note)) return;
  const { data } = options.directories;
  const method = process.platform === 'linux' ? ['--sync-method=syncfs'] : [];
  const child = spawn(join(options.binaries, 'bin', 'initdb'), ['--sync-only', '-D', data, ...method], {
    ...programOptions(options.user, data),
    detached: true,
    stdio: 'ignore',
  });
  child.once('error', () => {});
  child.once('exit', (code) => {
    if (code === 0) rmSync(note, { force: true });
  });
  child.unref();
}

function unsyncedNote(directories: ServerDirectories): string {
  return join(directories.server, 'unsynced');
}

/** The superuser's password on Windows: made once, kept beside the data with mode 0600. */
export function serverPassword(directories: ServerDirectories): Secret {
  const path = join(directories.base, 'password');
  if (!existsSync(path)) writeFileSync(path, randomBytes(24).toString('base64url'), { mode: 0o600, flag: 'wx' });
  return new Secret(readFileSync(path, 'utf8').trim());
}
