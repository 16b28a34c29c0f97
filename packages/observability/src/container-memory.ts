import { readFile } from 'node:fs/promises';
import { totalmem } from 'node:os';
import { dirname, join } from 'node:path';

export interface ContainerMemory {
  readonly limitBytes: number;
  readonly usedBytes: number;
}

export interface ContainerMemoryOptions {
  /** Where the kernel's files are; for tests. */
  readonly root?: string | undefined;
  readonly totalBytes?: number | undefined;
  /** Of this process; what counts where nothing is limited. */
  readonly residentBytes?: (() => number) | undefined;
}

const MOST_LEVELS = 32;

/** How the two versions of control groups call the same things. */
const VERSIONS = [
  { base: 'sys/fs/cgroup', own: /^0::(\/.*)$/m, limit: 'memory.max', used: 'memory.current', pages: 'inactive_file' },
  {
    base: 'sys/fs/cgroup/memory',
    own: /^\d+:(?:[\w,]+,)?memory(?:,[\w,]+)?:(\/.*)$/m,
    limit: 'memory.limit_in_bytes',
    used: 'memory.usage_in_bytes',
    pages: 'total_inactive_file',
  },
] as const;

/**
 * The tightest memory limit that holds for this process and what is used of it (cgroup v2, or v1), the page cache that can be
 * given back left out; where there is none (or another system) the machine's memory and the process's own.
 */
export async function readContainerMemory(options: ContainerMemoryOptions = {}): Promise<ContainerMemory> {
  const { root = '/', totalBytes = totalmem(), residentBytes = () => process.memoryUsage.rss() } = options;
  const groups = (await readText(join(root, 'proc/self/cgroup'))) ?? '';
  let tightest: ContainerMemory | undefined;
  for (const version of VERSIONS) {
    for (const folder of foldersOf(join(root, version.base), version.own.exec(groups)?.[1] ?? '/')) {
      const limitBytes = await readNumber(join(folder, version.limit));
      if (limitBytes === undefined || limitBytes >= Math.min(totalBytes, tightest?.limitBytes ?? totalBytes)) continue;
      const used = await readNumber(join(folder, version.used));
      if (used === undefined) continue;
      const statistics = (await readText(join(folder, 'memory.stat'))) ?? '';
      const pages = new RegExp(`^${version.pages} (\\d+)$`, 'm').exec(statistics)?.[1] ?? 0;
      tightest = { limitBytes, usedBytes: Math.max(0, used - Number(pages)) };
    }
  }
  return tightest ?? { limitBytes: totalBytes, usedBytes: residentBytes() };
}

/** The process's group and those around it; in a container's own view only the outermost is there. */
function foldersOf(base: string, own: string): readonly string[] {
  const folders: string[] = [];
  for (let path = own; folders.length < MOST_LEVELS; path = dirname(path)) {
    folders.push(join(base, path));
    if (path === '/' || path === '.') break;
  }
  return folders;
}

/** @returns `undefined` for `max` and what can't be read */
async function readNumber(path: string): Promise<number | undefined> {
  const text = (await readText(path))?.trim();
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch {
    return undefined;
  }
}
