import { type AddressInfo, createServer } from 'node:net';
import { inspect } from 'node:util';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Secret } from '@moltbot/contracts';
import { httpAnswer } from '../../testing/raw-server.js';
import type { OAuthClientOptions } from './create-oauth-client.js';
import { answering, CANARIES, clientAt, failureOf, JSON_TYPE, start, stopServers } from './__fixtures__/raw-host.js';

afterEach(stopServers);

const refresh = (url: string, changes?: Partial<OAuthClientOptions>, signal?: AbortSignal) =>
  clientAt(url, changes).refresh({
    refreshToken: new Secret(CANARIES.refreshToken),
    ...(signal === undefined ? {} : { signal }),
  });

describe('a token host that can’t be reached', () => {
  it('surely got nothing where the connection is refused', async () => {
    const server = await start(() => undefined);
    await server.stop();
    const error = await failureOf(refresh(server.url));
    expect(error).toMatchObject({ failure: 'unreachable', maybeApplied: false, cause: { code: 'ECONNREFUSED' } });
    expect(error.message).toContain(new URL(server.url).host);
  });

  it('surely got nothing where its name is unknown', async () => {
    const error = await failureOf(refresh('https://token.host.invalid'));
    expect(error).toMatchObject({
      failure: 'unreachable',
      maybeApplied: false,
      cause: { code: expect.stringMatching(/^(ENOTFOUND|EAI_AGAIN)$/) },
    });
  });

  it('surely got nothing where it speaks no TLS', async () => {
    const plain = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => socket.end(httpAnswer(400, {}, 'This is plain HTTP')));
    });
    await new Promise<void>((resolve) => plain.listen(0, '127.0.0.1', resolve));
    const { port } = plain.address() as AddressInfo;
    const error = await failureOf(refresh(`https://127.0.0.1:${port}`));
    plain.close();
    expect(error).toMatchObject({
      failure: 'unreachable',
      maybeApplied: false,
      cause: { code: expect.stringMatching(/^ERR_SSL_|^EPROTO$/) },
    });
  });

  it.each([
    ['ECONNREFUSED', 'unreachable', false],
    ['EHOSTUNREACH', 'unreachable', false],
    ['UND_ERR_CONNECT_TIMEOUT', 'timeout', false],
    ['CERT_HAS_EXPIRED', 'unreachable', false],
    ['SELF_SIGNED_CERT_IN_CHAIN', 'unreachable', false],
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'unreachable', false],
    ['ERR_PROXY_LOGIN_REQUIRED', 'unreachable', false],
    ['ECONNRESET', 'unreachable', true],
    ['EPIPE', 'unreachable', true],
    ['ETIMEDOUT', 'timeout', true],
    ['UND_ERR_SOCKET', 'unreachable', true],
    ['UND_ERR_HEADERS_TIMEOUT', 'timeout', true],
    ['UND_ERR_ABORTED', 'unreachable', true],
    ['SOMETHING_NEW', 'unreachable', true],
  ])('with %s is %s, maybe with the request: %p', async (code, failure, maybeApplied) => {
    const inner = Object.assign(new Error('the socket says'), { code });
    for (const thrown of [inner, new TypeError('fetch failed', { cause: inner })]) {
      const error = await failureOf(refresh('http://127.0.0.1:9', { fetch: () => Promise.reject(thrown) }));
      expect(error).toMatchObject({ failure, maybeApplied, cause: inner });
      expect(error.message).toContain(code);
    }
    const all = Object.assign(new AggregateError([inner], 'all addresses'), { code });
    expect(await failureOf(refresh('http://127.0.0.1:9', { fetch: () => Promise.reject(all) }))).toMatchObject({
      maybeApplied,
    });
  });

  it('may have got the request where it hangs up on it', async () => {
    for (const how of ['destroy', 'resetAndDestroy'] as const) {
      const server = await start((socket) => socket[how]());
      expect(await failureOf(refresh(server.url))).toMatchObject({ failure: 'unreachable', maybeApplied: true });
      expect(server.received).toHaveLength(1);
    }
  });

  it('may have got the request where it stays silent, and is not asked twice', async () => {
    const server = await start(() => undefined);
    const before = performance.now();
    expect(await failureOf(refresh(server.url, { timeoutMs: 100 }))).toMatchObject({
      failure: 'timeout',
      maybeApplied: true,
    });
    expect(performance.now() - before).toBeLessThan(2_000);
    expect(server.received).toHaveLength(1);
  });

  it('is waited for no longer than the whole answer may take', async () => {
    const server = await start((socket) => {
      socket.write('HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n');
      const timer = setInterval(() => socket.write('1\r\n \r\n'), 20);
      socket.on('close', () => clearInterval(timer));
    });
    expect(await failureOf(refresh(server.url, { timeoutMs: 150 }))).toMatchObject({
      failure: 'timeout',
      maybeApplied: true,
    });
  });

  it('is let go of when the caller gives up, and not asked at all where that was before', async () => {
    const server = await start(() => giveUp.abort(new Error('enough')));
    const giveUp = new AbortController();
    const error = await failureOf(refresh(server.url, {}, giveUp.signal));
    expect(error).toMatchObject({ failure: 'timeout', maybeApplied: true, cause: { message: 'enough' } });
    expect(await failureOf(refresh(server.url, {}, giveUp.signal))).toMatchObject({
      failure: 'timeout',
      maybeApplied: false,
    });
    expect(server.received).toHaveLength(1);
  });
});

describe('an answer that is none', () => {
  it.each([
    ['a page of a proxy', 200, { 'content-type': 'text/html' }, '<html>Please log in</html>', true],
    ['a page of a proxy under 403', 403, { 'content-type': 'text/html' }, '<html>Blocked</html>', false],
    ['another content type', 200, { 'content-type': 'text/plain' }, '{"access_token":"a"}', true],
    ['no content type', 200, {}, '{"access_token":"a"}', true],
    ['nothing', 200, JSON_TYPE, '', true],
    ['a list', 200, JSON_TYPE, '[]', true],
    ['JSON that ends in the middle', 200, JSON_TYPE, '{"access_token":"canary', true],
    ['JSON without a token', 200, JSON_TYPE, '{"token_type":"bearer"}', true],
    ['a token with a line break', 200, JSON_TYPE, '{"access_token":"a\\r\\nx: y"}', true],
    ['a token that is a number', 200, JSON_TYPE, '{"access_token":5}', true],
    ['a token that is no bearer token', 200, JSON_TYPE, '{"access_token":"a","token_type":"DPoP"}', true],
    ['JSON under 400 without an error', 400, JSON_TYPE, '{"message":"no"}', false],
    ['a redirect', 302, { location: 'https://portal.example.com/' }, '', true],
  ] satisfies [string, number, Record<string, string>, string, boolean][])(
    'is %s',
    async (_name, status, headers, body, maybeApplied) => {
      const server = await answering(status, headers, body);
      const error = await failureOf(refresh(server.url));
      expect(error).toMatchObject({ failure: 'bad-answer', maybeApplied, code: undefined });
      expect(inspect(error, { depth: 9 })).not.toContain('canary');
      expect(server.received).toHaveLength(1);
    },
  );

  it('is a body without end', async () => {
    const server = await start((socket) => {
      socket.write('HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n');
      const chunk = `${(65_536).toString(16)}\r\n${' '.repeat(65_536)}\r\n`;
      const more = () => {
        while (!socket.destroyed && socket.write(chunk));
      };
      socket.on('drain', more);
      more();
    });
    expect(await failureOf(refresh(server.url))).toMatchObject({ failure: 'bad-answer', maybeApplied: true });
  });

  it('is one that breaks off', async () => {
    const server = await start((socket) =>
      socket.end(
        `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n{"access_token":"canary-issued-token`,
      ),
    );
    const error = await failureOf(refresh(server.url));
    expect(error).toMatchObject({ failure: 'bad-answer', maybeApplied: true });
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain('canary');
  });

  it('is no HTTP', async () => {
    const server = await start((socket) => socket.end('220 canary-of-a-mail-server ready\r\n'));
    const error = await failureOf(refresh(server.url));
    expect(error).toMatchObject({
      failure: 'bad-answer',
      maybeApplied: true,
      cause: { code: expect.stringMatching(/^HPE_/) },
    });
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain('canary');
  });
});

describe('a server that says no', () => {
  it.each([
    [400, '{"error":"invalid_grant"}', 'refused', 'invalid_grant', false],
    [401, '{"error":"invalid_client"}', 'refused', 'invalid_client', false],
    [400, '{"error":"something_of_its_own"}', 'refused', 'other', false],
    [200, '{"error":"invalid_grant"}', 'refused', 'invalid_grant', false],
    [400, '{"error":{"type":"invalid_request","message":"x"}}', 'refused', 'invalid_request', false],
    [403, '{"error":{"code":7}}', 'refused', 'other', false],
    [400, '{"error":"temporarily_unavailable"}', 'unavailable', undefined, false],
    [429, '{"error":"slow_down"}', 'unavailable', undefined, false],
    [500, '{"error":"invalid_grant"}', 'unavailable', undefined, true],
    [503, 'busy', 'unavailable', undefined, true],
    [504, '<html>', 'unavailable', undefined, true],
  ])('with %i %s is %s', async (status, body, failure, code, maybeApplied) => {
    const server = await answering(status, JSON_TYPE, body);
    expect(await failureOf(refresh(server.url))).toMatchObject({ failure, code, status, maybeApplied });
  });

  it.each([
    ['7', 7_000],
    ['0', 0],
    ['99999999', 86_400_000],
    ['Sun, 22 Nov 2026 10:00:30 GMT', 30_000],
    ['Sun, 22 Nov 2026 09:00:00 GMT', 0],
    ['soon', undefined],
    ['-5', undefined],
  ])('is asked again after Retry-After: %s', async (value, retryAfterMs) => {
    // The server's own clock is an hour behind.
    const server = await answering(503, { 'retry-after': value, date: 'Sun, 22 Nov 2026 10:00:00 GMT' }, '');
    const now = Date.parse('Sun, 22 Nov 2026 11:00:00 GMT');
    const error = await failureOf(refresh(server.url, { clock: { now: () => now } }));
    expect(error.retryAfterMs).toBe(retryAfterMs);
  });

  it('may repeat our secrets in its words: they are not told on, nor more than 200 printable characters', async () => {
    const server = await start((socket, head) => {
      const said = `\u001b[31mToken ${CANARIES.refreshToken} of ${CANARIES.clientSecret} (${encodeURIComponent(CANARIES.clientSecret)}) \u00fcber\nall ${head.match(/Basic (\S+)/)?.[1]} ${'x'.repeat(500)}`;
      socket.end(httpAnswer(400, JSON_TYPE, JSON.stringify({ error: `invalid_grant`, error_description: said })));
    });
    const { description = '' } = await failureOf(refresh(server.url));
    expect(description).toMatch(/^\[31mToken \*\*\* of \*\*\* \(\*\*\*\) ber all \*\*\* x+\.\.\.$/);
    expect(description).toHaveLength(200);
    const other = await answering(400, JSON_TYPE, `{"error":"${CANARIES.refreshToken}"}`);
    expect(await failureOf(refresh(other.url))).toMatchObject({ code: 'other' });
  });

  it('never sees a request twice', async () => {
    const server = await answering(503, { 'retry-after': '0' }, '');
    await failureOf(refresh(server.url));
    expect(server.received).toHaveLength(1);
  });
});
