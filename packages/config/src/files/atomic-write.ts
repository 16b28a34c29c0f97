import { randomBytes } from 'node:crypto';
import { chmod, chown, mkdir, open, realpath, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { ConfigError } from '../problems/config-problem.js';
import { accessProblem } from './file-access.js';

/** What we write may hold keys: for its owner only. */
const NEW_FILE_MODE = 0o600;
const NEW_FOLDER_MODE = 0o700;

export interface AtomicWriteOptions {
  /** A link is followed: the file that it names is replaced, not the link. */
  readonly file: string;
  readonly text: string;
  /** Permission bits; as the file has them where not given, 0600 where there is none yet. */
  readonly mode?: number;
}

/**
 * Readers see the old text or the new one, whenever the process or the machine dies. Makes the folder (0700).
 * @throws ConfigError in words for what the file system refused; then nothing has changed
 */
export async function writeFileAtomically(options: AtomicWriteOptions): Promise<void> {
  try {
    await write(options);
  } catch (error) {
    throw new ConfigError([accessProblem({ file: options.file, action: 'written', error })]);
  }
}

async function write({ file, text, mode }: AtomicWriteOptions): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: NEW_FOLDER_MODE });
  const target = await realpath(file).catch(() => file);
  const before = await stat(target).catch(() => undefined);
  const temporary = join(dirname(target), `.${basename(target)}.${randomBytes(6).toString('hex')}.tmp`);
  try {
    await writeNew(temporary, text);
    await chmod(temporary, mode ?? (before === undefined ? NEW_FILE_MODE : before.mode & 0o7777));
    // Root edits a user's file: it stays the user's.
    if (before !== undefined && before.uid !== process.getuid?.()) {
      await chown(temporary, before.uid, before.gid).catch(() => undefined);
    }
    await rename(temporary, target);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncFolder(dirname(target));
}

async function writeNew(file: string, text: string): Promise<void> {
  const handle = await open(file, 'wx', NEW_FILE_MODE);
  try {
    await handle.writeFile(text, 'utf8');
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Makes the rename last; not every system can (Windows), and then it needs none. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r').catch(() => undefined);
  if (handle === undefined) return;
  try {
    await handle.sync();
  } catch {
    // Nothing else can be done for it.
  } finally {
    await handle.close();
  }
}
