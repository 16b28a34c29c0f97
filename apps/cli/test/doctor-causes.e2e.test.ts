import { afterEach, describe, expect, it } from '@jest/globals';
import { startSkewedServer } from '@moltbot/network/testing';
import {
  CANARIES,
  checksOf,
  findingsOf,
  MODEL_HOST,
  openRig,
  type Rig,
  type RigOptions,
  TOKEN_HOST,
} from './doctor-rig.js';

const rigs: Rig[] = [];
async function rig(options?: RigOptions): Promise<Rig> {
  const opened = await openRig(options);
  rigs.push(opened);
  return opened;
}
afterEach(async () => {
  for (const opened of rigs.splice(0)) await opened.close();
});

const MINUTE = 60_000;
/** What looks at ports and disks of this machine is proved elsewhere. */
const NETWORK = [
  'config.valid',
  'credentials.store',
  'provider.reachable',
  'provider.proxy',
  'provider.tls',
  'clock.offset',
  'provider.credential',
  'credential.sign-in',
  'credential.refresh',
  'credential.scopes',
  'callback.reachable',
];

describe('a healthy set-up', () => {
  it('gives no finding, and proves each part', async () => {
    const { doctor, proxy } = await rig();
    const report = await doctor();
    expect(findingsOf(report)).toEqual([]);
    expect(report.verdict).toEqual({ status: 'healthy' });
    for (const id of NETWORK) {
      expect([id, checksOf(report, id).map(({ status }) => status)]).toEqual([id, expect.arrayContaining(['ok'])]);
    }
    expect(JSON.stringify(checksOf(report, 'provider.proxy'))).toContain(`proxy-connect ${TOKEN_HOST}:443 HTTP 200`);
    expect(JSON.stringify(checksOf(report, 'credential.refresh'))).toContain(
      'accepted (invalid_grant, as it should be)',
    );
    expect(JSON.stringify(checksOf(report, 'credential.scopes'))).toContain('model:execute (RFC 7662)');
    expect(proxy.calls.length).toBeGreaterThan(2);
  });

  it('gives none behind an inspecting proxy that is trusted', async () => {
    const report = await (await rig({ intercept: true, trust: 'interceptor' })).doctor({ only: NETWORK });
    expect(findingsOf(report)).toEqual([]);
    expect(JSON.stringify(checksOf(report, 'provider.tls'))).toContain('Intercepting Proxy CA');
  });

  it('sends no POST where it may only look', async () => {
    const { doctor, authorization } = await rig();
    // A GET of the token endpoint has no grant.
    const posts = () => authorization.tokenRequests.filter(({ grantType }) => grantType !== 'unknown');
    const before = posts().length;
    expect(findingsOf(await doctor({ only: NETWORK, readOnly: true }))).toEqual([]);
    expect(posts()).toHaveLength(before);
    await doctor({ only: NETWORK });
    expect(posts()).toHaveLength(before + 1);
  });

  it('uses up no refresh token', async () => {
    const { doctor, authorization, refresh } = await rig();
    await doctor({ only: NETWORK });
    expect(authorization.refreshes).toBe(0);
    expect(authorization.reuses).toBe(0);
    expect(await refresh()).toBe('refreshed');
  });
});

describe('the owner’s first cause, a proxy in the way', () => {
  it('is named where it lets through to the models but not to the token host', async () => {
    const { doctor, proxy } = await rig({ refuse: { [TOKEN_HOST]: 403 } });
    const report = await doctor({ only: NETWORK });
    expect(report.verdict).toMatchObject({
      status: 'error',
      id: 'provider.proxy',
      subject: 'acme',
      code: 'proxy-refuses',
      cause: 'proxy',
      message: `The proxy ${proxy.url} refuses connections to ${TOKEN_HOST}:443 (HTTP 403).`,
    });
    const evidence = JSON.stringify(report.verdict);
    expect(evidence).toMatch(/proxy-connect login\.idp\.test:443 HTTP 403 \(\d+ ms\) FAILED/);
    expect(evidence).toMatch(/directly.*dns login\.idp\.test ENOTFOUND/);
    expect(evidence).toContain('HTTPS_PROXY');
    expect(findingsOf(report)).toEqual(['error provider.proxy acme: proxy-refuses']);
    // Whether tokens could be refreshed is not known then.
    expect(checksOf(report, 'credential.refresh')).toMatchObject([{ status: 'skipped', reason: 'not-reached' }]);
  });

  it('is named where it wants a login, and where it has another', async () => {
    const { doctor } = await rig({ login: 'ann:other' });
    const report = await doctor({ only: NETWORK });
    expect(report.verdict).toMatchObject({ code: 'proxy-login', id: 'provider.proxy' });
    expect(JSON.stringify(report)).not.toContain('CANARY');
  });

  it('is named where it is not there, where it is silent, and where it can’t get there itself', async () => {
    const gone = await rig({ env: { HTTPS_PROXY: 'http://127.0.0.1:1' } });
    expect((await gone.doctor({ only: NETWORK })).verdict).toMatchObject({ code: 'proxy-unreachable' });
    const silent = await rig({ refuse: { [TOKEN_HOST]: 'silence' } });
    expect((await silent.doctor({ only: NETWORK })).verdict).toMatchObject({ code: 'proxy-silent' });
    const helpless = await rig({ refuse: { [MODEL_HOST]: 502 } });
    expect((await helpless.doctor({ only: NETWORK })).verdict).toMatchObject({
      code: 'proxy-refuses',
      message: expect.stringContaining('can’t get to'),
    });
  });

  it('is named where it opens the encryption with an authority that nobody trusts here', async () => {
    const { doctor, proxy } = await rig({ intercept: true });
    const report = await doctor({ only: NETWORK });
    expect(report.verdict).toMatchObject({
      code: 'tls-intercepted',
      id: 'provider.tls',
      message: expect.stringContaining(`The proxy ${proxy.url} opens the encryption`),
      command: 'moltbot config set providers.acme.ca_file /path/to/ca.pem',
    });
    expect(JSON.stringify(report.verdict)).toMatch(/same-issuer (login\.idp|api\.acme)\.test/);
    // What could not be reached is not blamed as well.
    expect(new Set(findingsOf(report))).toEqual(new Set(['error provider.tls acme: tls-intercepted']));
  });

  it('is not blamed for a company’s own authority', async () => {
    const { doctor } = await rig({ trust: 'none', oauth: { token_endpoint: `https://${MODEL_HOST}/token` } });
    expect((await doctor({ only: NETWORK })).verdict).toMatchObject({ code: 'tls-unknown-authority' });
  });

  it('is left out where one gets there without it', async () => {
    const near = await startSkewedServer();
    try {
      const { doctor } = await rig({ provider: { proxy: 'http://127.0.0.1:1', base_url: `${near.url}/v1` } });
      expect((await doctor({ only: ['provider.proxy'] })).verdict).toMatchObject({
        code: 'proxy-unreachable',
        command: 'moltbot config set providers.acme.proxy direct',
        evidence: expect.arrayContaining([{ label: 'variable', value: 'providers.acme.proxy' }]),
      });
    } finally {
      await near.close();
    }
  });

  it('is not blamed for hosts that do not answer, and the wait for those is bounded', async () => {
    const { doctor } = await rig({ provider: { proxy: 'direct', base_url: 'http://127.0.0.1:1/v1' } });
    const began = performance.now();
    const report = await doctor({ only: NETWORK });
    expect(performance.now() - began).toBeLessThan(6_000);
    expect(findingsOf(report)).toEqual([
      'error provider.reachable acme: host-refuses',
      'error provider.reachable acme: host-unknown',
    ]);
  });

  it('is named in the way of the callback', async () => {
    const { doctor } = await rig({ signIn: false, refuse: { '127.0.0.1': 403 }, env: { NO_PROXY: 'other.test' } });
    const report = await doctor({ only: ['callback.reachable'] });
    expect(report.verdict).toMatchObject({ code: 'callback-proxy', status: 'warning' });
    expect(JSON.stringify(report.verdict)).toContain('HTTP 403');
  });
});

describe('the owner’s second cause, a clock that is off', () => {
  it('is named where all hosts agree on another time', async () => {
    const { doctor } = await rig({ dateOffsetMs: 10 * MINUTE, modelOffsetMs: 10 * MINUTE });
    const report = await doctor({ only: NETWORK });
    expect(report.verdict).toMatchObject({
      status: 'error',
      id: 'clock.offset',
      code: 'clock-off',
      cause: 'clock',
      message: expect.stringMatching(/off by -(10 min|9 min 59 s)/),
      command: expect.stringMatching(/timedatectl|hwclock|sntp/),
    });
    expect(findingsOf(report)).toEqual(['error clock.offset : clock-off']);
    const evidence = JSON.stringify(report.verdict);
    expect(evidence).toMatch(
      new RegExp(`${TOKEN_HOST}:443 \\+(10 min|9 min 59 s) ± 0\\.\\d s \\(round trip \\d+ ms, 5 samples\\)`),
    );
    expect(evidence).toContain('acme: 1 min');
  });

  it('is told from the wrong clock of one server', async () => {
    const { doctor } = await rig({ dateOffsetMs: -10 * MINUTE });
    const report = await doctor({ only: NETWORK });
    expect(report.verdict).toMatchObject({
      status: 'error',
      code: 'clock-theirs',
      subject: `${TOKEN_HOST}:443`,
      message: expect.stringMatching(/off by -(10 min|9 min 59 s).*; 1 others agree/),
    });
    const models = await (await rig({ modelOffsetMs: -10 * MINUTE })).doctor({ only: ['clock.offset'] });
    expect(models.verdict).toMatchObject({ status: 'warning', code: 'clock-theirs', subject: `${MODEL_HOST}:443` });
  });

  it('is called probable where only one server could be asked, and unclear where all differ', async () => {
    const one = await rig({ refuse: { [TOKEN_HOST]: 403 }, modelOffsetMs: 10 * MINUTE });
    const report = await one.doctor({ only: NETWORK });
    expect(findingsOf(report)).toContain('error clock.offset : clock-off-one');
    // Without a way to the token host nothing else helps.
    expect(report.verdict).toMatchObject({ code: 'proxy-refuses' });
    const torn = await rig({ dateOffsetMs: 10 * MINUTE, modelOffsetMs: -10 * MINUTE });
    expect((await torn.doctor({ only: ['clock.offset'] })).verdict).toMatchObject({ code: 'clock-unclear' });
  });
});

describe('the owner’s third cause, missing scopes', () => {
  it('is named where auth.json does not ask for what calls need', async () => {
    const { doctor } = await rig({ scopes: ['openid', 'model:read'] });
    const report = await doctor({ only: NETWORK });
    expect(report.verdict).toMatchObject({ code: 'scopes-not-asked', cause: 'scopes', subject: 'acme' });
    expect(report.verdict).toMatchObject({ message: expect.stringContaining('model:execute') });
    expect(findingsOf(report)).toEqual(['error credential.scopes acme: scopes-not-asked']);
  });

  it('is named where the provider granted less than was asked for', async () => {
    const { doctor } = await rig({ grantedScopes: ['openid', 'model:read'] });
    const report = await doctor({ only: NETWORK });
    expect(report.verdict).toMatchObject({
      code: 'scopes-not-granted',
      command: 'moltbot auth login acme',
      evidence: [
        { label: 'needed', value: 'model:execute' },
        { label: 'asked', value: 'openid model:read model:execute' },
        { label: 'granted', value: expect.stringMatching(/^openid model:read/) },
      ],
    });
  });

  it('is named where the model service says so', async () => {
    const { doctor } = await rig({
      models: (request, response) => {
        const isKey = request.headers.authorization?.includes(CANARIES.key) === true;
        if (isKey) response.setHeader('content-type', 'application/json').end('{"data":[]}');
        else {
          response.setHeader('www-authenticate', 'Bearer error="insufficient_scope", scope="model:train"');
          response.writeHead(403).end();
        }
      },
    });
    expect((await doctor({ only: NETWORK })).verdict).toMatchObject({
      code: 'scopes-refused',
      message: expect.stringContaining('model:train'),
    });
  });
});
