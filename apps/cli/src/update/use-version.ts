import { renameSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';

/** Has `current` name another version: whoever starts MoltBot at this moment finds the one or the other. */
export function useVersion(prefix: string, version: string): void {
  const current = join(prefix, 'app', 'current');
  const aside = `${current}.${process.pid}`;
  rmSync(aside, { force: true });
  symlinkSync(`versions/${version}`, aside);
  renameSync(aside, current);
}
