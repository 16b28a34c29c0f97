import { afterEach, describe, expect, it } from '@jest/globals';
import { OAuthError } from '@moltbot/auth';
import { Browser, refreshOf } from '../../test/browser.js';
import { type SignInServer, type SignInServerOptions, toStored } from './__fixtures__/sign-in-server.js';
import { Visitor } from './__fixtures__/sign-in-visitor.js';

let visitor: Visitor;
let server: SignInServer;
afterEach(() => server.stop());

async function start(options: SignInServerOptions = {}): Promise<Browser> {
  visitor = await Visitor.at(options);
  ({ server } = visitor);
  return visitor.browser;
}

describe('a browser that comes back', () => {
  it('is refused where another browser began', async () => {
    await start();
    await visitor.beginSignIn();
    visitor.expectProblem(await visitor.comeBack(undefined, new Browser()), { status: 400, reason: 'other-browser' });
    expect(server.calls).toEqual([]);
  });

  it('is refused with the state of another, and can still finish its own', async () => {
    await start();
    await visitor.beginSignIn();
    for (const query of ['?code=CODE&state=OTHER', '?code=CODE', '?state=&code=CODE', '']) {
      visitor.expectProblem(await visitor.comeBack(query), { status: 400, reason: 'state-mismatch' });
    }
    expect((await visitor.comeBack()).text).toContain('Signed in: anthropic.');
  });

  it('is refused with a cookie that we did not seal', async () => {
    const browser = await start();
    await visitor.beginSignIn();
    const key = '127.0.0.1 moltbot_sign_in';
    const sealed = browser.cookies.get(key) ?? '';
    const forged = server.sealer.seal(JSON.stringify({ credentialId: 'anthropic', state: 'STATE' }), 'session');
    for (const cookie of [`${sealed.slice(0, -2)}AA`, 'x', '', forged, sealed.repeat(9)]) {
      browser.cookies.set(key, cookie);
      visitor.expectProblem(await visitor.comeBack(), { status: 400, reason: 'other-browser' });
    }
  });

  it('is refused a second time, also with a copy of the cookie', async () => {
    const browser = await start();
    await visitor.beginSignIn();
    const copy = new Browser();
    for (const [name, value] of browser.cookies) copy.cookies.set(name, value);
    await visitor.comeBack();
    server.stored.clear();
    visitor.expectProblem(await visitor.comeBack(), { status: 400, reason: 'other-browser' });
    visitor.expectProblem(await visitor.comeBack(undefined, copy), { status: 400, reason: 'used' });
    expect(server.calls).toHaveLength(1);
  });

  it('is refused after ten minutes', async () => {
    await start();
    await visitor.beginSignIn();
    server.now.ms += 600_000;
    visitor.expectProblem(await visitor.comeBack(), { status: 400, reason: 'late' });
  });

  it('is told that the person declined, and that a code is missing', async () => {
    const refused = new OAuthError('declined', {
      failure: 'rejected-callback',
      code: 'access_denied',
      description: 'No <b>thanks</b>',
      maybeApplied: false,
    });
    await start({ client: { finishAuthorization: () => Promise.reject(refused) } });
    await visitor.beginSignIn();
    const declined = await visitor.comeBack('?error=access_denied&state=STATE');
    visitor.expectProblem(declined, { status: 400, reason: 'access_denied' });
    expect(declined.text).toContain('No <b>thanks</b>');
    await server.stop();
    await start();
    await visitor.beginSignIn();
    visitor.expectProblem(await visitor.comeBack('?state=STATE'), { status: 400, reason: 'no-code' });
  });

  it('is told which part of the way failed', async () => {
    const failures = ['unreachable', 'timeout', 'unavailable', 'bad-answer', 'misconfigured'] as const;
    for (const failure of failures) {
      const error = new OAuthError('CANARY-free text', { failure, maybeApplied: false });
      await start({ client: { finishAuthorization: () => Promise.reject(error) } });
      await visitor.beginSignIn();
      const page = await visitor.comeBack();
      expect([failure, server.problems.at(-1)?.reason]).toEqual([failure, failure]);
      expect(page.status).toBeGreaterThanOrEqual(400);
      await server.stop();
    }
    await start();
  });

  it('keeps no tokens of another account than the one demanded, and names both', async () => {
    await start({ entries: { anthropic: { account: 'boss@example.com' } } });
    await visitor.beginSignIn();
    const page = await visitor.comeBack();
    visitor.expectProblem(page, { status: 400, reason: 'wrong-account' });
    expect(page.text).toContain('wants boss@example.com, but person-1@example.com signed in');
  });

  it('keeps none where auth.json was changed meanwhile', async () => {
    const browser = await start();
    await visitor.beginSignIn();
    server.entries.list = [toStored('anthropic', { client_id: 'another' })];
    visitor.expectProblem(await visitor.comeBack(), { status: 409, reason: 'changed-entry' });
    server.entries.list = [];
    await browser.open(`${server.url}/auth/login/anthropic`, { form: {}, from: `${server.url}/auth` });
    expect(server.problems.at(-1)?.reason).toBe('unknown-account');
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
    visitor.expectProblem(page, { status: 400, reason: 'other-origin' });
    expect(page.html).toContain(`href="http://127.0.0.1:${server.port}/auth/login/anthropic"`);
  });

  it('has to be registered where the browser is elsewhere', async () => {
    const browser = await start();
    const headers = { host: 'moltbot.example', origin: 'http://moltbot.example', 'sec-fetch-site': 'same-origin' };
    const page = await browser.open(`${server.url}/auth/login/anthropic`, { form: {}, headers });
    visitor.expectProblem(page, { status: 400, reason: 'no-redirect' });
    expect(page.text).toContain('https://moltbot.example/auth/callback');
    expect(page.text).toContain('providers.anthropic.oauth.redirect_uri');
  });

  it('can’t be made of a port that there is not', async () => {
    const browser = await start();
    const headers = { host: '127.0.0.1:99999', origin: 'http://127.0.0.1:99999', 'sec-fetch-site': 'same-origin' };
    const page = await browser.open(`${server.url}/auth/login/anthropic`, { form: {}, headers });
    visitor.expectProblem(page, { status: 400, reason: 'no-redirect' });
  });

  it('is the registered address, if it is a page of this server', async () => {
    let browser = await start({ redirectUri: 'https://moltbot.example/auth/callback' });
    const headers = { host: 'moltbot.example', origin: 'https://moltbot.example', 'sec-fetch-site': 'same-origin' };
    const page = await browser.open(`${server.url}/auth/login/anthropic`, { form: {}, headers });
    expect(new URL(refreshOf(page)).searchParams.get('redirect_uri')).toBe('https://moltbot.example/auth/callback');
    expect(page.headers['set-cookie']).toMatch(/; HttpOnly; SameSite=Lax; Secure$/);
    await server.stop();
    browser = await start({ redirectUri: 'http://127.0.0.1:8976/callback' });
    visitor.expectProblem(await visitor.beginSignIn(), { status: 400, reason: 'bad-redirect' });
  });
});
