import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { createSockets, post, readAll } from '../testing/sockets.js';

const sockets = createSockets();
const { client, serve } = sockets;
afterEach(() => sockets.close());

describe('a proxy', () => {
  it('gets requests for other machines, with its login, except the ones NO_PROXY names', async () => {
    const seen: { url: string | undefined; login: string | undefined }[] = [];
    const { url } = await serve((request, response) => {
      seen.push({ url: request.url, login: request.headers['proxy-authorization'] });
      response.end('from the proxy');
    });
    const proxy = new URL(url);
    const httpProxy = `http://user:pass@${proxy.host}`;
    const upstream = client({ system: { httpProxy, noProxy: 'direct.invalid' } });
    expect(await readAll(await post(upstream, { url: 'http://models.invalid/v1/x' }))).toBe('from the proxy');
    expect(seen).toEqual([{ url: 'http://models.invalid/v1/x', login: `Basic ${btoa('user:pass')}` }]);
    await expect(post(upstream, { url: 'http://direct.invalid/v1/x' })).rejects.toMatchObject({ kind: 'unreachable' });
    expect(seen).toHaveLength(1);
  });

  it('is never asked for this machine', async () => {
    const direct = await serve((_, response) => response.end('direct'));
    const upstream = client({ system: { httpProxy: 'http://127.0.0.1:1', httpsProxy: 'http://127.0.0.1:1' } });
    expect(await readAll(await post(upstream, { url: direct.url }))).toBe('direct');
    expect(await readAll(await post(upstream, { url: direct.url.replace('127.0.0.1', 'localhost') }))).toBe('direct');
  });

  it('that refuses makes the provider unreachable', async () => {
    const { url, server } = await serve((_, response) => response.writeHead(407).end());
    server.on('connect', (_: IncomingMessage, socket: Socket) => socket.end('HTTP/1.1 403 Forbidden\r\n\r\n'));
    const proxy = `http://${new URL(url).host}`;
    const upstream = client({ system: { httpProxy: proxy, httpsProxy: proxy } });
    await expect(post(upstream, { url: 'http://models.invalid/' })).rejects.toMatchObject({
      kind: 'unreachable',
      connection: { at: 'proxy', kind: 'proxy-login-required', status: 407 },
    });
    await expect(post(upstream, { url: 'https://models.invalid/' })).rejects.toMatchObject({
      kind: 'unreachable',
      connection: { at: 'proxy', kind: 'proxy-refused', status: 403 },
    });
    const gone = client({ system: { httpsProxy: 'http://127.0.0.1:1' } });
    await expect(post(gone, { url: 'https://models.invalid/' })).rejects.toMatchObject({
      kind: 'unreachable',
      connection: { at: 'proxy', kind: 'connection-refused' },
    });
  });
});
