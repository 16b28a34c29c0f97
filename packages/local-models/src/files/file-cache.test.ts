import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createFileCache, type FileCache, type ModelObject, type ModelObjects } from './file-cache.js';

const here = new AbortController().signal;
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const bytesOf = (length: number, fill: string): Buffer => Buffer.alloc(length, fill);

let directory: string;
beforeEach(async () => {
  directory = join(await mkdtemp(join(tmpdir(), 'moltbot-cache-')), 'models');
});
afterEach(async () => {
  await rm(join(directory, '..'), { recursive: true });
});

interface Store extends ModelObjects {
  readonly reads: { readonly key: string; readonly start: number }[];
  readonly contents: Map<string, Buffer>;
  /** Breaks each body off after so many bytes. */
  breaksAfter: number;
  knowsChecksums: boolean;
}

function createStore(contents: Readonly<Record<string, Buffer>>): Store {
  const objectOf = (bytes: Buffer): ModelObject => ({
    size: bytes.length,
    sha256: store.knowsChecksums ? sha256(bytes) : undefined,
    modifiedAt: 1,
  });
  const store: Store = {
    reads: [],
    contents: new Map(Object.entries(contents)),
    breaksAfter: Infinity,
    knowsChecksums: true,
    head: async (key) => {
      const bytes = store.contents.get(key);
      return bytes && objectOf(bytes);
    },
    get: async ({ key, start }) => {
      const bytes = store.contents.get(key);
      if (bytes === undefined) return undefined;
      store.reads.push({ key, start });
      return { object: objectOf(bytes), body: piecesOf(bytes.subarray(start), store.breaksAfter) };
    },
  };
  return store;
}

async function* piecesOf(bytes: Buffer, breaksAfter: number): AsyncGenerator<Buffer, void, undefined> {
  for (let start = 0; start < bytes.length; start += 1_000) {
    if (start >= breaksAfter) throw Object.assign(new Error('aborted'), { code: 'ECONNRESET' });
    yield bytes.subarray(start, start + 1_000);
    await new Promise(setImmediate);
  }
}

function open(store: ModelObjects, maxBytes = 1_000_000): FileCache {
  return createFileCache({ directory, maxBytes: () => maxBytes, objects: async () => store });
}

const ask = { sha256: undefined, maxBytes: 1_000_000, signal: here };

describe('the cache of model files', () => {
  it('fetches an object once, and again where it has changed', async () => {
    const store = createStore({ 'm.gguf': bytesOf(10_000, 'a') });
    const cache = open(store);
    const file = await cache.fetch({ key: 'm.gguf', ...ask });
    expect(await readFile(file)).toEqual(bytesOf(10_000, 'a'));
    expect(await cache.fetch({ key: 'm.gguf', ...ask })).toBe(file);
    expect(store.reads).toHaveLength(1);
    store.contents.set('m.gguf', bytesOf(10_000, 'b'));
    expect(await readFile(await cache.fetch({ key: 'm.gguf', ...ask }))).toEqual(bytesOf(10_000, 'b'));
    expect((await stat(file)).mode & 0o077).toBe(0);
  });

  it('goes on where a fetch broke off', async () => {
    const store = createStore({ 'm.gguf': Buffer.from(Array.from({ length: 10_000 }, (_, index) => index % 251)) });
    const cache = open(store);
    store.breaksAfter = 4_000;
    await expect(cache.fetch({ key: 'm.gguf', ...ask })).rejects.toMatchObject({ code: expect.any(String) });
    store.breaksAfter = Infinity;
    const file = await cache.fetch({ key: 'm.gguf', ...ask });
    expect(store.reads.map(({ start }) => start)).toEqual([0, 4_000]);
    expect(await readFile(file)).toEqual(store.contents.get('m.gguf'));
    expect(await readdir(directory)).toHaveLength(1);
  });

  it('fetches once for all who want a file at the same time', async () => {
    const store = createStore({ 'm.gguf': bytesOf(50_000, 'a') });
    // As two processes have one each.
    const files = await Promise.all(
      [open(store), open(store), open(store)].map(async (cache) => cache.fetch({ key: 'm.gguf', ...ask })),
    );
    expect(new Set(files).size).toBe(1);
    expect(store.reads).toHaveLength(1);
  });

  it('goes on without a process that was killed while it fetched', async () => {
    const store = createStore({ 'm.gguf': bytesOf(5_000, 'a') });
    const file = await open(store).fetch({ key: 'm.gguf', ...ask });
    await rm(file);
    const lock = file.replace(/gguf$/, 'lock');
    await writeFile(lock, '');
    const given = new AbortController();
    const waiting = open(store).fetch({ key: 'm.gguf', ...ask, signal: given.signal });
    given.abort(new Error('given up'));
    await expect(waiting).rejects.toThrow('given up');
    const longAgo = new Date(Date.now() - 60_000);
    await utimes(lock, longAgo, longAgo);
    expect(await open(store).fetch({ key: 'm.gguf', ...ask })).toBe(file);
    expect(await readdir(directory)).toHaveLength(1);
  });

  it('keeps no file that is another than it should be', async () => {
    const store = createStore({ 'm.gguf': bytesOf(5_000, 'a') });
    const cache = open(store);
    const wanted = { key: 'm.gguf', ...ask, sha256: 'ab'.repeat(32) };
    // Told by the store before anything is fetched, and by the bytes where the store does not know.
    await expect(cache.fetch(wanted)).rejects.toMatchObject({ code: 'model_file_invalid' });
    expect(store.reads).toHaveLength(0);
    store.knowsChecksums = false;
    await expect(cache.fetch(wanted)).rejects.toMatchObject({ code: 'model_file_invalid' });
    expect(await readdir(directory)).toEqual([]);
    expect(await cache.fetch({ ...wanted, sha256: sha256(bytesOf(5_000, 'a')) })).toMatch(/\.gguf$/);
  });

  it('refuses what is not there or too large before it fetches', async () => {
    const store = createStore({ 'm.gguf': bytesOf(5_000, 'a') });
    await expect(open(store).fetch({ key: 'none', ...ask })).rejects.toMatchObject({ code: 'model_file_missing' });
    await expect(open(store).fetch({ key: 'm.gguf', ...ask, maxBytes: 4_999 })).rejects.toMatchObject({
      code: 'model_file_too_large',
    });
    await expect(open(store, 4_999).fetch({ key: 'm.gguf', ...ask })).rejects.toMatchObject({
      code: 'model_file_too_large',
    });
    expect(store.reads).toHaveLength(0);
  });

  it('makes room by removing what was used longest ago', async () => {
    const store = createStore({ a: bytesOf(4_000, 'a'), b: bytesOf(4_000, 'b'), c: bytesOf(4_000, 'c') });
    const cache = open(store, 9_000);
    const [a, b] = [await cache.fetch({ key: 'a', ...ask }), await cache.fetch({ key: 'b', ...ask })];
    const earlier = new Date(Date.now() - 10_000);
    await utimes(b, earlier, earlier);
    const c = await cache.fetch({ key: 'c', ...ask });
    expect((await readdir(directory)).map((name) => join(directory, name)).toSorted()).toEqual([a, c].toSorted());
  });

  it('says so where the disk can not be written', async () => {
    await mkdir(join(directory, '..'), { recursive: true });
    await writeFile(directory, 'a file where the folder should be');
    const store = createStore({ a: bytesOf(10, 'a') });
    await expect(open(store).fetch({ key: 'a', ...ask })).rejects.toMatchObject({ code: 'model_load_failed' });
  });
});
