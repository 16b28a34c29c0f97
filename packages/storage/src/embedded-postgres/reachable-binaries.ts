import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, statSync, symlinkSync } from 'node:fs';
import { cp, mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { PlatformBinaries } from './platform-binaries.js';
import { type ServerDirectories, SYSTEM_DIRECTORY } from './server-directories.js';
import { canEnter, type ServerUser } from './server-user.js';

export interface ReachableBinariesOptions {
  readonly binaries: PlatformBinaries;
  readonly directories: ServerDirectories;
  readonly user: ServerUser | undefined;
  /** Where root keeps a copy for other users. */
  readonly systemDirectory?: string;
}

/**
 * A folder of programs that the server's user can run: the package's own, or a copy, where that is under a closed home
 * or its install script did not run and so the links between its libraries are missing. The copy is made once.
 */
export async function reachableBinaries(options: ReachableBinariesOptions): Promise<string> {
  const { binaries, directories, user } = options;
  const complete = binaries.links.every(({ link }) => existsSync(join(binaries.directory, link)));
  if (complete && (user === undefined || canEnter(join(binaries.directory, 'bin'), user))) return binaries.directory;

  const name = `postgresql-${binaries.version}`;
  if (user === undefined) return copyOnce(binaries, join(directories.server, name));
  const system = options.systemDirectory ?? SYSTEM_DIRECTORY;
  try {
    mkdirSync(system, { recursive: true, mode: 0o755 });
    // Programs that root starts come only from where nobody else can write, and only serve where they can be reached.
    const { uid, mode } = statSync(system);
    if (uid === process.getuid?.() && (mode & 0o022) === 0 && canEnter(system, user)) {
      return await copyOnce(binaries, join(system, name));
    }
  } catch (error) {
    if (!['EACCES', 'EPERM', 'EROFS', 'ENOENT'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
  const fresh = await mkdtemp(join(tmpdir(), 'moltbot-'));
  return copyOnce(binaries, join(fresh, name));
}

/** The copy gets its name when it is whole; of two that are made at the same time one is kept. */
async function copyOnce(binaries: PlatformBinaries, target: string): Promise<string> {
  if (existsSync(target)) return target;
  const partial = `${target}.${randomUUID()}`;
  try {
    await cp(binaries.directory, partial, {
      recursive: true,
      verbatimSymlinks: true,
      filter: (source) => !source.endsWith('.a'),
    });
    for (const { link, target: to } of binaries.links) {
      const path = join(partial, link);
      if (existsSync(path) || dirname(link) !== dirname(to)) continue;
      symlinkSync(to.slice(dirname(to).length + 1), path);
    }
    await rename(partial, target);
  } catch (error) {
    if (!existsSync(target)) throw error;
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
  return target;
}
