import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { openTokenStore, tokenStoreKind } from './open-token-store.js';

const settings = (store: string, url: string) => ({ credentials: { store }, storage: { url } });

describe('where tokens are kept', () => {
  it('follows the settings; by default a database of one’s own keeps them, else files', () => {
    expect(tokenStoreKind(settings('auto', 'embedded'))).toBe('file');
    expect(tokenStoreKind(settings('auto', 'postgres://db/moltbot'))).toBe('storage');
    expect(tokenStoreKind(settings('file', 'postgres://db/moltbot'))).toBe('file');
    expect(tokenStoreKind(settings('storage', 'embedded'))).toBe('storage');
    expect(tokenStoreKind(settings('redis://127.0.0.1/', 'embedded'))).toBe('redis');
  });

  it('is `tokens` in the home folder for files', async () => {
    const home = await mkdtemp(join(tmpdir(), 'moltbot-home-'));
    const store = openTokenStore({ settings: settings('file', 'embedded'), paths: { home } });
    await store.compareAndSwap('openai', 0, 'one');
    await store.close();
    expect(await readdir(join(home, 'tokens'))).toEqual(['c-openai']);
    await rm(home, { recursive: true });
  });

  it('can’t be a database that is not open', () => {
    const open = () => openTokenStore({ settings: settings('storage', 'embedded'), paths: { home: '/nowhere' } });
    expect(open).toThrow(expect.objectContaining({ code: 'token_store_unavailable' }));
  });
});
