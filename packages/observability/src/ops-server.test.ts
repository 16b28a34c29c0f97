import { afterEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { createMetrics } from './metrics.js';
import { type OpsServer, type OpsServerOptions, startOpsServer } from './ops-server.js';

const servers: OpsServer[] = [];

afterEach(async () => {
  await Promise.all(servers.splice(0).map(async (server) => server.close()));
});

async function start(options: Partial<OpsServerOptions> = {}): Promise<{ server: OpsServer; url: string }> {
  const server = await startOpsServer({
    host: '127.0.0.1',
    port: 0,
    metrics: { contentType: 'text/plain', render: async () => 'a 1\n' },
    health: () => ({ ok: true }),
    ready: () => ({ ok: true }),
    ...options,
  });
  servers.push(server);
  return { server, url: `http://127.0.0.1:${server.port}` };
}

async function talk(port: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let received = '';
    const socket: Socket = connect(port, '127.0.0.1', () => socket.write(text));
    socket.on('data', (chunk) => (received += chunk.toString()));
    socket.on('close', () => {
      resolve(received);
    });
    socket.on('error', reject);
  });
}

describe('the operators’ server', () => {
  it('serves the metrics as Prometheus reads them', async () => {
    const metrics = createMetrics({ role: 'worker', version: '1' });
    const { url } = await start({ metrics });
    const response = await fetch(`${url}/metrics?ignored=1`);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(await response.text()).toContain('moltbot_build_info{');
    metrics.close();
  });

  it('says 200 or 503 for health and readiness, with the details', async () => {
    const { url } = await start({
      health: async () => ({ ok: true, role: 'worker' }),
      ready: () => ({ ok: false, queue: 'down' }),
    });
    const health = await fetch(`${url}/health`);
    expect([health.status, await health.json()]).toEqual([200, { status: 'ok', role: 'worker' }]);
    const ready = await fetch(`${url}/ready`);
    expect([ready.status, await ready.json()]).toEqual([503, { status: 'failing', queue: 'down' }]);
  });

  it('is not to be read under a name of elsewhere while it is for this machine only', async () => {
    const { server } = await start();
    const get = (host: string) =>
      talk(server.port, `GET /metrics HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`);
    expect(await get('evil.example')).toMatch(/^HTTP\/1.1 403 [^]*forbidden_origin/);
    expect(await get('127.0.0.1.evil.example')).toMatch(/^HTTP\/1.1 403 /);
    expect(await get(`LocalHost:${server.port}`)).toMatch(/^HTTP\/1.1 200 /);
    const wide = await start({ host: '0.0.0.0' });
    const reply = await talk(
      wide.server.port,
      'GET /metrics HTTP/1.1\r\nhost: metrics.example\r\nconnection: close\r\n\r\n',
    );
    expect(reply).toMatch(/^HTTP\/1.1 200 /);
  });

  it('answers HEAD without a body, 404 elsewhere, 405 with the methods it takes', async () => {
    const { url } = await start();
    const head = await fetch(`${url}/health`, { method: 'HEAD' });
    expect([head.status, head.headers.get('content-length'), await head.text()]).toEqual([200, '16', '']);
    for (const path of ['/', '/metrics/', '/toString', '/__proto__', '/%00', '//health']) {
      expect((await fetch(url + path)).status).toBe(404);
    }
    const post = await fetch(`${url}/metrics`, { method: 'POST', body: 'x'.repeat(100_000) });
    expect([post.status, post.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
  });

  it('answers 500 without the reason when a check throws, 503 when it does not end, and lives on', async () => {
    const { url } = await start({
      answerWithinMs: 50,
      health: () => {
        throw new Error('secret reason');
      },
      ready: async () => new Promise(() => {}),
    });
    const health = await fetch(`${url}/health`);
    expect([health.status, await health.text()]).toEqual([500, '{"error":{"code":"internal_error"}}\n']);
    expect((await fetch(`${url}/ready`)).status).toBe(503);
    expect((await fetch(`${url}/metrics`)).status).toBe(200);
  });

  it('refuses what is no HTTP and headers without end', async () => {
    const { server } = await start();
    expect(await talk(server.port, 'not http at all\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 /);
    expect(await talk(server.port, `GET /metrics HTTP/1.1\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`)).toMatch(
      /^HTTP\/1\.1 4\d\d /,
    );
    expect((await fetch(`http://127.0.0.1:${server.port}/health`)).status).toBe(200);
  });

  it('says by its code that the port is taken', async () => {
    const { server } = await start();
    await expect(start({ port: server.port })).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });

  it('closes in bounded time although a caller holds its connection and an answer hangs', async () => {
    const { server, url } = await start({ ready: async () => new Promise(() => {}), answerWithinMs: 60_000 });
    const hanging = fetch(`${url}/ready`).catch(() => 'cut');
    const silent = connect(server.port, '127.0.0.1');
    silent.on('error', () => {});
    await fetch(`${url}/health`);
    const started = performance.now();
    await server.close();
    expect(performance.now() - started).toBeLessThan(3_000);
    expect(await hanging).toBe('cut');
    silent.destroy();
    await server.close();
  });

  it('gives no place to refused callers that keep their own side open', async () => {
    const { server, url } = await start();
    const callers = Array.from({ length: 64 }, () => {
      const socket = connect({ port: server.port, host: '127.0.0.1', allowHalfOpen: true });
      socket.on('error', () => {});
      socket.write('no request\r\n\r\n');
      return socket.resume();
    });
    try {
      await Promise.all(callers.map(async (socket) => once(socket, 'end')));
      let status: number | undefined;
      for (const began = performance.now(); status !== 200 && performance.now() - began < 3_000; ) {
        status = await fetch(`${url}/health`).then(
          (response) => response.status,
          () => undefined,
        );
      }
      expect(status).toBe(200);
    } finally {
      for (const socket of callers) socket.destroy();
    }
  });
});
