import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from './__fixtures__/test-database.js';
import { type ApiKeyStore, createApiKeyStore } from './api-keys.js';
import { type Database, openDatabase } from './database.js';
import { migrate } from './migrations/migrate.js';

let test: TestDatabase;
let db: Database;
let keys: ApiKeyStore;
const now = 1_795_000_000_000;

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
const limits = { requests_per_minute: 60, budget_per_day: 0.1 + 0.2 };

describe('what a key may do', () => {
  it('is kept with it, and found by its hash', async () => {
    const key = { ...fresh('laptop'), scopes: ['jobs', 'chat', 'chat'], models: ['default', 'openai:*'], limits };
    const made = await keys.create(key);
    const expected = { name: 'laptop', scopes: ['chat', 'jobs'], models: ['default', 'openai:*'], limits };
    expect(made).toMatchObject(expected);
    expect(await keys.findByHash(key.hash)).toMatchObject(expected);
    expect(await keys.find('laptop')).toEqual(made);
    expect(await keys.find(made.id)).toEqual(made);
    for (const nobody of ['other', 'a\0b', '\ud800', '']) expect(await keys.find(nobody)).toBeUndefined();
  });

  it('is everything where nothing is said, and no model where the list is empty', async () => {
    const key = fresh('all');
    expect(await keys.create(key)).toMatchObject({ models: undefined, limits: undefined });
    const none = fresh('none');
    await keys.create({ ...none, models: [] });
    expect(await keys.findByHash(none.hash)).toMatchObject({ models: [] });
  });

  it.each([
    ['scopes', { scopes: ['chat', 'root'] }],
    ['models', { models: ['openai:gpt-*'] }],
    ['models', { models: ['x\ud800'] }],
    ['models', { models: Array.from({ length: 257 }, (_, index) => `m${index}`) }],
    ['expires_at', { expiresAt: Number.NaN }],
    ['expires_at', { expiresAt: 1e300 }],
    ['name', { name: 'x\ud800' }],
  ])('is refused where %s can’t be, for new keys and for changes', async (param, changes) => {
    await expect(keys.create({ ...fresh('x'), ...changes })).rejects.toMatchObject({ code: 'invalid_request', param });
    await keys.create(fresh('there'));
    await expect(keys.update({ idOrName: 'there' }, changes)).rejects.toMatchObject({ code: 'invalid_request', param });
  });

  it('is changed field by field; null takes a restriction away', async () => {
    const { id } = await keys.create({ ...fresh('laptop'), scopes: ['chat'], models: ['default'], limits });
    expect(await keys.update({ idOrName: 'laptop' }, { name: 'desk', expiresAt: now + 5 })).toMatchObject({
      id,
      name: 'desk',
      expiresAt: now + 5,
      scopes: ['chat'],
      models: ['default'],
      limits,
    });
    expect(await keys.update({ idOrName: id }, { models: null, limits: null, expiresAt: null })).toMatchObject({
      models: undefined,
      limits: undefined,
      expiresAt: undefined,
    });
    expect(await keys.update({ idOrName: 'laptop' }, { scopes: [] })).toBeUndefined();
    await expect(keys.update({ idOrName: id }, {})).rejects.toMatchObject({ code: 'invalid_request' });
    await keys.create(fresh('taken'));
    await expect(keys.update({ idOrName: id }, { name: 'taken' })).rejects.toMatchObject({ param: 'name' });
    await keys.revoke(id);
    expect(await keys.update({ idOrName: id }, { scopes: ['admin'] })).toBeUndefined();
  });

  it('is listed a page after another', async () => {
    for (let index = 0; index < 5; index += 1) await keys.create(fresh(`key ${index}`));
    const all = await keys.list();
    const first = await keys.list({ limit: 2 });
    const second = await keys.list({ limit: 2, after: first.at(-1)?.id });
    const third = await keys.list({ limit: 2, after: second.at(-1)?.id });
    expect([...first, ...second, ...third]).toEqual(all);
    expect(third).toHaveLength(1);
    for (const after of ['key_ffffffffffff', 'a\0b']) expect(await keys.list({ limit: 2, after })).toEqual([]);
  });

  it('has another version after each change, by whomever, but not after each use', async () => {
    let version = await keys.version();
    const changed = async (act: () => Promise<unknown>) => {
      await act();
      const before = version;
      version = await keys.version();
      return version !== before;
    };
    const { id } = await keys.create(fresh('laptop'));
    expect(await changed(async () => undefined)).toBe(true);
    expect(await changed(() => keys.update({ idOrName: id }, { scopes: ['chat'] }))).toBe(true);
    expect(await changed(() => test.query(`update api_keys set revoked_at = now() where id = $1`, [id]))).toBe(true);
    expect(await changed(() => test.query('delete from api_keys'))).toBe(true);
    expect(await changed(() => keys.list())).toBe(false);
    const used = await keys.create(fresh('used'));
    version = await keys.version();
    keys.touch(used.id);
    await keys.flush();
    expect((await keys.find('used'))?.lastUsedAt).toBe(now);
    expect(await changed(async () => undefined)).toBe(false);
  });
});

describe('another secret of a key', () => {
  it('is taken beside the one before, until the grace ends', async () => {
    const key = { ...fresh('laptop'), expiresAt: now + 100_000 };
    const { id } = await keys.create(key);
    const rotated = await keys.rotate({ idOrName: 'laptop' }, { hash: 'new', prefix: 'mb_newnew', graceMs: 60_000 });
    expect(rotated).toMatchObject({ id, prefix: 'mb_newnew', rotatedAt: now, previousUntil: now + 60_000 });
    expect(await keys.findByHash('new')).toMatchObject({ id, hash: 'new', expiresAt: now + 100_000 });
    expect(await keys.findByHash(key.hash)).toMatchObject({ id, hash: key.hash, expiresAt: now + 60_000 });
    // A grace lengthens no life.
    await keys.update({ idOrName: id }, { expiresAt: now + 10 });
    expect(await keys.findByHash(key.hash)).toMatchObject({ expiresAt: now + 10 });
    await keys.update({ idOrName: id }, { expiresAt: null });
    expect((await keys.findByHash('new'))?.expiresAt).toBeUndefined();
    expect((await keys.findByHash(key.hash))?.expiresAt).toBe(now + 60_000);
  });

  it('ends the one before at once without a grace, and the one before that in any case', async () => {
    const key = fresh('laptop');
    await keys.create(key);
    await keys.rotate({ idOrName: 'laptop' }, { hash: 'second', prefix: 'mb_2', graceMs: 60_000 });
    await keys.rotate({ idOrName: 'laptop' }, { hash: 'third', prefix: 'mb_3', graceMs: 60_000 });
    expect(await keys.findByHash(key.hash)).toBeUndefined();
    expect(await keys.findByHash('second')).toMatchObject({ expiresAt: now + 60_000 });
    await keys.rotate({ idOrName: 'laptop' }, { hash: 'fourth', prefix: 'mb_4', graceMs: 0 });
    expect(await keys.findByHash('third')).toBeUndefined();
    expect(await keys.findByHash('fourth')).toMatchObject({ name: 'laptop' });
    expect((await keys.find('laptop'))?.previousUntil).toBeUndefined();
  });

  it('is not given to a key that is revoked, and revoking ends both', async () => {
    const key = fresh('laptop');
    const { id } = await keys.create(key);
    await keys.rotate({ idOrName: id }, { hash: 'new-secret', prefix: 'mb_n', graceMs: 60_000 });
    await keys.revoke('laptop');
    for (const hash of [key.hash, 'new-secret']) expect(await keys.findByHash(hash)).toMatchObject({ revokedAt: now });
    expect(await keys.rotate({ idOrName: id }, { hash: 'x', prefix: 'mb_x', graceMs: 0 })).toBeUndefined();
  });
});

describe('the last admin’s key', () => {
  const keepAnAdmin = true;
  const refused = { code: 'invalid_request', http: 409, param: 'force' };

  it('is neither revoked nor demoted nor ended without being told to', async () => {
    const { id } = await keys.create({ ...fresh('owner'), scopes: ['admin'] });
    await keys.create({ ...fresh('expired'), scopes: ['admin'], expiresAt: now });
    await keys.create({ ...fresh('app'), scopes: ['chat'] });
    await expect(keys.revoke({ idOrName: 'owner', keepAnAdmin })).rejects.toMatchObject(refused);
    await expect(keys.update({ idOrName: id, keepAnAdmin }, { scopes: ['chat'] })).rejects.toMatchObject(refused);
    await expect(keys.update({ idOrName: id, keepAnAdmin }, { expiresAt: now })).rejects.toMatchObject(refused);
    expect(await keys.find('owner')).toMatchObject({ scopes: ['admin'], revokedAt: undefined, expiresAt: undefined });
    expect(await keys.update({ idOrName: id, keepAnAdmin }, { name: 'boss' })).toMatchObject({ name: 'boss' });
    expect(await keys.revoke({ idOrName: 'app', keepAnAdmin })).toMatchObject({ name: 'app' });
    expect(await keys.revoke({ idOrName: 'boss' })).toMatchObject({ revokedAt: now });
    // Where there is none, none is lost.
    await keys.create(fresh('other'));
    expect(await keys.revoke({ idOrName: 'other', keepAnAdmin })).toMatchObject({ name: 'other' });
  });

  it('stays though all of them are revoked at the same time', async () => {
    const owners = ['a', 'b', 'c', 'd'];
    for (const name of owners) await keys.create({ ...fresh(name), scopes: ['admin'] });
    const ends = await Promise.allSettled(owners.map((idOrName) => keys.revoke({ idOrName, keepAnAdmin })));
    expect(ends.filter(({ status }) => status === 'rejected')).toMatchObject([{ reason: refused }]);
    expect((await keys.list()).filter(({ revokedAt }) => revokedAt === undefined)).toHaveLength(1);
  });
});
