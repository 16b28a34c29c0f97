import { afterEach, describe, expect, it } from '@jest/globals';
import { Secret } from '@moltbot/contracts';
import { httpAnswer } from '../../testing/raw-server.js';
import type { OAuthClientOptions } from './create-oauth-client.js';
import { CANARIES, clientAt, failureOf, JSON_TYPE, start, stopServers } from './__fixtures__/raw-host.js';

afterEach(stopServers);

describe('discovery', () => {
  const issuerClient = (url: string, changes?: Partial<OAuthClientOptions>) =>
    clientAt(url, { endpoints: { issuer: url, authorize_params: {}, required_scopes: [] }, ...changes });
  const begin = (client: ReturnType<typeof issuerClient>, signal?: AbortSignal) =>
    client.beginAuthorization({
      redirectUri: 'http://127.0.0.1/callback',
      ...(signal === undefined ? {} : { signal }),
    });

  it('is asked once by many at the same moment, kept, and asked again where it had failed', async () => {
    const answers = [httpAnswer(500, {}, '')];
    const server = await start((socket) => {
      const issuer = server.url;
      const metadata = { issuer, authorization_endpoint: `${issuer}/auth`, token_endpoint: `${issuer}/token` };
      socket.end(answers.shift() ?? httpAnswer(200, JSON_TYPE, JSON.stringify(metadata)));
    });
    const client = issuerClient(server.url);
    const first = await Promise.all(Array.from({ length: 5 }, () => failureOf(begin(client))));
    for (const error of first) expect(error).toMatchObject({ failure: 'unavailable', maybeApplied: false });
    expect(server.received).toHaveLength(1);
    await Promise.all(Array.from({ length: 5 }, () => begin(client)));
    await begin(client);
    expect(server.received).toHaveLength(2);
  });

  it('lasts an hour, and longer where it fails then', async () => {
    let up = true;
    let now = Date.now();
    const server = await start((socket) => {
      const metadata = { issuer: server.url, authorization_endpoint: `${server.url}/auth` };
      socket.end(up ? httpAnswer(200, JSON_TYPE, JSON.stringify(metadata)) : httpAnswer(503, {}, ''));
    });
    const client = issuerClient(server.url, { clock: { now: () => now } });
    await begin(client);
    now += 3_500_000;
    await begin(client);
    expect(server.received).toHaveLength(1);
    now += 200_000;
    up = false;
    await expect(begin(client)).resolves.toMatchObject({ url: expect.stringContaining('/auth?') });
    expect(server.received).toHaveLength(2);
  });

  it('finds a server that knows RFC 8414 only', async () => {
    const server = await start((socket, head) => {
      const isIt = head.startsWith('GET /.well-known/oauth-authorization-server/tenant ');
      const issuer = `${server.url}/tenant`;
      const metadata = JSON.stringify({ issuer, authorization_endpoint: `${issuer}/auth` });
      socket.end(isIt ? httpAnswer(200, JSON_TYPE, metadata) : httpAnswer(404, {}, 'Not found'));
    });
    await expect(begin(issuerClient(`${server.url}/tenant`))).resolves.toMatchObject({
      redirectUri: expect.any(String),
    });
  });

  it.each([
    ['speaks for another issuer', () => ({ issuer: 'https://other.example.com' })],
    ['has no issuer', () => ({})],
    ['names an endpoint without TLS', (url: string) => ({ issuer: url, token_endpoint: 'http://10.0.0.1/token' })],
    [
      'names an endpoint that is no URL',
      (url: string) => ({ issuer: url, authorization_endpoint: 'javascript:alert(1)' }),
    ],
  ])('is refused where it %s', async (_name, metadata) => {
    const server = await start((socket) =>
      socket.end(httpAnswer(200, JSON_TYPE, JSON.stringify(metadata(server.url)))),
    );
    expect(await failureOf(begin(issuerClient(server.url)))).toMatchObject({
      failure: 'bad-answer',
      maybeApplied: false,
    });
  });

  it('is no reason to wait for whoever gives up', async () => {
    const server = await start(() => undefined);
    const client = issuerClient(server.url, { timeoutMs: 3_000 });
    const signal = AbortSignal.timeout(30);
    expect(await failureOf(begin(client, signal))).toMatchObject({ failure: 'timeout', cause: signal.reason });
  });

  it('and tokens go over TLS, or stay on this machine', async () => {
    for (const endpoints of [{ issuer: 'http://auth.example.com' }, { token_endpoint: 'http://10.1.2.3/token' }]) {
      const client = clientAt('', { endpoints: { ...endpoints, authorize_params: {}, required_scopes: [] } });
      const refused = await failureOf(client.refresh({ refreshToken: new Secret(CANARIES.refreshToken) }));
      expect(refused).toMatchObject({ failure: 'misconfigured', maybeApplied: false });
      expect(refused.message).toContain(Object.keys(endpoints)[0]);
    }
  });
});
