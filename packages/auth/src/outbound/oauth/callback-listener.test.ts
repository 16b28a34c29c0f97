import { afterEach, describe, expect, it } from '@jest/globals';
import { createServer, connect } from 'node:net';
import type { AddressInfo } from 'node:net';
import { type CallbackListener, type CallbackListenerOptions, openCallbackListener } from './callback-listener.js';
import type { PasteProblem } from './pasted-callback.js';
import { OAuthError } from '../oauth-error.js';

let opened: CallbackListener[] = [];
afterEach(async () => {
  await Promise.all(opened.map((listener) => listener.close()));
  opened = [];
});

async function open(options?: CallbackListenerOptions): Promise<CallbackListener> {
  const listener = await openCallbackListener(options);
  opened.push(listener);
  return listener;
}

const STATE = 'the-state-of-this-sign-in';
const never = new AbortController().signal;
const visit = (listener: CallbackListener, query: string, init?: RequestInit) =>
  fetch(`${listener.redirectUri}${query}`, init);

describe('the listener for the browser', () => {
  it('knows its address before the sign-in begins, and hands on the whole callback', async () => {
    const listener = await open();
    expect(listener.redirectUri).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/callback$/);
    const wait = listener.waitFor({ state: STATE, signal: never });
    const page = await visit(listener, `?code=a%2Bb&state=${STATE}&iss=http%3A%2F%2Fx`);
    expect(page.status).toBe(200);
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(page.headers.get('referrer-policy')).toBe('no-referrer');
    const html = await page.text();
    expect(html).toContain('You can close this window');
    expect(html).not.toMatch(/<script|a\+b|the-state/);
    await expect(wait).resolves.toBe(`${listener.redirectUri}?code=a%2Bb&state=${STATE}&iss=http%3A%2F%2Fx`);
  });

  it('hands on an error without repeating it on the page', async () => {
    const listener = await open();
    const wait = listener.waitFor({ state: STATE, signal: never });
    const page = await visit(listener, `?error=%3Cscript%3Ealert(1)%3C%2Fscript%3E&state=${STATE}`);
    const html = await page.text();
    expect(html).toContain('answered with an error');
    expect(html).not.toContain('alert(1)');
    await expect(wait).resolves.toContain('?error=');
  });

  it('answers a hundred strangers with 400 and goes on waiting', async () => {
    const listener = await open();
    const wait = listener.waitFor({ state: STATE, signal: never });
    const strangers = await Promise.all(
      Array.from({ length: 100 }, (_, index) => visit(listener, `?code=stolen&state=wrong-${index}`)),
    );
    expect(strangers.map((page) => page.status)).toEqual(Array.from({ length: 100 }, () => 400));
    const others: [string, RequestInit, number][] = [
      [`?code=x`, {}, 400],
      [`?code=x&state=${STATE}&state=${STATE}`, {}, 400],
      [`?state=${STATE}`, {}, 400],
      [`?code=x&state=${STATE}`, { method: 'POST', body: 'x' }, 405],
      [`?code=x&state=${STATE}`, { method: 'HEAD' }, 405],
      [`/more?code=x&state=${STATE}`, {}, 404],
    ];
    for (const [query, init, status] of others) {
      const page = await visit(listener, query, init);
      expect({ query, status: page.status }).toEqual({ query, status });
      await page.arrayBuffer();
    }
    expect((await visit(listener, `?code=${'x'.repeat(40_000)}&state=${STATE}`)).status).toBe(431);
    await visit(listener, `?code=mine&state=${STATE}`);
    await expect(wait).resolves.toContain('code=mine');
    expect((await visit(listener, `?code=again&state=${STATE}`)).status).toBe(400);
  });

  it('does not answer under the name of another host', async () => {
    const listener = await open();
    const wait = listener.waitFor({ state: STATE, signal: never });
    const { port } = new URL(listener.redirectUri);
    const said = await new Promise<string>((resolve) => {
      const socket = connect(Number(port), '127.0.0.1');
      let text = '';
      socket.on('data', (bytes) => (text += bytes.toString()));
      socket.on('close', () => resolve(text));
      socket.write(`GET /callback?code=x&state=${STATE} HTTP/1.1\r\nhost: evil.example.com\r\n\r\n`);
    });
    expect(said).toMatch(/^HTTP\/1\.1 404/);
    await visit(listener, `?code=mine&state=${STATE}`);
    await expect(wait).resolves.toContain('code=mine');
  });

  it('opens the port and path that are registered, or says who has them', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const { port } = taken.address() as AddressInfo;
    const redirectUri = `http://127.0.0.1:${port}/auth/done`;
    const refused = await openCallbackListener({ redirectUri }).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(OAuthError);
    expect(refused).toMatchObject({ failure: 'misconfigured', cause: { code: 'EADDRINUSE' } });
    expect((refused as Error).message).toContain(String(port));
    await new Promise((resolve) => taken.close(resolve));

    const listener = await open({ redirectUri });
    expect(listener.redirectUri).toBe(redirectUri);
    const free = await open({ redirectUri: 'http://localhost/auth/done' });
    expect(free.redirectUri).toMatch(/^http:\/\/localhost:\d{2,5}\/auth\/done$/);
    const wait = free.waitFor({ state: STATE, signal: never });
    await visit(free, `?code=c&state=${STATE}`);
    await expect(wait).resolves.toBe(`${free.redirectUri}?code=c&state=${STATE}`);
  });

  it('closes at once with connections that say nothing, and ends the wait', async () => {
    const listener = await openCallbackListener();
    const socket = connect(Number(new URL(listener.redirectUri).port), '127.0.0.1');
    await new Promise((resolve) => socket.once('connect', resolve));
    socket.on('error', () => undefined);
    const wait = listener.waitFor({ state: STATE, signal: never }).catch((error: unknown) => error);
    const before = performance.now();
    await listener.close();
    expect(performance.now() - before).toBeLessThan(2_500);
    expect(await wait).toMatchObject({ name: 'OAuthError', failure: 'timeout', maybeApplied: false });
    await expect(visit(listener, '')).rejects.toThrow('fetch failed');
    await expect(listener.waitFor({ state: STATE, signal: never })).rejects.toBeInstanceOf(OAuthError);
    socket.destroy();
  });

  it('is given up with its signal', async () => {
    const listener = await open();
    for (const signal of [AbortSignal.timeout(10), AbortSignal.abort('before')]) {
      const error = await listener.waitFor({ state: STATE, signal }).catch((found: unknown) => found);
      expect(error).toMatchObject({ failure: 'timeout', cause: signal.reason });
    }
  });

  it('waits for two sign-ins beside each other', async () => {
    const listener = await open();
    const one = listener.waitFor({ state: 'state-one', signal: never });
    const two = listener.waitFor({ state: 'state-two', signal: never });
    await visit(listener, '?code=2&state=state-two');
    await visit(listener, '?code=1&state=state-one');
    await expect(one).resolves.toContain('code=1');
    await expect(two).resolves.toContain('code=2');
  });
});

describe('a pasted address', () => {
  const REDIRECT = 'https://provider.example.com/show-code';

  async function* lines(texts: readonly string[]) {
    for (const text of texts) yield await Promise.resolve(text);
  }

  it.each([
    ['the whole address', `https://provider.example.com/show-code?code=c&state=${STATE}`],
    ['with what a terminal adds', `  "http://127.0.0.1:9/callback?code=c\n&state=${STATE}"\r\n`],
    ['its query', `?code=c&state=${STATE}`],
    ['its query without the mark', `code=c&state=${STATE}`],
    ['as some providers show it', `c#${STATE}`],
  ])('is taken: %s', async (_name, text) => {
    const listener = await open({ redirectUri: REDIRECT });
    expect(listener).toMatchObject({ isListening: false, redirectUri: REDIRECT });
    const found = await listener.waitFor({ state: STATE, signal: never, paste: lines([text]) });
    expect(found).toBe(`${REDIRECT}?code=c&state=${STATE}`);
  });

  it('is asked for again after garbage', async () => {
    const listener = await open();
    const problems: PasteProblem[] = [];
    const wait = listener.waitFor({
      state: STATE,
      signal: never,
      onPasteProblem: (problem) => problems.push(problem),
      paste: lines([
        'what do I paste here?',
        '',
        'http://127.0.0.1/callback',
        `http://127.0.0.1/callback?code=c&state=another`,
        'c#another',
        '\u0000\u001b[2J',
        'x'.repeat(20_000),
        `http://127.0.0.1/callback?code=c&state=${STATE}`,
      ]),
    });
    await expect(wait).resolves.toBe(`${listener.redirectUri}?code=c&state=${STATE}`);
    expect(problems).toEqual([
      'not-an-address',
      'no-code',
      'other-sign-in',
      'other-sign-in',
      'not-an-address',
      'too-long',
    ]);
  });

  it('races with the browser, and the question is taken back when the browser is first', async () => {
    const listener = await open();
    let questions = 0;
    let takenBack = false;
    const wait = listener.waitFor({
      state: STATE,
      signal: never,
      paste: (signal) => {
        questions += 1;
        if (questions === 1) return Promise.resolve('garbage');
        return new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => {
            takenBack = true;
            reject(new Error('closed'));
          });
        });
      },
    });
    await visit(listener, `?code=browser&state=${STATE}`);
    await expect(wait).resolves.toContain('code=browser');
    expect({ questions, takenBack }).toEqual({ questions: 2, takenBack: true });
  });

  it('is not read for ever, and its end does not end the wait for the browser', async () => {
    const listener = await open();
    let asked = 0;
    let problems = 0;
    const { promise: enough, resolve: hundredth } = Promise.withResolvers<void>();
    const wait = listener.waitFor({
      state: STATE,
      signal: never,
      paste: () => {
        asked += 1;
        return Promise.resolve('y');
      },
      onPasteProblem: () => {
        problems += 1;
        if (problems === 100) hundredth();
      },
    });
    await enough;
    await visit(listener, `?code=browser&state=${STATE}`);
    await expect(wait).resolves.toContain('code=browser');
    expect(asked).toBe(100);
  });

  it('is needed where nobody can listen', async () => {
    const listener = await open({ redirectUri: REDIRECT });
    const misconfigured = expect.objectContaining({ failure: 'misconfigured' });
    await expect(listener.waitFor({ state: STATE, signal: never })).rejects.toEqual(misconfigured);
    await expect(listener.waitFor({ state: STATE, signal: never, paste: lines(['?']) })).rejects.toEqual(misconfigured);
    await expect(openCallbackListener({ redirectUri: 'nonsense' })).rejects.toEqual(misconfigured);
  });
});
