import { afterEach, describe, expect, it } from '@jest/globals';
import { generateApiKey, hashApiKey } from '@moltbot/auth';
import type { Browser, BrowserPage } from '../../test/browser.js';
import { ADMIN_KEY, identity, type SignInServer, type SignInServerOptions } from './__fixtures__/sign-in-server.js';
import { Visitor } from './__fixtures__/sign-in-visitor.js';

let visitor: Visitor;
let server: SignInServer;
afterEach(() => server.stop());

async function start(options: SignInServerOptions = {}): Promise<Browser> {
  visitor = await Visitor.at(options);
  ({ server } = visitor);
  return visitor.browser;
}

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
    await visitor.beginSignIn();
    expect((await visitor.comeBack()).text).toContain('Signed in: anthropic.');
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
