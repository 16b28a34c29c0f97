import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '../__fixtures__/test-database.js';
import { openDatabase } from '../database.js';
import { MIGRATIONS } from './all.js';
import { migrate } from './migrate.js';
import { schemaStanding } from './schema-standing.js';

let test: TestDatabase;
beforeAll(async () => {
  test = await createTestDatabase();
});
afterAll(() => test.drop());

describe('the standing of a schema', () => {
  it('says what is missing and what is unknown, and changes nothing', async () => {
    const db = openDatabase({ connection: test.connection, poolSize: 1 });
    try {
      expect(await schemaStanding(db)).toEqual({ missing: Object.keys(MIGRATIONS), unknown: [] });
      expect(await test.query(`select to_regclass('moltbot_migration') as made`)).toEqual([{ made: null }]);
      await migrate({ connection: test.connection });
      expect(await schemaStanding(db)).toEqual({ missing: [], unknown: [] });
      await test.query(`insert into moltbot_migration (name, timestamp) values ('2999-01-01-later', '')`);
      expect(await schemaStanding(db)).toEqual({ missing: [], unknown: ['2999-01-01-later'] });
    } finally {
      await db.close();
    }
  });
});
