import { createServer, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { createNetwork } from '../create-network.js';
import type { NetworkOptions } from '../network.js';
import {
  createCertificateAuthority,
  startForwardProxy,
  startInterceptingProxy,
  startSkewedServer,
  startTlsServer,
} from '../testing.js';
import { findInterception } from './find-interception.js';
import { measureClock } from './measure-clock.js';
import { probeRoute } from './probe-route.js';

const opened: { close(): unknown }[] = [];
const open = async <Closable extends { close(): unknown }>(
  started: Promise<Closable> | Closable,
): Promise<Closable> => {
  const closable = await started;
  opened.unshift(closable);
  return closable;
};

afterEach(async () => {
  for (const closable of opened.splice(0)) await closable.close();
});

const DAY = 86_400_000;
const probe = async (url: string, network: NetworkOptions = {}, timeoutMs = 2_000) =>
  probeRoute({ url, network, timeoutMs });
const passed = ({ stages }: Awaited<ReturnType<typeof probe>>) =>
  stages.map(({ name, ok }) => `${name}${ok ? '' : '!'}`);

/** Takes connections and says nothing. */
async function silentServer(): Promise<{ readonly port: number; close(): void }> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => sockets.add(socket.on('error', () => undefined)));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  return open({
    port,
    close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  });
}

describe('a look at a route', () => {
  it('measures each stage to a host that answers', async () => {
    const server = await open(startSkewedServer());
    const seen = await probe(`${server.url}/oauth/token?secret=1#x`);
    expect(passed(seen)).toEqual(['tcp', 'http']);
    expect(seen).toMatchObject({ url: `${server.url}/oauth/token`, fault: undefined, answer: { status: 200 } });
    expect(JSON.stringify(seen)).not.toContain('secret');
  });

  it('names the authority of a certificate, and who trusts it', async () => {
    const server = await open(startTlsServer({ hosts: ['localhost'] }));
    const trusted = await probe(server.url, { extraCa: server.authority.certificate });
    expect(passed(trusted)).toEqual(['dns', 'tcp', 'tls', 'http']);
    expect(trusted.certificate).toMatchObject({ issuer: 'Testing CA, Testing only', trust: 'ca_file' });
    const strange = await probe(server.url);
    expect(passed(strange)).toEqual(['dns', 'tcp', 'tls!', 'http']);
    expect(strange.fault).toEqual({
      stage: 'tls',
      kind: 'certificate-unknown-authority',
      code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    });
    expect(strange.certificate?.trust).toBe('none');
  });

  it('tells expired, premature and foreign certificates apart', async () => {
    const authority = await createCertificateAuthority({ name: 'CA' });
    const network = { extraCa: authority.certificate };
    const at = (days: number) => new Date(Date.now() + days * DAY);
    const expired = await open(startTlsServer({ authority, notBefore: at(-2), notAfter: at(-1) }));
    const early = await open(startTlsServer({ authority, notBefore: at(1), notAfter: at(2) }));
    const foreign = await open(startTlsServer({ authority, hosts: ['other.invalid'] }));
    const kinds = await Promise.all(
      [expired.url, early.url, `https://${foreign.address}`].map(
        async (url) => (await probe(url, network)).fault?.kind,
      ),
    );
    expect(kinds).toEqual(['certificate-expired', 'certificate-not-yet-valid', 'certificate-wrong-host']);
  });

  it('says which stage of a proxy fails', async () => {
    const refusing = await open(startForwardProxy({ refuse: 403 }));
    const login = await open(startForwardProxy({ login: 'ann:right' }));
    const via = async (proxy: string) => probe('https://auth.invalid/token', { proxy });
    const refused = await via(refusing.url);
    expect(passed(refused)).toEqual(['tcp', 'proxy-connect!']);
    expect(refused.fault).toMatchObject({ stage: 'proxy-connect', kind: 'proxy-refused', status: 403 });
    expect((await via(login.url.replace('//', '//ann:wrong@'))).fault).toMatchObject({ kind: 'proxy-login-required' });
    expect((await via(login.url.replace('//', '//ann:right@'))).fault).toMatchObject({
      kind: 'proxy-refused',
      status: 502,
    });
    const gone = await via('http://127.0.0.1:1');
    expect(gone.fault).toMatchObject({ stage: 'tcp', kind: 'connection-refused' });
    const unknown = await via('http://proxy.invalid:3128');
    expect(unknown.fault).toMatchObject({ stage: 'dns', kind: 'name-unknown' });
    const plain = await probe('http://auth.invalid/token', { proxy: login.url });
    expect(plain.fault).toMatchObject({ stage: 'http', kind: 'proxy-login-required' });
    expect(JSON.stringify([refused, gone])).not.toContain('wrong');
  });

  it('takes the route that the product takes: the variables, their exceptions, this machine, the own proxy', async () => {
    const server = await open(startTlsServer({ hosts: ['models.invalid'] }));
    const proxy = await open(startForwardProxy({ hosts: { 'models.invalid': server.address } }));
    const extraCa = server.authority.certificate;
    const through = async (url: string, options: NetworkOptions) => (await probe(url, { ...options, extraCa })).proxy;
    const system = { httpsProxy: proxy.url, noProxy: 'direct.invalid' };
    expect(await through('https://models.invalid/', { system })).toBe(proxy.url);
    expect(await through('https://direct.invalid/', { system })).toBeUndefined();
    expect(await through('https://127.0.0.1:1/', { system })).toBeUndefined();
    expect(await through('https://models.invalid/', { system, proxy: 'direct' })).toBeUndefined();
    const own = await probe('https://models.invalid/', { proxy: proxy.url, extraCa });
    expect(passed(own)).toEqual(['tcp', 'proxy-connect', 'tls', 'http']);
  });

  it('is bounded where nobody answers', async () => {
    const { port } = await silentServer();
    const silent = await open(startForwardProxy({ refuse: 'silence' }));
    const began = performance.now();
    const [http, tls, proxied] = await Promise.all([
      probe(`http://127.0.0.1:${port}/`, {}, 300),
      probe(`https://127.0.0.1:${port}/`, {}, 300),
      probe('https://auth.invalid/', { proxy: silent.url }, 300),
    ]);
    expect(performance.now() - began).toBeLessThan(2_000);
    expect(http.fault).toEqual({ stage: 'http', kind: 'timeout', code: 'ETIMEDOUT' });
    expect(tls.fault).toEqual({ stage: 'tls', kind: 'timeout', code: 'ETIMEDOUT' });
    expect(proxied.fault).toEqual({ stage: 'proxy-connect', kind: 'timeout', code: 'ETIMEDOUT' });
  });

  it('names no server that speaks no TLS, and one that hangs up', async () => {
    const plain = await open(startSkewedServer());
    expect((await probe(plain.url.replace('http:', 'https:'))).fault).toMatchObject({
      stage: 'tls',
      kind: 'tls-handshake',
    });
    const rude = createServer((socket) => socket.destroy());
    await new Promise<void>((resolve) => rude.listen(0, '127.0.0.1', resolve));
    await open(rude as { close(): unknown });
    const { port } = rude.address() as { port: number };
    expect((await probe(`http://127.0.0.1:${port}`)).fault).toMatchObject({ stage: 'http', kind: 'connection-reset' });
  });

  it('ends at once where it is no longer wanted', async () => {
    const { port } = await silentServer();
    const gone = AbortSignal.abort(new Error('enough'));
    const running = probeRoute({ url: `http://127.0.0.1:${port}/`, network: {}, timeoutMs: 5_000, signal: gone });
    await expect(running).rejects.toThrow('enough');
  });
});

describe('interception', () => {
  it('is found where a proxy shows one issuer for hosts of different houses, trusted or not', async () => {
    const models = await open(startTlsServer({ hosts: ['api.models.test'] }));
    const login = await open(startTlsServer({ hosts: ['login.example.test'] }));
    const hosts = { 'api.models.test': models.address, 'login.example.test': login.address };
    const proxy = await open(startInterceptingProxy({ hosts }));
    const look = async (extraCa?: string) => {
      const urls = ['https://api.models.test/v1', 'https://login.example.test/token'];
      const probes = await Promise.all(urls.map(async (url) => probe(url, { proxy: proxy.url, extraCa })));
      return findInterception(probes.map((seen) => ({ probe: seen })));
    };
    const common = { issuer: 'Intercepting Proxy CA, Testing only', reasons: ['same-issuer'], proxy: proxy.url };
    // The two houses end in `.test` but in other second labels.
    expect(await look()).toEqual([
      { ...common, url: 'https://api.models.test/v1', others: ['login.example.test'], trusted: false },
      { ...common, url: 'https://login.example.test/token', others: ['api.models.test'], trusted: false },
    ]);
    expect((await look(proxy.authority.certificate)).map(({ trusted }) => trusted)).toEqual([true, true]);
  });

  it('is found where the host shows another issuer past the proxy, or has a public certificate everywhere else', async () => {
    const server = await open(startTlsServer({ hosts: ['localhost', 'api.openai.com'] }));
    const { port } = new URL(server.url);
    const proxy = await open(
      startInterceptingProxy({ hosts: { localhost: server.address, 'api.openai.com': server.address } }),
    );
    const network = { proxy: proxy.url };
    const seen = await probe(server.url, network);
    const direct = await probeRoute({ url: server.url, network, direct: true, timeoutMs: 2_000 });
    expect(findInterception([{ probe: seen, direct }])).toMatchObject([{ reasons: ['other-issuer-directly'] }]);
    const known = await probe(`https://api.openai.com:${port}/`, network);
    expect(findInterception([{ probe: known }])).toMatchObject([{ reasons: ['public-service'] }]);
  });

  it('is not found in a company’s own authority, nor behind a proxy that only passes on', async () => {
    const authority = await createCertificateAuthority({ name: 'Company CA' });
    const models = await open(startTlsServer({ authority, hosts: ['llm.company.test'] }));
    const login = await open(startTlsServer({ authority, hosts: ['login.company.test'] }));
    const hosts = { 'llm.company.test': models.address, 'login.company.test': login.address };
    const proxy = await open(startForwardProxy({ hosts }));
    const urls = ['https://llm.company.test/', 'https://login.company.test/'];
    const probes = await Promise.all(urls.map(async (url) => probe(url, { proxy: proxy.url })));
    expect(findInterception(probes.map((seen) => ({ probe: seen })))).toEqual([]);
  });
});

describe('the clock of a server', () => {
  it('is measured over the network of the product', async () => {
    const server = await open(startSkewedServer({ offsetMs: -600_000 }));
    const network = await open(createNetwork({}));
    const { answer } = await probe(server.url);
    const samples = answer === undefined ? [] : [{ ...answer, date: answer.headers['date'] ?? '' }];
    const offset = await measureClock({ url: server.url, network, samples, timeoutMs: 3_000 });
    expect(offset?.samples).toBe(5);
    expect(Math.abs((offset?.offsetMs ?? 0) + 600_000)).toBeLessThanOrEqual((offset?.uncertaintyMs ?? 0) + 50);
    expect(offset?.uncertaintyMs).toBeLessThan(400);
  });

  it('is unknown where none is told or nobody answers, and soon', async () => {
    const network = await open(createNetwork({}));
    const server = await open(startSkewedServer());
    server.offsetMs = undefined;
    expect(await measureClock({ url: server.url, network, requests: 1, timeoutMs: 1_000 })).toBeUndefined();
    const { port } = await silentServer();
    expect(await measureClock({ url: `http://127.0.0.1:${port}`, network, timeoutMs: 200 })).toBeUndefined();
  });
});
