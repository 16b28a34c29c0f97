import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { createServer as createTcpServer, type AddressInfo, type Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import { createCertificateAuthority, startForwardProxy, startInterceptingProxy, startTlsServer } from './testing.js';
import { connectionFaultOf } from './connection-fault.js';
import { createNetwork } from './create-network.js';
import type { Network, NetworkOptions } from './network.js';

const opened: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of opened.splice(0)) await each.close();
});

async function open<Closable extends { close(): Promise<void> }>(started: Promise<Closable>): Promise<Closable> {
  const closable = await started;
  opened.unshift(closable);
  return closable;
}

function network(options: NetworkOptions = {}): Network {
  const created = createNetwork(options);
  opened.unshift(created);
  return created;
}

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  opened.unshift({
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function serveRaw(onSocket: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>();
  const server = createTcpServer((socket) => {
    sockets.add(socket.on('error', () => {}));
    onSocket(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  opened.unshift({
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function textOf(from: Network, url: string, init?: RequestInit): Promise<string> {
  const answer = await from.fetch(url, init);
  return `${answer.status} ${await answer.text()}`;
}

async function faultOf(from: Network, url: string): Promise<unknown> {
  try {
    await from.fetch(url);
    return 'none';
  } catch (error) {
    return connectionFaultOf(error) ?? error;
  }
}

describe('the way to a provider', () => {
  it('goes directly where no proxy is configured, over connections that are kept', async () => {
    let connections = 0;
    const host = await serve((request, response) => {
      if (request.socket.bytesWritten === 0) connections += 1;
      response.end(`${request.method} ${request.url}`);
    });
    const direct = network();
    expect(await textOf(direct, `http://${host}/a?b=c`)).toBe('200 GET /a?b=c');
    await setImmediate();
    expect(await textOf(direct, `http://${host}/`, { method: 'POST', body: 'x' })).toBe('200 POST /');
    expect(connections).toBe(1);
    expect(direct.proxyFor(`http://${host}/`)).toBeUndefined();
  });

  it('goes through the system’s proxy: whole addresses for http, a tunnel for https', async () => {
    const plain = await serve((request, response) => response.end(`${request.headers.host}${request.url}`));
    const secure = await open(startTlsServer({ hosts: ['tls.invalid'], answer: (_, response) => response.end('tls') }));
    const proxy = await open(
      startForwardProxy({
        login: 'ann:p@ss:word',
        hosts: { 'plain.invalid': plain, 'tls.invalid': secure.address },
      }),
    );
    const url = proxy.url.replace('//', '//ann:p%40ss%3Aword@');
    const proxied = network({
      system: { httpProxy: url, httpsProxy: url, noProxy: 'direct.invalid' },
      extraCa: secure.authority.certificate,
    });
    expect(await textOf(proxied, 'http://plain.invalid/x')).toBe('200 plain.invalid/x');
    expect(await textOf(proxied, 'https://tls.invalid/x')).toBe('200 tls');
    await setImmediate();
    expect(await textOf(proxied, 'https://tls.invalid/y')).toBe('200 tls');
    // The second request went through the first one's tunnel.
    expect(proxy.calls.map(({ method, target }) => `${method} ${target}`)).toEqual([
      'GET plain.invalid:80',
      'CONNECT tls.invalid:443',
    ]);
    expect(proxied.proxyFor('https://tls.invalid/')).toBe(proxy.url);
    expect(proxied.proxyFor('https://direct.invalid/')).toBeUndefined();
    expect(await faultOf(proxied, 'https://direct.invalid/')).toMatchObject({ at: 'host', kind: 'name-unknown' });
    expect(proxy.calls).toHaveLength(2);
  });

  it('never asks the system’s proxy for this machine, and the provider’s own for every address', async () => {
    const host = await serve((_, response) => response.end('here'));
    const proxy = await open(startForwardProxy());
    const system = { httpProxy: 'http://127.0.0.1:1', httpsProxy: 'http://127.0.0.1:1', noProxy: '*' };
    expect(await textOf(network({ system }), `http://${host}/`)).toBe('200 here');
    const own = network({ system, proxy: proxy.url });
    expect(await textOf(own, `http://${host}/`)).toBe('200 here');
    expect(own.proxyFor(`http://${host}/`)).toBe(proxy.url);
    expect(proxy.calls).toHaveLength(1);
    const none = network({ system: { httpProxy: proxy.url }, proxy: 'direct' });
    expect(none.proxyFor('http://models.invalid/')).toBeUndefined();
  });

  it('reaches an intercepting proxy’s hosts where its authority is trusted besides the usual ones', async () => {
    const secure = await open(startTlsServer({ hosts: ['tls.invalid'] }));
    const proxy = await open(startInterceptingProxy({ hosts: { 'tls.invalid': secure.address } }));
    const trusting = network({ proxy: proxy.url, extraCa: `company\n${proxy.authority.certificate}` });
    expect(await textOf(trusting, 'https://tls.invalid/')).toBe('200 {}');
    expect(proxy.overheard).toEqual(['GET https://tls.invalid/']);
    expect(await faultOf(network({ proxy: proxy.url }), 'https://tls.invalid/')).toEqual({
      at: 'host',
      kind: 'certificate-unknown-authority',
      code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    });
  });

  it('refuses at once what can not be meant', () => {
    expect(() => createNetwork({ proxy: 'socks5://user:hunter2@x' })).toThrow(/^(?!.*hunter2).*http/);
    expect(() => createNetwork({ extraCa: 'none' })).toThrow('no PEM certificate');
    const broken = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----';
    expect(() => createNetwork({ extraCa: broken })).toThrow('certificate 1 of 1 can not be read');
  });
});

describe('a connection that does not come about', () => {
  it('tells the proxy’s refusals from the host’s', async () => {
    const secure = await open(startTlsServer({ hosts: ['tls.invalid'] }));
    const proxy = await open(startForwardProxy({ login: 'ann:pw', refuse: { 'tls.invalid': 403 } }));
    const stranger = network({ proxy: proxy.url });
    const loginRequired = { at: 'proxy', kind: 'proxy-login-required', status: 407, proxy: proxy.url };
    expect(await faultOf(stranger, 'https://tls.invalid/')).toMatchObject(loginRequired);
    expect(await faultOf(stranger, 'http://tls.invalid/')).toMatchObject(loginRequired);
    const known = network({ proxy: proxy.url.replace('//', '//ann:pw@') });
    expect(await faultOf(known, 'https://tls.invalid/')).toEqual({
      at: 'proxy',
      kind: 'proxy-refused',
      code: 'ERR_PROXY_REFUSED',
      proxy: proxy.url,
      status: 403,
    });
    const gone = network({ proxy: 'http://127.0.0.1:1' });
    for (const url of ['https://tls.invalid/', 'http://tls.invalid/']) {
      expect(await faultOf(gone, url)).toEqual({
        at: 'proxy',
        kind: 'connection-refused',
        code: 'ECONNREFUSED',
        proxy: 'http://127.0.0.1:1',
      });
    }
    // A web server where the proxy should be, and one that hangs up.
    const web = await serve((_, response) => response.writeHead(400).end());
    expect(await faultOf(network({ proxy: `http://${web}` }), secure.url)).toMatchObject({ at: 'proxy' });
    const mute = await serveRaw((socket) => socket.destroy());
    expect(await faultOf(network({ proxy: `http://${mute}` }), secure.url)).toMatchObject({
      at: 'proxy',
      kind: 'connection-reset',
    });
  });

  it('ends in time where the proxy, or the host behind it, says nothing', async () => {
    const silent = await serveRaw(() => {});
    const proxy = await open(startForwardProxy({ hosts: { 'tls.invalid': silent } }));
    const started = performance.now();
    expect(await faultOf(network({ proxy: `http://${silent}`, connectTimeoutMs: 100 }), 'https://a.invalid/')).toEqual({
      at: 'proxy',
      kind: 'timeout',
      code: 'ERR_PROXY_TIMEOUT',
      proxy: `http://${silent}`,
    });
    expect(await faultOf(network({ proxy: proxy.url, connectTimeoutMs: 100 }), 'https://tls.invalid/')).toMatchObject({
      at: 'host',
      kind: 'timeout',
    });
    expect(performance.now() - started).toBeLessThan(3_000);
  });

  it('names what is wrong with a certificate', async () => {
    const day = 86_400_000;
    const authority = await createCertificateAuthority({ name: 'A' });
    const extraCa = authority.certificate;
    const past = { notBefore: new Date(Date.now() - 2 * day), notAfter: new Date(Date.now() - day) };
    const future = { notBefore: new Date(Date.now() + day), notAfter: new Date(Date.now() + 2 * day) };
    const cases = [
      { kind: 'certificate-expired', server: { authority, ...past } },
      { kind: 'certificate-not-yet-valid', server: { authority, ...future } },
      { kind: 'certificate-wrong-host', server: { authority, hosts: ['other.invalid'] } },
      { kind: 'certificate-unknown-authority', server: {} },
    ] as const;
    const trusting = network({ extraCa });
    for (const { kind, server } of cases) {
      const { address } = await open(startTlsServer(server));
      expect(await faultOf(trusting, `https://${address}/`)).toMatchObject({ at: 'host', kind });
    }
    const plain = await serve((_, response) => response.end());
    expect(await faultOf(trusting, `https://${plain}/`)).toMatchObject({ at: 'host', kind: 'tls-handshake' });
    expect(await faultOf(trusting, 'http://127.0.0.1:2/')).toMatchObject({ at: 'host', kind: 'connection-refused' });
  });

  it('is told of a proxy that is spoken to over TLS, too', async () => {
    const server = await open(startTlsServer({ hosts: ['127.0.0.1'] }));
    const proxy = server.url;
    for (const url of ['https://a.invalid/', 'http://a.invalid/']) {
      expect(await faultOf(network({ proxy }), url)).toMatchObject({
        at: 'proxy',
        kind: 'certificate-unknown-authority',
        proxy,
      });
    }
    const trusting = network({ proxy, extraCa: server.authority.certificate });
    expect(await textOf(trusting, 'http://a.invalid/')).toBe('200 {}');
  });
});

describe('fetch of a network', () => {
  it('follows no redirect unless told to, and goes each hop’s own way', async () => {
    const target = await serve((_, response) => response.end('moved here'));
    const host = await serve((_, response) => response.writeHead(302, { location: `http://${target}/` }).end());
    const direct = network();
    expect((await direct.fetch(`http://${host}/`)).status).toBe(302);
    expect(await textOf(direct, `http://${host}/`, { redirect: 'follow' })).toBe('200 moved here');
  });

  it('takes a Request, forms and a signal', async () => {
    const host = await serve((request, response) => {
      if (request.url === '/hang') return;
      request.pipe(response.writeHead(200, { 'content-type': request.headers['content-type'] ?? '' }));
    });
    const direct = network();
    const request = new Request(`http://${host}/`, { method: 'POST', body: 'text', headers: { 'x-a': 'b' } });
    expect(await (await direct.fetch(request)).text()).toBe('text');
    expect(await textOf(direct, `http://${host}/`, { method: 'POST', body: new URLSearchParams({ a: 'b c' }) })).toBe(
      '200 a=b+c',
    );
    await expect(direct.fetch(`http://${host}/hang`, { signal: AbortSignal.timeout(50) })).rejects.toThrow();
  });

  it('ends with the network', async () => {
    const host = await serve((_, response) => response.end('here'));
    const direct = createNetwork();
    expect(await textOf(direct, `http://${host}/`)).toBe('200 here');
    await direct.close();
    await direct.close();
    await expect(direct.fetch(`http://${host}/`)).rejects.toThrow();
  });
});
