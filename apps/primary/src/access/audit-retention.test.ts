import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { auditEntries, migrate, openDatabase } from '@moltbot/storage';
import { createTestDatabase, type TestDatabase } from '../../../../packages/storage/src/__fixtures__/test-database.js';
import { keepAuditShort } from './audit-retention.js';

let test: TestDatabase;
let db: ReturnType<typeof openDatabase>;
beforeAll(async () => {
  test = await createTestDatabase();
  await migrate({ connection: test.connection });
  db = openDatabase({ connection: test.connection });
});
afterAll(async () => {
  await db.close();
  await test.drop();
});

const DAY = 86_400_000;
const now = 1_795_000_000_000;

describe('the audit log', () => {
  it('lets go of what is older than the setting says, in batches, and keeps the rest', async () => {
    await test.query(
      `insert into audit_log (id, at, actor, action, outcome)
       select 'aud_' || lpad(to_hex(at), 12, '0') || lpad(to_hex(n), 16, '0'), to_timestamp(at / 1000.0), 'unknown', 'request', 'denied'
       from (select n, $1::bigint - n * 60000 as at from generate_series(0, 11999) n) rows`,
      [now],
    );
    const errors: unknown[] = [];
    const retention = keepAuditShort({
      db,
      retentionMs: () => DAY,
      onError: (error) => errors.push(error),
      clock: () => now,
      firstAfterMs: 0,
    });
    const count = async () => Number((await test.query('select count(*) as n from audit_log'))[0]?.['n']);
    // A day has 1440 minutes, and the row of its first instant is kept.
    while ((await count()) !== 1_441) await new Promise((resolve) => setTimeout(resolve, 10));
    retention.close();
    const { entries } = await auditEntries({ db, limit: 2_000 });
    expect(entries.at(-1)?.at).toBe(now - DAY);
    expect(errors).toEqual([]);
  });

  it('is left alone while the database is away, which is said', async () => {
    const away = openDatabase({ connection: { host: '/nowhere', port: 1, database: 'd', user: 'u' } });
    const failed = Promise.withResolvers<unknown>();
    const retention = keepAuditShort({ db: away, retentionMs: () => DAY, onError: failed.resolve, firstAfterMs: 0 });
    expect(await failed.promise).toMatchObject({ code: 'storage_unavailable' });
    retention.close();
    await away.close();
  });
});
