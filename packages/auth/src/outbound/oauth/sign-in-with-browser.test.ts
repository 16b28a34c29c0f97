import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Secret } from '@moltbot/contracts';
import { type AuthorizationServer, startAuthorizationServer } from '../../testing/authorization-server.js';
import type { OAuthClient } from '../oauth-client.js';
import { clientsOf } from './__fixtures__/clients-of.js';
import { failureOf } from './__fixtures__/raw-host.js';

let server: AuthorizationServer;
beforeAll(async () => {
  server = await startAuthorizationServer({ accessTokenSeconds: 120 });
});
afterAll(async () => {
  expect(server.faults).toEqual([]);
  await server.stop();
});

const clientOf = clientsOf(() => server);
const REDIRECT = 'http://127.0.0.1:4711/callback';

async function signIn(client: OAuthClient, account?: string) {
  const pending = await client.beginAuthorization({ redirectUri: REDIRECT });
  const callbackUrl = await server.signInAs({ url: pending.url, ...(account === undefined ? {} : { account }) });
  return { pending, callbackUrl, tokens: await client.finishAuthorization({ pending, callbackUrl }) };
}

const base64 = (json: object) => Buffer.from(JSON.stringify(json)).toString('base64url');
const withClaims = (body: string, claims: object) =>
  base64({ ...(JSON.parse(Buffer.from(body, 'base64url').toString()) as object), ...claims });

describe('signing in with a browser', () => {
  it.each(['public', 'basic', 'post', 'privateKeyJwt'] as const)(
    'works for a client of the kind %s, refresh and sign-out included',
    async (name) => {
      const client = clientOf(name);
      const before = Date.now();
      const { tokens } = await signIn(client, 'anna');
      expect(tokens.account).toEqual({ subject: 'anna', email: 'anna@example.com' });
      expect(tokens.scopes).toEqual(['openid', 'email', 'model:read']);
      expect(tokens.expiresAt).toBe(tokens.issuedAt + 120_000);
      expect(tokens.issuedAt).toBeGreaterThanOrEqual(before);
      await expect(server.isLive(tokens.accessToken.reveal())).resolves.toBe(true);

      const refreshToken = tokens.refreshToken as Secret;
      const next = await client.refresh({ refreshToken });
      expect(next.refreshToken?.reveal()).not.toBe(refreshToken.reveal());
      expect(next.account).toEqual({ subject: 'anna', email: 'anna@example.com' });
      expect(next.scopes).toEqual(tokens.scopes);

      await expect(client.revoke({ token: next.refreshToken as Secret, kind: 'refresh_token' })).resolves.toBe(true);
      const revoked = await failureOf(client.refresh({ refreshToken: next.refreshToken as Secret }));
      expect(revoked).toMatchObject({ failure: 'refused', code: 'invalid_grant', status: 400, maybeApplied: false });
    },
  );

  it('sends a challenge, a state and a nonce, each other every time, and lets nothing replace them', async () => {
    const client = clientOf('public', {
      endpoints: {
        issuer: server.issuer,
        audience: 'https://api.example.com',
        resource: 'https://r.example.com/',
        authorize_params: {
          prompt: 'consent',
          state: 'fixed',
          code_challenge_method: 'plain',
          client_id: 'other',
          audience: 'wins',
        },
        required_scopes: [],
      },
    });
    const [one, two] = [
      await client.beginAuthorization({ redirectUri: REDIRECT }),
      await client.beginAuthorization({ redirectUri: REDIRECT }),
    ];
    const parameters = new URL(one.url).searchParams;
    expect(Object.fromEntries(parameters)).toMatchObject({
      response_type: 'code',
      client_id: 'moltbot-public',
      redirect_uri: REDIRECT,
      scope: 'openid email model:read',
      state: one.state,
      nonce: one.nonce,
      code_challenge_method: 'S256',
      audience: 'wins',
      resource: 'https://r.example.com/',
      prompt: 'consent',
    });
    expect(parameters.get('code_challenge')).toHaveLength(43);
    for (const name of ['state', 'codeVerifier', 'nonce'] as const) {
      expect(one[name]).toMatch(/^[\w-]{43}$/);
      expect(one[name]).not.toBe(two[name]);
    }
    expect(JSON.parse(JSON.stringify(one))).toEqual(one);
  });

  it('takes no account, and asks for none, without openid', async () => {
    const client = clientOf('public', { scopes: ['model:read'] });
    const { pending, tokens } = await signIn(client);
    expect(pending.nonce).toBeUndefined();
    expect(tokens.account).toBeUndefined();
    expect(tokens.scopes).toEqual(['model:read']);
  });

  it('needs no discovery where the endpoints are configured', async () => {
    const asked: string[] = [];
    const client = clientOf('public', {
      scopes: ['openid', 'model:read'],
      endpoints: {
        authorization_endpoint: server.endpoints.authorization,
        token_endpoint: server.endpoints.token,
        authorize_params: {},
        required_scopes: [],
      },
      fetch: (input, init) => {
        asked.push(new URL(input instanceof Request ? input.url : input).pathname);
        return fetch(input, init);
      },
    });
    const { tokens } = await signIn(client);
    await client.refresh({ refreshToken: tokens.refreshToken as Secret });
    expect(tokens.account).toBeUndefined();
    expect(asked).toEqual(['/token', '/token']);
    await expect(client.revoke({ token: tokens.accessToken, kind: 'access_token' })).resolves.toBe(false);
    expect(await failureOf(client.beginDevice({}))).toMatchObject({ failure: 'misconfigured', maybeApplied: false });
  });

  it('says that somebody refused, with the server’s own code', async () => {
    const client = clientOf('public');
    const pending = await client.beginAuthorization({ redirectUri: REDIRECT });
    const callbackUrl = await server.signInAs({ url: pending.url, deny: true });
    expect(await failureOf(client.finishAuthorization({ pending, callbackUrl }))).toMatchObject({
      failure: 'rejected-callback',
      code: 'access_denied',
      description: 'The person said no',
      maybeApplied: false,
    });
  });

  it('refuses a callback of another sign-in, another issuer, or none', async () => {
    const client = clientOf('public');
    const pending = await client.beginAuthorization({ redirectUri: REDIRECT });
    const good = new URL(await server.signInAs({ url: pending.url }));
    const requests = server.tokenRequests.length;
    const changed = (change: (parameters: URLSearchParams) => void) => {
      const url = new URL(good);
      change(url.searchParams);
      return url.href;
    };
    const wrong = [
      changed((parameters) => parameters.set('state', 'another')),
      changed((parameters) => parameters.delete('state')),
      changed((parameters) => parameters.append('state', pending.state)),
      changed((parameters) => parameters.set('iss', 'https://evil.example.com')),
      changed((parameters) => parameters.delete('iss')),
      changed((parameters) => parameters.delete('code')),
      changed((parameters) => parameters.set('code', '')),
      changed((parameters) => parameters.append('code', 'second')),
      'no address at all',
      '',
    ];
    for (const callbackUrl of wrong) {
      const error = await failureOf(client.finishAuthorization({ pending, callbackUrl }));
      expect(error).toMatchObject({ failure: 'rejected-callback', maybeApplied: false });
      expect(`${error.message} ${String(error.stack)}`).not.toContain(good.searchParams.get('code'));
    }
    expect(server.tokenRequests).toHaveLength(requests);
    const made = changed((parameters) => parameters.set('error', 'made_up: <b>'));
    expect(await failureOf(client.finishAuthorization({ pending, callbackUrl: made }))).toMatchObject({
      code: 'other',
    });
    await expect(client.finishAuthorization({ pending, callbackUrl: good.href })).resolves.toMatchObject({
      account: { subject: 'person-1' },
    });
  });

  it('is refused with another verifier, and with a code that was used', async () => {
    const client = clientOf('public');
    const first = await client.beginAuthorization({ redirectUri: REDIRECT });
    const callbackUrl = await server.signInAs({ url: first.url });
    const wrong = { ...first, codeVerifier: 'x'.repeat(43) };
    expect(await failureOf(client.finishAuthorization({ pending: wrong, callbackUrl }))).toMatchObject({
      failure: 'refused',
      code: 'invalid_grant',
    });
    const { pending, callbackUrl: used } = await signIn(client);
    expect(await failureOf(client.finishAuthorization({ pending, callbackUrl: used }))).toMatchObject({
      code: 'invalid_grant',
      maybeApplied: false,
    });
  });

  it('refuses the ID token of another sign-in', async () => {
    const client = clientOf('public');
    const pending = await client.beginAuthorization({ redirectUri: REDIRECT });
    const callbackUrl = await server.signInAs({ url: pending.url });
    const error = await failureOf(
      client.finishAuthorization({ pending: { ...pending, nonce: 'another' }, callbackUrl }),
    );
    expect(error).toMatchObject({ failure: 'bad-answer', maybeApplied: true });
    expect(error.message).toContain('nonce');
  });

  /** Stands between client and server, and changes answers of one path. */
  function meddling(path: string, change: (answer: Response) => Response | Promise<Response>): typeof fetch {
    return async (input, init) => {
      const answer = await fetch(input, init);
      return new URL(input instanceof Request ? input.url : input).pathname === path ? change(answer) : answer;
    };
  }

  it('does not use the code up while the server’s keys can’t be had', async () => {
    let down = true;
    const client = clientOf('public', {
      fetch: meddling('/jwks', (answer) => (down ? new Response('', { status: 503 }) : answer)),
    });
    const pending = await client.beginAuthorization({ redirectUri: REDIRECT });
    const callbackUrl = await server.signInAs({ url: pending.url });
    const asked = server.tokenRequests.length;
    expect(await failureOf(client.finishAuthorization({ pending, callbackUrl }))).toMatchObject({
      failure: 'unavailable',
      maybeApplied: false,
    });
    expect(server.tokenRequests).toHaveLength(asked);
    down = false;
    await expect(client.finishAuthorization({ pending, callbackUrl })).resolves.toMatchObject({
      account: { subject: 'person-1' },
    });
  });

  it.each([
    ['has a signature of somebody else', ([head, body]: string[]) => `${head}.${body}.${'A'.repeat(342)}`],
    ['is not signed', ([, body]: string[]) => `${base64({ alg: 'none' })}.${body}.`],
    [
      'is signed with what is public',
      ([, body]: string[]) => `${base64({ alg: 'HS256', kid: 'server-key' })}.${body}.AAAA`,
    ],
    [
      'names another audience',
      ([head, body = '', end]: string[]) => `${head}.${withClaims(body, { aud: 'other' })}.${end}`,
    ],
    ['is garbage', () => 'canary-garbage'],
    ['is missing', () => ''],
  ])('refuses an ID token that %s; a refresh keeps its tokens', async (_name, change) => {
    const client = clientOf('public', {
      fetch: meddling('/token', async (answer) => {
        const json = (await answer.json()) as Record<string, string>;
        return Response.json({ ...json, id_token: change((json['id_token'] ?? '').split('.')) });
      }),
    });
    const pending = await client.beginAuthorization({ redirectUri: REDIRECT });
    const callbackUrl = await server.signInAs({ url: pending.url });
    const error = await failureOf(client.finishAuthorization({ pending, callbackUrl }));
    expect(error).toMatchObject({ failure: 'bad-answer', maybeApplied: true });
    expect(inspect(error, { depth: 9, showHidden: true })).not.toMatch(/canary|example\.com/);

    const { tokens } = await signIn(clientOf('public'));
    const next = await client.refresh({ refreshToken: tokens.refreshToken as Secret });
    expect(next.refreshToken).toBeInstanceOf(Secret);
  });

  it('shows no token to whoever prints what came', async () => {
    const { tokens } = await signIn(clientOf('public'));
    const shown = inspect(tokens, { depth: 9, showHidden: true }) + JSON.stringify(tokens);
    for (const secret of [tokens.accessToken, tokens.refreshToken]) expect(shown).not.toContain(secret?.reveal());
    expect(shown).toContain('***');
  });

  it('finishes while this machine’s clock is a day off', async () => {
    for (const offset of [-86_400_000, 86_400_000]) {
      const client = clientOf('public', { clock: { now: () => Date.now() + offset } });
      const { tokens } = await signIn(client);
      expect(tokens.account?.subject).toBe('person-1');
      expect((tokens.expiresAt ?? 0) - (Date.now() + offset)).toBeGreaterThan(110_000);
    }
  });
});

describe('a refresh token', () => {
  it('that is used twice is refused, and its family with it', async () => {
    const client = clientOf('public');
    const { tokens } = await signIn(client);
    const refreshToken = tokens.refreshToken as Secret;
    const reuses = server.reuses;
    const next = await client.refresh({ refreshToken });
    expect(await failureOf(client.refresh({ refreshToken }))).toMatchObject({
      failure: 'refused',
      code: 'invalid_grant',
      description: 'grant request is invalid',
      maybeApplied: false,
    });
    expect(server.reuses).toBe(reuses + 1);
    expect(await failureOf(client.refresh({ refreshToken: next.refreshToken as Secret }))).toMatchObject({
      code: 'invalid_grant',
    });
  });
});
