import { join } from 'node:path';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { generateApiKey } from '@moltbot/auth';
import { type AuthorizationServer, startAuthorizationServer } from '@moltbot/auth/testing';
import { openStorage } from '@moltbot/storage';
import { Browser, type BrowserPage, refreshOf } from './browser.js';
import { type GuardedUpstream, startGuardedUpstream } from './guarded-upstream.js';
import { type PrimaryProcess, startPrimary, temporaryHome, writeAuth, writeConfig } from './primary-process.js';

const SCOPES = ['openid', 'email', 'offline_access', 'model:read'];

let server: AuthorizationServer;
let upstream: GuardedUpstream;
beforeAll(async () => {
  server = await startAuthorizationServer({ accessTokenSeconds: 120 });
  upstream = await startGuardedUpstream({ isGood: (token) => server.isLive(token) });
});
afterAll(async () => {
  await upstream.close();
  await server.stop();
});

const config = (changes: object = {}) => ({
  models: { primary: 'acme:m' },
  providers: { acme: { kind: 'openai-compatible', base_url: upstream.baseUrl, oauth: { issuer: server.issuer } } },
  ...changes,
});
const oauth = (changes: object = {}) => ({
  type: 'oauth',
  client_id: server.clients.public.clientId,
  scopes: SCOPES,
  ...changes,
});

/** From the list of accounts to the provider, there as a person, and back. */
async function signIn(options: {
  readonly browser: Browser;
  readonly primary: PrimaryProcess;
  readonly account?: string;
  readonly deny?: boolean;
}): Promise<BrowserPage> {
  const { browser, primary, ...person } = options;
  const start = await browser.open(`${primary.url}/auth/login/acme`);
  const leaving = await browser.press(start, '/auth/login/acme');
  const callback = await server.signInAs({ url: refreshOf(leaving), ...person });
  return browser.open(callback, { from: server.issuer });
}

async function chat(primary: PrimaryProcess, headers: Record<string, string> = {}) {
  const answer = await fetch(`${primary.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ messages: [{ role: 'user', content: 'Hi' }] }),
  });
  return { status: answer.status, text: await answer.text() };
}

async function admin(primary: PrimaryProcess, path = '', init: RequestInit = {}) {
  const answer = await fetch(`${primary.url}/v1/admin/credentials${path}`, init);
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
}

/** The tokens that the provider has seen: no page, answer, log or file may hold one. */
function tokens(): readonly string[] {
  return [...new Set(upstream.calls.map(({ token }) => token))].filter((token) => token.length > 10);
}

function everyFile(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((path) => !path.includes('/postgres/') && statSync(path).isFile());
}

describe('the sign-in pages of a primary', () => {
  let primary: PrimaryProcess;
  const home = temporaryHome();
  const seen: string[] = [];

  beforeAll(async () => {
    primary = await startPrimary({ home: home.path, config: config(), auth: { acme: oauth() } });
  });
  afterAll(async () => {
    await primary?.stop();
    home.remove();
  });

  it('sign in, and chats are paid for with what came of it', async () => {
    expect((await chat(primary)).status).toBe(503);
    const back = await signIn({ browser: new Browser(), primary });
    seen.push(back.html);
    expect(back.text).toContain('Signed in: acme.');
    expect(back.text).toContain('person-1@example.com');
    expect(await chat(primary)).toMatchObject({
      status: 200,
      text: expect.stringContaining('Hello from the upstream'),
    });
    expect(upstream.calls.at(-1)).toMatchObject({ path: '/v1/chat/completions', status: 200 });
  });

  it('refuse another browser, a forged state and a person who declines; what was there stays', async () => {
    const began = new Browser();
    const leaving = await began.press(await began.open(`${primary.url}/auth/login/acme`), '/auth/login/acme');
    const callback = await server.signInAs({ url: refreshOf(leaving), account: 'mallory' });
    const other = await new Browser().open(callback);
    expect([other.status, other.text]).toEqual([400, expect.stringContaining('other-browser')]);
    const forged = await began.open(callback.replace(/state=[^&]+/, 'state=forged'));
    expect([forged.status, forged.text]).toEqual([400, expect.stringContaining('state-mismatch')]);
    const declined = await signIn({ browser: new Browser(), primary, deny: true });
    expect([declined.status, declined.text]).toEqual([400, expect.stringContaining('access_denied')]);
    const wrongIssuer = await began.open(callback.replace(/iss=[^&]+/, 'iss=https%3A%2F%2Fevil.example'));
    expect(wrongIssuer.status).toBe(400);
    const list = await new Browser().open(`${primary.url}/auth`);
    expect(list.text).toContain('person-1@example.com');
    expect((await chat(primary)).status).toBe(200);
  });

  it('refuse a form that another site sends', async () => {
    const browser = new Browser();
    const page = await browser.open(`${primary.url}/auth/logout/acme`, { form: {}, from: 'https://evil.example/' });
    expect(page.status).toBe(403);
    expect((await chat(primary)).status).toBe(200);
  });

  it('tell administrators of every credential, without a secret', async () => {
    const { status, body } = await admin(primary);
    expect(status).toBe(200);
    expect(body).toMatchObject({
      object: 'list',
      store_error: null,
      data: [
        {
          id: 'acme',
          provider: 'acme',
          type: 'oauth',
          state: 'ok',
          account: { subject: 'person-1', email: 'person-1@example.com' },
          scopes: expect.arrayContaining(['model:read']),
          expires_at: expect.stringMatching(/^\d{4}-/),
          refreshable: true,
          cooldowns: [],
        },
      ],
    });
    seen.push(JSON.stringify(body));
  });

  it('let administrators renew and test one', async () => {
    const before = server.refreshes;
    const refreshed = await admin(primary, '/acme/refresh', { method: 'POST' });
    expect(refreshed).toMatchObject({ status: 200, body: { id: 'acme', result: 'refreshed' } });
    expect(server.refreshes).toBe(before + 1);
    const tested = await admin(primary, '/acme/test', { method: 'POST' });
    expect(tested).toMatchObject({ status: 200, body: { outcome: 'accepted', models: 1 } });
    const unknown = await admin(primary, '/nobody/test', { method: 'POST' });
    expect(unknown).toMatchObject({ status: 404, body: { error: { code: 'not_found' } } });
    const wrong = await admin(primary, '/acme/reset', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"now":true}',
    });
    expect(wrong).toMatchObject({ status: 400, body: { error: { param: 'now' } } });
    seen.push(JSON.stringify([refreshed, tested]));
  });

  it('let administrators clear what is held against one', async () => {
    upstream.refuseChats(402);
    expect((await chat(primary)).status).toBe(503);
    upstream.refuseChats(undefined);
    expect((await chat(primary)).status).toBe(503);
    const { body } = await admin(primary);
    expect(body).toMatchObject({ data: [{ cooldowns: [{ reason: 'quota-exhausted', state: 'out', model: null }] }] });
    const reset = await admin(primary, '/acme/reset', { method: 'POST' });
    expect(reset).toMatchObject({ status: 200, body: { id: 'acme', cleared: expect.any(Number) } });
    expect((await admin(primary)).body).toMatchObject({ data: [{ cooldowns: [] }] });
    expect((await chat(primary)).status).toBe(200);
  });

  it('sign out: the tokens end at the provider, and chats find none', async () => {
    const [token = ''] = tokens().slice(-1);
    expect(await server.isLive(token)).toBe(true);
    const browser = new Browser();
    const page = await browser.press(await browser.open(`${primary.url}/auth`), '/auth/logout/acme');
    seen.push(page.html);
    expect(page.text).toContain('Signed out: acme.');
    expect(await server.isLive(token)).toBe(false);
    const { status, text } = await chat(primary);
    expect([status, text]).toEqual([503, expect.stringContaining('credential_missing')]);
  });

  it('sign in with a code on another device', async () => {
    writeAuth(home.path, { acme: oauth({ grant: 'device_code' }) });
    const browser = new Browser();
    let page = await browser.open(`${primary.url}/auth/login/acme`);
    for (const until = Date.now() + 5_000; !page.text.includes('which you enter on its page') && Date.now() < until; ) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      page = await browser.open(`${primary.url}/auth/login/acme`);
    }
    page = await browser.press(page, '/auth/login/acme');
    seen.push(page.html);
    const link = /<a rel="noreferrer" target="_blank" href="([^"]+)">/.exec(page.html)?.[1] ?? '';
    await server.completeDevice({ verificationUriComplete: link.replaceAll('&amp;', '&') });
    for (const until = Date.now() + 15_000; page.url.includes('/device/') && Date.now() < until; ) {
      await new Promise((resolve) => setTimeout(resolve, 200));
      page = await browser.open(page.url);
    }
    expect(page.text).toContain('Signed in: acme.');
    expect((await chat(primary)).status).toBe(200);
  });

  it('are written into the audit log, by whom', async () => {
    const answer = await fetch(`${primary.url}/v1/admin/audit?limit=1000`);
    const { data } = (await answer.json()) as { data: { action: string; actor: string; target: string | null }[] };
    const acts = data.filter(({ target }) => target === 'acme').map(({ action, actor }) => `${actor} ${action}`);
    expect(new Set(acts)).toEqual(
      new Set([
        'local credential.sign_in',
        'local credential.sign_out',
        'local credential.refresh',
        'local credential.test',
        'local credential.reset',
      ]),
    );
    seen.push(JSON.stringify(data));
  });

  it('say no token anywhere: not in pages, answers, logs, nor in a file of the home', () => {
    const all = tokens();
    expect(all.length).toBeGreaterThan(2);
    seen.push(primary.output(), ...everyFile(home.path).map((path) => readFileSync(path, 'latin1')));
    for (const text of seen) for (const token of all) expect(text.includes(token)).toBe(false);
  });
});

describe('the sign-in pages of a primary that demands keys', () => {
  let primary: PrimaryProcess;
  const home = temporaryHome();
  const made = { admin: generateApiKey(), chat: generateApiKey() };

  beforeAll(async () => {
    writeConfig(home.path, config());
    const storage = await openStorage({
      settings: { storage: { url: 'embedded' } },
      paths: { dataDirectory: join(home.path, 'data') },
    });
    for (const [name, { hash, prefix }] of Object.entries(made)) {
      await storage.apiKeys.create({ name, hash, prefix, scopes: [name] });
    }
    await storage.close();
    primary = await startPrimary({
      home: home.path,
      config: config({ server: { access: 'api_key' } }),
      auth: { acme: oauth() },
    });
  });
  afterAll(async () => {
    await primary?.stop();
    home.remove();
  });

  async function openSession(browser: Browser, key: string): Promise<BrowserPage> {
    return browser.press(await browser.open(`${primary.url}/auth`), '/auth/session', { key });
  }

  it('open for administrators only, who can then sign in', async () => {
    const browser = new Browser();
    const refused = await openSession(browser, made.chat.key.reveal());
    expect([refused.status, refused.text]).toEqual([401, expect.stringContaining('permission_denied')]);
    expect((await admin(primary)).status).toBe(401);
    const chatKey = { authorization: `Bearer ${made.chat.key.reveal()}` };
    expect((await admin(primary, '', { headers: chatKey })).status).toBe(403);
    expect((await openSession(browser, made.admin.key.reveal())).text).toContain('You are here as admin.');
    expect((await signIn({ browser, primary })).text).toContain('Signed in: acme.');
    expect((await chat(primary, chatKey)).status).toBe(200);
  });

  it('close when the key behind the session is revoked', async () => {
    const browser = new Browser();
    await openSession(browser, made.admin.key.reveal());
    const headers = { authorization: `Bearer ${made.admin.key.reveal()}` };
    const { data } = (await (await fetch(`${primary.url}/v1/admin/keys`, { headers })).json()) as {
      data: { id: string; name: string }[];
    };
    const id = data.find(({ name }) => name === 'admin')?.id ?? '';
    const revoked = await fetch(`${primary.url}/v1/admin/keys/${id}?force=true`, { method: 'DELETE', headers });
    expect(revoked.status).toBe(200);
    expect((await browser.open(`${primary.url}/auth`)).status).toBe(401);
  });
});
