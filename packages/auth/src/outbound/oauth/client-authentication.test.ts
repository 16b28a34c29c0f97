import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { Secret } from '@moltbot/contracts';
import { jwtVerify } from 'jose';
import { type ClientAuthenticationOptions, createClientAuthentication } from './client-authentication.js';

const SERVER = { issuer: 'https://auth.example.com' };
const now = () => Date.now();

async function sent(options: Partial<ClientAuthenticationOptions>, supported?: readonly string[]) {
  const authenticate = createClientAuthentication({
    clientId: 'app:1',
    method: undefined,
    clientSecret: undefined,
    privateKey: undefined,
    privateKeyId: undefined,
    now,
    ...options,
  })(supported);
  const body = new URLSearchParams();
  const headers = new Headers();
  await authenticate(SERVER, { client_id: 'app:1' }, body, headers);
  return { body: Object.fromEntries(body), authorization: headers.get('authorization') };
}

describe('how a client proves itself', () => {
  it('is its name alone where it has no secret', async () => {
    expect(await sent({})).toEqual({ body: { client_id: 'app:1' }, authorization: null });
  });

  it('is Basic, percent-encoded, unless the server takes the secret in the body only', async () => {
    const clientSecret = new Secret('s-e.c_r:e+t %ü');
    const { authorization, body } = await sent({ clientSecret });
    const [id = '', secret = ''] = Buffer.from((authorization ?? '').slice(6), 'base64')
      .toString()
      .split(':');
    expect([decodeURIComponent(id), decodeURIComponent(secret)]).toEqual(['app:1', clientSecret.reveal()]);
    expect(secret).toMatch(/^s-e\.c_r%3A/);
    expect(body).toEqual({});
    const post = { body: { client_id: 'app:1', client_secret: clientSecret.reveal() }, authorization: null };
    expect(await sent({ clientSecret }, ['client_secret_post', 'private_key_jwt'])).toEqual(post);
    expect((await sent({ clientSecret }, ['client_secret_post', 'client_secret_basic'])).authorization).toBe(
      authorization,
    );
    expect(await sent({ clientSecret, method: 'client_secret_post' })).toEqual(post);
    expect(await sent({ clientSecret, method: 'none' })).toEqual({ body: { client_id: 'app:1' }, authorization: null });
  });

  it.each([
    ['RS256', generateKeyPairSync('rsa', { modulusLength: 2048 }), 'pkcs1'],
    ['ES256', generateKeyPairSync('ec', { namedCurve: 'P-256' }), 'sec1'],
    ['ES384', generateKeyPairSync('ec', { namedCurve: 'P-384' }), 'pkcs8'],
    ['EdDSA', generateKeyPairSync('ed25519'), 'pkcs8'],
  ] as [string, { privateKey: KeyObject; publicKey: KeyObject }, 'pkcs1' | 'sec1' | 'pkcs8'][])(
    'is a signature by %s where the key says so',
    async (algorithm, pair, type) => {
      const pem = pair.privateKey.export({ type, format: 'pem' }).toString();
      const { body, authorization } = await sent({ privateKey: new Secret(pem), privateKeyId: 'key-1' });
      expect(authorization).toBeNull();
      expect(body['client_assertion_type']).toBe('urn:ietf:params:oauth:client-assertion-type:jwt-bearer');
      const { payload, protectedHeader } = await jwtVerify(body['client_assertion'] ?? '', pair.publicKey, {
        issuer: 'app:1',
        subject: 'app:1',
        audience: SERVER.issuer,
        requiredClaims: ['jti', 'iat', 'exp'],
      });
      expect(protectedHeader).toEqual({ alg: algorithm, kid: 'key-1' });
      expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(60);
    },
  );

  it.each([
    ['a secret', { method: 'client_secret_basic' }],
    ['a secret', { method: 'client_secret_post', clientSecret: new Secret('') }],
    ['a key', { method: 'private_key_jwt' }],
    ['a key that is one', { privateKey: new Secret('-----BEGIN PRIVATE KEY-----\ncanary\n-----END PRIVATE KEY-----') }],
  ] as [string, Partial<ClientAuthenticationOptions>][])('needs %s', async (_what, options) => {
    const error: unknown = await sent(options).catch((found: unknown) => found);
    expect(error).toMatchObject({ failure: 'misconfigured', maybeApplied: false });
    expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain('canary');
  });
});
