import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type AuthorizationServer, startAuthorizationServer } from '@moltbot/auth/testing';
import { settingsSchema, type StoredCredential } from '@moltbot/config';
import { MoltbotError, Secret } from '@moltbot/contracts';
import { type Credentials, openCredentials, type OpenCredentialsOptions } from './open-credentials.js';

let server: AuthorizationServer;
let home: string;
let credentials: Credentials | undefined;
beforeAll(async () => {
  server = await startAuthorizationServer({ accessTokenSeconds: 600 });
});
afterAll(() => server.stop());
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'moltbot-credentials-'));
});
afterEach(async () => {
  await credentials?.close();
  credentials = undefined;
  await rm(home, { recursive: true, force: true });
});

const SCOPES = ['openid', 'email', 'offline_access', 'model:read'];
const account = (change: object = {}): StoredCredential => ({
  id: 'acme',
  provider: 'acme',
  entry: { type: 'oauth', client_id: server.clients.public.clientId, scopes: SCOPES, ...change },
});
const apiKey: StoredCredential = {
  id: 'openai',
  provider: 'openai',
  entry: { type: 'api_key', key: new Secret('sk') },
};
const secrets = { resolve: (source: unknown) => source as Secret, forget: () => {} };

function settingsOf(provider: object = { oauth: { issuer: server.issuer } }) {
  return settingsSchema.parse({ providers: { acme: { kind: 'openai', base_url: 'http://127.0.0.1:1', ...provider } } });
}

function open(list: readonly StoredCredential[], change: Partial<OpenCredentialsOptions> = {}) {
  const calls = { keys: 0 };
  const config = { settings: settingsOf(), credentials: list };
  const key = randomBytes(32);
  credentials = openCredentials({
    config: () => config,
    paths: { home },
    secrets,
    secretKey: async () => {
      calls.keys += 1;
      return { key };
    },
    system: undefined,
    environment: {},
    ...change,
  });
  return { credentials, calls };
}

async function signIn(credentials: Credentials): Promise<void> {
  const opened = await credentials.openClient('acme');
  const { client } = opened;
  const pending = await client.beginAuthorization({ redirectUri: 'http://127.0.0.1:1/callback' });
  const callbackUrl = await server.signInAs({ url: pending.url });
  await credentials.vault.signedIn('acme', await client.finishAuthorization({ pending, callbackUrl }));
  await opened.close();
}

describe('the credentials of a process', () => {
  it('open and make nothing while auth.json has API keys only', async () => {
    const { credentials, calls } = open([apiKey]);
    expect(credentials.vault.tokenFor('openai')).toBeInstanceOf(Secret);
    expect(await credentials.vault.status()).toHaveLength(1);
    await credentials.close();
    expect(await readdir(home)).toEqual([]);
    expect(calls.keys).toBe(0);
  });

  it('need no key to say that nobody has signed in', async () => {
    const { credentials, calls } = open([account()]);
    expect(await credentials.vault.status()).toEqual([expect.objectContaining({ state: 'signed-out' })]);
    expect(calls.keys).toBe(0);
  });

  it('sign in, serve and refresh, also after a restart', async () => {
    const events: string[] = [];
    const key = randomBytes(32);
    const options = { secretKey: async () => ({ key }), onEvent: ({ type }: { type: string }) => events.push(type) };
    const first = open([account()], options).credentials;
    await signIn(first);
    await first.close();
    const second = open([account()], options).credentials;
    const old = await second.vault.tokenFor('acme');
    expect(await server.isLive(old.reveal())).toBe(true);
    expect(await second.vault.refreshNow('acme')).toBe('refreshed');
    const token = await second.vault.tokenFor('acme');
    expect(token.reveal()).not.toBe(old.reveal());
    expect(await server.isLive(token.reveal())).toBe(true);
    expect(events).toEqual(['credential-refreshed']);
  });

  it('sign a client in by itself, with its secret', async () => {
    const { clientId, clientSecret } = server.clients.basic;
    const entry = { client_id: clientId, client_secret: new Secret(clientSecret), grant: 'client_credentials' };
    const { credentials } = open([account({ ...entry, scopes: ['model:read'] })]);
    const [one, other] = await Promise.all([credentials.vault.tokenFor('acme'), credentials.vault.tokenFor('acme')]);
    expect(one.reveal()).toBe(other.reveal());
    expect(await server.isLive(one.reveal())).toBe(true);
    expect(server.tokenRequests.filter(({ grantType }) => grantType === 'client_credentials')).toHaveLength(1);
  });

  it('whose key is missing say so, and look for it again after a while only', async () => {
    let asked = 0;
    const { credentials } = open([account()], {
      secretKey() {
        asked += 1;
        return Promise.reject(new MoltbotError('secret_key_unavailable', 'no key'));
      },
    });
    for (let times = 0; times < 5; times += 1) {
      await expect(credentials.sealer()).rejects.toMatchObject({ code: 'secret_key_unavailable' });
    }
    expect(asked).toBe(1);
  });

  it.each([
    ['no endpoints', {}, /providers\.acme\.oauth is not set/],
    ['a CA file that is not there', { oauth: { issuer: 'https://127.0.0.1' }, ca_file: '/nowhere.pem' }, /ca_file/],
  ])('with %s can’t sign in, and say which setting it is', async (_name, provider, message) => {
    const config = { settings: settingsOf(provider), credentials: [account()] };
    const { credentials } = open([account()], { config: () => config });
    await expect(credentials.openClient('acme')).rejects.toThrow(message);
    await expect(credentials.openClient('acme')).rejects.toMatchObject({ code: 'config_invalid' });
    await expect(credentials.openClient('nobody')).rejects.toMatchObject({ code: 'credential_missing' });
  });
});

describe('a refresh whose process does not start', () => {
  it('is done in this process', async () => {
    const { credentials } = open([account()], { refreshProgram: '/nowhere/main.js' });
    await signIn(credentials);
    const before = server.refreshes;
    expect(await credentials.vault.refreshNow('acme')).toBe('refreshed');
    expect(await server.isLive((await credentials.vault.tokenFor('acme')).reveal())).toBe(true);
    expect({ refreshes: server.refreshes - before, reuses: server.reuses }).toEqual({ refreshes: 1, reuses: 0 });
  });
});
