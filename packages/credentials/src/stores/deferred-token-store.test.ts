import { describe, expect, it } from '@jest/globals';
import type { TokenStore } from '@moltbot/auth';
import { deferTokenStore } from './deferred-token-store.js';

function countedStore() {
  const calls: string[] = [];
  const listeners = new Set<(id: string) => void>();
  const inner: TokenStore = {
    read: async (id) => {
      calls.push(`read ${id}`);
      return { version: 1, value: id };
    },
    list: async () => new Map(),
    compareAndSwap: async (_id, version, value) => ({ version: version + 1, value }),
    watch: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close: async () => {
      calls.push('close');
    },
  };
  const opening = Promise.withResolvers<TokenStore>();
  const store = deferTokenStore(async () => {
    calls.push('open');
    return opening.promise;
  });
  return { calls, listeners, store, open: () => opening.resolve(inner), fail: (error: Error) => opening.reject(error) };
}

describe('a token store that is opened when it is needed', () => {
  it('is not opened by nobody asking, nor by being closed', async () => {
    const { calls, store } = countedStore();
    await store.close();
    await expect(store.read('a')).rejects.toMatchObject({ code: 'token_store_unavailable' });
    expect(calls).toEqual([]);
  });

  it('is opened once by many who ask at the same time, and closed after that', async () => {
    const { calls, store, open } = countedStore();
    const reads = Promise.all([store.read('a'), store.read('b')]);
    open();
    expect(await reads).toEqual([
      { version: 1, value: 'a' },
      { version: 1, value: 'b' },
    ]);
    expect(await store.compareAndSwap('a', 1, 'new')).toEqual({ version: 2, value: 'new' });
    await store.close();
    expect(calls).toEqual(['open', 'read a', 'read b', 'close']);
  });

  it('tells listeners from when it is open, and none that left before', async () => {
    const { listeners, store, open } = countedStore();
    const heard: string[] = [];
    const stopFirst = store.watch((id) => heard.push(`first ${id}`));
    store.watch((id) => heard.push(`second ${id}`))();
    open();
    await store.list();
    for (const listener of listeners) listener('x');
    expect(heard).toEqual(['first x']);
    stopFirst();
    expect(listeners.size).toBe(0);
  });

  it('watches nothing once it was closed while it opened', async () => {
    const { listeners, store, open } = countedStore();
    store.watch(() => {});
    const closed = store.close();
    open();
    await closed;
    expect(listeners.size).toBe(0);
  });

  it('says to whoever reads why it can not be opened', async () => {
    const { store, fail } = countedStore();
    store.watch(() => {});
    fail(new Error('no such library'));
    await expect(store.read('a')).rejects.toThrow('no such library');
    await store.close();
  });
});
