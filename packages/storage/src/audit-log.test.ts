import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { AuditRecord } from '@moltbot/contracts';
import { createTestDatabase, type TestDatabase } from './__fixtures__/test-database.js';
import { auditEntries, deleteAuditBefore } from './audit-entries.js';
import { createAuditLog } from './audit-log.js';
import { type Database, openDatabase } from './database.js';
import { migrate } from './migrations/migrate.js';

let test: TestDatabase;
let db: Database;
const start = 1_795_000_000_000;

beforeAll(async () => {
  test = await createTestDatabase();
  await migrate({ connection: test.connection });
  db = openDatabase({ connection: test.connection });
});
afterEach(() => test.query('delete from audit_log'));
afterAll(async () => {
  await db.close();
  await test.drop();
});

const record = (changes: Partial<AuditRecord> = {}): AuditRecord => ({
  at: start,
  actor: 'key_1',
  action: 'key.create',
  outcome: 'allowed',
  ...changes,
});
const all = async () => (await auditEntries({ db, limit: 1_000 })).entries;

/** A database that can be away, and that can lose the answer to what it did. */
function unsteady() {
  const state = { away: false, loseAnswer: false };
  const wrapped: Database = {
    ...db,
    kysely: db.kysely,
    async run(...args) {
      if (state.away) throw new Error('connection refused');
      const rows = await db.run<never>(...args);
      if (!state.loseAnswer) return rows;
      state.loseAnswer = false;
      throw new Error('connection reset');
    },
  };
  return { state, db: wrapped };
}

describe('the audit log', () => {
  it('gives back what was recorded, newest first', async () => {
    const log = createAuditLog({ db });
    const denied = record({
      at: start + 1,
      actor: 'unknown',
      source: '10.0.0.7',
      action: 'request',
      target: '/v1/messages',
      outcome: 'denied',
      errorCode: 'invalid_api_key',
      requestId: 'req_1',
      count: 12,
      detail: { reason: 'expired', nested: { list: [1, null] } },
    });
    log.record(record({ actorName: 'laptop', target: 'key_2' }));
    log.record(denied);
    await log.close();
    expect(await all()).toMatchObject([denied, { ...record(), actorName: 'laptop', count: 1 }]);
    expect(log.stats()).toEqual({ buffered: 0, written: 2, dropped: 0 });
  });

  it('keeps the order of what happened in the same millisecond', async () => {
    const log = createAuditLog({ db });
    for (let index = 0; index < 300; index += 1) log.record(record({ target: String(index) }));
    await log.close();
    expect((await all()).map(({ target }) => Number(target))).toEqual(Array.from({ length: 300 }, (_, i) => 299 - i));
  });

  it('is read by actor, action, outcome and time, a page after another', async () => {
    const log = createAuditLog({ db });
    for (let index = 0; index < 10; index += 1) {
      log.record(
        record({
          at: start + index,
          actor: `key_${index % 2}`,
          action: ['key.create', 'key.revoke', 'keyring.open', 'request'][index % 4] ?? '',
          outcome: index < 5 ? 'allowed' : 'denied',
        }),
      );
    }
    await log.close();
    const times = async (filter: object) =>
      (await auditEntries({ db, filter, limit: 100 })).entries.map(({ at }) => at - start);
    expect(await times({ actor: 'key_1' })).toEqual([9, 7, 5, 3, 1]);
    expect(await times({ action: 'key.create' })).toEqual([8, 4, 0]);
    expect(await times({ action: 'key' })).toEqual([9, 8, 5, 4, 1, 0]);
    expect(await times({ outcome: 'denied', since: start + 6, until: start + 8 })).toEqual([7, 6]);
    expect(await times({ actor: `'; drop table audit_log; --` })).toEqual([]);
    const first = await auditEntries({ db, limit: 4 });
    const second = await auditEntries({ db, limit: 4, after: first.next });
    const third = await auditEntries({ db, limit: 4, after: second.next });
    expect([first, second, third].map(({ entries }) => entries.map(({ at }) => at - start))).toEqual([
      [9, 8, 7, 6],
      [5, 4, 3, 2],
      [1, 0],
    ]);
    expect(third.next).toBeUndefined();
  });

  it('writes each row once, though the answer to a batch was lost', async () => {
    const { state, db: wrapped } = unsteady();
    const errors: unknown[] = [];
    const log = createAuditLog({ db: wrapped, onError: (error) => errors.push(error) });
    for (let index = 0; index < 5; index += 1) log.record(record());
    state.loseAnswer = true;
    expect(await log.flush()).toBe(false);
    expect(await log.flush()).toBe(true);
    await log.close();
    expect(await all()).toHaveLength(5);
    expect(errors).toHaveLength(1);
  });

  it('keeps a bounded number while the database is away, and counts what it drops', async () => {
    const { state, db: wrapped } = unsteady();
    const drops: { count: number; reason: string }[] = [];
    const log = createAuditLog({ db: wrapped, maxBuffered: 100, onDropped: (drop) => drops.push(drop) });
    state.away = true;
    for (let index = 0; index < 250; index += 1) log.record(record());
    expect(await log.flush()).toBe(false);
    expect(log.stats()).toEqual({ buffered: 100, written: 0, dropped: 150 });
    state.away = false;
    expect(await log.flush()).toBe(true);
    await log.close();
    log.record(record());
    expect(await all()).toHaveLength(100);
    expect(drops.reduce((sum, { count }) => sum + count, 0)).toBe(151);
    expect(drops.at(-1)).toEqual({ count: 1, reason: 'closed' });
  });

  it('gives up at its end on a database that stays away', async () => {
    const { state, db: wrapped } = unsteady();
    const log = createAuditLog({ db: wrapped });
    state.away = true;
    log.record(record());
    await log.close({ timeoutMs: 50 });
    expect(log.stats()).toEqual({ buffered: 0, written: 0, dropped: 1 });
  });

  it('takes any text of a caller: cut, and without what a database can’t hold', async () => {
    const log = createAuditLog({ db });
    const bad = `\0\ud800'; drop table audit_log; --`;
    log.record(record({ target: `/v1/${'x'.repeat(10_000)}`, actorName: bad, detail: { model: bad } }));
    log.record(record({ detail: { model: 'y'.repeat(100_000) } }));
    await log.close();
    const [second, first] = await all();
    expect(first?.target).toHaveLength(301);
    expect(first?.actorName).toBe(`\ufffd\ufffd'; drop table audit_log; --`);
    expect(first?.detail).toEqual({ model: `\ufffd\ufffd'; drop table audit_log; --` });
    expect(JSON.stringify(second?.detail).length).toBeLessThan(400);
    expect(log.stats().dropped).toBe(0);
  });

  it('lets go of what is too old, a bounded number at a time', async () => {
    const log = createAuditLog({ db });
    for (let index = 0; index < 10; index += 1) log.record(record({ at: start + index }));
    await log.close();
    expect(await deleteAuditBefore({ db, before: start + 7, limit: 5 })).toBe(5);
    expect((await all()).map(({ at }) => at - start)).toEqual([9, 8, 7, 6, 5]);
    expect(await deleteAuditBefore({ db, before: start + 7, limit: 5 })).toBe(2);
    expect(await deleteAuditBefore({ db, before: start + 7, limit: 5 })).toBe(0);
  });
});
