import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type AuthorizationServer, startAuthorizationServer } from '@moltbot/auth/testing';
import { openFileTokenStore } from '@moltbot/credentials';
import { type GuardedUpstream, startGuardedUpstream } from '../../primary/test/guarded-upstream.js';
import {
  eventually,
  moltbot,
  type Ran,
  type RunningMoltbot,
  spawnMoltbot,
  startMoltbot,
  type TemporaryHome,
  temporaryHome,
} from './moltbot.js';

const SCOPES = 'openid,email,model:read';
const API_KEY = 'sk-CANARY-api-key';

let server: AuthorizationServer;
let upstream: GuardedUpstream;
let home: TemporaryHome;
const said: string[] = [];

beforeAll(async () => {
  server = await startAuthorizationServer({ accessTokenSeconds: 120 });
  upstream = await startGuardedUpstream({
    isGood: async (token) => token === API_KEY || (await server.isLive(token)),
  });
});
afterAll(async () => {
  await upstream.close();
  await server.stop();
});

const config = (changes: object = {}) => ({
  models: { primary: 'acme:m' },
  providers: {
    acme: { kind: 'openai-compatible', base_url: upstream.baseUrl, oauth: { issuer: server.issuer } },
    other: { kind: 'openai-compatible', base_url: upstream.baseUrl },
  },
  ...changes,
});

beforeEach(() => {
  home = temporaryHome(config());
});
afterEach(() => home.remove());

async function run(
  args: readonly string[],
  options: { input?: string; env?: Record<string, string> } = {},
): Promise<Ran> {
  const ran = await moltbot(['auth', ...args], { home: home.path, ...options });
  said.push(ran.stdout, ran.stderr);
  return ran;
}

const json = (ran: Ran) => JSON.parse(ran.stdout.trim().split('\n').at(-1) ?? '') as Record<string, unknown>;
const authFile = () => JSON.parse(readFileSync(join(home.path, 'auth.json'), 'utf8')) as Record<string, unknown>;
const writeAuth = (auth: object) => writeFileSync(join(home.path, 'auth.json'), JSON.stringify(auth), { mode: 0o600 });

/** `auth login`, with a person who does what the first event asks for. */
async function login(
  args: readonly string[],
  person: (event: Record<string, string>, type: (text: string) => void) => Promise<void>,
): Promise<Ran> {
  const child = spawnMoltbot(['auth', 'login', ...args, '--no-browser', '--json'], { home: home.path });
  let stdout = '';
  let stderr = '';
  child.stderr?.on('data', (text: Buffer) => (stderr += text.toString()));
  const acted = new Promise<void>((resolve, reject) => {
    let isAsked = false;
    child.stdout?.on('data', (text: Buffer) => {
      stdout += text.toString();
      if (isAsked || !stdout.includes('\n')) return;
      isAsked = true;
      person(JSON.parse(stdout.split('\n')[0] ?? ''), (typed) => child.stdin?.write(typed)).then(resolve, reject);
    });
    child.once('exit', () => resolve());
  });
  const closed = once(child, 'close');
  await acted;
  const [code] = (await closed) as [number | null];
  said.push(stdout, stderr);
  return { code, stdout, stderr };
}

/** Agrees in a browser of this machine. */
const agree = (account?: string) => async (event: Record<string, string>) => {
  const callback = await server.signInAs({ url: event['url'] ?? '', ...(account !== undefined && { account }) });
  await (await fetch(callback)).text();
};

const client = (name: 'public' | 'basic' = 'public') => [
  '--client-id',
  server.clients[name].clientId,
  '--scopes',
  SCOPES,
];

describe('moltbot auth login', () => {
  it('signs in with the browser of this machine, tests, and tells what came of it', async () => {
    const ran = await login(['acme', ...client()], agree());
    expect(ran).toMatchObject({ code: 0 });
    expect(json(ran)).toMatchObject({
      event: 'signed-in',
      id: 'acme',
      account: 'person-1@example.com',
      scopes: { asked: SCOPES.split(','), missing: [] },
      refreshable: true,
      test: { outcome: 'accepted', models: 1 },
    });
    expect(authFile()).toEqual({
      acme: { type: 'oauth', client_id: server.clients.public.clientId, scopes: SCOPES.split(',') },
    });
    expect(statSync(join(home.path, 'auth.json')).mode & 0o777).toBe(0o600);
  });

  it('takes a pasted address where the browser is elsewhere, after a wrong one', async () => {
    const ran = await login(['acme', ...client()], async (event, type) => {
      type('what is this?\n');
      type(`${await server.signInAs({ url: event['url'] ?? '' })}\n`);
    });
    expect(ran.code).toBe(0);
    expect(json(ran)).toMatchObject({ event: 'signed-in', account: 'person-1@example.com' });
  });

  it('signs in with a code on another device', async () => {
    const ran = await login(['acme', ...client(), '--device'], async (event) => {
      expect(event).toMatchObject({ event: 'device-code', userCode: expect.stringMatching(/^[A-Z-]+$/) });
      await server.completeDevice({ verificationUriComplete: event['verificationUriComplete'] ?? '' });
    });
    expect(ran.code).toBe(0);
    expect(authFile()).toMatchObject({ acme: { grant: 'device_code' } });
  });

  it('lets a client sign in by itself', async () => {
    const { clientId: client_id, clientSecret: client_secret } = server.clients.basic;
    const grant = 'client_credentials';
    writeAuth({ acme: { type: 'oauth', client_id, client_secret, scopes: ['model:read'], grant } });
    const ran = await run(['login', 'acme']);
    expect(ran.code).toBe(0);
    expect(ran.stdout).toMatch(/accepted; models listed: 1/);
    expect(ran.stdout + ran.stderr).not.toContain(client_secret);
  });

  it('keeps the sign-in that is there until the new one has succeeded', async () => {
    await login(['acme', ...client()], agree());
    const declined = await login(['acme', '--client-id', server.clients.post.clientId], async (event) => {
      await (await fetch(await server.signInAs({ url: event['url'] ?? '', deny: true }))).text();
    });
    expect(declined.code).toBe(1);
    expect(json(declined)).toMatchObject({ error: { code: 'sign_in_failed' } });
    expect(authFile()).toMatchObject({ acme: { client_id: server.clients.public.clientId } });
    expect((await run(['test', 'acme'])).code).toBe(0);
    const again = await login(['acme'], agree('person-2'));
    expect(json(again)).toMatchObject({ account: 'person-2@example.com' });
  });

  it('refuses another account than the entry demands, and names both', async () => {
    const account = 'boss@example.com';
    const { clientId: client_id } = server.clients.public;
    writeAuth({ acme: { type: 'oauth', client_id, scopes: SCOPES.split(','), account } });
    const ran = await login(['acme'], agree());
    expect(ran.code).toBe(1);
    expect(JSON.stringify(json(ran))).toMatch(/boss@example\.com.*person-1@example\.com/);
    expect((await run(['status', 'acme'])).code).toBe(1);
    expect((await login(['acme'], agree('boss'))).code).toBe(0);
  });

  it('stores an API key from a pipe, and a reference to one', async () => {
    const ran = await run(['login', 'other', '--key'], { input: `${API_KEY}\n` });
    expect(ran).toMatchObject({ code: 0, stdout: expect.stringContaining('accepted') });
    expect(authFile()).toEqual({ other: { type: 'api_key', key: API_KEY } });
    const env = { CANARY_KEY: API_KEY };
    const referred = await run(['login', 'other:b', '--key'], { input: 'env:CANARY_KEY', env });
    expect(referred.code).toBe(0);
    expect(authFile()).toMatchObject({ 'other:b': { key: 'env:CANARY_KEY' } });
    const rejected = await run(['login', 'other:c', '--key'], { input: 'sk-CANARY-wrong' });
    expect([rejected.code, rejected.stdout]).toEqual([1, expect.stringContaining('rejects')]);
  });

  it('says what is missing, with 2 for wrong words', async () => {
    expect(await run(['login', 'acme'])).toMatchObject({ code: 1, stderr: expect.stringContaining('--client-id') });
    expect(await run(['login', '../x'])).toMatchObject({ code: 2 });
    expect(await run(['login', 'acme', '--key', '--device'])).toMatchObject({ code: 2 });
    expect(await run(['login', 'acme', '--scopes', 'a'])).toMatchObject({ code: 2 });
    expect(await run(['login', 'other', '--key'], { input: '' })).toMatchObject({ code: 2 });
    expect(await run(['login', 'other', '--key'], { input: 'two words' })).toMatchObject({ code: 2 });
    const unknown = await run(['login', 'other', ...client()]);
    expect(unknown).toMatchObject({ code: 4, stderr: expect.stringContaining('providers.other.oauth.issuer') });
    expect(existsSync(join(home.path, 'auth.json'))).toBe(false);
  });

  it('ends with 130 and without a trace when interrupted', async () => {
    const child = spawnMoltbot(['auth', 'login', 'acme', ...client(), '--no-browser'], { home: home.path });
    let stderr = '';
    child.stderr?.on('data', (text: Buffer) => (stderr += text.toString()));
    await eventually(() => stderr.includes('state='));
    child.kill('SIGINT');
    const [code] = (await once(child, 'close')) as [number | null];
    expect(code).toBe(130);
    expect(json(await run(['list', '--json']))).toMatchObject({ credentials: [{ state: 'signed-out' }] });
  });
});

type Pair = Readonly<Record<string, unknown>> & { readonly issuedAt: number; readonly expiresAt: number };

const earlier = ({ issuedAt, expiresAt }: Pair, ms: number) => ({ issuedAt: issuedAt - ms, expiresAt: expiresAt - ms });

/** Changes what the store says in the clear of the tokens of `acme`. */
async function editRecord(edit: (pair: Pair) => Pair): Promise<void> {
  const store = openFileTokenStore({ directory: join(home.path, 'tokens') });
  const row = await store.read('acme');
  const record = JSON.parse(row?.value ?? '') as { readonly pair: Pair };
  await store.compareAndSwap('acme', row?.version ?? 0, JSON.stringify({ ...record, pair: edit(record.pair) }));
  await store.close();
}

describe('moltbot auth status', () => {
  const status = async (...args: readonly string[]) => {
    const ran = await run(['status', '--json', ...args]);
    const { verdict, credentials } = json(ran) as {
      verdict: string;
      credentials: { state: string; problems: { code: string; next: string }[]; asked: { by: string } | null }[];
    };
    const codes = credentials.flatMap(({ problems }) => problems.map(({ code }) => code));
    return { code: ran.code, verdict, codes, credentials };
  };

  it('ends with 0 for a fresh sign-in, and asks the authorization server', async () => {
    await login(['acme', ...client()], agree());
    const { code, verdict, credentials } = await status();
    expect([code, verdict]).toEqual([0, 'fine']);
    expect(credentials[0]).toMatchObject({ state: 'ok', asked: { outcome: 'accepted' }, problems: [] });
    const text = await run(['status']);
    expect(text.stdout).toMatch(/^acme +ready +person-1@example.com +in \d+[ms]/m);
    expect(text.stderr).toContain('No server runs');
    expect((await run(['status', 'nobody'])).code).toBe(1);
  });

  it('ends with 2 where a token will end and does not renew itself, and with 1 once it has', async () => {
    await login(['acme', ...client()], agree());
    // As time does it: 100 of the 120 seconds are over, and there is no refresh token.
    await editRecord((pair) => ({ ...pair, ...earlier(pair, 100_000), hasRefreshToken: false }));
    expect(await status('--offline')).toMatchObject({ code: 2, verdict: 'soon', codes: ['expiring'] });
    await editRecord((pair) => ({ ...pair, ...earlier(pair, 100_000) }));
    expect(await status('--offline')).toMatchObject({ code: 1, verdict: 'bad', codes: ['expired'] });
  });

  it('ends with 2 while renewing fails, and with 0 again after', async () => {
    await login(['acme', ...client()], agree());
    await editRecord((pair) => ({ ...pair, ...earlier(pair, 100_000) }));
    const mend = server.breakTokenEndpoint({ kind: 'answer', status: 503, body: '{}' });
    try {
      await status();
      expect(await status('--offline')).toMatchObject({ code: 2, codes: ['failing'] });
    } finally {
      mend();
    }
    await eventually(async () => (await status()).code === 0);
  });

  it('ends with 1 where the sign-in was revoked at the server, and names the next command', async () => {
    await login(['acme', ...client()], agree());
    await server.revokeGrant();
    const { code, credentials } = await status();
    expect(code).toBe(1);
    expect(credentials[0]?.problems[0]).toMatchObject({
      code: expect.stringMatching(/revoked|rejected/),
      next: './moltbot auth login acme',
    });
  });

  it('ends with 1 for a key that the provider rejects', async () => {
    writeAuth({ other: { type: 'api_key', key: 'sk-CANARY-wrong' } });
    const { code, codes } = await status();
    expect([code, codes]).toEqual([1, ['rejected']]);
    expect(await status('--offline')).toMatchObject({ code: 0 });
  });

  it('ends with 1 for what nobody signed in to', async () => {
    writeAuth({ acme: { type: 'oauth', client_id: 'x', scopes: [] } });
    expect(await status()).toMatchObject({ code: 1, codes: ['signed_out'] });
  });
});

describe('moltbot auth logout', () => {
  it('revokes at the provider, forgets here, and removes the entry if asked to', async () => {
    await login(['acme', ...client()], agree());
    const token = upstream.calls.at(-1)?.token ?? '';
    expect(await server.isLive(token)).toBe(true);
    expect(await run(['logout', 'acme'])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('revoked them too'),
    });
    expect(await server.isLive(token)).toBe(false);
    expect(authFile()).toMatchObject({ acme: { type: 'oauth' } });
    const removed = await run(['logout', 'acme', '--remove', '--json']);
    expect(json(removed)).toEqual({ id: 'acme', signedOut: false, revocation: null, removed: true });
    expect(authFile()).toEqual({});
  });

  it('forgets here also where the provider is away', async () => {
    const away = await startAuthorizationServer();
    home.writeConfig({ providers: { acme: { ...config().providers.acme, oauth: { issuer: away.issuer } } } });
    await login(['acme', '--client-id', away.clients.public.clientId, '--scopes', SCOPES], async (event) => {
      await (await fetch(await away.signInAs({ url: event['url'] ?? '' }))).text();
    });
    await away.stop();
    const ran = await run(['logout', 'acme']);
    expect(ran).toMatchObject({ code: 0, stderr: expect.stringContaining('was not told') });
    expect(json(await run(['list', '--json']))).toMatchObject({ credentials: [{ state: 'signed-out' }] });
  });

  it('removes a key only when told so', async () => {
    writeAuth({ other: { type: 'api_key', key: API_KEY } });
    expect(await run(['logout', 'other'])).toMatchObject({ code: 2, stderr: expect.stringContaining('--remove') });
    expect((await run(['logout', 'other', '--remove'])).code).toBe(0);
    expect(authFile()).toEqual({});
  });
});

describe('with a running server', () => {
  let running: RunningMoltbot;

  beforeEach(async () => {
    running = await startMoltbot({ home: home.path, args: ['--no-worker'] });
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
    await login(['acme', ...client()], agree());
    const until = Date.now() + 3_000;
    while ((await chat()) !== 200) {
      if (Date.now() > until) throw new Error('the server does not use the sign-in');
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    upstream.refuseChats(402);
    expect(await chat()).toBe(503);
    upstream.refuseChats(undefined);
    expect(await chat()).toBe(503);
    const status = await run(['status']);
    expect(status.code).toBe(0);
    expect(status.stdout).toMatch(/leaves it alone for .* \(quota-exhausted\)\n +next: .\/moltbot auth reset acme/);
    expect(status.stderr).toContain(running.url);
    const reset = await run(['reset', 'acme', '--json']);
    expect(reset.code).toBe(0);
    expect(json(reset)).toMatchObject({ id: 'acme', cleared: 1 });
    expect(await chat()).toBe(200);
    expect(await run(['reset', 'nobody'])).toMatchObject({ code: 1 });
    await run(['logout', 'acme']);
    await eventually(async () => (await chat()) === 503);
  });
});

describe('no output and no file', () => {
  it('resetting needs a server', async () => {
    expect(await run(['reset', 'acme'])).toMatchObject({ code: 3, stderr: expect.stringContaining('No server runs') });
  });

  it('holds a token, a key or a verifier', () => {
    const tokens = [...new Set(upstream.calls.map(({ token }) => token))].filter((token) => token.length > 10);
    expect(tokens.length).toBeGreaterThan(5);
    for (const text of said) for (const token of tokens) expect(text.includes(token)).toBe(false);
    expect(said.join('')).not.toMatch(/CANARY|code_verifier/);
  });

  it('keeps a token in the clear', async () => {
    await login(['acme', ...client()], agree());
    const token = upstream.calls.at(-1)?.token ?? '';
    expect(await server.isLive(token)).toBe(true);
    const files = readdirSync(home.path, { recursive: true, encoding: 'utf8' })
      .map((name) => join(home.path, name))
      .filter((path) => statSync(path).isFile());
    expect(files.some((path) => path.includes('tokens'))).toBe(true);
    for (const path of files) expect([path, readFileSync(path, 'latin1').includes(token)]).toEqual([path, false]);
  });
});
