import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { AttemptRecord, RequestRecord } from '@moltbot/contracts';
import { createTestDatabase, temporaryDirectory, type TestDatabase } from './__fixtures__/test-database.js';
import { openDatabase, type Database } from './database.js';
import { startEmbeddedPostgres } from './embedded-postgres/start-embedded-postgres.js';
import { migrate } from './migrations/migrate.js';
import { createUsageLedger, type UsageLedger } from './usage-ledger.js';
import { deleteUsageBefore, usageTotals } from './usage-totals.js';

const DAY = 86_400_000;
const NOON = Date.UTC(2026, 10, 22, 12);

function attempt(values: Partial<AttemptRecord> & { requestId: string }): AttemptRecord {
  return {
    index: 0,
    startedAt: NOON,
    provider: 'openai',
    model: 'gpt-x',
    credential: 'openai:team-b',
    outcome: 'ok',
    status: 200,
    durationMs: 120.5,
    firstContentMs: 40.25,
    usage: {
      inputTokens: 100,
      outputTokens: 20,
      cachedInputTokens: 50,
      cacheWriteTokens: 10,
      reasoningTokens: 5,
      source: 'provider',
    },
    costMicros: 1_500,
    role: 'answer',
    ...values,
  };
}

function request(values: Partial<RequestRecord> & { requestId: string }): RequestRecord {
  return {
    startedAt: NOON,
    durationMs: 150,
    operation: 'chat',
    dialect: 'openai-chat',
    chain: 'default',
    stream: true,
    outcome: 'complete',
    servedBy: 'openai:gpt-x',
    attempts: 1,
    ...values,
  };
}

describe('the usage ledger on a real database', () => {
  let test: TestDatabase;
  let db: Database;
  let ledger: UsageLedger;
  const drops: { count: number; reason: string }[] = [];

  beforeAll(async () => {
    test = await createTestDatabase();
    await migrate({ connection: test.connection });
    db = openDatabase({ connection: test.connection });
    ledger = createUsageLedger({ db, onDropped: (drop) => drops.push(drop) });
  });
  afterEach(async () => {
    await test.query('truncate attempts, requests');
    drops.length = 0;
  });
  afterAll(async () => {
    await ledger.close();
    await db.close();
    await test.drop();
  });

  const total = (by: 'day' | 'model' | 'key') => usageTotals({ db, by, from: NOON - 10 * DAY, to: NOON + DAY });

  it('holds every field of an attempt and of a request', async () => {
    ledger.recordAttempt(attempt({ requestId: 'r1' }));
    ledger.recordAttempt(
      attempt({
        requestId: 'r1',
        index: 1,
        outcome: 'rate-limited',
        status: undefined,
        firstContentMs: undefined,
        usage: undefined,
        costMicros: undefined,
        role: 'continue',
      }),
    );
    ledger.recordRequest(request({ requestId: 'r1', apiKeyId: 'key_1', errorCode: 'rate_limited', attempts: 2 }));
    await ledger.flush();
    expect(await test.query('select * from attempts order by index')).toEqual([
      {
        request_id: 'r1',
        index: 0,
        started_at: new Date(NOON),
        provider: 'openai',
        model: 'gpt-x',
        credential: 'openai:team-b',
        outcome: 'ok',
        status: 200,
        duration_ms: 120.5,
        first_content_ms: 40.25,
        role: 'answer',
        input_tokens: '100',
        output_tokens: '20',
        cached_input_tokens: '50',
        cache_write_tokens: '10',
        reasoning_tokens: '5',
        usage_source: 'provider',
        cost_micros: '1500',
      },
      expect.objectContaining({
        index: 1,
        outcome: 'rate-limited',
        status: null,
        first_content_ms: null,
        role: 'continue',
        input_tokens: null,
        usage_source: null,
        cost_micros: null,
      }),
    ]);
    expect(await test.query('select * from requests')).toEqual([
      expect.objectContaining({
        request_id: 'r1',
        started_at: new Date(NOON),
        duration_ms: 150,
        operation: 'chat',
        dialect: 'openai-chat',
        chain: 'default',
        api_key_id: 'key_1',
        stream: true,
        outcome: 'complete',
        error_code: 'rate_limited',
        served_by: 'openai:gpt-x',
        attempts: 2,
        input_tokens: null,
      }),
    ]);
  });

  it('takes each row once, also within one batch', async () => {
    for (let time = 0; time < 2; time += 1) {
      ledger.recordAttempt(attempt({ requestId: 'r1' }));
      ledger.recordAttempt(attempt({ requestId: 'r1' }));
      ledger.recordRequest(request({ requestId: 'r1' }));
      await ledger.flush();
    }
    expect(await test.query('select (select count(*) from attempts) a, (select count(*) from requests) r')).toEqual([
      { a: '1', r: '1' },
    ]);
  });

  it('writes ten thousand attempts', async () => {
    for (let index = 0; index < 10_000; index += 1) ledger.recordAttempt(attempt({ requestId: `r${index}` }));
    expect(await ledger.flush()).toBe(true);
    expect(await test.query('select count(*), sum(cost_micros) as cost from attempts')).toEqual([
      { count: '10000', cost: '15000000' },
    ]);
  });

  it('is not held up by rows that the database can’t hold, and mends those that it can', async () => {
    const before = ledger.stats();
    for (let index = 0; index < 100; index += 1) ledger.recordAttempt(attempt({ requestId: `r${index}` }));
    ledger.recordAttempt(attempt({ requestId: 'nul', model: 'a\0b' }));
    ledger.recordAttempt(attempt({ requestId: 'time', startedAt: Number.NaN }));
    ledger.recordAttempt(
      attempt({ requestId: 'count', usage: { inputTokens: 1e30, outputTokens: 0, source: 'provider' } }),
    );
    ledger.recordAttempt(
      attempt({ requestId: 'half', usage: { inputTokens: 12.5, outputTokens: 0, source: 'provider' } }),
    );
    ledger.recordAttempt(attempt({ requestId: 'surrogate', model: 'x\ud800y' }));
    for (let index = 100; index < 200; index += 1) ledger.recordAttempt(attempt({ requestId: `r${index}` }));
    expect(await ledger.flush()).toBe(true);
    const rows = await test.query(`select request_id, model from attempts where request_id !~ '^r' order by 1`);
    const good = await test.query('select count(*) from attempts');
    expect({ rows, good }).toEqual({
      rows: [
        { request_id: 'half', model: 'gpt-x' },
        { request_id: 'nul', model: 'a\ufffdb' },
        { request_id: 'surrogate', model: 'x\ufffdy' },
      ],
      good: [{ count: '203' }],
    });
    expect(drops).toEqual([{ count: 2, requests: 0, reason: 'refused' }]);
    expect(ledger.stats().dropped - before.dropped).toBe(2);
  });

  it('sums up by day, by model and by key', async () => {
    ledger.recordRequest(request({ requestId: 'r1', apiKeyId: 'key_1' }));
    ledger.recordAttempt(attempt({ requestId: 'r1', outcome: 'overloaded', usage: undefined, costMicros: undefined }));
    ledger.recordAttempt(attempt({ requestId: 'r1', index: 1, provider: 'ollama', model: 'llama3:8b' }));
    ledger.recordRequest(request({ requestId: 'r2' }));
    ledger.recordAttempt(attempt({ requestId: 'r2', startedAt: NOON - DAY }));
    ledger.recordAttempt(attempt({ requestId: 'old', startedAt: NOON - 20 * DAY }));
    await ledger.flush();
    const one = {
      requests: 1,
      attempts: 1,
      failedAttempts: 0,
      inputTokens: 100,
      outputTokens: 20,
      cachedInputTokens: 50,
      reasoningTokens: 5,
      costMicros: 1_500,
    };
    expect(await total('day')).toEqual([
      { group: '2026-11-21', ...one },
      { group: '2026-11-22', ...one, attempts: 2, failedAttempts: 1 },
    ]);
    expect(await total('model')).toEqual([
      { group: 'ollama:llama3:8b', ...one },
      { group: 'openai:gpt-x', ...one, requests: 2, attempts: 2, failedAttempts: 1 },
    ]);
    expect(await total('key')).toEqual([
      { group: '', ...one },
      { group: 'key_1', ...one, attempts: 2, failedAttempts: 1 },
    ]);
  });

  it('is deleted up to a time', async () => {
    for (let index = 0; index < 6_000; index += 1) {
      ledger.recordAttempt(attempt({ requestId: `r${index}`, startedAt: NOON - 2 * DAY }));
    }
    ledger.recordAttempt(attempt({ requestId: 'new' }));
    ledger.recordRequest(request({ requestId: 'old', startedAt: NOON - 2 * DAY }));
    await ledger.flush();
    expect(await deleteUsageBefore({ db, before: NOON - DAY })).toBe(6_001);
    expect(await test.query('select request_id from attempts')).toEqual([{ request_id: 'new' }]);
  });
});

describe('the usage ledger while the database is away', () => {
  let directory: string;
  beforeAll(() => {
    directory = temporaryDirectory();
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  it('loses nothing and writes nothing twice when it stops, is killed and comes back', async () => {
    const dataDirectory = join(directory, 'postgres');
    const first = await startEmbeddedPostgres({ dataDirectory });
    const servers = [first];
    const { connection } = first;
    await migrate({ connection });
    const db = openDatabase({ connection, connectTimeoutMs: 1_000 });
    const failures: unknown[] = [];
    const ledger = createUsageLedger({
      db,
      flushIntervalMs: 10,
      batchSize: 50,
      maxBackoffMs: 50,
      onError: (error) => failures.push(error),
    });
    let recorded = 0;
    const feed = setInterval(() => {
      for (let row = 0; row < 40; row += 1) {
        ledger.recordAttempt(attempt({ requestId: `r${recorded}` }));
        ledger.recordRequest(request({ requestId: `r${recorded}` }));
        recorded += 1;
      }
    }, 5);
    const written = async (more: number) => {
      const goal = ledger.stats().written + more;
      await until(() => ledger.stats().written >= goal);
    };
    const failed = async (more: number) => {
      const goal = failures.length + more;
      await until(() => failures.length >= goal);
    };
    try {
      await written(400);
      await first.stop();
      await failed(2);
      const second = await startEmbeddedPostgres({ dataDirectory, watchIntervalMs: 20 });
      servers.push(second);
      await written(400);
      // The main process: its children take their connections with them, and the supervisor starts it again.
      process.kill(second.pid, 'SIGKILL');
      await failed(1);
      await written(400);
      clearInterval(feed);
      await ledger.close();
      expect(ledger.stats()).toMatchObject({ buffered: 0, dropped: 0 });
      const count = 'select (select count(*) from attempts) as attempts, (select count(*) from requests) as requests';
      expect(await db.run({ name: 'count', text: count }, [])).toEqual([{ attempts: recorded, requests: recorded }]);
    } finally {
      clearInterval(feed);
      await db.close();
      for (const server of servers) await server.stop();
    }
  });
});

async function until(condition: () => boolean): Promise<void> {
  for (const deadline = Date.now() + 15_000; !condition(); ) {
    if (Date.now() > deadline) throw new Error('not within 15 s');
    await new Promise((resolve) => {
      setTimeout(resolve, 5);
    });
  }
}
