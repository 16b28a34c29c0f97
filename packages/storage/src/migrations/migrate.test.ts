import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { sql } from 'kysely';
import type { Migration } from 'kysely/migration';
import pg from 'pg';
import { createTestDatabase, type TestDatabase } from '../__fixtures__/test-database.js';
import { databaseUrl } from '../database.js';
import { MIGRATIONS } from './all.js';
import { migrate } from './migrate.js';

let test: TestDatabase;
beforeAll(async () => {
  test = await createTestDatabase();
});
afterEach(() => test.query('drop schema public cascade; create schema public'));
afterAll(() => test.drop());

const migration = (text: string): Migration => ({
  async up(db) {
    await sql.raw(text).execute(db);
  },
});
const run = (migrations: Record<string, Migration> = { ...MIGRATIONS }) =>
  migrate({ connection: test.connection, migrations });

describe('migrations', () => {
  it('make the tables once', async () => {
    expect(await run()).toEqual(Object.keys(MIGRATIONS));
    expect(await run()).toEqual([]);
    const tables = await test.query(`select table_name from information_schema.tables where table_schema = 'public'`);
    expect(tables.map((row) => row.table_name)).toEqual(expect.arrayContaining(['api_keys', 'attempts', 'requests']));
  });

  it('are done once when several processes start at the same time', async () => {
    const all = await Promise.all(Array.from({ length: 5 }, () => run()));
    expect(all.flat().sort()).toEqual(Object.keys(MIGRATIONS).sort());
  });

  it('add what a later version brings', async () => {
    await run({ '1-a': migration('create table a (x int)') });
    const later = { '1-a': migration('fails'), '2-b': migration('create table b (x int)') };
    expect(await run(later)).toEqual(['2-b']);
  });

  it('of a newer version are named, and nothing starts on them', async () => {
    await run({ '1-a': migration('create table a (x int)'), '2-b': migration('create table b (x int)') });
    await expect(run({ '1-a': migration('fails') })).rejects.toMatchObject({
      code: 'storage_too_new',
      message: expect.stringContaining('2-b'),
    });
  });

  it('are not waited for in silence where the database hangs', async () => {
    await run();
    const holder = new pg.Client({ connectionString: databaseUrl(test.connection).reveal() });
    await holder.connect();
    try {
      await holder.query('begin; lock table moltbot_migration in access exclusive mode');
      const look = migrate({ connection: test.connection, lookTimeoutMs: 200 });
      await expect(look).rejects.toMatchObject({
        code: 'storage_unavailable',
        message: 'The database took too long.',
      });
    } finally {
      await holder.end();
    }
    expect(await run()).toEqual([]);
  });

  it('that fail leave nothing behind', async () => {
    const broken = { '1-a': migration('create table a (x int)'), '2-b': migration('create table b (x wrong)') };
    await expect(run(broken)).rejects.toMatchObject({ code: '42704' });
    expect(await test.query(`select to_regclass('a') as a`)).toEqual([{ a: null }]);
    expect(await run({ ...broken, '2-b': migration('create table b (x int)') })).toEqual(['1-a', '2-b']);
  });
});
