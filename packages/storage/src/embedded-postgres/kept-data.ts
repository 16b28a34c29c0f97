import { existsSync, renameSync } from 'node:fs';
import { resolve } from 'node:path';
import { serverDirectories } from './server-directories.js';

/** What an update keeps beside the data folder, and leaves there when it is killed; each is one rename away from the other. */
interface KeptDataFolders {
  /** The data as it was before another version saw it; whole: a copy that is still being made has another name. */
  readonly copy: string;
  /** The data that the other version has changed, while the copy takes its place. */
  readonly aside: string;
}

export function keptDataFolders(data: string): KeptDataFolders {
  return { copy: `${data}.before-update`, aside: `${data}.failed-update` };
}

/**
 * Ends what was killed between the two renames of a return to the data of before: without it the next start would find no
 * data, and make an empty database. @returns whether there was something to end
 */
export function finishReturn(options: { readonly dataDirectory: string }): boolean {
  const { data } = serverDirectories(resolve(options.dataDirectory));
  const { copy } = keptDataFolders(data);
  if (existsSync(data) || !existsSync(copy)) return false;
  renameSync(copy, data);
  return true;
}
