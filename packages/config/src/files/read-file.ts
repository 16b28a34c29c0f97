import { constants, type Stats } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import type { ConfigProblem } from '../problems/config-problem.js';
import { accessProblem, fileProblem } from './file-access.js';

/** Larger files are no configuration. */
const MAX_FILE_BYTES = 1_048_576;

export interface FileText {
  readonly text: string;
  /** POSIX permission bits. */
  readonly mode: number;
}

/** The text of a small UTF-8 file; `undefined` where there is none; a problem where it can't be read. */
export async function readSmallFile(file: string): Promise<FileText | ConfigProblem | undefined> {
  try {
    // Without O_NONBLOCK, opening a pipe waits for a writer.
    const handle = await open(file, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    try {
      const stats = await handle.stat();
      if (!stats.isFile())
        return fileProblem(
          file,
          stats.isDirectory() ? 'cannot be read: it is a folder' : 'cannot be read: it is no regular file',
        );
      return decode(file, await readBounded(handle), stats);
    } finally {
      await handle.close();
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    return accessProblem({ file, action: 'read', error });
  }
}

/** To the end of the file, or one piece past the limit: its size may change while it is read. */
async function readBounded(handle: FileHandle): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let length = 0;
  while (length <= MAX_FILE_BYTES) {
    const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(65_536), 0, 65_536, length);
    if (bytesRead === 0) break;
    pieces.push(buffer.subarray(0, bytesRead));
    length += bytesRead;
  }
  return Buffer.concat(pieces);
}

function decode(file: string, bytes: Buffer, stats: Stats): FileText | ConfigProblem {
  if (bytes.length > MAX_FILE_BYTES) return fileProblem(file, 'cannot be read: it is larger than 1 MiB');
  try {
    return { text: new TextDecoder('utf-8', { fatal: true }).decode(bytes), mode: stats.mode & 0o7777 };
  } catch {
    return fileProblem(file, 'cannot be read: it is not UTF-8 text; save it as UTF-8');
  }
}
