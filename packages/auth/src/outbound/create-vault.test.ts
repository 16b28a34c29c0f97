import { describe, expect, it } from '@jest/globals';
import type { StoredCredential } from '@moltbot/config';
import { MoltbotError, Secret } from '@moltbot/contracts';
import { createSealer } from '../seal/sealer.js';
import { createVault } from './create-vault.js';
import type { TokenSet } from './oauth-client.js';
import type { TokenRow, TokenStore } from './token-store.js';

const apiKey = (id: string, key = `sk-${id}`): StoredCredential => ({
  id,
  provider: id.split(':')[0] ?? id,
  entry: { type: 'api_key', key: new Secret(key) },
});
const oauth: StoredCredential = {
  id: 'anthropic',
  provider: 'anthropic',
  entry: { type: 'oauth', client_id: 'app', scopes: ['model:read'] },
};

function setUp(...list: StoredCredential[]) {
  const state = { list: list as readonly StoredCredential[] };
  return { state, vault: createVault({ credentials: () => state.list }) };
}

describe('the credential vault', () => {
  it('gives the credentials of a provider in the order of the file', () => {
    const { vault } = setUp(apiKey('openai:b'), apiKey('gemini'), apiKey('openai'), oauth);
    expect(vault.credentialsFor('openai')).toEqual([
      { id: 'openai:b', provider: 'openai', type: 'api_key' },
      { id: 'openai', provider: 'openai', type: 'api_key' },
    ]);
    expect(vault.credentialsFor('anthropic')).toEqual([{ id: 'anthropic', provider: 'anthropic', type: 'oauth' }]);
    expect(vault.credentialsFor('nobody')).toEqual([]);
  });

  it('hands out an API key synchronously', () => {
    const token = setUp(apiKey('openai')).vault.tokenFor('openai');
    expect(token).toBeInstanceOf(Secret);
    expect((token as Secret).reveal()).toBe('sk-openai');
  });

  it('follows a replacement of the file without a restart', async () => {
    const { vault, state } = setUp(apiKey('openai', 'old'));
    const old = vault.tokenFor('openai') as Secret;
    await expect(vault.refreshAfterRejection('openai', old)).resolves.toBe(false);
    state.list = [apiKey('openai', 'new'), apiKey('gemini')];
    await expect(vault.refreshAfterRejection('openai', old)).resolves.toBe(true);
    expect((vault.tokenFor('openai') as Secret).reveal()).toBe('new');
    expect(vault.credentialsFor('gemini')).toHaveLength(1);
    state.list = [];
    expect(vault.credentialsFor('openai')).toEqual([]);
    await expect(vault.refreshAfterRejection('openai', old)).resolves.toBe(false);
  });

  it('says which credential is missing, and never a secret', () => {
    const { vault } = setUp(apiKey('openai', 'sk-very-secret'));
    const missing = expect.objectContaining({
      code: 'credential_missing',
      message: expect.stringContaining('openai:team-b'),
    });
    expect(() => vault.tokenFor('openai:team-b')).toThrow(missing);
    expect(() => vault.tokenFor('openai:team-b')).not.toThrow(/very-secret/);
  });

  it('without a store for tokens says that OAuth credentials can’t be used', async () => {
    const { vault } = setUp(oauth);
    const refused = expect.objectContaining({
      code: 'credential_missing',
      message: expect.stringContaining('can’t be used here'),
    });
    await expect(vault.tokenFor('anthropic')).rejects.toEqual(refused);
    await expect(vault.refreshAfterRejection('anthropic', new Secret('x'))).resolves.toBe(false);
    await vault.close();
  });
});

describe('API keys that are references', () => {
  const reference = { from: 'env', name: 'OPENAI_KEY' } as const;
  const referring: StoredCredential = { id: 'openai', provider: 'openai', entry: { type: 'api_key', key: reference } };

  function setUpReference(first: string | undefined) {
    const there = { value: first, remembered: first };
    const vault = createVault({
      credentials: () => LIST,
      secrets: {
        resolve() {
          if (there.remembered === undefined) throw new MoltbotError('credential_missing', 'env:OPENAI_KEY is not set');
          return new Secret(there.remembered);
        },
        forget() {
          there.remembered = there.value;
        },
      },
    });
    return { there, vault };
  }
  const LIST = [referring];

  it('are resolved for each call', () => {
    expect((setUpReference('sk-1').vault.tokenFor('openai') as Secret).reveal()).toBe('sk-1');
    expect(() => setUpReference(undefined).vault.tokenFor('openai')).toThrow('env:OPENAI_KEY is not set');
  });

  it('are looked up again after a rejection, and say whether they changed', async () => {
    const { vault, there } = setUpReference('sk-1');
    const old = vault.tokenFor('openai') as Secret;
    await expect(vault.refreshAfterRejection('openai', old)).resolves.toBe(false);
    there.value = 'sk-2';
    await expect(vault.refreshAfterRejection('openai', old)).resolves.toBe(true);
    await expect(vault.refreshAfterRejection('openai', old)).resolves.toBe(true);
    expect((vault.tokenFor('openai') as Secret).reveal()).toBe('sk-2');
  });

  it('that can’t be resolved are named in the status, and nothing else of them', async () => {
    const { vault } = setUpReference(undefined);
    await expect(vault.status()).resolves.toEqual([
      expect.objectContaining({ id: 'openai', state: 'unresolved', problem: 'env:OPENAI_KEY is not set' }),
    ]);
  });
});

describe('accounts', () => {
  const account = (grant?: 'client_credentials', wanted?: string): StoredCredential => ({
    ...oauth,
    entry: { type: 'oauth', client_id: 'app', scopes: ['model:read'], grant, account: wanted },
  });
  const tokens = (change: Partial<TokenSet> = {}): TokenSet => ({
    accessToken: new Secret('CANARY-access'),
    refreshToken: new Secret('CANARY-refresh'),
    issuedAt: Date.now(),
    expiresAt: Date.now() + 3_600_000,
    scopes: ['model:read'],
    account: { subject: 'ann', email: 'ann@example.com' },
    ...change,
  });

  function setUpAccounts(...list: StoredCredential[]) {
    const state = { list: list as readonly StoredCredential[], opened: 0 };
    const rows = new Map<string, TokenRow>();
    const store: TokenStore = {
      read: async (id) => rows.get(id),
      list: async () => new Map(rows),
      async compareAndSwap(id, version, value) {
        if ((rows.get(id)?.version ?? 0) !== version) return undefined;
        const row = { version: version + 1, value };
        rows.set(id, row);
        return row;
      },
      watch: () => () => {},
      close: async () => {},
    };
    const sealer = createSealer({ key: Uint8Array.from({ length: 32 }, (_, index) => index) });
    const vault = createVault({
      credentials: () => state.list,
      oauth: {
        async backend() {
          state.opened += 1;
          return { store, sealer: async () => sealer };
        },
        prepareRefresh: () => Promise.reject(new MoltbotError('config_invalid', 'no endpoints')),
        timing: () => ({ marginMs: 300_000, timeoutMs: 1_000 }),
      },
    });
    return { state, vault, rows };
  }

  it('open nothing before one is in auth.json', async () => {
    const { vault, state } = setUpAccounts(apiKey('openai'));
    await expect(vault.status()).resolves.toHaveLength(1);
    expect(vault.tokenFor('openai')).toBeInstanceOf(Secret);
    expect(state.opened).toBe(0);
    state.list = [apiKey('openai'), oauth];
    vault.credentialsFor('openai');
    expect(state.opened).toBe(1);
    await vault.close();
  });

  it('serve what a sign-in brought at once, keep it sealed, and give it back at the sign-out', async () => {
    const { vault, rows } = setUpAccounts(account());
    expect((await vault.status())[0]).toMatchObject({ state: 'signed-out', refreshable: false });
    await vault.signedIn('anthropic', tokens());
    expect((vault.tokenFor('anthropic') as Secret).reveal()).toBe('CANARY-access');
    const [status] = await vault.status();
    expect(status).toMatchObject({ state: 'ok', refreshable: true, account: { email: 'ann@example.com' } });
    expect(JSON.stringify([...rows, status])).not.toContain('CANARY');
    const given = await vault.signedOut('anthropic');
    expect(given?.refreshToken?.reveal()).toBe('CANARY-refresh');
    expect(() => vault.tokenFor('anthropic')).toThrow(/Nobody is signed in/);
    expect((await vault.status())[0]).toMatchObject({ state: 'signed-out', expiresAt: undefined });
    await vault.close();
  });

  it('refuse the sign-in of another account, and one that nobody can tell', async () => {
    const { vault, rows } = setUpAccounts(account(undefined, 'Ann@example.com'));
    await vault.signedIn('anthropic', tokens());
    const other = tokens({ account: { subject: 'bob', email: 'bob@example.com' } });
    await expect(vault.signedIn('anthropic', other)).rejects.toMatchObject({ code: 'sign_in_failed' });
    const unknown = tokens({ account: undefined });
    await expect(vault.signedIn('anthropic', unknown)).rejects.toThrow(/add the scopes `openid` and `email`/);
    expect(rows.get('anthropic')?.version).toBe(1);
    await vault.close();
  });

  it('that are gone from auth.json, or are another client there, have no token any more', async () => {
    const { vault, state } = setUpAccounts(account());
    await vault.signedIn('anthropic', tokens());
    state.list = [];
    expect(() => vault.tokenFor('anthropic')).toThrow(/There is no credential/);
    state.list = [{ ...oauth, entry: { type: 'oauth', client_id: 'another', scopes: [] } }];
    await expect(vault.tokenFor('anthropic')).rejects.toMatchObject({ code: 'credential_missing' });
    state.list = [account()];
    await expect(vault.tokenFor('anthropic')).resolves.toBeInstanceOf(Secret);
    await vault.close();
  });

  it.each([
    ['ok', {}, undefined],
    ['ok', { expiresAt: undefined, refreshToken: undefined }, undefined],
    ['expiring', { expiresAt: Date.now() + 1_000, issuedAt: Date.now() - 60_000, refreshToken: undefined }, undefined],
    ['expired', { expiresAt: Date.now() - 1_000, issuedAt: Date.now() - 60_000 }, undefined],
    ['ok', { expiresAt: Date.now() - 1_000, issuedAt: Date.now() - 60_000 }, 'client_credentials'],
  ] as const)('are %s where it is so: %j', async (state, change, grant) => {
    const { vault } = setUpAccounts(account(grant));
    await vault.signedIn('anthropic', tokens(change));
    expect((await vault.status())[0]?.state).toBe(state);
    await vault.close();
  });
});
