import { once } from 'node:events';
import { setTimeout as sleepFor } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { startScriptedUpstream, type ScriptedUpstream } from '@moltbot/providers/testing';
import { type FloodUpstream, startFloodUpstream } from './flood-upstream.js';
import { type PrimaryProcess, startPrimary } from './primary-process.js';
import { postHead, type RawClient, rawClient, sendRaw } from './raw-client.js';
import { expectUnharmed, good, rawRefusal, refusalOf } from './refusal.js';

const HEADER_TIMEOUT_MS = 400;
const WRITE_TIMEOUT_MS = 500;

let primary: PrimaryProcess;
let flood: FloodUpstream;
let scripted: ScriptedUpstream;

beforeAll(async () => {
  flood = await startFloodUpstream();
  scripted = await startScriptedUpstream({ script: { type: 'answer' } });
  primary = await startPrimary({
    config: {
      models: {
        primary: 'quick:model',
        retry_policy: { max_attempts: 1 },
      },
      providers: {
        quick: { kind: 'openai-compatible', base_url: scripted.baseUrl('openai-chat'), models: { model: {} } },
        flood: { kind: 'openai-compatible', base_url: flood.baseUrl },
      },
      breaker: { failures: 1000 },
      server: {
        header_timeout: `${HEADER_TIMEOUT_MS}ms`,
        write_timeout: `${WRITE_TIMEOUT_MS}ms`,
      },
    },
  });
});

afterAll(async () => {
  await primary?.stop();
  await flood?.close();
  await scripted?.close();
});

afterEach(() => expectUnharmed(primary));

function post(path: string, body: string | Buffer | ReadableStream, headers: Record<string, string> = {}) {
  return fetch(`${primary.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body,
    ...(body instanceof ReadableStream && { duplex: 'half' }),
  } as RequestInit);
}

describe('what is no request of ours', () => {
  it('gets a 404 in the caller’s dialect for a path that nobody serves', async () => {
    for (const path of [
      '/v2/chat/completions',
      '/v1/chat',
      '/v1/messages/x',
      '/%',
      '/v1/models/%zz',
      `/v1/models/${'x'.repeat(600)}`,
    ]) {
      expect(
        await refusalOf(path === '/v1/messages/x' ? 'openai' : path, await fetch(primary.url + path)),
      ).toMatchObject({ status: 404 });
    }
    const root = await fetch(`${primary.url}/`, { redirect: 'manual' });
    expect([root.status, root.headers.get('location')]).toEqual([302, '/docs']);
    const anthropic = await fetch(`${primary.url}/v1/nothing`, { headers: { 'anthropic-version': '2023-06-01' } });
    expect(await refusalOf('/v1/messages', anthropic)).toMatchObject({ status: 404, code: 'not_found_error' });
    expect((await post('/v1/models', '{}')).status).toBe(405);
    // Last: what is left of such a body may run into this server's short limits, and the next request on its connection with it.
    const large = await post('/v1/nothing', Buffer.alloc(20 * 1_048_576, 0x20));
    expect(await refusalOf('openai', large)).toMatchObject({ status: 404 });
  });

  it('finds models by percent-encoded names, and nothing outside them', async () => {
    const ids: [string, number][] = [
      ['quick:model', 200],
      ['quick%3Amodel', 200],
      ['quick%3Aorg%2Fmodel', 200],
      ['quick:org/model', 200],
      ['default', 200],
      ['default/', 200],
      ['..', 404],
      ['..%2F..%2Fhealth', 404],
      ['__proto__', 404],
      ['a%00b', 404],
    ];
    for (const [id, status] of ids) {
      const { status: got, body } = await sendRaw(
        primary.url,
        `GET /v1/models/${id} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n`,
      );
      expect([id, got]).toEqual([id, status]);
      if (id.includes('org')) expect(body).toContain('"quick:org/model"');
    }
  });

  it('is told in a typed 431 that its headers are too large', async () => {
    const answer = await sendRaw(primary.url, postHead('/v1/chat/completions', `x-large: ${'x'.repeat(20_000)}`));
    expect(answer.status).toBe(431);
    expect(JSON.parse(answer.body)).toMatchObject({ error: { code: 'headers_too_large' } });
  });

  it.each([
    'NONSENSE\r\n\r\n',
    '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
    'GET / HTTP/9.9\r\nhost: a\r\n\r\n',
    'POST /v1/messages HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: -5\r\n\r\n',
    'POST /v1/messages HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n',
    'POST /v1/messages HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n',
    'POST /v1/messages HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nZZ\r\n',
    'GET /v1/models HTTP/1.1\r\nhost: 127.0.0.1\r\nbad header\r\n\r\n',
    'GET /v1/models HTTP/1.1\r\n\r\n',
  ])('gets a 400 and the end of the connection (%j)', async (bytes) => {
    const answer = await sendRaw(primary.url, bytes);
    expect(answer.status).toBe(400);
  });

  it('can’t put garbage behind a request: the first is answered, the rest ends the connection', async () => {
    const first = 'GET /v1/models HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n';
    const client = await rawClient(primary.url);
    client.socket.write(`${first}\0\0\0garbage\r\n\r\n`);
    await client.closed();
    expect(client.received()).toMatch(/^HTTP\/1\.1 (200|400) /);
    const second = await rawClient(primary.url);
    second.socket.write(first);
    await once(second.socket, 'data');
    second.socket.write('garbage garbage\r\n\r\n');
    await second.closed();
    expect(second.received()).toMatch(/^HTTP\/1\.1 200 /);
  });

  it('is cut off when its headers come too slowly, or not at all', async () => {
    const slow = await rawClient(primary.url);
    const idle = await Promise.all(Array.from({ length: 200 }, () => rawClient(primary.url)));
    // Others are served meanwhile.
    expect((await post('/v1/chat/completions', JSON.stringify(good))).status).toBe(200);
    await slow.drip({ bytes: postHead('/v1/chat/completions', 'content-length: 5'), everyMs: 50 });
    expect(await slow.closed()).toBeLessThan(HEADER_TIMEOUT_MS + 1_000);
    expect(rawRefusal('/v1/chat/completions', slow.received())).toMatchObject({ status: 408, code: 'request_timeout' });
    for (const client of idle) expect(await client.closed()).toBeLessThan(HEADER_TIMEOUT_MS + 2_000);
  });
});

describe('a caller that reads nothing', () => {
  /** Sends a request and never reads; resolves when the connection is over. */
  async function ask(body: object): Promise<{ client: RawClient; startedAt: number }> {
    const client = await rawClient(primary.url);
    client.socket.pause();
    const text = JSON.stringify(body);
    client.socket.write(`${postHead('/v1/chat/completions', `content-length: ${text.length}`)}${text}`);
    return { client, startedAt: performance.now() };
  }

  it('of a stream is cut off, and its upstream cancelled', async () => {
    const index = flood.floods.length;
    const { client, startedAt } = await ask({ ...good, model: 'flood:flood-200', stream: true });
    const { closedAt = 0, sent } = await flood.closed(index);
    expect(closedAt - startedAt).toBeLessThan(2 * WRITE_TIMEOUT_MS + 1_500);
    expect(sent).toBeLessThan(40 * 1_048_576);
    client.socket.destroy();
  });

  it('of a whole answer is cut off', async () => {
    const { client } = await ask({ ...good, model: 'flood:flood-20' });
    // Its kernel holds a few megabytes; then nothing goes on until the connection is reset.
    await sleepFor(2 * WRITE_TIMEOUT_MS + 1_000);
    client.socket.resume();
    await client.closed();
    expect(client.received().length).toBeLessThan(20 * 1_048_576);
    expect(client.received()).toMatch(/^HTTP\/1\.1 200/);
  });
});
