import { afterEach, describe, expect, it } from '@jest/globals';
import { type AuthorizationServer, startAuthorizationServer } from './authorization-server.js';
import { HTML_OF_A_PROXY } from './token-fault.js';

let server: AuthorizationServer;
afterEach(() => server.stop());

async function post(url: string, form: Record<string, string>) {
  const response = await fetch(url, { method: 'POST', body: new URLSearchParams(form) });
  return {
    status: response.status,
    headers: response.headers,
    json: (await response.json()) as Record<string, unknown>,
  };
}

const VERIFIER = 'a-code-verifier-that-is-long-enough-for-the-rfc-7636';
const CHALLENGE = Buffer.from(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(VERIFIER))).toString(
  'base64url',
);

async function signIn(scope = 'openid email model:read', account?: string) {
  const url = new URL(server.endpoints.authorization);
  const clientId = server.clients.public.clientId;
  const redirectUri = 'http://127.0.0.1:4711/callback';
  for (const [name, value] of Object.entries({
    client_id: clientId,
    response_type: 'code',
    redirect_uri: redirectUri,
    scope,
    state: 'a-state',
    code_challenge: CHALLENGE,
    code_challenge_method: 'S256',
  })) {
    url.searchParams.set(name, value);
  }
  const callback = await server.signInAs({ url: url.href, ...(account === undefined ? {} : { account }) });
  expect(callback).toContain(`${redirectUri}?code=`);
  const code = new URL(callback).searchParams.get('code') ?? '';
  const answer = await post(server.endpoints.token, {
    grant_type: 'authorization_code',
    client_id: clientId,
    redirect_uri: redirectUri,
    code,
    code_verifier: VERIFIER,
  });
  expect(answer).toMatchObject({ status: 200 });
  return answer.json as Record<'access_token' | 'refresh_token' | 'id_token' | 'scope', string>;
}

const refresh = (token: string) =>
  post(server.endpoints.token, {
    grant_type: 'refresh_token',
    client_id: server.clients.public.clientId,
    refresh_token: token,
  });

describe('the authorization server of the tests', () => {
  it('signs a person in, rotates refresh tokens, and revokes the family of one that is used twice', async () => {
    server = await startAuthorizationServer({ accessTokenSeconds: 30 });
    const first = await signIn('openid email model:read', 'somebody');
    expect(first.scope).toBe('openid email model:read');
    await expect(server.isLive(first.access_token)).resolves.toBe(true);
    const second = await refresh(first.refresh_token);
    expect(second.json).toMatchObject({ expires_in: 30 });
    expect(second.json['refresh_token']).not.toBe(first.refresh_token);
    expect(server).toMatchObject({ refreshes: 1, reuses: 0 });
    await expect(refresh(first.refresh_token)).resolves.toMatchObject({
      status: 400,
      json: { error: 'invalid_grant' },
    });
    expect(server).toMatchObject({ refreshes: 1, reuses: 1 });
    await expect(server.isLive(String(second.json['access_token']))).resolves.toBe(false);
    await expect(refresh(String(second.json['refresh_token']))).resolves.toMatchObject({ status: 400 });
    expect(server.faults).toEqual([]);
    expect(server.tokenRequests).toContainEqual({ grantType: 'refresh_token', status: 400 });
  });

  it('takes a refresh token once, even from many at the same moment', async () => {
    server = await startAuthorizationServer();
    const { refresh_token: token } = await signIn();
    const answers = await Promise.all(Array.from({ length: 8 }, () => refresh(token)));
    expect(answers.filter((answer) => answer.status === 200)).toHaveLength(1);
    expect(server.refreshes).toBe(1);
    expect(server.reuses).toBeGreaterThan(0);
  });

  it('goes on with a request whose sender is gone, and with those behind it', async () => {
    server = await startAuthorizationServer();
    const { refresh_token: token } = await signIn();
    const { refresh_token: other } = await signIn();
    server.breakTokenEndpoint({ kind: 'delay', ms: 100 }, { times: 1 });
    const gone = fetch(server.endpoints.token, {
      method: 'POST',
      body: new URLSearchParams({
        grant_type: 'refresh_token',
        client_id: server.clients.public.clientId,
        refresh_token: token,
      }),
      signal: AbortSignal.timeout(30),
    });
    await expect(gone).rejects.toThrow();
    await expect(refresh(other)).resolves.toMatchObject({ status: 200 });
    while (server.refreshes < 2) await new Promise((resolve) => setTimeout(resolve, 10));
    await expect(refresh(token)).resolves.toMatchObject({ status: 400 });
    expect(server).toMatchObject({ reuses: 1, faults: [] });
    expect(server.tokenRequests).toContainEqual({ grantType: 'refresh_token', status: 0 });
  });

  it('lets tokens of one second expire, and answers for the model API', async () => {
    server = await startAuthorizationServer({ accessTokenSeconds: 1 });
    const { access_token: token } = await signIn();
    const check = async () =>
      (await fetch(server.endpoints.check, { headers: { authorization: `Bearer ${token}` } })).status;
    await expect(check()).resolves.toBe(200);
    const before = Date.now();
    while ((await check()) === 200 && Date.now() - before < 5_000)
      await new Promise((resolve) => setTimeout(resolve, 100));
    await expect(check()).resolves.toBe(401);
  });

  it('grants less than was asked where it is told to, and has its own time', async () => {
    server = await startAuthorizationServer({ grantedScopes: ['openid'], dateOffsetMs: 600_000 });
    expect((await signIn('openid model:read model:execute')).scope).toBe('openid');
    const { headers } = await post(server.endpoints.token, {});
    expect(Date.parse(headers.get('date') ?? '') - Date.now()).toBeGreaterThan(590_000);
  });

  it('issues JWTs for an audience', async () => {
    server = await startAuthorizationServer({ jwtAudience: 'https://api.example.com' });
    const tokens = await signIn('openid model:read');
    const [, payload = ''] = tokens.access_token.split('.');
    expect(JSON.parse(Buffer.from(payload, 'base64url').toString())).toMatchObject({
      iss: server.issuer,
      aud: 'https://api.example.com',
      scope: 'openid model:read',
    });
    await expect(server.isLive(tokens.access_token)).resolves.toBe(true);
    const again = await refresh(tokens.refresh_token);
    expect(String(again.json['access_token']).split('.')).toHaveLength(3);
  });

  it('breaks its token endpoint as told, and mends it', async () => {
    server = await startAuthorizationServer();
    const { refresh_token: token } = await signIn();
    server.breakTokenEndpoint({ kind: 'answer', status: 503, body: '{}' }, { times: 1 });
    const mend = server.breakTokenEndpoint(HTML_OF_A_PROXY, { grantType: 'client_credentials' });
    await expect(refresh(token)).resolves.toMatchObject({ status: 503 });
    const html = await fetch(server.endpoints.token, {
      method: 'POST',
      body: new URLSearchParams({ grant_type: 'client_credentials' }),
    });
    expect(html.headers.get('content-type')).toBe('text/html');
    mend();
    const { basic } = server.clients;
    expect(
      (
        await fetch(server.endpoints.token, {
          method: 'POST',
          headers: {
            authorization: `Basic ${btoa(`${basic.clientId}:${encodeURIComponent(basic.clientSecret)}`)}`,
          },
          body: new URLSearchParams({ grant_type: 'client_credentials', scope: 'model:read' }),
        })
      ).status,
    ).toBe(200);
    expect(server.refreshes).toBe(0);
    server.breakTokenEndpoint({ kind: 'processed-drop' }, { times: 1 });
    await expect(refresh(token)).rejects.toThrow('fetch failed');
    expect(server.refreshes).toBe(1);
    expect(server.tokenRequests.at(-1)).toEqual({ grantType: 'refresh_token', status: 0 });
    await expect(refresh(token)).resolves.toMatchObject({ status: 400 });
    expect(server.reuses).toBe(1);
  });

  it('revokes a grant, and finishes a device sign-in', async () => {
    server = await startAuthorizationServer();
    const tokens = await signIn();
    await server.revokeGrant(tokens.refresh_token);
    await expect(server.isLive(tokens.access_token)).resolves.toBe(false);
    await expect(refresh(tokens.refresh_token)).resolves.toMatchObject({
      status: 400,
      json: { error: 'invalid_grant' },
    });
    expect(server.reuses).toBe(0);

    const clientId = server.clients.public.clientId;
    for (const deny of [false, true]) {
      const { json } = await post(server.endpoints.device, { client_id: clientId, scope: 'openid model:read' });
      const poll = () =>
        post(server.endpoints.token, {
          grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
          client_id: clientId,
          device_code: String(json['device_code']),
        });
      expect((await poll()).json).toMatchObject({ error: 'authorization_pending' });
      await server.completeDevice({ verificationUriComplete: String(json['verification_uri_complete']), deny });
      expect((await poll()).json).toMatchObject(
        deny ? { error: 'access_denied' } : { access_token: expect.any(String), scope: 'openid model:read' },
      );
    }
    expect(server.faults).toEqual([]);
  });
});
