import { generateKeyPairSync } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Secret } from '@moltbot/contracts';
import { type AuthorizationServer, startAuthorizationServer } from '../../testing/authorization-server.js';
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

describe('signing in on another device', () => {
  it('asks until the person has agreed', async () => {
    const slept: number[] = [];
    const client = clientOf('public', {
      sleep: async (ms) => {
        slept.push(ms);
        if (slept.length === 2)
          await server.completeDevice({ verificationUriComplete: device.verificationUriComplete ?? '' });
      },
    });
    const device = await client.beginDevice({});
    expect(device).toMatchObject({
      userCode: expect.stringMatching(/^[A-Z]{4}-[A-Z]{4}$/),
      verificationUri: `${server.issuer}/device`,
      intervalMs: 5_000,
    });
    expect(device.expiresAt - Date.now()).toBeGreaterThan(590_000);
    const tokens = await client.finishDevice({ device });
    expect(slept).toEqual([5_000, 5_000]);
    expect(tokens).toMatchObject({ account: { subject: 'person-1' }, refreshToken: expect.any(Secret) });
  });

  it('ends when the person refuses, and when it is given up', async () => {
    const client = clientOf('public', { sleep: () => Promise.resolve() });
    const device = await client.beginDevice({});
    await server.completeDevice({ verificationUriComplete: device.verificationUriComplete ?? '', deny: true });
    expect(await failureOf(client.finishDevice({ device }))).toMatchObject({
      failure: 'refused',
      code: 'access_denied',
    });

    const waiting = clientOf('public');
    const signal = AbortSignal.timeout(20);
    expect(await failureOf(waiting.finishDevice({ device: await waiting.beginDevice({}), signal }))).toMatchObject({
      failure: 'timeout',
      maybeApplied: false,
      cause: signal.reason,
    });
  });
});

describe('a client that signs in by itself', () => {
  it.each(['basic', 'post', 'privateKeyJwt'] as const)('gets a token without a refresh token (%s)', async (name) => {
    const tokens = await clientOf(name, { scopes: ['model:read', 'model:execute'] }).clientCredentials({});
    expect(tokens).toMatchObject({
      refreshToken: undefined,
      account: undefined,
      scopes: ['model:read', 'model:execute'],
    });
    await expect(server.isLive(tokens.accessToken.reveal())).resolves.toBe(true);
  });

  it('is refused with a wrong secret or key', async () => {
    const other = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'sec1', format: 'pem' });
    const wrong = [
      clientOf('basic', { clientSecret: new Secret('wrong-secret-canary') }),
      clientOf('post', { clientSecret: new Secret('wrong-secret-canary') }),
      clientOf('privateKeyJwt', { privateKey: new Secret(other.toString()) }),
    ];
    for (const client of wrong) {
      expect(await failureOf(client.clientCredentials({}))).toMatchObject({
        failure: 'refused',
        code: 'invalid_client',
        status: 401,
        maybeApplied: false,
      });
    }
    const asked = server.tokenRequests.length;
    for (const privateKey of ['no pem', generateKeyPairSync('rsa', { modulusLength: 1_024 }).privateKey]) {
      const pem =
        typeof privateKey === 'string' ? privateKey : privateKey.export({ type: 'pkcs1', format: 'pem' }).toString();
      const error = await failureOf(clientOf('privateKeyJwt', { privateKey: new Secret(pem) }).clientCredentials({}));
      expect(error).toMatchObject({ failure: 'misconfigured', maybeApplied: false });
      // What OpenSSL says may hold parts of the text.
      expect(error.cause).toBeUndefined();
    }
    const missing = clientOf('basic', {
      clientSecret: undefined,
      endpoints: {
        issuer: server.issuer,
        client_auth: 'client_secret_basic',
        authorize_params: {},
        required_scopes: [],
      },
    });
    expect(await failureOf(missing.clientCredentials({}))).toMatchObject({ failure: 'misconfigured' });
    expect(server.tokenRequests).toHaveLength(asked);
  });
});
