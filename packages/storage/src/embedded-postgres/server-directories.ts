import { randomBytes } from 'node:crypto';
import {
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, sep } from 'node:path';
import { readPostmasterFile } from './postmaster-file.js';
import { isRunning } from './process-identity.js';
import { canEnter, type ServerUser } from './server-user.js';

/** Where the parts of one embedded server are; absolute. */
export interface ServerDirectories {
  /** The folder that was asked for: lock, uses, and the note of where the rest is. Only for us. */
  readonly base: string;
  /** Data, socket and log: `base`, or a place that the server's user can reach. */
  readonly server: string;
  readonly data: string;
  readonly log: string;
  readonly lock: string;
  readonly uses: string;
}

/** Longest path of a socket: `sun_path` holds 108 bytes on Linux, 104 on macOS, the closing NUL included. */
const MAX_SOCKET_PATH = 103;
const SOCKET_NAME = '/.s.PGSQL.5432';
const ELSEWHERE_NOTE = 'location.json';
const BASE_NOTE = 'base';
const TEMPORARY_NAME = 'moltbot-postgres-';
const SOCKET_NOTE = 'socket-directory';
/** Where root's server keeps its data when its user can't reach the folder under root's home. */
export const SYSTEM_DIRECTORY = '/var/lib/moltbot';

/** As they stand, without making or changing anything. */
export function serverDirectories(base: string): ServerDirectories {
  const server = notedElsewhere(base) ?? base;
  return {
    base,
    server,
    data: join(server, 'data'),
    log: join(server, 'server.log'),
    lock: join(base, 'start.lock'),
    uses: join(base, 'uses'),
  };
}

export function makeBaseDirectory(base: string, user: ServerUser | undefined): void {
  // Another user has to pass through, but not to look around.
  mkdirSync(base, { recursive: true, mode: user === undefined ? 0o700 : 0o711 });
}

/**
 * Root's home is closed to others, so a server that runs as `nobody` can't reach data there: then it goes to
 * `/var/lib/moltbot` (for a temporary base, beside it in the system's temporary folder), and `base` keeps a note.
 * Called under the start lock. @returns the directories, and whether the data's place was chosen anew
 */
export function placeServer(options: { readonly base: string; readonly user: ServerUser | undefined }): {
  readonly directories: ServerDirectories;
  readonly movedElsewhere: boolean;
} {
  const { base, user } = options;
  const directories = serverDirectories(base);
  if (directories.server !== base && existsSync(directories.server)) return { directories, movedElsewhere: false };
  if (user === undefined || existsSync(directories.data) || canEnter(base, user)) {
    return { directories: serverDirectories(base), movedElsewhere: false };
  }
  const id = randomBytes(6).toString('hex');
  const temporary = base.startsWith(tmpdir() + sep);
  if (temporary) sweepTemporary();
  const directory = temporary ? join(tmpdir(), TEMPORARY_NAME + id) : join(SYSTEM_DIRECTORY, `postgres-${id}`);
  if (!temporary) mkdirSync(SYSTEM_DIRECTORY, { recursive: true, mode: 0o755 });
  mkdirSync(directory, { mode: 0o711 });
  writeFileSync(join(directory, BASE_NOTE), base, { mode: 0o600 });
  writeFileSync(join(base, ELSEWHERE_NOTE), JSON.stringify({ directory }), { mode: 0o600 });
  return { directories: serverDirectories(base), movedElsewhere: true };
}

/** Takes away what earlier temporary bases left in the temporary folder: their base is gone, and nothing runs there. */
function sweepTemporary(): void {
  for (const name of readdirSync(tmpdir())) {
    if (!name.startsWith(TEMPORARY_NAME)) continue;
    const directory = join(tmpdir(), name);
    try {
      if (existsSync(readFileSync(join(directory, BASE_NOTE), 'utf8'))) continue;
      const file = readPostmasterFile(join(directory, 'data'));
      if (file === undefined || !isRunning(file)) rmSync(directory, { recursive: true, force: true });
    } catch {
      // Not one of ours, or half made.
    }
  }
}

/**
 * A private folder for the socket, the same one at every start: `socket/` beside the data, or, where that path is too
 * long for a socket, one in the system's temporary folder that `base` keeps a note of.
 */
export function socketDirectory(options: {
  readonly directories: ServerDirectories;
  readonly user: ServerUser | undefined;
  readonly temporaryDirectory?: string;
}): string {
  const { directories, user } = options;
  const beside = join(directories.server, 'socket');
  if (fits(beside)) {
    mkdirSync(beside, { recursive: true, mode: 0o700 });
    give(beside, user);
    return beside;
  }
  const note = join(directories.base, SOCKET_NOTE);
  const noted = existsSync(note) ? readFileSync(note, 'utf8').trim() : '';
  if (noted !== '' && isPrivate(noted, user)) return noted;
  const temporary = options.temporaryDirectory ?? tmpdir();
  const parent = fits(join(temporary, 'moltbot-XXXXXX')) ? temporary : '/tmp';
  const made = mkdtempSync(join(parent, 'moltbot-'));
  give(made, user);
  writeFileSync(note, made, { mode: 0o600 });
  return made;
}

/** Hands a file or folder to the server's user, where that is not our own. */
export function give(path: string, user: ServerUser | undefined): void {
  if (user !== undefined) chownSync(path, user.uid >>> 0, user.gid >>> 0);
}

function fits(directory: string): boolean {
  return Buffer.byteLength(directory + SOCKET_NAME) <= MAX_SOCKET_PATH;
}

/** A folder in /tmp may have been cleaned away, and another user's may stand in its place. */
function isPrivate(directory: string, user: ServerUser | undefined): boolean {
  const status = lstatSync(directory, { throwIfNoEntry: false });
  if (status === undefined || !status.isDirectory() || (status.mode & 0o077) !== 0) return false;
  return status.uid === (user === undefined ? process.getuid?.() : user.uid >>> 0);
}

function notedElsewhere(base: string): string | undefined {
  try {
    const { directory } = JSON.parse(readFileSync(join(base, ELSEWHERE_NOTE), 'utf8')) as { directory?: unknown };
    return typeof directory === 'string' ? directory : undefined;
  } catch {
    return undefined;
  }
}
