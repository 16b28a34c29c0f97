import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from './__fixtures__/test-database.js';
import { type Database, openDatabase } from './database.js';
import { migrate } from './migrations/migrate.js';
import { createUsageLedger, type UsageLedger } from './usage-ledger.js';
import { lastSummedHour, oldestUsage, sumUsageDay, sumUsageHour } from './usage-sums.js';

const TEN = Date.UTC(2026, 10, 22, 10);
const HOUR = 3_600_000;

describe('sums of usage on a real database', () => {
  let test: TestDatabase;
  let db: Database;
  let ledger: UsageLedger;

  beforeAll(async () => {
    test = await createTestDatabase();
    await migrate({ connection: test.connection });
    db = openDatabase({ connection: test.connection });
    ledger = createUsageLedger({ db });
  });

  afterAll(async () => {
    await ledger?.close();
    await db?.close();
    await test?.drop();
  });

  function record(requestId: string, startedAt: number, options: { key?: string; failed?: boolean } = {}): void {
    ledger.recordAttempt({
      requestId,
      index: 0,
      startedAt,
      provider: 'openai',
      model: 'm',
      credential: 'openai',
      outcome: options.failed === true ? 'overloaded' : 'ok',
      durationMs: 1,
      usage: { inputTokens: 10, outputTokens: 2, source: 'provider' },
      costMicros: 5,
      role: 'answer',
    });
    if (options.key === undefined) return;
    ledger.recordRequest({
      requestId,
      startedAt,
      durationMs: 1,
      operation: 'chat',
      dialect: 'openai-chat',
      chain: 'default',
      apiKeyId: options.key,
      stream: false,
      outcome: 'complete',
      attempts: 1,
    });
  }

  it('sums up an hour and a day anew each time, so that rows which came late are in and none counts twice', async () => {
    expect(await oldestUsage({ db })).toBeUndefined();
    record('r1', TEN, { key: 'key_a' });
    // Its request's row is not written yet: nobody knows whose it is.
    record('r2', TEN + 60_000);
    record('r3', TEN + HOUR, { key: 'key_a', failed: true });
    await ledger.flush();
    expect(await oldestUsage({ db })).toBe(TEN);
    expect(await sumUsageHour({ db, hour: TEN + 5 })).toBe(2);
    record('r2b', TEN + HOUR - 1, { key: 'key_a' });
    ledger.recordRequest({
      requestId: 'r2',
      startedAt: TEN,
      durationMs: 1,
      operation: 'chat',
      dialect: 'openai-chat',
      chain: 'default',
      apiKeyId: 'key_a',
      stream: false,
      outcome: 'complete',
      attempts: 1,
    });
    await ledger.flush();
    await Promise.all([sumUsageHour({ db, hour: TEN }), sumUsageHour({ db, hour: TEN })]);
    await sumUsageHour({ db, hour: TEN + HOUR });
    expect(await lastSummedHour({ db })).toBe(TEN + HOUR);
    await sumUsageDay({ db, day: TEN });
    await sumUsageDay({ db, day: TEN });
    const hours = await test.query('select * from usage_hours order by starts_at');
    expect(hours).toHaveLength(2);
    expect(hours[0]).toMatchObject({ api_key_id: 'key_a', requests: '3', attempts: '3', input_tokens: '30' });
    const days = await test.query('select * from usage_days');
    expect(days).toHaveLength(1);
    expect(days[0]).toMatchObject({ requests: '4', attempts: '4', failed_attempts: '1', cost_micros: '20' });
  });
});
