import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Secret } from '@moltbot/contracts';
import { type AuthorizationServer, startAuthorizationServer } from '../../testing/authorization-server.js';
import { createOAuthClient } from './create-oauth-client.js';

let server: AuthorizationServer;
beforeAll(async () => {
  server = await startAuthorizationServer();
});
afterAll(() => server.stop());

const endpoints = { authorize_params: {}, required_scopes: [] };

function clientAt(issuer: string) {
  const { clientId, clientSecret } = server.clients.basic;
  return createOAuthClient({
    clientId,
    clientSecret: new Secret(clientSecret),
    scopes: ['model:read'],
    endpoints: { ...endpoints, issuer },
    fetch,
  });
}

describe('asking whether a token is good', () => {
  it('is told so by the server, and that it is not once it was revoked', async () => {
    const client = clientAt(server.issuer);
    const { accessToken: token, expiresAt = 0 } = await client.clientCredentials({});
    const live = await client.introspect({ token, kind: 'access_token' });
    expect(live).toMatchObject({ active: true, scopes: ['model:read'] });
    expect(Math.abs((live?.expiresAt ?? 0) - expiresAt)).toBeLessThan(5_000);
    await client.revoke({ token, kind: 'access_token' });
    expect(await client.introspect({ token, kind: 'access_token' })).toMatchObject({ active: false });
    expect(await client.introspect({ token: new Secret('never-issued'), kind: 'refresh_token' })).toMatchObject({
      active: false,
    });
  });

  it('has no answer where the server has no endpoint for it', async () => {
    const { authorization, token, device } = server.endpoints;
    const explicit = createOAuthClient({
      clientId: 'any',
      scopes: [],
      endpoints: {
        ...endpoints,
        authorization_endpoint: authorization,
        token_endpoint: token,
        device_authorization_endpoint: device,
      },
      fetch,
    });
    expect(await explicit.introspect({ token: new Secret('t'), kind: 'access_token' })).toBeUndefined();
  });

  it('is told by its kind of failure that the answer says nothing, and never with the token', async () => {
    const answers: Record<string, string> = { '/none': '{}', '/text': '{"active":"true"}', '/list': '[true]' };
    const odd = createServer((request, response) => {
      response.setHeader('content-type', 'application/json');
      response.end(answers[request.url ?? ''] ?? '{"active":true,"scope":7,"exp":"soon"}');
    });
    await new Promise<void>((resolve) => odd.listen(0, '127.0.0.1', resolve));
    const at = (path: string) => {
      const url = `http://127.0.0.1:${(odd.address() as AddressInfo).port}${path}`;
      const settings = { ...endpoints, token_endpoint: url, introspection_endpoint: url };
      const client = createOAuthClient({ clientId: 'any', scopes: [], endpoints: settings, fetch });
      return client.introspect({ token: new Secret('CANARY-token'), kind: 'access_token' });
    };
    try {
      for (const path of Object.keys(answers)) {
        const error: unknown = await at(path).catch((error: unknown) => error);
        expect([path, error]).toEqual([path, expect.objectContaining({ failure: 'bad-answer', maybeApplied: false })]);
        expect(String(error)).not.toContain('CANARY');
      }
      expect(await at('/odd')).toEqual({ active: true, scopes: undefined, expiresAt: undefined });
    } finally {
      odd.close();
    }
  });
});
