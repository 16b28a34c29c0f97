import { once } from 'node:events';
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { API_KEY, AuthRig, lastJson, SCOPES } from './auth-rig.js';
import { eventually, spawnMoltbot } from './moltbot.js';

const rig = new AuthRig();

describe('moltbot auth login', () => {
  it('signs in with the browser of this machine, tests, and tells what came of it', async () => {
    const ran = await rig.login(['acme', ...rig.client()], rig.agree());
    expect(ran).toMatchObject({ code: 0 });
    expect(lastJson(ran)).toMatchObject({
      event: 'signed-in',
      id: 'acme',
      account: 'person-1@example.com',
      scopes: { asked: SCOPES.split(','), missing: [] },
      refreshable: true,
      test: { outcome: 'accepted', models: 1 },
    });
    expect(rig.authFile()).toEqual({
      acme: { type: 'oauth', client_id: rig.server.clients.public.clientId, scopes: SCOPES.split(',') },
    });
    expect(statSync(join(rig.home.path, 'auth.json')).mode & 0o777).toBe(0o600);
  });

  it('takes a pasted address where the browser is elsewhere, after a wrong one', async () => {
    const ran = await rig.login(['acme', ...rig.client()], async (event, type) => {
      type('what is this?\n');
      type(`${await rig.server.signInAs({ url: event['url'] ?? '' })}\n`);
    });
    expect(ran.code).toBe(0);
    expect(lastJson(ran)).toMatchObject({ event: 'signed-in', account: 'person-1@example.com' });
  });

  it('signs in with a code on another device', async () => {
    const ran = await rig.login(['acme', ...rig.client(), '--device'], async (event) => {
      expect(event).toMatchObject({ event: 'device-code', userCode: expect.stringMatching(/^[A-Z-]+$/) });
      await rig.server.completeDevice({ verificationUriComplete: event['verificationUriComplete'] ?? '' });
    });
    expect(ran.code).toBe(0);
    expect(rig.authFile()).toMatchObject({ acme: { grant: 'device_code' } });
  });

  it('lets a client sign in by itself', async () => {
    const { clientId: client_id, clientSecret: client_secret } = rig.server.clients.basic;
    const grant = 'client_credentials';
    rig.writeAuth({ acme: { type: 'oauth', client_id, client_secret, scopes: ['model:read'], grant } });
    const ran = await rig.run(['login', 'acme']);
    expect(ran.code).toBe(0);
    expect(ran.stdout).toMatch(/accepted; models listed: 1/);
    expect(ran.stdout + ran.stderr).not.toContain(client_secret);
  });

  it('keeps the sign-in that is there until the new one has succeeded', async () => {
    await rig.login(['acme', ...rig.client()], rig.agree());
    const declined = await rig.login(
      ['acme', '--client-id', rig.server.clients.post.clientId],
      rig.agree({ deny: true }),
    );
    expect(declined.code).toBe(1);
    expect(lastJson(declined)).toMatchObject({ error: { code: 'sign_in_failed' } });
    expect(rig.authFile()).toMatchObject({ acme: { client_id: rig.server.clients.public.clientId } });
    expect((await rig.run(['test', 'acme'])).code).toBe(0);
    const again = await rig.login(['acme'], rig.agree({ account: 'person-2' }));
    expect(lastJson(again)).toMatchObject({ account: 'person-2@example.com' });
  });

  it('refuses another account than the entry demands, and names both', async () => {
    const account = 'boss@example.com';
    const { clientId: client_id } = rig.server.clients.public;
    rig.writeAuth({ acme: { type: 'oauth', client_id, scopes: SCOPES.split(','), account } });
    const ran = await rig.login(['acme'], rig.agree());
    expect(ran.code).toBe(1);
    expect(JSON.stringify(lastJson(ran))).toMatch(/boss@example\.com.*person-1@example\.com/);
    expect((await rig.run(['status', 'acme'])).code).toBe(1);
    expect((await rig.login(['acme'], rig.agree({ account: 'boss' }))).code).toBe(0);
  });

  it('stores an API key from a pipe, and a reference to one', async () => {
    const ran = await rig.run(['login', 'other', '--key'], { input: `${API_KEY}\n` });
    expect(ran).toMatchObject({ code: 0, stdout: expect.stringContaining('accepted') });
    expect(rig.authFile()).toEqual({ other: { type: 'api_key', key: API_KEY } });
    const env = { CANARY_KEY: API_KEY };
    const referred = await rig.run(['login', 'other:b', '--key'], { input: 'env:CANARY_KEY', env });
    expect(referred.code).toBe(0);
    expect(rig.authFile()).toMatchObject({ 'other:b': { key: 'env:CANARY_KEY' } });
    const rejected = await rig.run(['login', 'other:c', '--key'], { input: 'sk-CANARY-wrong' });
    expect([rejected.code, rejected.stdout]).toEqual([1, expect.stringContaining('rejects')]);
    const replaced = await rig.run(['login', 'other', '--key'], { input: 'sk-CANARY-wrong' });
    expect([replaced.code, replaced.stderr]).toEqual([1, expect.stringContaining('Nothing was stored')]);
    expect(rig.authFile()).toMatchObject({ other: { key: API_KEY } });
  });

  it('asks nobody to sign in where the tokens could not be sealed', async () => {
    rig.writeAuth({ acme: { type: 'oauth', client_id: rig.server.clients.public.clientId, scopes: ['openid'] } });
    const ran = await rig.run(['login', 'acme', '--no-browser', '--json'], {
      env: { MOLTBOT_SECRET_KEY: 'too short' },
    });
    expect(ran.code).not.toBe(0);
    expect(ran.stdout).not.toContain('authorization-url');
    expect(ran.stdout + ran.stderr).toContain('MOLTBOT_SECRET_KEY');
  });

  it('says what is missing, with 2 for wrong words', async () => {
    expect(await rig.run(['login', 'acme'])).toMatchObject({ code: 1, stderr: expect.stringContaining('--client-id') });
    expect(await rig.run(['login', '../x'])).toMatchObject({ code: 2 });
    expect(await rig.run(['login', 'acme', '--key', '--device'])).toMatchObject({ code: 2 });
    expect(await rig.run(['login', 'acme', '--scopes', 'a'])).toMatchObject({ code: 2 });
    expect(await rig.run(['login', 'other', '--key'], { input: '' })).toMatchObject({ code: 2 });
    expect(await rig.run(['login', 'other', '--key'], { input: 'two words' })).toMatchObject({ code: 2 });
    const unknown = await rig.run(['login', 'other', ...rig.client()]);
    expect(unknown).toMatchObject({ code: 4, stderr: expect.stringContaining('providers.other.oauth.issuer') });
    expect(existsSync(join(rig.home.path, 'auth.json'))).toBe(false);
  });

  it('ends with 130 and without a trace when interrupted', async () => {
    const child = spawnMoltbot(['auth', 'login', 'acme', ...rig.client(), '--no-browser'], { home: rig.home.path });
    let stderr = '';
    child.stderr?.on('data', (text: Buffer) => (stderr += text.toString()));
    await eventually(() => stderr.includes('state='));
    child.kill('SIGINT');
    const [code] = (await once(child, 'close')) as [number | null];
    expect(code).toBe(130);
    expect(lastJson(await rig.run(['list', '--json']))).toMatchObject({ credentials: [{ state: 'signed-out' }] });
  });
});

it('says no token, key or verifier', () => {
  rig.expectNoSecretSaid();
});
