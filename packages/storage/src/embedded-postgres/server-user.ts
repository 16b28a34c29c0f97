import { readFileSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { MoltbotError } from '@moltbot/contracts';

/** The user that the server runs as, where it is not our own: PostgreSQL refuses to run as root. */
export interface ServerUser {
  readonly uid: number;
  readonly gid: number;
}

export interface ServerUserOptions {
  /** An existing data folder: its owner stays the server's user. */
  readonly dataDirectory: string;
  /** Our own; `undefined` on Windows. */
  readonly uid?: number | undefined;
  readonly passwordFile?: string;
}

/**
 * `undefined`: run it as ourselves. For root: the owner of the data, else `nobody`. The user needs an entry in the
 * password file, or PostgreSQL says "could not look up effective user ID".
 * @throws MoltbotError `storage_unavailable` where the data belongs to somebody else
 */
export function serverUser(options: ServerUserOptions): ServerUser | undefined {
  const { uid } = options;
  if (uid === undefined) return undefined;
  const owner = ownerOf(options.dataDirectory);
  if (uid !== 0) {
    if (owner === undefined || owner.uid === uid) return undefined;
    throw new MoltbotError(
      'storage_unavailable',
      `The database in ${options.dataDirectory} belongs to another user (uid ${owner.uid}): start MoltBot as that user, or give the folder to this one (uid ${uid}).`,
    );
  }
  if (owner !== undefined && owner.uid !== 0) return owner;
  return nobody(options.passwordFile ?? '/etc/passwd');
}

/** Whether `user` may enter `directory` and everything above it, by the mode bits. */
export function canEnter(directory: string, user: ServerUser): boolean {
  for (let path = directory; ; path = dirname(path)) {
    const status = statSync(path, { throwIfNoEntry: false });
    if (status !== undefined && (accessBits(status, user) & 1) === 0) return false;
    if (path === dirname(path)) return true;
  }
}

function accessBits(status: { mode: number; uid: number; gid: number }, user: ServerUser): number {
  if (status.uid === user.uid) return (status.mode >> 6) & 7;
  if (status.gid === user.gid) return (status.mode >> 3) & 7;
  return status.mode & 7;
}

function ownerOf(directory: string): ServerUser | undefined {
  const status = statSync(directory, { throwIfNoEntry: false });
  return status === undefined ? undefined : { uid: status.uid, gid: status.gid };
}

function nobody(passwordFile: string): ServerUser {
  let line: string | undefined;
  try {
    line = readFileSync(passwordFile, 'utf8')
      .split('\n')
      .find((text) => text.startsWith('nobody:'));
  } catch (cause) {
    throw noUser(cause);
  }
  const [, , uid, gid] = line?.split(':') ?? [];
  if (uid === undefined || gid === undefined || !/^-?\d+$/.test(uid) || !/^-?\d+$/.test(gid)) throw noUser(undefined);
  return { uid: Number(uid), gid: Number(gid) };
}

function noUser(cause: unknown): MoltbotError {
  return new MoltbotError(
    'storage_unavailable',
    'The embedded database does not run as root, and this system has no user `nobody`: start MoltBot as another user, or set `storage.url`.',
    { cause },
  );
}
