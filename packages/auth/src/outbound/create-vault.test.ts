import { describe, expect, it } from '@jest/globals';
import type { StoredCredential } from '@moltbot/config';
import { Secret } from '@moltbot/contracts';
import { createVault } from './create-vault.js';

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
