import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import { createSockets, post, readAll, WHOLE } from '../testing/sockets.js';

const sockets = createSockets();
const { client, serve } = sockets;
afterEach(() => sockets.close());

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
