import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleepFor } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { generateApiKey } from '@moltbot/auth';
import { openStorage, type Storage } from '@moltbot/storage';
import OpenAI, { toFile } from 'openai';
import { type PrimaryProcess, startPrimary, temporaryHome } from './primary-process.js';
import { rawClient } from './raw-client.js';

const MB = 1_048_576;
const MAX_MB = 24;

describe('files of callers', () => {
  const home = temporaryHome();
  let storage: Storage;
  let primary: PrimaryProcess;
  const keys: Record<string, string> = {};
  const client = (name: string): OpenAI =>
    new OpenAI({ baseURL: `${primary.url}/v1`, apiKey: keys[name] ?? '', maxRetries: 0 });

  beforeAll(async () => {
    storage = await openStorage({
      settings: { storage: { url: 'embedded' } },
      paths: { dataDirectory: join(home.path, 'data') },
    });
    for (const [name, scopes] of [
      ['one', ['jobs']],
      ['two', ['jobs']],
      ['chatter', ['chat']],
      ['owner', ['admin']],
    ] as const) {
      const { key, hash, prefix } = generateApiKey();
      await storage.apiKeys.create({ name, hash, prefix, scopes });
      keys[name] = key.reveal();
    }
    const config = { server: { access: 'api_key' }, objects: { max_size: `${MAX_MB}mb` } };
    primary = await startPrimary({ home: home.path, config });
  });

  afterAll(async () => {
    await primary?.stop();
    await storage?.close();
    home.remove();
  });

  const ask = (path: string, options: RequestInit & { readonly as?: string } = {}) =>
    fetch(primary.url + path, {
      ...options,
      headers: { authorization: `Bearer ${keys[options.as ?? 'one']}`, ...(options.headers as object) },
    });
  const blobs = (): readonly string[] => readdirSync(join(home.path, 'data', 'objects', 'blobs'));
  const rowsOf = async () => (await storage.files.due({ uploadsBefore: Date.now() + 1_000, limit: 100 })).length;

  async function eventually(holds: () => boolean | Promise<boolean>): Promise<void> {
    for (const end = performance.now() + 5_000; performance.now() < end; ) {
      if (await holds()) return;
      await sleepFor(20);
    }
    throw new Error('it did not come about within 5 s');
  }

  it('takes, lists, shows, gives back and deletes a file through OpenAI’s own client', async () => {
    const bytes = randomBytes(3 * MB);
    const made = await client('one').files.create({
      file: await toFile(bytes, 'früh\nstück.jsonl'),
      purpose: 'batch',
    });
    expect(made).toMatchObject({ object: 'file', bytes: bytes.length, purpose: 'batch', status: 'processed' });
    expect(made.id).toMatch(/^file-[0-9a-f]{24}$/);
    expect((made.expires_at ?? 0) - made.created_at).toBe(30 * 86_400);
    const second = await client('one').files.create({
      file: await toFile(Buffer.from('x'), 'x.txt'),
      purpose: 'user_data',
      expires_after: { anchor: 'created_at', seconds: 3_600 },
    });
    expect((second.expires_at ?? 0) - second.created_at).toBe(3_600);
    const listed: string[] = [];
    for await (const file of client('one').files.list({ limit: 1 })) listed.push(file.id);
    expect(listed).toEqual([second.id, made.id]);
    expect((await client('one').files.list({ purpose: 'batch' })).data.map(({ id }) => id)).toEqual([made.id]);
    expect(await client('one').files.retrieve(made.id)).toEqual(made);
    const content = Buffer.from(await (await client('one').files.content(made.id)).arrayBuffer());
    expect(content.equals(bytes)).toBe(true);
    expect(await client('one').files.delete(made.id)).toEqual({ id: made.id, object: 'file', deleted: true });
    await expect(client('one').files.retrieve(made.id)).rejects.toMatchObject({ status: 404, code: 'not_found' });
    await client('one').files.delete(second.id);
    expect(blobs()).toEqual([]);
  });

  it('gives parts of a file', async () => {
    const { id } = await client('one').files.create({
      file: await toFile(Buffer.from('0123456789')),
      purpose: 'evals',
    });
    const part = await ask(`/v1/files/${id}/content`, { headers: { range: 'bytes=2-4' } });
    expect([part.status, part.headers.get('content-range'), await part.text()]).toEqual([206, 'bytes 2-4/10', '234']);
    const stale = await ask(`/v1/files/${id}/content`, { headers: { range: 'bytes=2-4', 'if-range': '"other"' } });
    expect([stale.status, await stale.text()]).toEqual([200, '0123456789']);
    const beyond = await ask(`/v1/files/${id}/content`, { headers: { range: 'bytes=10-' } });
    expect([beyond.status, beyond.headers.get('content-range')]).toEqual([416, 'bytes */10']);
    await client('one').files.delete(id);
  });

  it('shows a caller its own files only, an administrator all, and nobody without the scope any', async () => {
    const { id } = await client('one').files.create({ file: await toFile(Buffer.from('mine')), purpose: 'user_data' });
    expect((await client('two').files.list()).data).toEqual([]);
    await expect(client('two').files.retrieve(id)).rejects.toMatchObject({ status: 404 });
    await expect(client('two').files.content(id)).rejects.toMatchObject({ status: 404 });
    await expect(client('two').files.delete(id)).rejects.toMatchObject({ status: 404 });
    await expect(client('chatter').files.list()).rejects.toMatchObject({ status: 403, code: 'permission_denied' });
    expect((await client('owner').files.list()).data.map((file) => file.id)).toEqual([id]);
    expect(await (await client('owner').files.content(id)).text()).toBe('mine');
    await client('owner').files.delete(id);
  });

  function form(parts: readonly (readonly [string, string | Blob])[]): FormData {
    const data = new FormData();
    for (const [name, value] of parts) {
      if (typeof value === 'string') data.append(name, value);
      else data.append(name, value, 'f.txt');
    }
    return data;
  }
  const blob = (text = 'x') => new Blob([text]);

  it.each<[string, () => FormData, string]>([
    ['without a file', () => form([['purpose', 'batch']]), 'file'],
    ['without a purpose', () => form([['file', blob()]]), 'purpose'],
    [
      'for a purpose nobody knows',
      () =>
        form([
          ['purpose', 'fun'],
          ['file', blob()],
        ]),
      'purpose',
    ],
    [
      'with a field nobody knows',
      () =>
        form([
          ['purpose', 'batch'],
          ['file', blob()],
          ['colour', 'red'],
        ]),
      'colour',
    ],
    [
      'with an empty file',
      () =>
        form([
          ['purpose', 'batch'],
          ['file', blob('')],
        ]),
      'file',
    ],
    [
      'with two files',
      () =>
        form([
          ['purpose', 'batch'],
          ['file', blob()],
          ['file', blob()],
        ]),
      'file',
    ],
    [
      'with a file in another field',
      () =>
        form([
          ['purpose', 'batch'],
          ['data', blob()],
        ]),
      'file',
    ],
    [
      'with a field that is too long',
      () =>
        form([
          ['purpose', 'b'.repeat(70_000)],
          ['file', blob()],
        ]),
      'purpose',
    ],
    [
      'that expires at once',
      () =>
        form([
          ['file', blob()],
          ['purpose', 'batch'],
          ['expires_after[seconds]', '1'],
        ]),
      'expires_after[seconds]',
    ],
  ])('refuses a form %s, and keeps nothing of it', async (_name, make, param) => {
    const answer = await ask('/v1/files', { method: 'POST', body: make() });
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ error: { code: 'invalid_request', param } });
    expect([blobs(), await rowsOf()]).toEqual([[], 0]);
  });

  it('refuses what is no form', async () => {
    const json = await ask('/v1/files', {
      method: 'POST',
      body: '{}',
      headers: { 'content-type': 'application/json' },
    });
    expect([json.status, await json.json()]).toMatchObject([415, { error: { code: 'unsupported_media_type' } }]);
    const headers = { 'content-type': 'multipart/form-data' };
    const bare = await ask('/v1/files', { method: 'POST', body: 'x', headers });
    expect(bare.status).toBe(415);
    const broken = await ask('/v1/files', {
      method: 'POST',
      body: 'no parts at all',
      headers: { 'content-type': 'multipart/form-data; boundary=b' },
    });
    expect([broken.status, await broken.json()]).toMatchObject([400, { error: { code: 'invalid_request' } }]);
    const elsewhere = await ask('/v1/admin/keys', { method: 'POST', body: form([['a', 'b']]), as: 'owner' });
    expect(elsewhere.status).toBe(415);
    expect([blobs(), await rowsOf()]).toEqual([[], 0]);
  });

  it('refuses a file over the limit, announced or not, and keeps nothing of it', async () => {
    const large = new Blob([new Uint8Array((MAX_MB + 2) * MB)]);
    const announced = await ask('/v1/files', {
      method: 'POST',
      body: form([
        ['purpose', 'batch'],
        ['file', large],
      ]),
    });
    expect([announced.status, await announced.json()]).toMatchObject([413, { error: { code: 'payload_too_large' } }]);
    async function* chunks() {
      yield Buffer.from('--b\r\ncontent-disposition: form-data; name="file"; filename="f"\r\n\r\n');
      for (let sent = 0; sent < MAX_MB + 2; sent += 1) yield Buffer.alloc(MB);
    }
    const streamed = await ask('/v1/files', {
      method: 'POST',
      body: ReadableStream.from(chunks()),
      duplex: 'half',
      headers: { 'content-type': 'multipart/form-data; boundary=b' },
    });
    expect([streamed.status, await streamed.json()]).toMatchObject([413, { error: { code: 'payload_too_large' } }]);
    expect([blobs(), await rowsOf()]).toEqual([[], 0]);
  });

  it('keeps nothing of an upload whose caller goes away in the middle', async () => {
    const head = '--b\r\ncontent-disposition: form-data; name="file"; filename="f"\r\n\r\n';
    const caller = await rawClient(primary.url);
    caller.socket.write(
      `POST /v1/files HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${keys['one']}\r\n` +
        `content-type: multipart/form-data; boundary=b\r\ncontent-length: ${5 * MB}\r\n\r\n${head}`,
    );
    caller.socket.write(Buffer.alloc(2 * MB));
    await eventually(() => blobs().length === 1);
    caller.socket.destroy();
    await eventually(async () => blobs().length === 0 && (await rowsOf()) === 0);
    expect((await client('one').files.list()).data).toEqual([]);
  });

  it('gives up on an upload that comes too slowly, says so, and keeps nothing of it', async () => {
    const own = temporaryHome();
    const slow = await startPrimary({ home: own.path, config: { server: { request_timeout: '1s' } } });
    try {
      const caller = await rawClient(slow.url);
      caller.socket.write(
        `POST /v1/files HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: multipart/form-data; boundary=b\r\n` +
          `content-length: 1000\r\n\r\n--b\r\ncontent-disposition: form-data; name="file"; filename="f"\r\n\r\nabc`,
      );
      expect(await caller.closed()).toBeLessThan(4_000);
      expect(caller.received()).toMatch(/^HTTP\/1\.1 408 [^]*"request_timeout"/);
      const kept = () => readdirSync(join(own.path, 'data', 'objects', 'blobs'));
      await eventually(() => kept().length === 0);
    } finally {
      await slow.stop();
      own.remove();
    }
  });

  it('keeps its memory bounded over many large uploads at once', async () => {
    const residentMb = async () => {
      const text = await (await fetch(`${primary.opsUrl}/metrics`)).text();
      return Number(/^process_resident_memory_bytes (\S+)$/m.exec(text)?.[1]) / MB;
    };
    const before = await residentMb();
    const bytes = randomBytes(20 * MB);
    const sum = createHash('sha256').update(bytes).digest('hex');
    const upload = async () => {
      const body = form([
        ['file', new Blob([bytes])],
        ['purpose', 'evals'],
      ]);
      const answer = await ask('/v1/files', { method: 'POST', body });
      return (await answer.json()) as { id: string; sha256: string };
    };
    const made: { id: string; sha256: string }[] = [];
    for (let round = 0; round < 4; round += 1)
      made.push(...(await Promise.all([upload(), upload(), upload(), upload()])));
    const after = await residentMb();
    expect(new Set(made.map(({ sha256 }) => sha256))).toEqual(new Set([sum]));
    expect(after - before).toBeLessThan(160);
    await Promise.all(made.map(({ id }) => client('one').files.delete(id)));
    expect(blobs()).toEqual([]);
  });

  it('cuts off a reader that leaves, and goes on', async () => {
    const { id } = await client('one').files.create({ file: await toFile(randomBytes(20 * MB)), purpose: 'evals' });
    const reader = await rawClient(primary.url);
    reader.socket.write(
      `GET /v1/files/${id}/content HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${keys['one']}\r\n\r\n`,
    );
    await once(reader.socket, 'data');
    reader.socket.destroy();
    expect((await client('one').files.content(id)).status).toBe(200);
    await client('one').files.delete(id);
  });
});
