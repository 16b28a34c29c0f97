import { constants } from 'node:fs';
import { type FileHandle, open, readlink, realpath, stat } from 'node:fs/promises';
import { isAbsolute, relative, sep } from 'node:path';
import { MoltbotError } from '@moltbot/contracts';
import { fileLog, unreadable } from './file-log.js';
import type { OpenLog } from './log-source.js';

/** Without following a link that was put there after the look, and without waiting for the other end of a pipe. */
const FLAGS = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);

/**
 * Opens a file for an administrator: its real path has to be in one of the folders, whatever links lead to it, and it has to be a regular
 * file. @throws MoltbotError `permission_denied`, `not_found`, `log_input_invalid`
 */
export async function openFolderFile(options: {
  readonly path: string;
  readonly folders: readonly string[];
}): Promise<OpenLog> {
  const { path, folders } = options;
  const real = await realOf(folders);
  if (!isAbsolute(path)) throw outside(path);
  const target = await realpath(path).catch((error: unknown) => {
    throw unreadable(path, error);
  });
  if (!isInside(target, real)) throw outside(path);
  const handle = await open(target, FLAGS).catch((error: unknown) => {
    throw unreadable(path, error);
  });
  try {
    const facts = await handle.stat();
    if (!facts.isFile()) throw new MoltbotError('log_input_invalid', `${path} is no regular file.`);
    // A folder on the way may have become a link between the two: what is open counts.
    if (!isInside(await pathOf(handle, target), real)) throw outside(path);
    return fileLog({ handle, name: path, bytes: facts.size });
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** Folders that are not there hold nothing. */
async function realOf(folders: readonly string[]): Promise<readonly string[]> {
  const found = await Promise.all(folders.map(async (folder) => realpath(folder).catch(() => undefined)));
  return found.filter((folder) => folder !== undefined);
}

function isInside(path: string, folders: readonly string[]): boolean {
  return folders.some((folder) => {
    const way = relative(folder, path);
    return way !== '' && way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way);
  });
}

/** Where the open file is, as the system says; elsewhere than on Linux as its path says once more. */
async function pathOf(handle: FileHandle, target: string): Promise<string> {
  try {
    return await readlink(`/proc/self/fd/${handle.fd}`);
  } catch {
    const [opened, named] = await Promise.all([handle.stat(), stat(target)]);
    return opened.ino === named.ino && opened.dev === named.dev ? realpath(target) : '';
  }
}

function outside(path: string): MoltbotError {
  return new MoltbotError(
    'permission_denied',
    `${path} is not in one of the folders that may be read (\`log_analysis.folders\`).`,
  );
}
