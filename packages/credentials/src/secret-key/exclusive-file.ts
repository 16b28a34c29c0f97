import { randomBytes } from 'node:crypto';
import { link, mkdir, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { isCode, syncFolder, writeNewFile } from '../stores/durable-file.js';

/** File systems without hard links, and systems that forbid them to programs (Android). */
const NO_LINKS = ['EPERM', 'EACCES', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'];

/**
 * Makes a file (0600) with its whole text at once and for good, where there is none. @returns whether it was made: of several
 * processes by one
 */
export async function writeExclusively(file: string, text: string): Promise<boolean> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const temporary = `${file}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    await writeNewFile(temporary, text);
    await place(temporary, file, text);
  } catch (error) {
    if (isCode(error, 'EEXIST')) return false;
    throw error;
  } finally {
    await rm(temporary, { force: true });
  }
  await syncFolder(dirname(file));
  return true;
}

async function place(temporary: string, file: string, text: string): Promise<void> {
  try {
    await link(temporary, file);
  } catch (error) {
    if (!isCode(error, ...NO_LINKS)) throw error;
    await writeNewFile(file, text);
  }
}
