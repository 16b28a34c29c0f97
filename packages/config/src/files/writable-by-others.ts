import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';

const WRITABLE_BY_OTHERS = 0o022;
const STICKY = 0o1000;

/**
 * Whether another user of this machine (but root) could change the file, or put another in its place: then nothing in it may be
 * run. False where there is no such file, and on Windows, which tells it in other ways.
 */
export async function isWritableByOthers(options: {
  readonly file: string;
  readonly platform?: NodeJS.Platform;
}): Promise<boolean> {
  const { file, platform = process.platform } = options;
  if (platform === 'win32') return false;
  const own = new Set([0, process.getuid?.() ?? 0]);
  const [itself, folder] = await Promise.all([statOf(file), statOf(dirname(file))]);
  if (itself === undefined || folder === undefined) return false;
  if (!own.has(itself.uid) || (itself.mode & WRITABLE_BY_OTHERS) !== 0) return true;
  return !own.has(folder.uid) || ((folder.mode & WRITABLE_BY_OTHERS) !== 0 && (folder.mode & STICKY) === 0);
}

async function statOf(path: string): Promise<{ readonly mode: number; readonly uid: number } | undefined> {
  try {
    return await stat(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    // What can't be looked at is not to be trusted.
    return { mode: 0o777, uid: -1 };
  }
}
