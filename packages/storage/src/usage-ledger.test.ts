import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { AttemptRecord, RequestRecord } from '@moltbot/contracts';
import type { Database, Statement } from './database.js';
import { createUsageLedger, type UsageLedgerOptions } from './usage-ledger.js';

const attempt = (requestId: string): AttemptRecord => ({
  requestId,
  index: 0,
  startedAt: 1,
  provider: 'demo',
  model: 'assistant',
  credential: 'none',
  outcome: 'ok',
  durationMs: 1,
  role: 'answer',
});
const request = (requestId: string): RequestRecord => ({
  requestId,
  startedAt: 1,
  durationMs: 1,
  operation: 'chat',
  dialect: 'openai-chat',
  chain: 'default',
  stream: false,
  outcome: 'complete',
  attempts: 1,
});

/** A database that notes what it is given, and fails or waits as it is told. */
function setUp(options: Partial<UsageLedgerOptions> = {}) {
  const state = { down: false, gate: undefined as Promise<void> | undefined };
  const batches: { table: string; ids: string[]; at: number }[] = [];
  const drops: { count: number; requests: number; reason: string }[] = [];
  const errors: unknown[] = [];
  const db = {
    async run(statement: Statement, [json]: readonly unknown[]) {
      const ids = (JSON.parse(json as string) as { requestId: string }[]).map(({ requestId }) => requestId);
      batches.push({ table: statement.name.replace('moltbot_ledger_', ''), ids, at: Date.now() });
      await state.gate;
      if (state.down) throw new Error('connection refused');
      return [];
    },
  } as unknown as Database;
  const ledger = createUsageLedger({
    db,
    onDropped: (drop) => drops.push(drop),
    onError: (error) => errors.push(error),
    ...options,
  });
  return { ledger, state, batches, drops, errors };
}

beforeEach(() => {
  jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask'] });
});
afterEach(() => {
  jest.useRealTimers();
});

describe('the usage ledger', () => {
  it('writes what comes within a quarter of a second in one statement per table', async () => {
    const { ledger, batches } = setUp();
    ledger.recordAttempt(attempt('a'));
    ledger.recordAttempt(attempt('b'));
    ledger.recordRequest(request('a'));
    await jest.advanceTimersByTimeAsync(249);
    expect(batches).toEqual([]);
    await jest.advanceTimersByTimeAsync(1);
    expect(batches).toMatchObject([
      { table: 'attempts', ids: ['a', 'b'] },
      { table: 'requests', ids: ['a'] },
    ]);
    expect(ledger.stats()).toEqual({ buffered: 0, written: 3, dropped: 0, failedFlushes: 0 });
    ledger.recordRequest(request('b'));
    await jest.advanceTimersByTimeAsync(250);
    expect(batches).toHaveLength(3);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('takes no more rows into a statement than it may', async () => {
    const { ledger, batches } = setUp({ batchSize: 3 });
    for (const id of 'abcdefgh') ledger.recordAttempt(attempt(id));
    await expect(ledger.flush()).resolves.toBe(true);
    expect(batches.map(({ ids }) => ids.join(''))).toEqual(['abc', 'def', 'gh']);
  });

  it('keeps rows that could not be written, and waits longer each time', async () => {
    const { ledger, state, batches, errors } = setUp();
    state.down = true;
    const began = Date.now();
    ledger.recordAttempt(attempt('a'));
    await jest.advanceTimersByTimeAsync(20_000);
    expect(batches.map(({ at }) => at - began)).toEqual([250, 750, 1_750, 3_750, 7_750, 12_750, 17_750]);
    expect(errors).toHaveLength(7);
    expect(ledger.stats()).toMatchObject({ buffered: 1, written: 0, dropped: 0, failedFlushes: 7 });
    ledger.recordAttempt(attempt('b'));
    state.down = false;
    await jest.advanceTimersByTimeAsync(5_000);
    expect(batches.at(-1)?.ids).toEqual(['a', 'b']);
    ledger.recordAttempt(attempt('c'));
    await jest.advanceTimersByTimeAsync(250);
    expect(ledger.stats()).toMatchObject({ buffered: 0, written: 3 });
  });

  it('counts what goes beyond its bound, tells it in one word, and never throws', async () => {
    const { ledger, state, drops } = setUp({ maxBuffered: 10 });
    state.down = true;
    for (let index = 0; index < 25; index += 1) ledger.recordAttempt(attempt(`a${index}`));
    expect(ledger.stats()).toMatchObject({ buffered: 10, dropped: 15 });
    expect(drops).toEqual([]);
    await jest.advanceTimersByTimeAsync(250);
    expect(drops).toEqual([{ count: 15, requests: 0, reason: 'full' }]);
    state.down = false;
    await jest.advanceTimersByTimeAsync(5_000);
    expect(ledger.stats()).toMatchObject({ buffered: 0, written: 10, dropped: 15 });
  });

  it('writes one batch at a time, and what comes meanwhile afterwards', async () => {
    const { ledger, state, batches } = setUp();
    let open: () => void = () => {};
    state.gate = new Promise((resolve) => {
      open = resolve;
    });
    ledger.recordAttempt(attempt('a'));
    const flushing = [ledger.flush(), ledger.flush()];
    ledger.recordAttempt(attempt('b'));
    await jest.advanceTimersByTimeAsync(10_000);
    expect(batches).toHaveLength(1);
    open();
    state.gate = undefined;
    await Promise.all(flushing);
    await jest.advanceTimersByTimeAsync(250);
    expect(batches.map(({ ids }) => ids)).toEqual([['a'], ['b']]);
    expect(ledger.stats()).toMatchObject({ buffered: 0, written: 2 });
  });

  it('writes the rest when it is closed, and takes nothing more', async () => {
    const { ledger, batches, drops } = setUp();
    ledger.recordAttempt(attempt('a'));
    await ledger.close();
    expect(batches).toHaveLength(1);
    ledger.recordAttempt(attempt('late'));
    await jest.advanceTimersByTimeAsync(1_000);
    expect(ledger.stats()).toMatchObject({ buffered: 0, written: 1, dropped: 1 });
    expect(drops).toEqual([{ count: 1, requests: 0, reason: 'closed' }]);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('goes on trying while it is closed, for as long as it may', async () => {
    const { ledger, state } = setUp();
    state.down = true;
    ledger.recordAttempt(attempt('a'));
    const closing = ledger.close({ timeoutMs: 3_000 });
    await jest.advanceTimersByTimeAsync(1_000);
    state.down = false;
    await jest.advanceTimersByTimeAsync(1_000);
    await closing;
    expect(ledger.stats()).toMatchObject({ buffered: 0, written: 1, dropped: 0 });
  });

  it.each([
    ['fails', { down: true, gate: undefined }],
    ['hangs', { down: false, gate: new Promise<void>(() => {}) }],
  ])('gives up in time when the database %s, and counts what is lost', async (_name, broken) => {
    const { ledger, state, drops } = setUp();
    Object.assign(state, broken);
    ledger.recordAttempt(attempt('a'));
    ledger.recordRequest(request('a'));
    const closing = ledger.close({ timeoutMs: 1_000 });
    await jest.advanceTimersByTimeAsync(1_000);
    await closing;
    expect(ledger.stats()).toMatchObject({ buffered: 0, written: 0, dropped: 2 });
    expect(drops).toEqual([{ count: 2, requests: 1, reason: 'closed' }]);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('says nothing more when a flush that hung ends after the close', async () => {
    const { ledger, state } = setUp();
    let open: () => void = () => {};
    state.gate = new Promise((resolve) => {
      open = resolve;
    });
    ledger.recordAttempt(attempt('a'));
    const closing = ledger.close({ timeoutMs: 100 });
    await jest.advanceTimersByTimeAsync(100);
    await closing;
    open();
    await jest.advanceTimersByTimeAsync(1_000);
    expect(ledger.stats()).toMatchObject({ buffered: 0, written: 0, dropped: 1 });
  });
});
