import { createHmac, createPublicKey } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type AuthorizationServer, startAuthorizationServer } from '@moltbot/auth/testing';
import OpenAI from 'openai';
import {
  AUDIENCE,
  createIssuerKey,
  type Issuer,
  startIssuer,
} from '../../../packages/auth/src/inbound/__fixtures__/issuer.js';
import { type PrimaryProcess, startPrimary } from './primary-process.js';
import { good, refusalOf } from './refusal.js';

const DOORS = ['/v1/chat/completions', '/v1/messages', '/v1/messages/count_tokens', '/v1/embeddings'];
const roles = {
  engineer: { scopes: ['chat'], models: ['demo:*'], limits: { requests_per_minute: 10_000 } },
  boss: { scopes: ['admin'] },
};

let issuer: Issuer;
let foreign: Issuer;
let primary: PrimaryProcess;

beforeAll(async () => {
  issuer = await startIssuer([await createIssuerKey('one')]);
  foreign = await startIssuer([await createIssuerKey('one')]);
  // Reachable by others, without any API key: the sign-in is authentication enough.
  const oidc = { issuer: issuer.url, audience: AUDIENCE, roles };
  primary = await startPrimary({ config: { server: { host: '0.0.0.0', oidc } } });
});
afterAll(async () => {
  await primary?.stop();
  await Promise.all([issuer?.close(), foreign?.close()]);
});

function ask(token: string, path = '/v1/chat/completions', model = 'demo:assistant'): Promise<Response> {
  return fetch(primary.url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify({ ...good, model }),
  });
}

const get = (token: string, path: string) =>
  fetch(primary.url + path, { headers: { authorization: `Bearer ${token}` } });

describe('a person with a token of the organisation’s sign-in', () => {
  it('talks to the models of the roles, and to no others', async () => {
    const token = await issuer.sign();
    for (const path of DOORS.slice(0, 3)) expect([path, (await ask(token, path)).status]).toEqual([path, 200]);
    expect(await refusalOf('openai', await ask(token, '/v1/chat/completions', 'default'))).toMatchObject({
      status: 403,
      code: 'permission_denied',
    });
    expect((await get(token, '/v1/admin/keys')).status).toBe(403);
    const client = new OpenAI({ baseURL: `${primary.url}/v1`, apiKey: token, maxRetries: 0 });
    expect((await client.models.list()).data.map(({ id }) => id)).not.toContain('default');
  });

  it('may send it where Anthropic’s clients send keys', async () => {
    const headers = { 'content-type': 'application/json', 'x-api-key': await issuer.sign() };
    const body = JSON.stringify({ ...good, model: 'demo:assistant' });
    expect((await fetch(`${primary.url}/v1/messages`, { method: 'POST', headers, body })).status).toBe(200);
  });

  it('administers with the role for it, and is named in the audit log', async () => {
    const token = await issuer.sign({ claims: { roles: ['boss'], sub: 'boss-1', email: 'boss@example.org' } });
    const made = await fetch(`${primary.url}/v1/admin/keys`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      body: '{"name":"for the app"}',
    });
    expect(made.status).toBe(201);
    const log = (await (await get(token, '/v1/admin/audit?action=key')).json()) as { data: object[] };
    expect(log.data).toMatchObject([
      { actor: expect.stringMatching(/^sub_[0-9a-f]{24}$/), actor_name: 'boss@example.org', action: 'key.create' },
    ]);
    const { key } = (await made.json()) as { readonly key: string };
    expect((await ask(key)).status).toBe(200);
  });

  it('gets 403 without any role of this server', async () => {
    const token = await issuer.sign({ claims: { roles: ['guest'] } });
    expect(await refusalOf('openai', await ask(token))).toMatchObject({ status: 403, code: 'permission_denied' });
  });
});

describe('any other token', () => {
  it('gets 401 at every door, with the same body but for the id of the request', async () => {
    const seconds = Math.floor(Date.now() / 1_000);
    const token = await issuer.sign();
    const [header = '', payload = '', signature = ''] = token.split('.');
    const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const publicPem = createPublicKey(issuer.keys[0]?.privatePem ?? '').export({ type: 'spki', format: 'pem' });
    const confused = `${encode({ alg: 'HS256', kid: 'one', typ: 'at+jwt' })}.${payload}`;
    const tokens: Record<string, string> = {
      expired: await issuer.sign({ claims: { exp: seconds - 3_600 } }),
      early: await issuer.sign({ claims: { nbf: seconds + 3_600 } }),
      audience: await issuer.sign({ claims: { aud: 'https://other.example' } }),
      foreign: await foreign.sign(),
      forged: await foreign.sign({ claims: { iss: issuer.url } }),
      jku: await foreign.sign({ claims: { iss: issuer.url }, header: { kid: 'x', jku: `${foreign.url}/jwks` } }),
      path: await foreign.sign({ claims: { iss: issuer.url }, header: { kid: '../../etc/passwd' } }),
      confused: `${confused}.${createHmac('sha256', publicPem).update(confused).digest('base64url')}`,
      none: `${encode({ alg: 'none' })}.${payload}.`,
      truncated: token.slice(0, -10),
      unsigned: `${header}.${payload}.`,
      changed: `${header}.${encode({ sub: 'boss-1', roles: ['boss'] })}.${signature}`,
      crit: await issuer
        .sign({ claims: {} })
        .then((good) => `${encode({ alg: 'RS256', crit: ['x'] })}.${good.slice(3)}`),
      dots: 'a.b.c',
    };
    for (const path of DOORS) {
      const bodies = new Set<string>();
      for (const [name, wrong] of Object.entries(tokens)) {
        const answer = await ask(wrong, path);
        const id = answer.headers.get('x-request-id') ?? '';
        expect([name, answer.status]).toEqual([name, 401]);
        expect(answer.headers.get('www-authenticate')).toBe('Bearer error="invalid_token"');
        bodies.add((await answer.text()).replaceAll(id, 'ID'));
      }
      expect([...bodies]).toHaveLength(1);
    }
    for (const wrong of Object.values(tokens)) expect((await get(wrong, '/v1/admin/keys')).status).toBe(401);
    expect(foreign.requests).toEqual([]);
    expect(primary.output()).not.toContain(payload);
  });

  it('leaves its reason in the audit log, for those who look after the server', async () => {
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    await ask(await issuer.sign({ claims: { aud: 'https://other.example', jti: 'another' } }));
    const boss = await issuer.sign({ claims: { roles: ['boss'] } });
    const log = (await (await get(boss, '/v1/admin/audit?outcome=denied&limit=1')).json()) as { data: object[] };
    expect(log.data).toMatchObject([
      { actor: 'unknown', error_code: 'invalid_token', detail: { method: 'POST', reason: 'claim aud' } },
    ]);
  });
});

describe('a certified authorization server', () => {
  let server: AuthorizationServer;
  let own: PrimaryProcess;

  beforeAll(async () => {
    server = await startAuthorizationServer({ jwtAudience: AUDIENCE });
    const oidc = {
      issuer: server.issuer,
      audience: AUDIENCE,
      roles_claim: 'scope',
      roles: { 'model:execute': { scopes: ['chat'] } },
    };
    own = await startPrimary({ config: { server: { access: 'api_key', oidc } } });
  });
  afterAll(async () => {
    await own?.stop();
    await server?.stop();
  });

  it('lets programs in with the access tokens that it issues, by their scopes', async () => {
    const tokenFor = async (scope: string) => {
      const { clientId, clientSecret } = server.clients.post;
      const answer = await fetch(server.endpoints.token, {
        method: 'POST',
        body: new URLSearchParams({
          grant_type: 'client_credentials',
          client_id: clientId,
          client_secret: clientSecret,
          resource: AUDIENCE,
          scope,
        }),
      });
      expect(answer.status).toBe(200);
      return ((await answer.json()) as { readonly access_token: string }).access_token;
    };
    const listed = async (scope: string) =>
      (await fetch(`${own.url}/v1/models`, { headers: { authorization: `Bearer ${await tokenFor(scope)}` } })).status;
    expect(await listed('model:execute')).toBe(200);
    expect(await listed('model:read model:execute')).toBe(200);
    expect(await listed('model:read')).toBe(403);
  });
});
