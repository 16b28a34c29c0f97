import { afterEach, describe, expect, it } from '@jest/globals';
import { OAuthError } from '@moltbot/auth';
import { Secret } from '@moltbot/contracts';
import { Browser, refreshOf } from '../../test/browser.js';
import { type SignInServer, type SignInServerOptions, tokens, toStored } from './__fixtures__/sign-in-server.js';
import { Visitor } from './__fixtures__/sign-in-visitor.js';

let visitor: Visitor;
let server: SignInServer;
afterEach(() => server.stop());

async function start(options: SignInServerOptions = {}): Promise<Browser> {
  visitor = await Visitor.at(options);
  ({ server } = visitor);
  return visitor.browser;
}

describe('signing in with a browser', () => {
  it('goes to the provider by a page of its own and comes back signed in', async () => {
    const browser = await start();
    const leaving = await visitor.beginSignIn();
    const callback = `http://127.0.0.1:${server.port}/auth/callback`;
    expect(refreshOf(leaving)).toBe(
      `https://provider.example/authorize?x=1&redirect_uri=${encodeURIComponent(callback)}`,
    );
    const back = await visitor.comeBack();
    expect(back.url).toBe(`${server.url}/auth?in=anthropic`);
    expect(back.text).toContain('Signed in: anthropic.');
    expect(back.text).toContain('person-1@example.com');
    expect(server.calls).toEqual([`finish VERIFIER ${callback}?code=CODE&state=STATE`]);
    expect(server.stored.get('anthropic')?.accessToken.reveal()).toBe('CANARY-access-token');
    expect([...browser.cookies.keys()]).toEqual([]);
  });

  it('shows no secret in any page, header or cookie', async () => {
    const browser = await start();
    const pages = [await visitor.beginSignIn(), await visitor.comeBack(), await browser.open(`${server.url}/auth`)];
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

describe('signing out', () => {
  it('forgets the tokens and gives them back at the provider', async () => {
    const browser = await start();
    await visitor.beginSignIn();
    const list = await visitor.comeBack();
    const page = await browser.press(list, '/auth/logout/anthropic');
    expect(page.text).toContain('Signed out: anthropic.');
    expect(server.stored.size).toBe(0);
    expect(server.calls.slice(1)).toEqual(['revoke refresh_token', 'revoke access_token']);
  });

  it('forgets them also where the provider does not answer', async () => {
    const unreachable = new OAuthError('x', { failure: 'unreachable', maybeApplied: false });
    const browser = await start({ client: { revoke: () => Promise.reject(unreachable) } });
    await visitor.beginSignIn();
    const page = await browser.press(await visitor.comeBack(), '/auth/logout/anthropic');
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
    const page = await visitor.beginSignIn();
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
      const page = await visitor.beginSignIn();
      visitor.expectProblem(await browser.open(page.url), { status: 400, reason });
      await server.stop();
    }
    const browser = await start({ entries });
    visitor.expectProblem(await browser.open(`${server.url}/auth/device/unknown`), {
      status: 404,
      reason: 'device-gone',
    });
  });

  it('leaves nothing running behind when the server stops', async () => {
    const aborted = Promise.withResolvers<void>();
    await start({
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
    await visitor.beginSignIn();
    await server.stop();
    await aborted.promise;
    await start();
  });
});

describe('a client that signs in by itself', () => {
  it('is asked to with one button', async () => {
    await start({ entries: { anthropic: { grant: 'client_credentials' } } });
    const page = await visitor.beginSignIn();
    expect(page.text).toContain('Signed in: anthropic.');
    expect(server.calls).toEqual(['refresh anthropic']);
  });

  it('that gets no token is told so', async () => {
    const entries = { anthropic: { grant: 'client_credentials' as const } };
    await start({ entries, refreshed: 'failed' });
    visitor.expectProblem(await visitor.beginSignIn(), { status: 400, reason: 'client-refused' });
  });
});

describe('an API key of a provider', () => {
  it('is listed, and there is nothing to sign in to', async () => {
    const browser = await start({ entries: { openai: 'api_key' } });
    const list = await browser.open(`${server.url}/auth`);
    expect(list.text).toContain('openai');
    expect(list.html).not.toContain('/auth/login/openai');
    const page = await browser.open(`${server.url}/auth/login/openai`);
    visitor.expectProblem(page, { status: 400, reason: 'not-oauth' });
  });
});
