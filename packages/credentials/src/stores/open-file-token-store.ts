import { type FSWatcher, watch as watchFolder } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { TokenRow, TokenStore } from '@moltbot/auth';
import { MoltbotError } from '@moltbot/contracts';
import { checkId, checkWrite } from './check-row.js';
import { isCode } from './durable-file.js';
import { currentGeneration, makeDirectory, readRow, writeRow } from './row-folder.js';
import { idOfRowFolder, rowFolderName } from './row-folder-name.js';
import { createRowWatch, type RowPush, type RowStamps } from './row-watch.js';
import { createTimeLimit } from './time-limit.js';

export interface FileTokenStoreOptions {
  /** Made when the first row is written, for its owner only. */
  readonly directory: string;
  readonly limitMs?: number;
  readonly pollMs?: number;
}

const LIMIT_MS = 2_000;
const POLL_MS = 1_000;

/**
 * Rows as folders of small files, for all processes of one machine; see row-folder.ts. A process may be killed at any
 * instruction: what was acknowledged is on the disk, what was not is there whole or not at all, and nobody is held up.
 * Not for folders that several machines share.
 */
export function openFileTokenStore(options: FileTokenStoreOptions): TokenStore {
  const { directory } = options;
  const limit = createTimeLimit({
    limitMs: options.limitMs ?? LIMIT_MS,
    toError: (error) => fileStoreError(directory, error),
  });
  const longIds = new Map<string, string>();
  const watch = createRowWatch({
    snapshot: () => limit.run(snapshot),
    pollMs: () => options.pollMs ?? POLL_MS,
    connect: (push) => watchDirectory(directory, push),
  });

  async function read(id: string): Promise<TokenRow | undefined> {
    const row = await readRow(join(directory, rowFolderName(id)));
    return row === undefined ? undefined : { version: row.version, value: row.value };
  }

  async function list(): Promise<ReadonlyMap<string, TokenRow>> {
    const rows = new Map<string, TokenRow>();
    for (const name of await folderNames()) {
      const row = await readRow(join(directory, name));
      if (row !== undefined) rows.set(row.id, { version: row.version, value: row.value });
    }
    return rows;
  }

  async function snapshot(): Promise<RowStamps> {
    const stamps = new Map<string, string>();
    for (const name of await folderNames()) {
      // One damaged row must not hide the changes of the others.
      const generation = await currentGeneration(join(directory, name)).catch(() => undefined);
      const id = await idOf(name).catch(() => undefined);
      if (generation !== undefined && id !== undefined) stamps.set(id, `${generation.version}.${generation.mark}`);
    }
    return stamps;
  }

  async function idOf(name: string): Promise<string | undefined> {
    const id = idOfRowFolder(name) ?? longIds.get(name) ?? (await readRow(join(directory, name)))?.id;
    if (id !== undefined) longIds.set(name, id);
    return id;
  }

  async function folderNames(): Promise<readonly string[]> {
    try {
      return (await readdir(directory)).filter((name) => idOfRowFolder(name) !== null);
    } catch (error) {
      if (isCode(error, 'ENOENT')) return [];
      throw error;
    }
  }

  return {
    async read(id) {
      checkId(id);
      return limit.run(() => read(id));
    },
    async list() {
      return limit.run(list);
    },
    async compareAndSwap(id, version, value) {
      checkWrite({ id, version, value });
      const row = { directory, name: rowFolderName(id), id };
      return (await limit.run(() => writeRow(row, version, value))) ? { version: version + 1, value } : undefined;
    },
    watch: (listener) => watch.watch(listener),
    async close() {
      watch.close();
    },
  };
}

/** Where the system can't watch (its watchers are used up, the folder can't be made) the looks remain. */
function watchDirectory(directory: string, push: RowPush): () => void {
  let watcher: FSWatcher | undefined;
  let stopped = false;
  async function begin(): Promise<void> {
    await makeDirectory(directory).catch(() => undefined);
    if (stopped) return;
    watcher = watchFolder(directory, { persistent: false }, () => push.rescan());
    watcher.on('error', () => watcher?.close());
    push.rescan();
  }
  begin().catch(() => undefined);
  return () => {
    stopped = true;
    watcher?.close();
  };
}

const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  ENOTDIR: 'a file stands where a folder should be',
  EEXIST: 'a file stands where a folder should be',
  EROFS: 'the file system is read-only',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  EIO: 'the disk failed',
  EMFILE: 'the process has too many files open',
  ENFILE: 'the system has too many files open',
};

function fileStoreError(directory: string, error: unknown): MoltbotError {
  const code = (error as NodeJS.ErrnoException | undefined)?.code ?? 'unknown';
  return new MoltbotError('token_store_unavailable', `The tokens under ${directory}: ${REASONS[code] ?? code}.`, {
    cause: error,
  });
}
