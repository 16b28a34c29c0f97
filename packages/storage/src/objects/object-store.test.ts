import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm, utimes, writeFile, truncate } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { settingsSchema } from '@moltbot/config';
import { Secret } from '@moltbot/contracts';
import { type S3Server, startS3Server } from './__fixtures__/s3-server.js';
import { openFolderObjects } from './folder-objects.js';
import type { ObjectStore } from './object-store.js';
import { openObjects } from './open-objects.js';
import { openS3Objects } from './s3-objects.js';

const MB = 1_048_576;
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

async function* chunksOf(bytes: Uint8Array, size = 65_536): AsyncGenerator<Uint8Array, void, undefined> {
  for (let start = 0; start < bytes.length; start += size) yield bytes.subarray(start, start + size);
}

async function* breaking(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  yield bytes;
  throw Object.assign(new Error('aborted'), { code: 'ECONNRESET' });
}

async function bytesOf(store: ObjectStore, key: string, range: { start?: number; end?: number } = {}) {
  const found = await store.get({ key, ...range });
  if (found === undefined) return undefined;
  const chunks: Uint8Array[] = [];
  for await (const chunk of found.body) chunks.push(chunk);
  return Buffer.concat(chunks);
}

const put = (store: ObjectStore, key: string, bytes: Uint8Array, more: object = {}) =>
  store.put({ key, body: chunksOf(bytes), maxBytes: 64 * MB, ...more });

interface Rig {
  readonly store: ObjectStore;
  /** Files that uploads have left behind. */
  readonly leftovers: () => Promise<number>;
}

function behavesAsObjectStore(name: string, rig: () => Rig): void {
  describe(name, () => {
    it('gives back the bytes, their checksum, type and time', async () => {
      const { store } = rig();
      const bytes = randomBytes(300_000);
      const before = Date.now();
      const stored = await put(store, 'files/file_1/content', bytes, { contentType: 'application/jsonl' });
      expect(stored).toMatchObject({ key: 'files/file_1/content', size: 300_000, sha256: sha256(bytes) });
      const found = await store.get({ key: 'files/file_1/content' });
      expect(found?.object).toMatchObject({ size: 300_000, sha256: sha256(bytes), contentType: 'application/jsonl' });
      // A bucket tells whole seconds.
      expect(found?.object.modifiedAt).toBeGreaterThanOrEqual(before - 1_000);
      await found?.cancel();
      expect(await bytesOf(store, 'files/file_1/content')).toEqual(bytes);
      expect(await store.head('files/file_1/content')).toMatchObject({ size: 300_000, sha256: sha256(bytes) });
    });

    it('lets go of an object that is left in the middle', async () => {
      const { store } = rig();
      await put(store, 'left', randomBytes(MB));
      for (let round = 0; round < 20; round += 1) {
        const found = await store.get({ key: 'left' });
        const body = found?.body[Symbol.asyncIterator]();
        expect((await body?.next())?.value?.length).toBeGreaterThan(0);
        await body?.return?.();
        // What is below it is still closing.
        await expect(found?.cancel()).resolves.toBeUndefined();
      }
    });

    it('gives any range, also of an empty object, and refuses those outside', async () => {
      const { store } = rig();
      const bytes = randomBytes(1_000);
      await put(store, 'a', bytes);
      expect(await bytesOf(store, 'a', { start: 10, end: 20 })).toEqual(bytes.subarray(10, 20));
      expect(await bytesOf(store, 'a', { start: 990 })).toEqual(bytes.subarray(990));
      expect(await bytesOf(store, 'a', { start: 1_000 })).toEqual(Buffer.alloc(0));
      await expect(bytesOf(store, 'a', { start: 1_001 })).rejects.toMatchObject({ code: 'invalid_request' });
      await expect(bytesOf(store, 'a', { start: 20, end: 10 })).rejects.toMatchObject({ code: 'invalid_request' });
      await put(store, 'empty', new Uint8Array());
      expect(await bytesOf(store, 'empty')).toEqual(Buffer.alloc(0));
      expect(await store.head('empty')).toMatchObject({ size: 0 });
    });

    it('knows nothing of a key that nobody stored', async () => {
      const { store } = rig();
      expect([await store.get({ key: 'none' }), await store.head('none'), await store.delete('none')]).toEqual([
        undefined,
        undefined,
        false,
      ]);
    });

    it('takes a large object in parts', async () => {
      const { store } = rig();
      const bytes = randomBytes(17 * MB);
      await put(store, 'models/large.gguf', bytes);
      expect(sha256((await bytesOf(store, 'models/large.gguf')) ?? new Uint8Array())).toBe(sha256(bytes));
      expect(await bytesOf(store, 'models/large.gguf', { start: 8 * MB - 5, end: 8 * MB + 5 })).toEqual(
        bytes.subarray(8 * MB - 5, 8 * MB + 5),
      );
    });

    it('stores nothing of an upload that breaks, is too large or has another checksum', async () => {
      const { store, leftovers } = rig();
      const bytes = randomBytes(100_000);
      await put(store, 'kept', bytes);
      const body = breaking(bytes);
      await expect(store.put({ key: 'kept', body, maxBytes: MB })).rejects.toMatchObject({ code: 'ECONNRESET' });
      await expect(put(store, 'kept', bytes, { maxBytes: 99_999 })).rejects.toMatchObject({
        code: 'payload_too_large',
      });
      await expect(put(store, 'kept', bytes, { sha256: 'ab'.repeat(32) })).rejects.toMatchObject({
        code: 'invalid_request',
      });
      await expect(put(store, 'kept', bytes, { signal: AbortSignal.abort() })).rejects.toMatchObject({
        name: 'AbortError',
      });
      expect(await bytesOf(store, 'kept')).toEqual(bytes);
      expect(await leftovers()).toBe(0);
      await expect(put(store, 'right', bytes, { sha256: sha256(bytes).toUpperCase() })).resolves.toMatchObject({
        key: 'right',
      });
    });

    it('lists by prefix in order, page by page, and forgets what is deleted', async () => {
      const { store } = rig();
      const keys = ['list/a/1', 'list/a/2', 'list/b/1', 'list/c/1', 'list/c/2', 'other/1'];
      for (const key of keys) await put(store, key, Buffer.from(key));
      const listed = await store.list({ prefix: 'list/', limit: 100 });
      expect(listed.map(({ key, size }) => [key, size])).toEqual(keys.slice(0, 5).map((key) => [key, key.length]));
      const pages: string[] = [];
      for (;;) {
        const page = await store.list({ prefix: 'list/', limit: 2, after: pages.at(-1) ?? '' });
        if (page.length === 0) break;
        pages.push(...page.map(({ key }) => key));
      }
      expect(pages).toEqual(keys.slice(0, 5));
      expect(await store.delete('list/a/1')).toBe(true);
      expect((await store.list({ prefix: 'list/a', limit: 10 })).map(({ key }) => key)).toEqual(['list/a/2']);
      expect(await bytesOf(store, 'list/a/1')).toBeUndefined();
    });

    it.each([
      '',
      '/',
      '../a',
      'a/../b',
      'a//b',
      '.hidden',
      'A',
      'a b',
      'a/',
      '/a',
      'a\0',
      `a/${'b'.repeat(129)}`,
      'a+json',
    ])('takes no key like %j', async (key) => {
      const { store } = rig();
      await expect(put(store, key, Buffer.from('x'))).rejects.toMatchObject({ code: 'invalid_request', param: 'key' });
      await expect(store.head(key)).rejects.toMatchObject({ code: 'invalid_request' });
    });
  });
}

let directory = '';
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'moltbot-objects-'));
});
afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

describe('the store that the settings name', () => {
  const { objects } = settingsSchema.parse({});
  it('is a folder of the data by default, and a bucket only with who signs', async () => {
    const store = await openObjects({ settings: { objects }, paths: { dataDirectory: directory } });
    await put(store, 'a', Buffer.from('a'));
    expect(await readdir(directory)).toEqual(['objects']);
    const settings = { objects: { ...objects, url: 'https://s3.example.com/moltbot' } };
    await expect(openObjects({ settings, paths: { dataDirectory: directory } })).rejects.toMatchObject({
      code: 'config_invalid',
      message: expect.stringContaining('objects.access_key_id'),
    });
  });
});

describe('objects in a folder', () => {
  let store: ObjectStore;
  beforeEach(async () => {
    store = await openFolderObjects({ directory });
  });
  behavesAsObjectStore('as any store', () => ({
    store,
    leftovers: async () => (await readdir(join(directory, 'blobs'))).length - 1,
  }));

  it('shows one whole object or another while many replace it at the same time', async () => {
    const contents = Array.from({ length: 6 }, (_, index) => Buffer.alloc(50_000 + index, index));
    await put(store, 'busy', contents[0] ?? Buffer.alloc(0));
    const writing = new AbortController();
    const seen = (async () => {
      const sums = new Set<string>();
      while (!writing.signal.aborted) sums.add(sha256((await bytesOf(store, 'busy')) ?? Buffer.alloc(0)));
      return sums;
    })();
    await Promise.all(contents.map((bytes) => put(store, 'busy', bytes)));
    writing.abort();
    const known = contents.map(sha256);
    expect([...(await seen)].filter((sum) => !known.includes(sum))).toEqual([]);
    expect(known).toContain(sha256((await bytesOf(store, 'busy')) ?? Buffer.alloc(0)));
  });

  it('keeps keys apart that are the beginning of each other, in the order of bytes', async () => {
    const keys = ['a', 'a-b', 'a.b/c', 'a.json', 'a.json/x', 'a/b', 'b'];
    for (const key of [...keys].reverse()) await put(store, key, Buffer.from(key));
    expect((await store.list({ prefix: '', limit: 100 })).map(({ key }) => key)).toEqual(keys);
    expect((await store.list({ prefix: 'a.', limit: 2, after: 'a.b/c' })).map(({ key }) => key)).toEqual([
      'a.json',
      'a.json/x',
    ]);
    expect(await bytesOf(store, 'a.json')).toEqual(Buffer.from('a.json'));
  });

  it('says that bytes were damaged instead of giving them for good', async () => {
    await put(store, 'a', randomBytes(1_000));
    const [blob = ''] = await readdir(join(directory, 'blobs'));
    await writeFile(join(directory, 'blobs', blob), randomBytes(1_000));
    await expect(bytesOf(store, 'a')).rejects.toMatchObject({ code: 'object_store_unavailable' });
    await truncate(join(directory, 'blobs', blob), 10);
    await expect(bytesOf(store, 'a', { start: 5, end: 100 })).rejects.toMatchObject({
      code: 'object_store_unavailable',
    });
  });

  it('sweeps what a killed upload left behind, and nothing that is named or young', async () => {
    await put(store, 'kept', Buffer.from('kept'));
    const old = new Date(Date.now() - 7_200_000);
    for (const name of await readdir(join(directory, 'blobs'))) await utimes(join(directory, 'blobs', name), old, old);
    await writeFile(join(directory, 'blobs', 'old.part'), 'x');
    await utimes(join(directory, 'blobs', 'old.part'), old, old);
    await writeFile(join(directory, 'blobs', 'young.part'), 'x');
    const again = await openFolderObjects({ directory });
    expect((await readdir(join(directory, 'blobs'))).filter((name) => name.endsWith('.part'))).toEqual(['young.part']);
    expect(await bytesOf(again, 'kept')).toEqual(Buffer.from('kept'));
  });

  it('says that its folder can’t be used', async () => {
    await writeFile(join(directory, 'file'), '');
    await expect(openFolderObjects({ directory: join(directory, 'file') })).rejects.toMatchObject({
      code: 'object_store_unavailable',
      message: expect.stringMatching(/ENOTDIR|EEXIST/),
    });
  });
});

describe('objects in a bucket', () => {
  let server: S3Server;
  let data = '';
  beforeAll(async () => {
    data = await mkdtemp(join(tmpdir(), 'moltbot-s3-'));
    server = await startS3Server({ directory: data });
  });
  afterAll(async () => {
    await server.stop();
    await rm(data, { recursive: true, force: true });
  });
  const open = (more: Partial<Parameters<typeof openS3Objects>[0]> = {}) =>
    openS3Objects({
      url: server.url,
      region: 'us-east-1',
      accessKeyId: 'S3RVER',
      secretAccessKey: new Secret('S3RVER'),
      spoolDirectory: join(directory, 'spool'),
      partBytes: 5 * MB,
      ...more,
    });
  behavesAsObjectStore('as any store', () => ({
    store: open(),
    leftovers: async () => (await readdir(join(directory, 'spool'))).length,
  }));

  it('says by a typed error that the service refuses, and shows no secret', async () => {
    const store = open({ accessKeyId: 'NOBODY', secretAccessKey: new Secret('canary-secret') });
    const refused = await put(store, 'a', Buffer.from('x')).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: 'object_store_unavailable', message: expect.stringContaining('403') });
    expect(String(refused)).not.toContain('canary');
    expect(await readdir(join(directory, 'spool'))).toEqual([]);
  });

  it('sends a part again that the service failed to take, and waits for one that restarts', async () => {
    let failures = 3;
    const store = open({
      fetch: async (input, init) => {
        if (init?.method === 'PUT' && failures > 0) {
          failures -= 1;
          return new Response('<Error><Code>SlowDown</Code></Error>', { status: 503 });
        }
        return fetch(input, init);
      },
    });
    const bytes = randomBytes(11 * MB);
    await put(store, 'again', bytes);
    expect(failures).toBe(0);
    expect(sha256((await bytesOf(store, 'again')) ?? Buffer.alloc(0))).toBe(sha256(bytes));
  });

  it('gives up in bounded time on a service that is away or silent', async () => {
    const silent: Server = createServer(() => {}).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as { readonly port: number };
    const store = open({ url: `http://127.0.0.1:${port}/moltbot`, timeoutMs: 50 });
    await expect(store.head('a')).rejects.toMatchObject({ code: 'object_store_unavailable' });
    silent.closeAllConnections();
    silent.close();
    await expect(open({ url: 'http://127.0.0.1:1/moltbot' }).head('a')).rejects.toMatchObject({
      code: 'object_store_unavailable',
    });
  });
});
