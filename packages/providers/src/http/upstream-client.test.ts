import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { createServer as createTcpServer, type Server as TcpServer, type AddressInfo, type Socket } from 'node:net';
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { UpstreamClient, UpstreamResponse } from './upstream.js';
import { createUpstreamClient, type UpstreamClientOptions } from './upstream-client.js';

const cleanups: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function listen(server: Server | TcpServer): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => {});
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanups.push(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, 'close');
  });
  return (server.address() as AddressInfo).port;
}

async function serve(listener: RequestListener): Promise<{ url: string; server: Server }> {
  const server = createServer(listener);
  const port = await listen(server);
  return { url: `http://127.0.0.1:${port}/v1/chat/completions`, server };
}

/** A server that speaks raw bytes: `onSocket` gets each connection. */
async function serveRaw(onSocket: (socket: Socket, index: number) => void): Promise<string> {
  let count = 0;
  const port = await listen(
    createTcpServer((socket) => {
      onSocket(socket, count);
      count += 1;
    }),
  );
  return `http://127.0.0.1:${port}/v1/chat/completions`;
}

function client(options: Partial<UpstreamClientOptions> = {}): UpstreamClient {
  const created = createUpstreamClient({ maxConnections: 16, ...options });
  cleanups.push(() => created.close());
  return created;
}

interface Ask {
  readonly url: string;
  readonly body?: string;
  readonly headers?: Record<string, string>;
  readonly connectTimeoutMs?: number;
  readonly headersTimeoutMs?: number;
  readonly signal?: AbortSignal;
}

function post(upstream: UpstreamClient, { url, body = '{}', ...options }: Ask): Promise<UpstreamResponse> {
  return upstream.post({
    url,
    headers: {},
    body: Buffer.from(body),
    connectTimeoutMs: 2_000,
    headersTimeoutMs: 2_000,
    signal: new AbortController().signal,
    ...options,
  });
}

const WHOLE = { limit: 1_000_000, timeoutMs: 2_000 };

async function readAll(response: UpstreamResponse): Promise<string> {
  const pieces: Buffer[] = [];
  for (;;) {
    const piece = await response.next();
    if (piece === undefined) return Buffer.concat(pieces).toString();
    pieces.push(piece);
  }
}

describe('a request', () => {
  it('is a POST of the bytes with its headers, asking for no compression', async () => {
    let seen: IncomingMessage | undefined;
    let body = '';
    const { url } = await serve((request, response) => {
      seen = request;
      request.setEncoding('utf8').on('data', (text: string) => {
        body += text;
      });
      request.on('end', () => response.setHeader('x-two', ['a', 'b']).end('{"ok":true}'));
    });
    const response = await post(client(), {
      url: `${url}?api-version=1`,
      body: '{"a":"ä"}',
      headers: { authorization: 'Bearer k' },
    });
    expect(response.status).toBe(200);
    expect(response.headers['x-two']).toEqual(['a', 'b']);
    expect((await response.whole(WHOLE)).toString()).toBe('{"ok":true}');
    expect(seen?.method).toBe('POST');
    expect(seen?.url).toBe('/v1/chat/completions?api-version=1');
    expect(seen?.headers).toMatchObject({
      authorization: 'Bearer k',
      'accept-encoding': 'identity',
      'content-type': 'application/json',
      'content-length': '10',
    });
    expect(body).toBe('{"a":"ä"}');
  });

  it('can be a GET', async () => {
    const { url } = await serve((request, response) => response.end(request.method));
    const options = { url, headers: {}, connectTimeoutMs: 1_000, headersTimeoutMs: 1_000 };
    const response = await client().get({ ...options, signal: new AbortController().signal });
    expect((await response.whole(WHOLE)).toString()).toBe('GET');
  });

  it('uses the same connection again, and follows no redirect', async () => {
    const ports = new Set<number | undefined>();
    const { url } = await serve((request, response) => {
      ports.add(request.socket.remotePort);
      response.writeHead(302, { location: '/elsewhere' }).end('moved');
    });
    const upstream = client();
    for (let turn = 0; turn < 5; turn += 1) {
      const response = await post(upstream, { url });
      expect(response.status).toBe(302);
      expect(await readAll(response)).toBe('moved');
      // A connection is free again one turn of the loop after its answer.
      await setImmediate();
    }
    expect(ports.size).toBe(1);
  });

  it('opens no more connections than allowed and lets the others wait', async () => {
    let open = 0;
    let most = 0;
    const { url } = await serve((_, response) => {
      open += 1;
      most = Math.max(most, open);
      setTimeout(() => {
        open -= 1;
        response.end('x');
      }, 5);
    });
    const upstream = client({ maxConnections: 2 });
    const texts = await Promise.all(
      Array.from({ length: 12 }, async () => readAll(await post(upstream, { url, connectTimeoutMs: 1_000 }))),
    );
    expect(texts).toEqual(Array.from({ length: 12 }, () => 'x'));
    expect(most).toBe(2);
  });
});

describe('a body', () => {
  it('comes piece by piece, waiting pieces together, then ends', async () => {
    let answer: ServerResponse | undefined;
    const { url } = await serve((_, response) => {
      answer = response;
      response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
    });
    const response = await post(client(), { url });
    const first = response.next();
    answer?.write('one');
    expect((await first)?.toString()).toBe('one');
    const second = response.next();
    answer?.write('two');
    answer?.write('three');
    expect((await second)?.toString()).toBe('twothree');
    const end = response.next();
    answer?.end();
    expect(await end).toBeUndefined();
    expect(response.next()).toBeUndefined();
  });

  it('of any size arrives unchanged through a slow reader, which pauses the server', async () => {
    const total = 100 * 1_048_576;
    const piece = Buffer.alloc(65_536, 'x');
    let written = 0;
    let stalled = 0;
    const { url } = await serve((_, response) => {
      const write = (): void => {
        while (written < total) {
          written += piece.length;
          if (!response.write(piece)) {
            stalled += 1;
            response.once('drain', write);
            return;
          }
        }
        response.end();
      };
      write();
    });
    const response = await post(client(), { url });
    // Nothing is read for a while: all buffers on the way fill up, and the server comes to a halt.
    let before = -1;
    while (before !== written) {
      before = written;
      await sleep(50);
    }
    expect(written).toBeLessThan(total / 4);
    let held = 0;
    for (;;) {
      const waiting = response.next();
      if (waiting === undefined || waiting instanceof Promise) break;
      held += waiting.length;
      if (held > 400_000) break;
    }
    let received = held;
    for (;;) {
      const next = await response.next();
      if (next === undefined) break;
      expect(next.length).toBeLessThanOrEqual(65_536);
      received += next.length;
    }
    expect(received).toBe(total);
    expect(stalled).toBeGreaterThan(10);
  });

  it('that is not read holds no more than 256 KiB', async () => {
    const { url } = await serve((_, response) => {
      for (let turn = 0; turn < 400; turn += 1) response.write(Buffer.alloc(16_384, 'x'));
    });
    const response = await post(client(), { url });
    await sleep(200);
    // What waits here and in the socket, read without letting the event loop turn.
    let held = 0;
    let next = response.next();
    while (next instanceof Buffer) {
      held += next.length;
      next = response.next();
    }
    expect(held).toBeGreaterThan(100_000);
    expect(held).toBeLessThan(400_000);
    response.cancel();
    await expect(next).rejects.toMatchObject({ kind: 'cancelled' });
  });

  it('is refused as a whole beyond the limit', async () => {
    let closed: Promise<unknown> | undefined;
    const { url } = await serve((request, response) => {
      closed = once(request.socket, 'close');
      response.write(Buffer.alloc(10_000));
    });
    const response = await post(client(), { url });
    await expect(response.whole({ limit: 9_999, timeoutMs: 2_000 })).rejects.toMatchObject({ kind: 'not-an-answer' });
    await closed;
  });

  it('is given up as a whole after its time limit', async () => {
    const { url } = await serve((_, response) => response.write('{'));
    const response = await post(client(), { url });
    const started = performance.now();
    await expect(response.whole({ limit: 10, timeoutMs: 120 })).rejects.toMatchObject({ kind: 'response-timeout' });
    expect(performance.now() - started).toBeLessThan(400);
  });
});

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

describe('cancelling', () => {
  it('closes the connection at once while headers are awaited', async () => {
    const arrived = Promise.withResolvers<IncomingMessage>();
    const { url } = await serve((request) => arrived.resolve(request));
    const controller = new AbortController();
    const pending = post(client(), { url, signal: controller.signal });
    const request = await arrived.promise;
    const closed = once(request.socket, 'close');
    const started = performance.now();
    controller.abort();
    await expect(pending).rejects.toMatchObject({ kind: 'cancelled' });
    await closed;
    expect(performance.now() - started).toBeLessThan(100);
  });

  it.each(['cancel', 'signal'])('closes the connection at once in the body, by %s', async (by) => {
    const arrived = Promise.withResolvers<IncomingMessage>();
    const { url } = await serve((request, response) => {
      response.write('data: 1\n\n');
      arrived.resolve(request);
    });
    const controller = new AbortController();
    const response = await post(client(), { url, signal: controller.signal });
    expect((await response.next())?.toString()).toBe('data: 1\n\n');
    const waiting = response.next();
    const { socket } = await arrived.promise;
    const closed = once(socket, 'close');
    const started = performance.now();
    if (by === 'cancel') response.cancel();
    else controller.abort();
    await expect(waiting).rejects.toMatchObject({ kind: 'cancelled' });
    await closed;
    expect(performance.now() - started).toBeLessThan(100);
    expect(() => response.next()).toThrow(expect.objectContaining({ kind: 'cancelled' }));
  });

  it('leaves no rejection behind where nobody waits any more', async () => {
    const rejections: unknown[] = [];
    const count = (reason: unknown): number => rejections.push(reason);
    process.on('unhandledRejection', count);
    const { url } = await serve((_, response) => response.flushHeaders());
    const response = await post(client(), { url });
    void response.next();
    response.cancel();
    await sleep(10);
    process.off('unhandledRejection', count);
    expect(rejections).toEqual([]);
  });

  it('before anything is sent sends nothing', async () => {
    let connections = 0;
    const { url, server } = await serve((_, response) => response.end());
    server.on('connection', () => {
      connections += 1;
    });
    await expect(post(client(), { url, signal: AbortSignal.abort() })).rejects.toMatchObject({ kind: 'cancelled' });
    expect(connections).toBe(0);
  });

  it('leaves no listener on the signal after any end', async () => {
    const { url } = await serve((_, response) => response.end('x'));
    const { signal } = new AbortController();
    let listeners = 0;
    const counting = Object.create(signal, {
      aborted: { get: () => signal.aborted },
      addEventListener: { value: () => (listeners += 1) },
      removeEventListener: { value: () => (listeners -= 1) },
    }) as AbortSignal;
    const upstream = client();
    await readAll(await post(upstream, { url, signal: counting }));
    (await post(upstream, { url, signal: counting })).cancel();
    await expect(post(upstream, { url: 'http://127.0.0.1:1/', signal: counting })).rejects.toThrow();
    expect(listeners).toBe(0);
  });

  it('is what requests on a closed client get', async () => {
    const { url } = await serve((_, response) => response.end('x'));
    const upstream = client();
    await readAll(await post(upstream, { url }));
    await upstream.close();
    await expect(post(upstream, { url })).rejects.toMatchObject({ kind: 'cancelled' });
  });
});

describe('a body that is compressed though we asked for none', () => {
  const text = JSON.stringify({ answer: 'hello '.repeat(1_000) });
  const encodings = {
    gzip: gzipSync(text),
    deflate: deflateSync(text),
    br: brotliCompressSync(text),
    zstd: zstdCompressSync(text),
  };

  it.each(Object.entries(encodings))('is decoded: %s', async (encoding, bytes) => {
    const { url } = await serve((_, response) => response.setHeader('content-encoding', encoding).end(bytes));
    const upstream = client();
    const response = await post(upstream, { url });
    expect(response.headers['content-encoding']).toBeUndefined();
    expect((await response.whole(WHOLE)).toString()).toBe(text);
    expect(await readAll(await post(upstream, { url }))).toBe(text);
  });

  it('is refused where it grows beyond the limit, is broken or comes in an unknown encoding', async () => {
    const { url } = await serve((request, response) => {
      const kind = request.headers['x-kind'];
      if (kind === 'unknown') response.setHeader('content-encoding', 'compress').end('x');
      else if (kind === 'broken') response.setHeader('content-encoding', 'gzip').end('no gzip');
      else if (kind === 'short') response.setHeader('content-encoding', 'gzip').end(encodings.gzip.subarray(0, 40));
      else response.setHeader('content-encoding', 'gzip').end(gzipSync(Buffer.alloc(20_000_000)));
    });
    const upstream = client();
    for (const kind of ['unknown', 'broken', 'short', 'bomb']) {
      const response = await post(upstream, { url, headers: { 'x-kind': kind } });
      await expect(response.whole(WHOLE)).rejects.toMatchObject({ kind: 'not-an-answer' });
    }
  });

  it('of an error keeps its status', async () => {
    const { url } = await serve((_, response) => response.writeHead(429, { 'content-encoding': 'odd' }).end('x'));
    const response = await post(client(), { url });
    expect(response.status).toBe(429);
    expect(await response.whole(WHOLE)).toHaveLength(0);
  });
});

describe('a proxy', () => {
  it('gets requests for other machines, with its login, except the ones NO_PROXY names', async () => {
    const seen: { url: string | undefined; login: string | undefined }[] = [];
    const { url } = await serve((request, response) => {
      seen.push({ url: request.url, login: request.headers['proxy-authorization'] });
      response.end('from the proxy');
    });
    const proxy = new URL(url);
    const httpProxy = `http://user:pass@${proxy.host}`;
    const upstream = client({ proxy: { httpProxy, noProxy: 'direct.invalid' } });
    expect(await readAll(await post(upstream, { url: 'http://models.invalid/v1/x' }))).toBe('from the proxy');
    expect(seen).toEqual([{ url: 'http://models.invalid/v1/x', login: `Basic ${btoa('user:pass')}` }]);
    await expect(post(upstream, { url: 'http://direct.invalid/v1/x' })).rejects.toMatchObject({ kind: 'unreachable' });
    expect(seen).toHaveLength(1);
  });

  it('is never asked for this machine', async () => {
    const direct = await serve((_, response) => response.end('direct'));
    const upstream = client({ proxy: { httpProxy: 'http://127.0.0.1:1', httpsProxy: 'http://127.0.0.1:1' } });
    expect(await readAll(await post(upstream, { url: direct.url }))).toBe('direct');
    expect(await readAll(await post(upstream, { url: direct.url.replace('127.0.0.1', 'localhost') }))).toBe('direct');
  });

  it('that refuses makes the provider unreachable', async () => {
    const { url, server } = await serve((_, response) => response.writeHead(407).end());
    server.on('connect', (_: IncomingMessage, socket: Socket) => socket.end('HTTP/1.1 403 Forbidden\r\n\r\n'));
    const proxy = `http://${new URL(url).host}`;
    const upstream = client({ proxy: { httpProxy: proxy, httpsProxy: proxy } });
    await expect(post(upstream, { url: 'http://models.invalid/' })).rejects.toMatchObject({ kind: 'unreachable' });
    await expect(post(upstream, { url: 'https://models.invalid/' })).rejects.toMatchObject({ kind: 'unreachable' });
    const gone = client({ proxy: { httpsProxy: 'http://127.0.0.1:1' } });
    await expect(post(gone, { url: 'https://models.invalid/' })).rejects.toMatchObject({ kind: 'unreachable' });
  });
});
