import { afterEach, describe, expect, it } from '@jest/globals';
import { Agent, fetch, ProxyAgent, type RequestInit } from 'undici';
import {
  createCertificateAuthority,
  startForwardProxy,
  startInterceptingProxy,
  startSkewedServer,
  startTlsServer,
} from '../testing.js';

const opened: { close(): Promise<void> }[] = [];
const open = async <Closable extends { close(): Promise<void> }>(started: Promise<Closable>): Promise<Closable> => {
  const closable = await started;
  opened.unshift(closable);
  return closable;
};
const through = (options: ProxyAgent.Options): ProxyAgent => {
  const agent = new ProxyAgent(options);
  opened.unshift(agent);
  return agent;
};
const get = async (url: string, dispatcher: RequestInit['dispatcher']) => {
  const answer = await fetch(url, { dispatcher });
  return { status: answer.status, text: await answer.text() };
};
const failure = async (running: Promise<unknown>): Promise<string> =>
  running.then(
    () => 'none',
    (error: { cause?: { code?: string; message: string } }) => error.cause?.code ?? error.cause?.message ?? '?',
  );

afterEach(async () => {
  for (const closable of opened.splice(0)) await closable.close();
});

describe('the forward proxy of the tests', () => {
  it('tunnels to made-up names and shows the certificate of the host itself', async () => {
    const server = await open(startTlsServer({ hosts: ['models.invalid'] }));
    const proxy = await open(startForwardProxy({ hosts: { 'models.invalid': server.address } }));
    const agent = through({ uri: proxy.url, requestTls: { ca: server.authority.certificate } });
    expect(await get('https://models.invalid/x', agent)).toEqual({ status: 200, text: '{}' });
    expect(proxy.calls).toEqual([{ method: 'CONNECT', target: 'models.invalid:443', status: 200 }]);
    expect(await failure(get('https://models.invalid/x', through({ uri: proxy.url })))).toBe(
      'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    );
  });

  it('passes absolute addresses on, without the login', async () => {
    const seen: unknown[] = [];
    const server = await open(
      startSkewedServer({
        answer: (request, response) => {
          seen.push([request.url, request.headers.host, request.headers['proxy-authorization']]);
          response.end('plain');
        },
      }),
    );
    const proxy = await open(startForwardProxy({ login: 'ann:pw', hosts: { 'plain.invalid': server.address } }));
    const uri = proxy.url.replace('//', '//ann:pw@');
    expect(await get('http://plain.invalid/a?b', through({ uri, proxyTunnel: false }))).toMatchObject({
      text: 'plain',
    });
    expect(seen).toEqual([['/a?b', 'plain.invalid', undefined]]);
    const stranger = through({ uri: proxy.url, proxyTunnel: false });
    expect(await failure(get('http://plain.invalid/', stranger))).not.toBe('none');
    expect(proxy.calls.map(({ status }) => status)).toEqual([200, 407]);
  });

  it('refuses one host, by status, and no other', async () => {
    const server = await open(startTlsServer({ hosts: ['a.invalid', 'b.invalid'] }));
    const hosts = { 'a.invalid': server.address, 'b.invalid': server.address };
    const proxy = await open(startForwardProxy({ hosts, refuse: { 'a.invalid': 403 } }));
    const agent = through({ uri: proxy.url, requestTls: { ca: server.authority.certificate } });
    expect(await failure(get('https://a.invalid/', agent))).not.toBe('none');
    expect(await get('https://b.invalid/', agent)).toMatchObject({ status: 200 });
    expect(proxy.calls.map(({ target, status }) => `${target} ${status}`)).toEqual([
      'a.invalid:443 403',
      'b.invalid:443 200',
    ]);
  });
});

describe('the intercepting proxy of the tests', () => {
  it('reads what is inside, for those who trust it', async () => {
    const server = await open(startTlsServer({ hosts: ['models.invalid'] }));
    const proxy = await open(startInterceptingProxy({ hosts: { 'models.invalid': server.address } }));
    const trusting = through({ uri: proxy.url, requestTls: { ca: proxy.authority.certificate } });
    expect(await get('https://models.invalid/v1', trusting)).toEqual({ status: 200, text: '{}' });
    expect(proxy.overheard).toEqual(['GET https://models.invalid/v1']);
    expect(await failure(get('https://models.invalid/', through({ uri: proxy.url })))).toBe(
      'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    );
  });
});

describe('the servers of the tests', () => {
  it('tell a time that is off, or none', async () => {
    const server = await open(startSkewedServer({ offsetMs: 600_000 }));
    const dateOf = async () => (await fetch(server.url)).headers.get('date');
    expect(Math.abs(Date.parse((await dateOf()) ?? '') - Date.now() - 600_000)).toBeLessThan(2_000);
    server.offsetMs = undefined;
    expect(await dateOf()).toBeNull();
  });

  it('show certificates of yesterday where asked to', async () => {
    const authority = await createCertificateAuthority({ name: 'A' });
    const day = 86_400_000;
    const server = await open(
      startTlsServer({ authority, notBefore: new Date(Date.now() - 2 * day), notAfter: new Date(Date.now() - day) }),
    );
    const agent = new Agent({ connect: { ca: authority.certificate } });
    opened.unshift(agent);
    expect(await failure(get(server.url, agent))).toBe('CERT_HAS_EXPIRED');
  });
});
