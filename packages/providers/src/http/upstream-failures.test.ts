import { once } from 'node:events';
import type { Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import { createSockets, post, readAll, WHOLE } from '../testing/sockets.js';

const sockets = createSockets();
const { client, serve, serveRaw } = sockets;
afterEach(() => sockets.close());

describe('a fault', () => {
  it.each([
    ['a refused connection', 'http://127.0.0.1:1/', 'unreachable'],
    ['an address that is none', 'nonsense', 'unfit'],
  ])('%s: %p is %s', async (_, url, kind) => {
    await expect(post(client(), { url })).rejects.toMatchObject({ name: 'ProviderError', kind });
  });

  it('in TLS is unreachable: nothing was sent', async () => {
    const url = await serveRaw((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    await expect(post(client(), { url: url.replace('http:', 'https:') })).rejects.toMatchObject({
      kind: 'unreachable',
    });
  });

  it('in opening the connection is a connect timeout, on time', async () => {
    // The connection is only open for us when TLS is, and this server never says a word.
    const url = await serveRaw(() => {});
    const started = performance.now();
    await expect(post(client(), { url: url.replace('http:', 'https:'), connectTimeoutMs: 150 })).rejects.toMatchObject({
      kind: 'connect-timeout',
    });
    const took = performance.now() - started;
    expect(took).toBeGreaterThan(140);
    expect(took).toBeLessThan(400);
  });

  it('of headers that never come is a response timeout, on time, and closes the connection', async () => {
    let closed: Promise<unknown> | undefined;
    const { url } = await serve((request) => {
      closed = once(request.socket, 'close');
    });
    const started = performance.now();
    await expect(post(client(), { url, headersTimeoutMs: 150 })).rejects.toMatchObject({ kind: 'response-timeout' });
    const took = performance.now() - started;
    expect(took).toBeGreaterThan(140);
    expect(took).toBeLessThan(400);
    await closed;
  });

  it('of our own, all connections in use, is not put on the provider', async () => {
    const { url } = await serve((_, response) => response.flushHeaders());
    const upstream = client({ maxConnections: 1 });
    const busy = await post(upstream, { url });
    await expect(post(upstream, { url, connectTimeoutMs: 20, headersTimeoutMs: 100 })).rejects.toMatchObject({
      kind: 'unfit',
    });
    busy.cancel();
  });

  it('after the request was read and before the headers is a reset', async () => {
    const url = await serveRaw((socket) => {
      socket.once('data', () => socket.resetAndDestroy());
    });
    await expect(post(client(), { url })).rejects.toMatchObject({ kind: 'reset' });
    const closing = await serveRaw((socket) => {
      socket.once('data', () => socket.end());
    });
    await expect(post(client(), { url: closing })).rejects.toMatchObject({ kind: 'reset' });
    const halfway = await serveRaw((socket) => {
      socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\ncontent-'));
    });
    await expect(post(client(), { url: halfway })).rejects.toMatchObject({ kind: 'reset' });
  });

  it('of a kept connection that the server drops with the next request is one reset, and the request is sent once', async () => {
    const requests: number[] = [];
    const url = await serveRaw((socket, index) => {
      let count = 0;
      socket.on('data', (bytes) => {
        if (!bytes.includes('POST ')) return;
        requests.push(index);
        count += 1;
        if (count === 1) socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
        else socket.resetAndDestroy();
      });
    });
    const upstream = client();
    expect(await readAll(await post(upstream, { url }))).toBe('ok');
    await setImmediate();
    await expect(post(upstream, { url })).rejects.toMatchObject({ kind: 'reset' });
    expect(requests).toEqual([0, 0]);
    expect(await readAll(await post(upstream, { url }))).toBe('ok');
    expect(requests).toEqual([0, 0, 1]);
  });

  it('of a kept connection that the server closed meanwhile is none: another is opened', async () => {
    const sockets: Socket[] = [];
    const url = await serveRaw((socket) => {
      sockets.push(socket);
      socket.on('data', (bytes) => {
        if (bytes.includes('POST ')) socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
      });
    });
    const upstream = client();
    expect(await readAll(await post(upstream, { url }))).toBe('ok');
    const [first] = sockets;
    first?.end();
    if (first !== undefined) await once(first, 'close');
    expect(await readAll(await post(upstream, { url }))).toBe('ok');
    expect(sockets).toHaveLength(2);
  });

  it.each([
    ['no HTTP at all', 'ready> '],
    ['another protocol', 'SSH-2.0-OpenSSH_9.6\r\n'],
    ['headers without end', `HTTP/1.1 200 OK\r\nx: ${'y'.repeat(40_000)}`],
  ])('of a server that says %s is no answer', async (_, text) => {
    const url = await serveRaw((socket) => {
      socket.once('data', () => socket.write(text));
    });
    await expect(post(client(), { url })).rejects.toMatchObject({ kind: 'not-an-answer' });
  });

  it.each([
    ['chunked', 'transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n'],
    ['counted', 'content-length: 10\r\n\r\nhello'],
  ])('in a %s body is a cut, after what came', async (_, text) => {
    const url = await serveRaw((socket) => {
      socket.once('data', () => socket.write(`HTTP/1.1 200 OK\r\n${text}`, () => socket.end()));
    });
    const response = await post(client(), { url });
    expect((await response.next())?.toString()).toBe('hello');
    await expect(async () => response.next()).rejects.toMatchObject({ kind: 'stream-cut' });
    const again = await post(client(), { url });
    await expect(again.whole(WHOLE)).rejects.toMatchObject({ kind: 'stream-cut' });
  });

  it('of a header that can not be sent is ours', async () => {
    const { url } = await serve((_, response) => response.end());
    await expect(post(client(), { url, headers: { 'x-bad': 'a\r\nb: c' } })).rejects.toMatchObject({ kind: 'unfit' });
  });
});
