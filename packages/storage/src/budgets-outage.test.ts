import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { BudgetAnswer, BudgetAsk } from '@moltbot/auth';
import { createTestDatabase, type TestDatabase } from './__fixtures__/test-database.js';
import { type Budgets, type BudgetsOptions, createBudgets } from './budgets.js';
import { type Database, openDatabase, type Statement } from './database.js';
import { migrate } from './migrations/migrate.js';

let database: TestDatabase;
let db: Database;
const opened: Budgets[] = [];

beforeAll(async () => {
  database = await createTestDatabase();
  await migrate({ connection: database.connection });
  db = openDatabase({ connection: database.connection });
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((budgets) => budgets.close()));
});
afterAll(async () => {
  await db?.close();
  await database?.drop();
});

const NOON = Date.UTC(2026, 10, 22, 12);

function open(options: Partial<BudgetsOptions> = {}): Budgets {
  const budgets = createBudgets({ db, clock: () => NOON, ...options });
  opened.push(budgets);
  return budgets;
}

let keys = 0;
const newKey = (): string => `key_${(keys += 1)}`;

function ask(keyId: string, changes: Partial<BudgetAsk> = {}): BudgetAsk {
  return {
    keyId,
    amountMicros: 100n,
    dayLimitMicros: 1_000n,
    monthLimitMicros: undefined,
    lapseAfterMs: 60_000,
    ...changes,
  };
}

/** Id of what was set aside; fails where it was refused. */
function idOf(answer: BudgetAnswer): string {
  if (answer.state !== 'reserved') throw new Error('refused');
  return answer.reservationId;
}

async function figures(budgets: Budgets, keyId: string) {
  const { day, month } = await budgets.budgetOf(keyId);
  return {
    day: [day.spentMicros, day.reservedMicros],
    month: [month.spentMicros, month.reservedMicros],
  };
}

describe('budgets, while the database is away', () => {
  /** A database that fails, or never answers, as it is told. */
  function setUp(options: Partial<BudgetsOptions> = {}) {
    const state = { down: false, hang: undefined as Promise<void> | undefined };
    const errors: unknown[] = [];
    const breaking: Database = {
      ...db,
      async run<Row extends object>(statement: Statement, values: readonly unknown[]) {
        await state.hang;
        if (state.down) throw new Error('connection refused');
        return db.run<Row>(statement, values);
      },
    };
    return { budgets: open({ db: breaking, onError: (error) => errors.push(error), ...options }), state, errors };
  }

  it('give nothing, and keep what was spent until it is back', async () => {
    const keyId = newKey();
    const { budgets, state, errors } = setUp();
    const id = idOf(await budgets.reserve(ask(keyId)));
    state.down = true;
    budgets.settle(id, 40n);
    await expect(budgets.reserve(ask(keyId))).rejects.toThrow('connection refused');
    expect(await budgets.flush()).toBe(false);
    expect(errors.length).toBeGreaterThan(0);
    expect(budgets.stats().unwritten).toBeGreaterThan(0);
    state.down = false;
    expect(await budgets.flush()).toBe(true);
    expect((await figures(budgets, keyId)).day).toEqual([40n, 0n]);
  });

  it('keep nobody waiting for long, and take back what came too late', async () => {
    const keyId = newKey();
    const { budgets, state } = setUp({ reserveTimeoutMs: 30 });
    let release = (): void => undefined;
    state.hang = new Promise((resolve) => {
      release = resolve;
    });
    const first = budgets.reserve(ask(keyId));
    const second = budgets.reserve(ask(keyId));
    await expect(first).rejects.toMatchObject({ code: 'storage_unavailable' });
    await expect(second).rejects.toMatchObject({ code: 'storage_unavailable' });
    release();
    state.hang = undefined;
    // The first was set aside after all, the second was never asked for.
    await budgets.close();
    expect((await figures(open(), keyId)).day).toEqual([0n, 0n]);
    const [row] = await database.query('select count(*)::int as rows from budget_reservations where key_id = $1', [
      keyId,
    ]);
    expect(row).toEqual({ rows: 0 });
  });

  it('forget nobody who asks, or settles, in the very moment in which another is answered', async () => {
    for (let moments = 0; moments < 12; moments += 1) {
      const keyId = newKey();
      const budgets = open({ reserveTimeoutMs: 1_000 });
      const first = idOf(await budgets.reserve(ask(keyId)));
      for (let moment = 0; moment < moments; moment += 1) await Promise.resolve();
      const second = idOf(await budgets.reserve(ask(keyId)));
      budgets.settle(first, 1n);
      await budgets.flush();
      for (let moment = 0; moment < moments; moment += 1) await Promise.resolve();
      budgets.settle(second, 1n);
      await budgets.close();
      expect((await figures(budgets, keyId)).day).toEqual([2n, 0n]);
    }
  });

  it('end within their time', async () => {
    const { budgets, state } = setUp();
    const id = idOf(await budgets.reserve(ask(newKey())));
    state.hang = new Promise(() => undefined);
    budgets.settle(id, 1n);
    const started = performance.now();
    await budgets.close({ timeoutMs: 50 });
    expect(performance.now() - started).toBeLessThan(1_000);
    await expect(budgets.reserve(ask(newKey()))).rejects.toMatchObject({ code: 'storage_unavailable' });
  });
});
