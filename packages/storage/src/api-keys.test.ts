import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from './__fixtures__/test-database.js';
import { type ApiKeyStore, createApiKeyStore } from './api-keys.js';
import { type Database, openDatabase } from './database.js';
import { migrate } from './migrations/migrate.js';

let test: TestDatabase;
let db: Database;
let keys: ApiKeyStore;
let now = 1_795_000_000_000;

beforeAll(async () => {
  test = await createTestDatabase();
  await migrate({ connection: test.connection });
  db = openDatabase({ connection: test.connection });
});
beforeEach(() => {
  keys = createApiKeyStore({ db, clock: () => now });
});
afterEach(async () => {
  await keys.close();
  await test.query('delete from api_keys');
});
afterAll(async () => {
  await db.close();
  await test.drop();
});

let count = 0;
const fresh = (name: string) => {
  count += 1;
  return { name, hash: `hash-${count}`, prefix: 'mb_abcdef' };
};

describe('the API keys', () => {
  it('are found by their hash, with all that the verifier asks', async () => {
    const key = { ...fresh('laptop'), scopes: ['chat', 'jobs'], expiresAt: now + 1_000 };
    const { id } = await keys.create(key);
    expect(id).toMatch(/^key_[0-9a-f]{12}$/);
    expect(await keys.findByHash(key.hash)).toEqual({
      id,
      name: 'laptop',
      hash: key.hash,
      scopes: ['chat', 'jobs'],
      expiresAt: now + 1_000,
      revokedAt: undefined,
    });
    expect(await keys.findByHash('another')).toBeUndefined();
  });

  it('are listed newest first, without their hashes', async () => {
    await keys.create(fresh('first'));
    await keys.create(fresh('second'));
    const list = await keys.list();
    expect(list.map(({ name }) => name)).toEqual(['second', 'first']);
    expect(JSON.stringify(list)).not.toContain('hash-');
  });

  it('are revoked by id or by name, once, and stay in the list', async () => {
    const first = await keys.create(fresh('first'));
    await keys.create(fresh('second'));
    expect(await keys.revoke(first.id)).toMatchObject({ name: 'first', revokedAt: now });
    expect(await keys.revoke('second')).toMatchObject({ name: 'second', revokedAt: now });
    for (const gone of [first.id, 'second', 'never', '', 'nul\0']) expect(await keys.revoke(gone)).toBeUndefined();
    expect(await keys.list()).toHaveLength(2);
  });

  it('have names that are unique among the living', async () => {
    await keys.create(fresh('laptop'));
    await expect(keys.create(fresh(' laptop '))).rejects.toMatchObject({ code: 'invalid_request', param: 'name' });
    await keys.revoke('laptop');
    expect(await keys.create(fresh('laptop'))).toMatchObject({ name: 'laptop' });
  });

  it.each(['', '  ', 'x'.repeat(101), 'a\0b', 'key_0123456789ab'])('can’t be named %j', async (name) => {
    await expect(keys.create(fresh(name))).rejects.toMatchObject({ code: 'invalid_request', param: 'name' });
  });

  it('take any other name as it is', async () => {
    const name = `'; drop table api_keys; -- 笔记本 💻 \\`;
    await keys.create(fresh(name));
    expect((await keys.list())[0]?.name).toBe(name);
  });

  it('are usable until they are revoked or expire', async () => {
    expect(await keys.hasUsable()).toBe(false);
    await keys.create({ ...fresh('expired'), expiresAt: now });
    expect(await keys.hasUsable()).toBe(false);
    const { id } = await keys.create({ ...fresh('good'), expiresAt: now + 1 });
    expect(await keys.hasUsable()).toBe(true);
    await keys.revoke(id);
    expect(await keys.hasUsable()).toBe(false);
  });

  it('know when they were last used, written in batches and never backwards', async () => {
    const { id } = await keys.create(fresh('laptop'));
    for (let use = 0; use < 1_000; use += 1) keys.touch(id);
    keys.touch('unknown');
    expect((await keys.list())[0]?.lastUsedAt).toBeUndefined();
    await keys.flush();
    expect((await keys.list())[0]?.lastUsedAt).toBe(now);
    now -= 60_000;
    keys.touch(id);
    now += 60_000;
    await keys.flush();
    expect((await keys.list())[0]?.lastUsedAt).toBe(now);
  });

  it('look at the clock once a second for a key that is used without pause', () => {
    jest.useFakeTimers({ now: 0 });
    try {
      const looks: number[] = [];
      const clock = (): number => {
        looks.push(Date.now());
        return Date.now();
      };
      const store = createApiKeyStore({ db, clock, touchIntervalMs: 60_000 });
      for (let ms = 0; ms < 3_000; ms += 1) {
        store.touch('key_1');
        store.touch('key_2');
        jest.advanceTimersByTime(1);
      }
      expect(looks).toEqual([0, 0, 1_000, 1_000, 2_000, 2_000]);
    } finally {
      jest.useRealTimers();
    }
  });

  it('write the last use when they are closed', async () => {
    const { id } = await keys.create(fresh('laptop'));
    keys.touch(id);
    await keys.close();
    expect((await createApiKeyStore({ db }).list())[0]?.lastUsedAt).toBe(now);
  });

  it('keep last uses that could not be written, and say that storage is away', async () => {
    const away = openDatabase({ connection: { host: '/nowhere', port: 1, database: 'd', user: 'u' } });
    const errors: unknown[] = [];
    let target = away;
    const switched: Database = { ...away, kysely: away.kysely, run: (...args) => target.run(...args) };
    const store = createApiKeyStore({ db: switched, clock: () => now, onError: (error) => errors.push(error) });
    const { id } = await keys.create(fresh('laptop'));
    store.touch(id);
    await store.flush();
    expect(errors).toEqual([expect.objectContaining({ code: 'storage_unavailable' })]);
    await expect(store.findByHash('x')).rejects.toMatchObject({ code: 'storage_unavailable' });
    await expect(store.list()).rejects.toMatchObject({ code: 'storage_unavailable' });
    target = db;
    await store.close();
    expect((await keys.list())[0]?.lastUsedAt).toBe(now);
    await away.close();
  });
});
