import { MoltbotError } from '@moltbot/contracts';

/** What a file system says when it can't: a caller that hangs up has other codes. */
const FILE_SYSTEM_CODES: ReadonlySet<unknown> = new Set([
  'EACCES',
  'EPERM',
  'EROFS',
  'EIO',
  'ENOSPC',
  'EDQUOT',
  'EMFILE',
  'ENFILE',
  'ENOENT',
  'ENOTDIR',
  'EISDIR',
  'ESTALE',
]);

/** A full disk or a folder that is not ours is the store's failure, not the caller's. */
export async function orFolderFailure<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (!FILE_SYSTEM_CODES.has(code)) throw error;
    throw new MoltbotError('object_store_unavailable', `The folder of the object store can't be used (${code}).`, {
      cause: error,
    });
  }
}
