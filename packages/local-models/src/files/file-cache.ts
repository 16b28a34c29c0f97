import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { MoltbotError } from '@moltbot/contracts';
import { underLock } from './cache-lock.js';
import { assertSize } from './assert-size.js';

/** The object store, as far as model files need it (`ObjectStore` of the storage package has it all). */
export interface ModelObjects {
  head(key: string, signal?: AbortSignal): Promise<ModelObject | undefined>;
  get(options: {
    readonly key: string;
    readonly start: number;
    readonly signal: AbortSignal;
  }): Promise<{ readonly object: ModelObject; readonly body: AsyncIterable<Uint8Array> } | undefined>;
}

export interface ModelObject {
  readonly size: number;
  readonly sha256: string | undefined;
  /** Unix ms. */
  readonly modifiedAt: number;
}

export interface FileCache {
  /**
   * Path of the object's bytes on this disk, whole and checked.
   * @throws MoltbotError `model_file_missing`, `model_file_too_large`, `model_file_invalid`, `object_store_unavailable`
   */
  fetch(options: FetchOptions): Promise<string>;
}

export interface FetchOptions {
  readonly key: string;
  /** Hex; where the bytes must have another than the store says, nothing is fetched. */
  readonly sha256: string | undefined;
  readonly maxBytes: number;
  readonly signal: AbortSignal;
}

export interface FileCacheOptions {
  readonly directory: string;
  /** Bytes of all files; read at each use. */
  readonly maxBytes: () => number;
  /** Opened when the first file is fetched. */
  readonly objects: () => Promise<ModelObjects>;
}

/** Half-fetched files that nobody went on with. */
const PART_KEPT_MS = 7 * 86_400_000;
const FILE_MODE = 0o600;

/**
 * Model files from the object store, kept on disk. A fetch that broke off is gone on with; processes of one machine fetch a
 * file once. A changed object is another file; the least recently used go when there is no room.
 */
export function createFileCache({ directory, maxBytes, objects }: FileCacheOptions): FileCache {
  async function fetchObject({ key, sha256, maxBytes: limit, signal }: FetchOptions): Promise<string> {
    const store = await objects();
    const object = await store.head(key, signal);
    if (object === undefined) {
      throw new MoltbotError('model_file_missing', `The object store has no \`${key}\`.`);
    }
    assertSize(key, object.size, Math.min(limit, maxBytes()));
    const expected = sha256 ?? object.sha256;
    if (object.sha256 !== undefined && object.sha256 !== expected) throw otherChecksum(key);
    const name = nameOf(key, object, expected);
    const target = join(directory, `${name}.gguf`);
    if (await isWhole(target, object.size)) return target;
    await mkdir(directory, { recursive: true, mode: 0o700 });
    return underLock({ file: join(directory, `${name}.lock`), signal }, async () => {
      // Another process may have fetched it meanwhile.
      if (await isWhole(target, object.size)) return target;
      await evict({ directory, room: maxBytes() - object.size, keep: name });
      const part = join(directory, `${name}.part`);
      await download({ store, key, object, part, expected, signal });
      await rename(part, target);
      return target;
    });
  }

  return {
    fetch: async (options) => {
      try {
        return await fetchObject(options);
      } catch (error) {
        options.signal.throwIfAborted();
        if (error instanceof MoltbotError) throw error;
        const code = (error as NodeJS.ErrnoException).code ?? 'unknown';
        throw new MoltbotError('model_load_failed', `The model file could not be fetched to this disk (${code}).`, {
          cause: error,
        });
      }
    },
  };
}

function nameOf(key: string, { size, modifiedAt }: ModelObject, sha256: string | undefined): string {
  return createHash('sha256')
    .update(JSON.stringify([key, size, sha256 ?? modifiedAt]))
    .digest('hex')
    .slice(0, 32);
}

/** Marks it as used, too. */
async function isWhole(file: string, size: number): Promise<boolean> {
  const info = await stat(file).catch(() => undefined);
  if (info?.size !== size) return false;
  const now = new Date();
  await utimes(file, now, now).catch(() => {});
  return true;
}

async function download(options: {
  readonly store: ModelObjects;
  readonly key: string;
  readonly object: ModelObject;
  readonly part: string;
  readonly expected: string | undefined;
  readonly signal: AbortSignal;
}): Promise<void> {
  const { store, key, object, part, expected, signal } = options;
  const hash = createHash('sha256');
  let position = await hashPart(part, hash, signal);
  if (position > object.size) throw await spoiled(part, key);
  const file = await open(part, position === 0 ? 'w' : 'r+', FILE_MODE);
  try {
    if (position < object.size) {
      const found = await store.get({ key, start: position, signal });
      if (found === undefined) throw new MoltbotError('model_file_missing', `The object store has no \`${key}\`.`);
      for await (const chunk of found.body) {
        signal.throwIfAborted();
        if (position + chunk.byteLength > object.size) throw await spoiled(part, key);
        await file.write(chunk, 0, chunk.byteLength, position);
        hash.update(chunk);
        position += chunk.byteLength;
      }
    }
    await file.sync();
  } finally {
    await file.close();
  }
  if (position < object.size) {
    throw new MoltbotError('object_store_unavailable', `The object \`${key}\` broke off after ${position} bytes.`);
  }
  if (expected !== undefined && hash.digest('hex') !== expected) {
    await rm(part, { force: true });
    throw otherChecksum(key);
  }
}

async function hashPart(part: string, hash: Hash, signal: AbortSignal): Promise<number> {
  let position = 0;
  try {
    for await (const chunk of createReadStream(part, { signal }) as AsyncIterable<Buffer>) {
      hash.update(chunk);
      position += chunk.length;
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  return position;
}

/** More bytes than the object has: of no use, not even to go on with. */
async function spoiled(part: string, key: string): Promise<MoltbotError> {
  await rm(part, { force: true });
  return new MoltbotError('object_store_unavailable', `More bytes came of the object \`${key}\` than it has.`);
}

function otherChecksum(key: string): MoltbotError {
  return new MoltbotError('model_file_invalid', `The object \`${key}\` has another checksum than it should have.`);
}

/** Removes the files used longest ago until the rest fits. A file that is mapped into memory lives on without its name. */
async function evict(options: {
  readonly directory: string;
  readonly room: number;
  readonly keep: string;
}): Promise<void> {
  const { directory, room, keep } = options;
  const entries = await Promise.all(
    (await readdir(directory)).map(async (name) => ({
      name,
      info: await stat(join(directory, name)).catch(() => undefined),
    })),
  );
  const files = entries.flatMap(({ name, info }) =>
    info === undefined ? [] : [{ name, size: info.size, mtimeMs: info.mtimeMs }],
  );
  for (const { name, mtimeMs } of files) {
    const abandoned = name.endsWith('.part') && !name.startsWith(keep) && Date.now() - mtimeMs > PART_KEPT_MS;
    if (abandoned) await rm(join(directory, name), { force: true });
  }
  const whole = files
    .filter(({ name }) => name.endsWith('.gguf'))
    .toSorted((left, right) => left.mtimeMs - right.mtimeMs);
  let bytes = whole.reduce((sum, { size }) => sum + size, 0);
  for (const { name, size } of whole) {
    if (bytes <= room) break;
    // One that can't be removed (in use, on some systems) counts all the same, the next is tried.
    const removed = await rm(join(directory, name), { force: true }).then(
      () => true,
      () => false,
    );
    if (removed) bytes -= size;
  }
}
