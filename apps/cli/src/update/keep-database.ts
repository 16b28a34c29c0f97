import { existsSync } from 'node:fs';
import { rename, rm, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { LoadedConfig, MoltbotPaths } from '@moltbot/config';
import { embeddedPostgresStatus, finishReturn, keptDataFolders } from '@moltbot/storage';
import type { RunProgram } from '../service/run-program.js';

/** The database's files as they were before another version saw them: a version can't read what a newer one has migrated. */
export interface KeptDatabase {
  /** Puts them back; the server is stopped. */
  restore(): Promise<void>;
  drop(): Promise<void>;
}

/** Why there is no copy. */
export type NotKept = 'elsewhere' | 'in-use' | 'no-space' | 'failed';

const STOPS_WITHIN_MS = 15_000;
const LEFT_FREE = 256 * 1_048_576;

/**
 * Copies the embedded database of a stopped server; on a file system that can, the copy shares its blocks.
 * @returns `undefined` where there is none yet
 */
export async function keepDatabase(options: {
  readonly config: LoadedConfig;
  readonly paths: MoltbotPaths;
  readonly run: RunProgram;
}): Promise<KeptDatabase | NotKept | undefined> {
  const { config, paths, run } = options;
  if (config.settings.storage.url !== 'embedded') return 'elsewhere';
  const dataDirectory = join(paths.dataDirectory, 'postgres');
  const until = performance.now() + STOPS_WITHIN_MS;
  finishReturn({ dataDirectory });
  let found = embeddedPostgresStatus({ dataDirectory });
  while (found.state === 'running' && performance.now() < until) {
    await delay(100);
    found = embeddedPostgresStatus({ dataDirectory });
  }
  if (found.state === 'absent') return undefined;
  if (found.state === 'running') return 'in-use';
  const { directory } = found;
  const { copy, aside } = keptDataFolders(directory);
  // Both: a return that was cut off, after which something made a database anew. Which of them is the good one, only people know.
  if (existsSync(copy) && existsSync(aside)) return 'failed';
  const unfinished = `${copy}.new`;
  const earlier = `${copy}.earlier`;
  for (const left of [unfinished, aside]) await rm(left, { recursive: true, force: true });
  if (!(await hasSpaceFor(directory, run))) return 'no-space';
  // The system's own: it keeps owners, who are not ours where root's database runs as another user.
  const shared = process.platform === 'linux' ? ['--reflink=auto'] : [];
  const { code } = await run('cp', ['-pR', ...shared, directory, unfinished]);
  if (code !== 0) {
    await rm(unfinished, { recursive: true, force: true });
    return 'failed';
  }
  // That of an update which was cut off may be the only good one, until a version has become ready; of several the first.
  if (existsSync(copy)) await (existsSync(earlier) ? rm(copy, { recursive: true }) : rename(copy, earlier));
  await rename(unfinished, copy);
  return {
    async restore() {
      if (!existsSync(copy)) return;
      await rename(directory, aside);
      await rename(copy, directory);
      await rm(aside, { recursive: true, force: true });
    },
    async drop() {
      for (const kept of [copy, earlier]) await rm(kept, { recursive: true, force: true });
    },
  };
}

async function hasSpaceFor(directory: string, run: RunProgram): Promise<boolean> {
  const kilobytes = Number((await run('du', ['-sk', directory])).stdout.split(/\s/)[0]);
  const { bavail, bsize } = await statfs(dirname(directory));
  return Number.isFinite(kilobytes) && kilobytes * 1_024 + LEFT_FREE < bavail * bsize;
}
