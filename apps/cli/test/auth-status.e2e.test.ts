import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { startAuthorizationServer } from '@moltbot/auth/testing';
import { API_KEY, AuthRig, lastJson, type Pair, SCOPES } from './auth-rig.js';
import { eventually, type RunningMoltbot, startMoltbot } from './moltbot.js';

const rig = new AuthRig();
const earlier = ({ issuedAt, expiresAt }: Pair, ms: number) => ({ issuedAt: issuedAt - ms, expiresAt: expiresAt - ms });

describe('moltbot auth status', () => {
  const status = async (...args: readonly string[]) => {
    const ran = await rig.run(['status', '--json', ...args]);
    const { verdict, credentials } = lastJson(ran) as {
      verdict: string;
      credentials: { state: string; problems: { code: string; next: string }[]; asked: { by: string } | null }[];
    };
    const codes = credentials.flatMap(({ problems }) => problems.map(({ code }) => code));
    return { code: ran.code, verdict, codes, credentials };
  };

  it('ends with 0 for a fresh sign-in, and asks the authorization server', async () => {
    await rig.login(['acme', ...rig.client()], rig.agree());
    const { code, verdict, credentials } = await status();
    expect([code, verdict]).toEqual([0, 'fine']);
    expect(credentials[0]).toMatchObject({ state: 'ok', asked: { outcome: 'accepted' }, problems: [] });
    const text = await rig.run(['status']);
    expect(text.stdout).toMatch(/^acme +ready +person-1@example.com +in \d+[ms]/m);
    expect(text.stderr).toContain('No server runs');
    expect((await rig.run(['status', 'nobody'])).code).toBe(1);
  });

  it('ends with 2 where a token will end and does not renew itself, and with 1 once it has', async () => {
    await rig.login(['acme', ...rig.client()], rig.agree());
    // As time does it: 100 of the 120 seconds are over, and there is no refresh token.
    await rig.editRecord((pair) => ({ ...pair, ...earlier(pair, 100_000), hasRefreshToken: false }));
    expect(await status('--offline')).toMatchObject({ code: 2, verdict: 'soon', codes: ['expiring'] });
    await rig.editRecord((pair) => ({ ...pair, ...earlier(pair, 100_000) }));
    expect(await status('--offline')).toMatchObject({ code: 1, verdict: 'bad', codes: ['expired'] });
  });

  it('ends with 2 while renewing fails, and with 0 again after', async () => {
    await rig.login(['acme', ...rig.client()], rig.agree());
    await rig.editRecord((pair) => ({ ...pair, ...earlier(pair, 100_000) }));
    const mend = rig.server.breakTokenEndpoint({ kind: 'answer', status: 503, body: '{}' });
    try {
      await status();
      expect(await status('--offline')).toMatchObject({ code: 2, codes: ['failing'] });
    } finally {
      mend();
    }
    await eventually(async () => (await status()).code === 0);
  });

  it('ends with 1 where the sign-in was revoked at the server, and names the next command', async () => {
    await rig.login(['acme', ...rig.client()], rig.agree());
    await rig.server.revokeGrant();
    const { code, credentials } = await status();
    expect(code).toBe(1);
    expect(credentials[0]?.problems[0]).toMatchObject({
      code: expect.stringMatching(/revoked|rejected/),
      next: './moltbot auth login acme',
    });
  });

  it('ends with 1 for a key that the provider rejects', async () => {
    rig.writeAuth({ other: { type: 'api_key', key: 'sk-CANARY-wrong' } });
    const { code, codes } = await status();
    expect([code, codes]).toEqual([1, ['rejected']]);
    expect(await status('--offline')).toMatchObject({ code: 0 });
  });

  it('ends with 1 for what nobody signed in to', async () => {
    rig.writeAuth({ acme: { type: 'oauth', client_id: 'x', scopes: [] } });
    expect(await status()).toMatchObject({ code: 1, codes: ['signed_out'] });
  });
});

describe('moltbot auth logout', () => {
  it('revokes at the provider, forgets here, and removes the entry if asked to', async () => {
    await rig.login(['acme', ...rig.client()], rig.agree());
    const token = rig.lastToken();
    expect(await rig.server.isLive(token)).toBe(true);
    expect(await rig.run(['logout', 'acme'])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('revoked them too'),
    });
    expect(await rig.server.isLive(token)).toBe(false);
    expect(rig.authFile()).toMatchObject({ acme: { type: 'oauth' } });
    const removed = await rig.run(['logout', 'acme', '--remove', '--json']);
    expect(lastJson(removed)).toEqual({ id: 'acme', signedOut: false, revocation: null, removed: true });
    expect(rig.authFile()).toEqual({});
  });

  it('forgets here also where the provider is away', async () => {
    const away = await startAuthorizationServer();
    rig.home.writeConfig(rig.config(away.issuer));
    const client = ['--client-id', away.clients.public.clientId, '--scopes', SCOPES];
    await rig.login(['acme', ...client], rig.agree({}, away));
    await away.stop();
    const ran = await rig.run(['logout', 'acme']);
    expect(ran).toMatchObject({ code: 0, stderr: expect.stringContaining('was not told') });
    expect(lastJson(await rig.run(['list', '--json']))).toMatchObject({ credentials: [{ state: 'signed-out' }] });
  });

  it('removes a key only when told so', async () => {
    rig.writeAuth({ other: { type: 'api_key', key: API_KEY } });
    expect(await rig.run(['logout', 'other'])).toMatchObject({ code: 2, stderr: expect.stringContaining('--remove') });
    expect((await rig.run(['logout', 'other', '--remove'])).code).toBe(0);
    expect(rig.authFile()).toEqual({});
  });
});

describe('with a running server', () => {
  let running: RunningMoltbot;

  beforeEach(async () => {
    running = await startMoltbot({ home: rig.home.path, args: ['--no-worker'] });
  });
  afterEach(async () => {
    await running.end();
  });

  const chat = async (): Promise<number> => {
    const answer = await fetch(`${running.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ messages: [{ role: 'user', content: 'Hi' }] }),
    });
    await answer.text();
    return answer.status;
  };

  it('a sign-in is used at once, cool-downs are told and cleared', async () => {
    await rig.login(['acme', ...rig.client()], rig.agree());
    const until = Date.now() + 3_000;
    while ((await chat()) !== 200) {
      if (Date.now() > until) throw new Error('the server does not use the sign-in');
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    rig.upstream.refuseChats(402);
    expect(await chat()).toBe(503);
    rig.upstream.refuseChats(undefined);
    expect(await chat()).toBe(503);
    const status = await rig.run(['status']);
    expect(status.code).toBe(0);
    expect(status.stdout).toMatch(/leaves it alone for .* \(quota-exhausted\)\n +next: .\/moltbot auth reset acme/);
    expect(status.stderr).toContain(running.url);
    const reset = await rig.run(['reset', 'acme', '--json']);
    expect(reset.code).toBe(0);
    expect(lastJson(reset)).toMatchObject({ id: 'acme', cleared: 1 });
    expect(await chat()).toBe(200);
    expect(await rig.run(['reset', 'nobody'])).toMatchObject({ code: 1 });
    await rig.run(['logout', 'acme']);
    await eventually(async () => (await chat()) === 503);
  });
});

it('resetting needs a server', async () => {
  const ran = await rig.run(['reset', 'acme']);
  expect(ran).toMatchObject({ code: 3, stderr: expect.stringContaining('No server runs') });
});

it('no file holds a token in the clear', async () => {
  await rig.login(['acme', ...rig.client()], rig.agree());
  const token = rig.lastToken();
  expect(await rig.server.isLive(token)).toBe(true);
  const files = readdirSync(rig.home.path, { recursive: true, encoding: 'utf8' })
    .map((name) => join(rig.home.path, name))
    .filter((path) => statSync(path).isFile());
  expect(files.some((path) => path.includes('tokens'))).toBe(true);
  for (const path of files) expect([path, readFileSync(path, 'latin1').includes(token)]).toEqual([path, false]);
});

it('nothing that was said holds a token, key or verifier', () => {
  rig.expectNoSecretSaid();
});
