import { afterEach, describe, expect, it } from '@jest/globals';
import { generateApiKey, hashApiKey, OAuthError } from '@moltbot/auth';
import { Secret } from '@moltbot/contracts';
import { Browser, type BrowserPage, refreshOf } from '../../test/browser.js';
import {
  ADMIN_KEY,
  identity,
  type SignInServer,
  type SignInServerOptions,
  startSignInServer,
  tokens,
  toStored,
} from './__fixtures__/sign-in-server.js';

let server: SignInServer;
afterEach(() => server.stop());

async function start(options: SignInServerOptions = {}): Promise<Browser> {
  server = await startSignInServer(options);
  return new Browser();
}

/** From the list to the provider’s door. */
async function beginSignIn(browser: Browser, id = 'anthropic'): Promise<BrowserPage> {
  const list = await browser.open(`${server.url}/auth`);
  expect(list.html).toContain(`href="/auth/login/${encodeURIComponent(id)}"`);
  const page = await browser.open(`${server.url}/auth/login/${encodeURIComponent(id)}`, { from: list.url });
  return browser.press(page, `/auth/login/${encodeURIComponent(id)}`);
}

async function comeBack(browser: Browser, query = '?code=CODE&state=STATE'): Promise<BrowserPage> {
  return browser.open(`${server.url}/auth/callback${query}`, { from: 'https://provider.example/agree' });
}

function expectProblem(page: BrowserPage, { status, reason }: { status: number; reason: string }): void {
  expect([page.status, server.problems.at(-1)?.reason]).toEqual([status, reason]);
  expect(page.text).toContain('What to do');
  expect(page.html).toContain(`<code>${reason}</code>`);
  expect(server.stored.size).toBe(0);
}

describe('signing in with a browser', () => {
  it('goes to the provider by a page of its own and comes back signed in', async () => {
    const browser = await start();
    const leaving = await beginSignIn(browser);
    const callback = `http://127.0.0.1:${server.port}/auth/callback`;
    expect(refreshOf(leaving)).toBe(
      `https://provider.example/authorize?x=1&redirect_uri=${encodeURIComponent(callback)}`,
    );
    const back = await comeBack(browser);
    expect(back.url).toBe(`${server.url}/auth?in=anthropic`);
    expect(back.text).toContain('Signed in: anthropic.');
    expect(back.text).toContain('person-1@example.com');
    expect(server.calls).toEqual([`finish VERIFIER ${callback}?code=CODE&state=STATE`]);
    expect(server.stored.get('anthropic')?.accessToken.reveal()).toBe('CANARY-access-token');
    expect([...browser.cookies.keys()]).toEqual([]);
  });

  it('shows no secret in any page, header or cookie', async () => {
    const browser = await start();
    const pages = [await beginSignIn(browser), await comeBack(browser), await browser.open(`${server.url}/auth`)];
    for (const { html, headers } of pages) expect(html + JSON.stringify(headers)).not.toMatch(/CANARY|VERIFIER/);
  });

  it('sends every page without scripts, unkept, unframed and untold', async () => {
    const browser = await start();
    for (const path of ['/auth', '/auth/login/anthropic', '/auth/login/nobody', '/auth/callback']) {
      const { headers, html } = await browser.open(server.url + path);
      expect(headers['content-security-policy']).toMatch(
        /^default-src 'none'; style-src 'sha256-[\w+/=]+'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'$/,
      );
      expect(headers['cache-control']).toBe('no-store');
      expect(headers['referrer-policy']).toMatch(/^(no-referrer|same-origin)$/);
      expect(headers['x-request-id']).toMatch(/^req_/);
      expect(html).not.toMatch(/<script|style="| on\w+="/);
    }
  });

  it('speaks the reader’s language', async () => {
    await start();
    const page = await new Browser({ language: 'zh-CN,zh;q=0.9' }).open(`${server.url}/auth`);
    expect(page.html).toContain('<html lang="zh-Hans">');
    expect(page.text).toContain('提供方账户');
  });

  it('puts names of auth.json into pages as text only', async () => {
    const browser = await start();
    server.entries.list = [toStored('anthropic', { client_id: '<script>alert(1)</script>', scopes: ['"><b>'] })];
    const page = await browser.open(`${server.url}/auth/login/anthropic`);
    expect(page.text).toContain('<script>alert(1)</script>');
    expect(page.html).not.toMatch(/<script|<b>/);
    const list = await browser.open(`${server.url}/auth?in=%3Cscript%3E&out[]=x&in=2`);
    expect(list.html).not.toContain('script>');
  });
});

describe('a browser that comes back', () => {
  it('is refused where another browser began', async () => {
    const browser = await start();
    await beginSignIn(browser);
    expectProblem(await comeBack(new Browser()), { status: 400, reason: 'other-browser' });
    expect(server.calls).toEqual([]);
  });

  it('is refused with the state of another, and can still finish its own', async () => {
    const browser = await start();
    await beginSignIn(browser);
    for (const query of ['?code=CODE&state=OTHER', '?code=CODE', '?state=&code=CODE', '']) {
      expectProblem(await comeBack(browser, query), { status: 400, reason: 'state-mismatch' });
    }
    expect((await comeBack(browser)).text).toContain('Signed in: anthropic.');
  });

  it('is refused with a cookie that we did not seal', async () => {
    const browser = await start();
    await beginSignIn(browser);
    const key = '127.0.0.1 moltbot_sign_in';
    const sealed = browser.cookies.get(key) ?? '';
    const forged = server.sealer.seal(JSON.stringify({ credentialId: 'anthropic', state: 'STATE' }), 'session');
    for (const cookie of [`${sealed.slice(0, -2)}AA`, 'x', '', forged, sealed.repeat(9)]) {
      browser.cookies.set(key, cookie);
      expectProblem(await comeBack(browser), { status: 400, reason: 'other-browser' });
    }
  });

  it('is refused a second time, also with a copy of the cookie', async () => {
    const browser = await start();
    await beginSignIn(browser);
    const copy = new Browser();
    for (const [name, value] of browser.cookies) copy.cookies.set(name, value);
    await comeBack(browser);
    server.stored.clear();
    expectProblem(await comeBack(browser), { status: 400, reason: 'other-browser' });
    expectProblem(await comeBack(copy), { status: 400, reason: 'used' });
    expect(server.calls).toHaveLength(1);
  });

  it('is refused after ten minutes', async () => {
    const browser = await start();
    await beginSignIn(browser);
    server.now.ms += 600_000;
    expectProblem(await comeBack(browser), { status: 400, reason: 'late' });
  });

  it('is told that the person declined, and that a code is missing', async () => {
    const refused = new OAuthError('declined', {
      failure: 'rejected-callback',
      code: 'access_denied',
      description: 'No <b>thanks</b>',
      maybeApplied: false,
    });
    const browser = await start({ client: { finishAuthorization: () => Promise.reject(refused) } });
    await beginSignIn(browser);
    const declined = await comeBack(browser, '?error=access_denied&state=STATE');
    expectProblem(declined, { status: 400, reason: 'access_denied' });
    expect(declined.text).toContain('No <b>thanks</b>');
    await server.stop();
    server = await startSignInServer();
    await beginSignIn(browser);
    expectProblem(await comeBack(browser, '?state=STATE'), { status: 400, reason: 'no-code' });
  });

  it('is told which part of the way failed', async () => {
    const failures = ['unreachable', 'timeout', 'unavailable', 'bad-answer', 'misconfigured'] as const;
    for (const failure of failures) {
      const error = new OAuthError('CANARY-free text', { failure, maybeApplied: false });
      const browser = await start({ client: { finishAuthorization: () => Promise.reject(error) } });
      await beginSignIn(browser);
      const page = await comeBack(browser);
      expect([failure, server.problems.at(-1)?.reason]).toEqual([failure, failure]);
      expect(page.status).toBeGreaterThanOrEqual(400);
      await server.stop();
    }
    await start();
  });

  it('keeps no tokens of another account than the one demanded, and names both', async () => {
    const browser = await start({ entries: { anthropic: { account: 'boss@example.com' } } });
    await beginSignIn(browser);
    const page = await comeBack(browser);
    expectProblem(page, { status: 400, reason: 'wrong-account' });
    expect(page.text).toContain('wants boss@example.com, but person-1@example.com signed in');
  });

  it('keeps none where auth.json was changed meanwhile', async () => {
    const browser = await start();
    await beginSignIn(browser);
    server.entries.list = [toStored('anthropic', { client_id: 'another' })];
    expectProblem(await comeBack(browser), { status: 409, reason: 'changed-entry' });
    server.entries.list = [];
    await beginWithoutList(browser);
    expect(server.problems.at(-1)?.reason).toBe('unknown-account');
  });
});

async function beginWithoutList(browser: Browser): Promise<BrowserPage> {
  return browser.open(`${server.url}/auth/login/anthropic`, { form: {}, from: `${server.url}/auth` });
}

describe('forms', () => {
  it('of other sites are refused, and so is who does not say where one comes from', async () => {
    const browser = await start();
    const from = `${server.url}/auth`;
    const own = { origin: server.url, 'sec-fetch-site': 'same-origin' };
    const refused = [
      { from: 'https://evil.example/' },
      { from: `http://127.0.0.1:1/` },
      { from, headers: { ...own, origin: 'https://evil.example' } },
      { from, headers: { ...own, 'sec-fetch-site': 'cross-site' } },
      { from, headers: { ...own, 'sec-fetch-site': 'same-site' } },
      { from, headers: { origin: undefined, 'sec-fetch-site': undefined } },
      { from, headers: { origin: 'null', 'sec-fetch-site': undefined } },
      { from, headers: { origin: 'null', 'sec-fetch-site': 'none' } },
    ];
    for (const path of ['/auth/login/anthropic', '/auth/logout/anthropic', '/auth/session', '/auth/session/end']) {
      for (const visit of refused) {
        const page = await browser.open(server.url + path, { form: { key: ADMIN_KEY }, ...visit });
        expect([path, JSON.stringify(visit), page.status]).toEqual([path, JSON.stringify(visit), 403]);
        expect(page.headers['set-cookie']).toBeUndefined();
      }
    }
    expect(server.calls).toEqual([]);
    expect((await browser.open(`${server.url}/auth/login/anthropic`, { form: {}, from })).status).toBe(200);
  });

  it('begin nothing by a link', async () => {
    const browser = await start();
    const page = await browser.open(`${server.url}/auth/login/anthropic`, { from: 'https://evil.example/' });
    expect(page.status).toBe(200);
    expect(browser.cookies.size).toBe(0);
    expect((await browser.open(`${server.url}/auth/logout/anthropic`)).status).toBe(404);
  });

  it('are small and are forms', async () => {
    const browser = await start();
    const from = `${server.url}/auth`;
    const large = await browser.open(`${server.url}/auth/session`, { form: { key: 'x'.repeat(40_000) }, from });
    expect(large.status).toBe(413);
    const headers = { 'content-type': 'application/json' };
    const json = await browser.open(`${server.url}/auth/session`, { form: { key: 'x' }, from, headers });
    expect(json.status).toBe(415);
  });
});

describe('where the browser comes back to', () => {
  it('is the address by which the browser knows this machine', async () => {
    const browser = await start();
    const headers = { host: '127.0.0.1:18080', origin: 'http://127.0.0.1:18080' };
    const visit = {
      form: {},
      from: 'http://127.0.0.1:18080/auth',
      headers: { ...headers, 'sec-fetch-site': 'same-origin' },
    };
    const page = await browser.open(`${server.url}/auth/login/anthropic`, visit);
    expect(new URL(refreshOf(page)).searchParams.get('redirect_uri')).toBe('http://127.0.0.1:18080/auth/callback');
  });

  it('is explained to who knows it by another name, with a link to go on', async () => {
    const browser = await start();
    const origin = `http://localhost:${server.port}`;
    const headers = { host: `localhost:${server.port}`, origin, 'sec-fetch-site': 'same-origin' };
    const page = await browser.open(`${server.url}/auth/login/anthropic`, {
      form: {},
      from: `${origin}/auth`,
      headers,
    });
    expectProblem(page, { status: 400, reason: 'other-origin' });
    expect(page.html).toContain(`href="http://127.0.0.1:${server.port}/auth/login/anthropic"`);
  });

  it('has to be registered where the browser is elsewhere', async () => {
    const browser = await start();
    const headers = { host: 'moltbot.example', origin: 'http://moltbot.example', 'sec-fetch-site': 'same-origin' };
    const page = await browser.open(`${server.url}/auth/login/anthropic`, { form: {}, headers });
    expectProblem(page, { status: 400, reason: 'no-redirect' });
    expect(page.text).toContain('https://moltbot.example/auth/callback');
    expect(page.text).toContain('providers.anthropic.oauth.redirect_uri');
  });

  it('is the registered address, if it is a page of this server', async () => {
    let browser = await start({ redirectUri: 'https://moltbot.example/auth/callback' });
    const headers = { host: 'moltbot.example', origin: 'https://moltbot.example', 'sec-fetch-site': 'same-origin' };
    const page = await browser.open(`${server.url}/auth/login/anthropic`, { form: {}, headers });
    expect(new URL(refreshOf(page)).searchParams.get('redirect_uri')).toBe('https://moltbot.example/auth/callback');
    expect(page.headers['set-cookie']).toMatch(/; HttpOnly; SameSite=Lax; Secure$/);
    await server.stop();
    browser = await start({ redirectUri: 'http://127.0.0.1:8976/callback' });
    expectProblem(await beginSignIn(browser), { status: 400, reason: 'bad-redirect' });
  });
});

describe('sessions', () => {
  const form = { key: ADMIN_KEY };

  async function openSession(browser: Browser): Promise<BrowserPage> {
    const asked = await browser.open(`${server.url}/auth`);
    expect([asked.status, asked.headers['www-authenticate']]).toEqual([401, 'Bearer']);
    return browser.press(asked, '/auth/session', form);
  }

  it('are needed where keys are, for every page but the question for one', async () => {
    const browser = await start({ mode: 'api_key' });
    for (const path of ['/auth', '/auth/login/anthropic', '/auth/device/x', '/auth/callback?code=x&state=y']) {
      const page = await browser.open(server.url + path);
      expect([path, page.status]).toEqual([path, 401]);
      expect(page.text).not.toContain('client-of-anthropic');
    }
    const visit = { form: {}, from: `${server.url}/auth` };
    for (const path of ['/auth/login/anthropic', '/auth/logout/anthropic']) {
      expect((await browser.open(server.url + path, visit)).status).toBe(401);
    }
    expect((await openSession(browser)).text).toContain('You are here as laptop.');
    await beginSignIn(browser);
    expect((await comeBack(browser)).text).toContain('Signed in: anthropic.');
  });

  it('hold no key and say who it is only to us', async () => {
    const browser = await start({ mode: 'api_key' });
    const page = await browser.open(`${server.url}/auth/session`, { form, from: `${server.url}/auth`, follow: false });
    expect(page.headers['set-cookie']).toMatch(
      /^moltbot_session=mbs1\.[^;]+; Path=\/; Max-Age=900; HttpOnly; SameSite=Lax$/,
    );
    expect(page.headers['set-cookie']).not.toMatch(/CANARY|laptop/);
  });

  it('are refused to wrong keys and to keys that may not administer', async () => {
    const browser = await start({ mode: 'api_key' });
    server.keys.set('chat-key', identity('app', ['chat', 'jobs']));
    const from = `${server.url}/auth`;
    for (const [key, code] of [
      ['wrong', 'invalid_api_key'],
      ['chat-key', 'permission_denied'],
      ['', 'invalid_api_key'],
    ] as const) {
      const page = await browser.open(`${server.url}/auth/session`, { form: { key }, from });
      expect([page.status, page.headers['set-cookie']]).toEqual([401, undefined]);
      expect(page.text).toContain(code);
    }
  });

  it('end after 15 idle minutes, at the latest after twelve hours, and with the key behind them', async () => {
    const browser = await start({ mode: 'api_key' });
    const status = async (): Promise<number> => (await browser.open(`${server.url}/auth`)).status;
    await openSession(browser);
    for (let used = 0; used < 3; used += 1) {
      server.now.ms += 14 * 60_000;
      expect(await status()).toBe(200);
    }
    server.now.ms += 15 * 60_000;
    expect(await status()).toBe(401);
    await openSession(browser);
    for (let minutes = 0; minutes < 12 * 60; minutes += 10) {
      expect(await status()).toBe(200);
      server.now.ms += 10 * 60_000;
    }
    expect(await status()).toBe(401);
    await openSession(browser);
    server.keys.set(ADMIN_KEY, identity('laptop', ['chat']));
    expect(await status()).toBe(403);
    server.keys.delete(ADMIN_KEY);
    expect(await status()).toBe(401);
  });

  it('are known by the hash of the key, as it is looked up at each use', async () => {
    const browser = await start({ mode: 'api_key' });
    const { key } = generateApiKey();
    const presented = key.reveal();
    server.keys.set(presented, identity('phone', ['admin']));
    const hash = hashApiKey(presented);
    const opened = await browser.open(`${server.url}/auth/session`, {
      form: { key: presented },
      from: `${server.url}/auth`,
    });
    expect(opened.status).toBe(401);
    server.byHash.set(hash, identity('phone', ['admin']));
    expect((await browser.open(`${server.url}/auth`)).text).toContain('You are here as phone.');
    server.byHash.set(hash, identity('another', ['admin']));
    expect((await browser.open(`${server.url}/auth`)).status).toBe(401);
  });

  it('end when asked to, and are not taken from another server', async () => {
    const browser = await start({ mode: 'api_key' });
    const page = await openSession(browser);
    const cookies = new Map(browser.cookies);
    expect((await browser.press(page, '/auth/session/end')).status).toBe(401);
    await server.stop();
    await start({ mode: 'api_key' });
    for (const [name, value] of cookies) browser.cookies.set(name, value);
    expect((await browser.open(`${server.url}/auth`)).status).toBe(401);
  });
});

describe('signing out', () => {
  it('forgets the tokens and gives them back at the provider', async () => {
    const browser = await start();
    await beginSignIn(browser);
    const list = await comeBack(browser);
    const page = await browser.press(list, '/auth/logout/anthropic');
    expect(page.text).toContain('Signed out: anthropic.');
    expect(server.stored.size).toBe(0);
    expect(server.calls.slice(1)).toEqual(['revoke refresh_token', 'revoke access_token']);
  });

  it('forgets them also where the provider does not answer', async () => {
    const unreachable = new OAuthError('x', { failure: 'unreachable', maybeApplied: false });
    const browser = await start({ client: { revoke: () => Promise.reject(unreachable) } });
    await beginSignIn(browser);
    const page = await browser.press(await comeBack(browser), '/auth/logout/anthropic');
    expect(page.text).toContain('Signed out: anthropic.');
    expect(server.stored.size).toBe(0);
  });
});

describe('a code for another device', () => {
  const device = (expiresInMs: number) => ({
    deviceCode: new Secret('CANARY-device-code'),
    userCode: 'ABCD-<b>',
    verificationUri: 'https://provider.example/device',
    verificationUriComplete: undefined,
    expiresAt: Date.now() + expiresInMs,
    intervalMs: 5_000,
  });
  const entries = { anthropic: { grant: 'device_code' as const } };

  it('is shown until it was entered', async () => {
    const entered = Promise.withResolvers<ReturnType<typeof tokens>>();
    const browser = await start({
      entries,
      client: { beginDevice: () => Promise.resolve(device(600_000)), finishDevice: () => entered.promise },
    });
    const page = await beginSignIn(browser);
    expect(page.text).toContain('ABCD-<b>');
    expect(page.text).toContain('10 more minutes');
    expect(page.html).toContain('<meta http-equiv="refresh" content="3">');
    expect(page.html).not.toContain('CANARY');
    expect((await browser.open(page.url)).text).toContain('ABCD');
    entered.resolve(tokens());
    const done = await browser.open(page.url);
    expect(done.text).toContain('Signed in: anthropic.');
    expect(server.stored.size).toBe(1);
  });

  it('that ran out, was declined or is unknown is told as such', async () => {
    const codes = [
      ['expired_token', 'device-expired'],
      ['access_denied', 'access_denied'],
    ] as const;
    for (const [code, reason] of codes) {
      const error = new OAuthError('x', { failure: 'refused', code, maybeApplied: false });
      const browser = await start({
        entries,
        client: { beginDevice: () => Promise.resolve(device(1_000)), finishDevice: () => Promise.reject(error) },
      });
      const page = await beginSignIn(browser);
      expectProblem(await browser.open(page.url), { status: 400, reason });
      await server.stop();
    }
    const browser = await start({ entries });
    expectProblem(await browser.open(`${server.url}/auth/device/unknown`), { status: 404, reason: 'device-gone' });
  });

  it('leaves nothing running behind when the server stops', async () => {
    const aborted = Promise.withResolvers<void>();
    const browser = await start({
      entries,
      client: {
        beginDevice: () => Promise.resolve(device(600_000)),
        finishDevice: ({ signal }) =>
          new Promise((_, reject) => {
            signal?.addEventListener('abort', () => {
              aborted.resolve();
              reject(new Error('aborted'));
            });
          }),
      },
    });
    await beginSignIn(browser);
    await server.stop();
    await aborted.promise;
    await start();
  });
});

describe('a client that signs in by itself', () => {
  it('is asked to with one button', async () => {
    const browser = await start({ entries: { anthropic: { grant: 'client_credentials' } } });
    const page = await beginSignIn(browser);
    expect(page.text).toContain('Signed in: anthropic.');
    expect(server.calls).toEqual(['refresh anthropic']);
  });

  it('that gets no token is told so', async () => {
    const entries = { anthropic: { grant: 'client_credentials' as const } };
    const browser = await start({ entries, refreshed: 'failed' });
    expectProblem(await beginSignIn(browser), { status: 400, reason: 'client-refused' });
  });
});

describe('an API key of a provider', () => {
  it('is listed, and there is nothing to sign in to', async () => {
    const browser = await start({ entries: { openai: 'api_key' } });
    const list = await browser.open(`${server.url}/auth`);
    expect(list.text).toContain('openai');
    expect(list.html).not.toContain('/auth/login/openai');
    const page = await browser.open(`${server.url}/auth/login/openai`);
    expectProblem(page, { status: 400, reason: 'not-oauth' });
  });
});
