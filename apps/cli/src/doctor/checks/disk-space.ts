import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type Check, finding, type Observation } from '../check.js';

/** A database that can't write stops answering. */
const LEAST = 100 * 1_048_576;
const ENOUGH = 1_073_741_824;

export const diskSpace: Check = {
  id: 'disk.space',
  async run({ paths, config }) {
    const { logs } = config?.settings ?? {};
    const places = [paths.home, ...(logs?.file === undefined ? [] : [dirname(logs.file)])];
    const free = await Promise.all(places.map(async (path) => ({ path, bytes: await freeBytes(path) })));
    return free.map(({ path, bytes }) =>
      bytes === undefined ? { status: 'skipped', subject: path, reason: 'not-on-this-system' } : judgeDisk(path, bytes),
    );
  },
};

export function judgeDisk(path: string, bytes: number): Observation {
  const free = bytes < 10 * ENOUGH ? `${Math.floor(bytes / 1_048_576)} MB` : `${Math.floor(bytes / ENOUGH)} GB`;
  const evidence = [
    { label: 'file' as const, value: path },
    { label: 'free' as const, value: free },
  ];
  if (bytes >= ENOUGH) return { status: 'ok', subject: path, evidence };
  if (bytes >= LEAST) {
    return finding({ status: 'warning', subject: path, code: 'disk-low', facts: { path, free }, evidence });
  }
  return finding({ status: 'error', subject: path, code: 'disk-full', facts: { path, free }, evidence });
}

/** For ordinary users, where the folder is or would be. */
async function freeBytes(path: string): Promise<number | undefined> {
  try {
    const { bavail, bsize } = await statfs(path);
    return bavail * bsize;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return (code === 'ENOENT' || code === 'ENOTDIR') && dirname(path) !== path ? freeBytes(dirname(path)) : undefined;
  }
}
