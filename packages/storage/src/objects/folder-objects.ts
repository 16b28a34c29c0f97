import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { mkdir, open, opendir, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { MoltbotError } from '@moltbot/contracts';
import { checkedBody, rangeOf } from './checked-body.js';
import { orFolderFailure } from './folder-failure.js';
import { checkObjectKey, checkObjectPrefix } from './object-key.js';
import type { GetObject, ObjectBody, ObjectStore, PutObject, StoredObject } from './object-store.js';
import { spoolObject } from './spool-object.js';

/** What a key stands for: its bytes are in a file of their own, so that one rename changes both. */
interface IndexEntry extends Omit<StoredObject, 'key'> {
  readonly blob: string;
}

/** A blob that no key names is removed after this: the upload that wrote it may still be about to name it. */
const ORPHAN_AFTER_MS = 3_600_000;
/** No key holds a `+`: an entry is never taken for a folder, nor a half-written one for an entry. */
const INDEX_SUFFIX = '+json';

/**
 * Objects in a folder, for one machine; any number of processes. `keys/` holds an index entry a key, replaced by rename;
 * `blobs/` the bytes. A process that is killed leaves at most a blob that nobody names, which the next `open` sweeps.
 */
export async function openFolderObjects(options: { readonly directory: string }): Promise<ObjectStore> {
  const { directory } = options;
  const keys = join(directory, 'keys');
  const blobs = join(directory, 'blobs');
  await orFolderFailure(async () => {
    await mkdir(keys, { recursive: true, mode: 0o700 });
    await mkdir(blobs, { recursive: true, mode: 0o700 });
    await sweep({ keys, blobs });
  });

  const indexFile = (key: string): string => join(keys, `${checkObjectKey(key)}${INDEX_SUFFIX}`);

  async function readIndex(key: string): Promise<IndexEntry | undefined> {
    try {
      return JSON.parse(await readFile(indexFile(key), 'utf8')) as IndexEntry;
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  async function put(put: PutObject): Promise<StoredObject> {
    const target = indexFile(put.key);
    const { file, size, sha256 } = await spoolObject(blobs, put);
    const blob = randomUUID();
    const entry: IndexEntry = {
      blob,
      size,
      sha256,
      contentType: put.contentType ?? 'application/octet-stream',
      modifiedAt: Date.now(),
    };
    try {
      await rename(file, join(blobs, blob));
      const before = await readIndex(put.key);
      await mkdir(dirname(target), { recursive: true, mode: 0o700 });
      await writeIndex(target, entry);
      if (before !== undefined) await rm(join(blobs, before.blob), { force: true });
    } catch (error) {
      await rm(file, { force: true });
      await rm(join(blobs, blob), { force: true });
      throw error;
    }
    return toObject(put.key, entry);
  }

  async function get({ key, signal, ...range }: GetObject): Promise<ObjectBody | undefined> {
    // The bytes may be replaced between the two steps: then the index names others.
    for (let attempt = 0; attempt < 5; attempt += 1) {
      const entry = await readIndex(key);
      if (entry === undefined) return undefined;
      const { start, end } = rangeOf(entry.size, range);
      const object = toObject(key, entry);
      const handle = await open(join(blobs, entry.blob), 'r').catch((error: unknown) => {
        if (isMissing(error)) return undefined;
        throw error;
      });
      if (handle === undefined) continue;
      if (end === start) {
        await handle.close();
        return { object, body: checkedBody({ object, body: emptyBody(), start, end }), cancel: async () => {} };
      }
      const stream = createReadStream('', {
        fd: handle,
        start,
        end: end - 1,
        ...(signal === undefined ? {} : { signal }),
      });
      return {
        object,
        body: checkedBody({ object, body: stream as AsyncIterable<Uint8Array>, start, end }),
        cancel: async () => {
          stream.destroy();
          // Whoever left it in the middle has destroyed it with an AbortError, which is told only now.
          if (!stream.closed) await once(stream, 'close').catch(() => undefined);
        },
      };
    }
    throw new MoltbotError('object_store_unavailable', `The bytes of the object \`${key}\` are missing.`);
  }

  return {
    put: async (options) => orFolderFailure(async () => put(options)),
    get: async (options) => orFolderFailure(async () => get(options)),
    head: async (key) =>
      orFolderFailure(async () => {
        const entry = await readIndex(key);
        return entry === undefined ? undefined : toObject(key, entry);
      }),
    delete: async (key) =>
      orFolderFailure(async () => {
        const entry = await readIndex(key);
        if (entry === undefined) return false;
        await rm(indexFile(key), { force: true });
        await rm(join(blobs, entry.blob), { force: true });
        return true;
      }),
    list: async ({ prefix, after = '', limit }) =>
      orFolderFailure(async () => {
        checkObjectPrefix(prefix);
        const found: StoredObject[] = [];
        for await (const key of keysUnder(keys, { folder: '', prefix, after })) {
          if (key <= after || !key.startsWith(prefix)) continue;
          const entry = await readIndex(key);
          if (entry !== undefined) found.push(toObject(key, entry));
          if (found.length >= limit) break;
        }
        return found;
      }),
    close: async () => {},
  };
}

/** Keys in their order; folders that can't hold the prefix, or only what is not after, are not looked into. */
async function* keysUnder(
  root: string,
  of: { readonly folder: string; readonly prefix: string; readonly after: string },
): AsyncGenerator<string, void, undefined> {
  const { folder, prefix, after } = of;
  const entries = await readdir(join(root, folder), { withFileTypes: true }).catch((error: unknown) => {
    if (isMissing(error)) return [];
    throw error;
  });
  // A folder sorts as its keys do: with the slash.
  const names = entries
    .filter((entry) => entry.isDirectory() || entry.name.endsWith(INDEX_SUFFIX))
    .map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name.slice(0, -INDEX_SUFFIX.length)))
    .sort((left, right) => (left < right ? -1 : 1));
  for (const name of names) {
    const key = folder + name;
    if (!key.endsWith('/')) yield key;
    else if (key < after && !after.startsWith(key)) continue;
    else if (key.startsWith(prefix) || prefix.startsWith(key)) yield* keysUnder(root, { ...of, folder: key });
  }
}

async function writeIndex(target: string, entry: IndexEntry): Promise<void> {
  const temporary = `${target}+${randomUUID()}`;
  try {
    const handle = await open(temporary, 'wx', 0o600);
    try {
      await handle.writeFile(JSON.stringify(entry));
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, target);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  const folder = await open(dirname(target), 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Removes what uploads that never ended have left behind. */
async function sweep({ keys, blobs }: { readonly keys: string; readonly blobs: string }): Promise<void> {
  const old: string[] = [];
  for await (const entry of await opendir(blobs)) {
    const info = await stat(join(blobs, entry.name)).catch(() => undefined);
    if (info !== undefined && Date.now() - info.mtimeMs > ORPHAN_AFTER_MS) old.push(entry.name);
  }
  if (old.length === 0) return;
  const named = new Set<string>();
  for await (const entry of await opendir(keys, { recursive: true })) {
    if (!entry.isFile() || !entry.name.endsWith(INDEX_SUFFIX)) continue;
    const text = await readFile(join(entry.parentPath, entry.name), 'utf8').catch(() => '{}');
    named.add((JSON.parse(text) as Partial<IndexEntry>).blob ?? '');
  }
  for (const blob of old) if (!named.has(blob)) await rm(join(blobs, blob), { force: true });
}

function toObject(key: string, { size, sha256, contentType, modifiedAt }: IndexEntry): StoredObject {
  return { key, size, sha256, contentType, modifiedAt };
}

async function* emptyBody(): AsyncGenerator<Uint8Array, void, undefined> {}

function isMissing(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'ENOTDIR';
}
