import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { BudgetAnswer, BudgetAsk } from '@moltbot/auth';
import fc from 'fast-check';
import { startBudgetUser } from './__fixtures__/budget-user-process.js';
import { createTestDatabase, type TestDatabase } from './__fixtures__/test-database.js';
import { type Budgets, type BudgetsOptions, createBudgets } from './budgets.js';
import { type Database, databaseUrl, openDatabase } from './database.js';
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

describe('budgets', () => {
  it('give 200 callers at once no more than there is, over two pools of connections', async () => {
    const keyId = newKey();
    const second = openDatabase({ connection: database.connection });
    const both = [open(), open({ db: second })] as const;
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, index) =>
        both[index % 2 === 0 ? 0 : 1].reserve(ask(keyId, { amountMicros: 7n, dayLimitMicros: 356n })),
      ),
    );
    const given = answers.filter(({ state }) => state === 'reserved');
    expect(given).toHaveLength(50);
    expect(await figures(both[0], keyId)).toEqual({ day: [0n, 350n], month: [0n, 350n] });
    await both[1].close();
    await second.close();
  });

  it('give processes together no more than there is, and count what one of them took down with it', async () => {
    const keyId = newKey();
    const budgets = open({ clock: undefined });
    const processes = [1, 2].map(() =>
      startBudgetUser([databaseUrl(database.connection).reveal(), keyId, '10', '500', '100', '9']),
    );
    const told = await Promise.all(processes.map(({ line }) => line));
    expect(told.reduce((sum, { granted }) => sum + granted, 0)).toBeLessThanOrEqual(55);
    const settled = told.reduce((sum, one) => sum + one.settled, 0);
    const held = told.reduce((sum, one) => sum + one.granted - one.settled, 0);
    for (const { child } of processes) child.kill('SIGKILL');
    await Promise.all(processes.map(({ exited }) => exited));
    const [spent, reserved] = (await figures(budgets, keyId)).day;
    expect([spent, reserved]).toEqual([BigInt(settled * 9), BigInt(held * 10)]);
    expect(Number(spent) + Number(reserved)).toBeLessThanOrEqual(500);
    // Their time is over: what they had set aside was probably spent.
    const later = open({ clock: () => Date.now() + 61_000 });
    expect(await later.lapse()).toBeGreaterThanOrEqual(held);
    expect((await figures(budgets, keyId)).month).toEqual([BigInt(settled * 9 + held * 10), 0n]);
    expect(await later.lapse()).toBe(0);
  }, 20_000);

  it('free what a call did not cost, and take what it cost above', async () => {
    const keyId = newKey();
    const budgets = open();
    const [cheap, dear] = [idOf(await budgets.reserve(ask(keyId))), idOf(await budgets.reserve(ask(keyId)))];
    expect(budgets.stats()).toEqual({ open: 2, unwritten: 0 });
    budgets.settle(cheap, 30n);
    budgets.settle(dear, 170n);
    expect(await budgets.flush()).toBe(true);
    expect(await figures(budgets, keyId)).toEqual({ day: [200n, 0n], month: [200n, 0n] });
    expect(budgets.stats()).toEqual({ open: 0, unwritten: 0 });
  });

  it('believe the first word about a reservation only, also from another process', async () => {
    const keyId = newKey();
    const budgets = open();
    const id = idOf(await budgets.reserve(ask(keyId)));
    budgets.settle(id, 30n);
    budgets.settle(id, 90n);
    await budgets.flush();
    budgets.settle(id, 90n);
    await budgets.flush();
    const other = open();
    other.settle(id, 90n);
    await other.flush();
    expect((await figures(budgets, keyId)).day).toEqual([30n, 0n]);
  });

  it('correct a reservation that had lapsed, once its slow process tells what it cost', async () => {
    const keyId = newKey();
    let now = NOON;
    const budgets = open({ clock: () => now });
    const id = idOf(await budgets.reserve(ask(keyId, { lapseAfterMs: 1_000 })));
    now += 999;
    await budgets.lapse();
    expect((await figures(budgets, keyId)).day).toEqual([0n, 100n]);
    now += 1;
    await budgets.lapse();
    expect((await figures(budgets, keyId)).day).toEqual([100n, 0n]);
    budgets.settle(id, 20n);
    await budgets.flush();
    expect((await figures(budgets, keyId)).day).toEqual([20n, 0n]);
    // A week later nobody is waited for any more.
    const lost = idOf(await budgets.reserve(ask(keyId, { lapseAfterMs: 1_000 })));
    now += 1_000;
    await budgets.lapse();
    now += 7 * 86_400_000 + 1;
    await budgets.lapse();
    expect(await database.query('select id from budget_reservations where id = $1', [lost])).toEqual([]);
  });

  it('begin anew at midnight and with the month (UTC), and charge a call to the day it was begun on', async () => {
    const keyId = newKey();
    let now = Date.UTC(2026, 10, 29, 23, 59, 59, 999);
    const budgets = open({ clock: () => now });
    const both = { dayLimitMicros: 100n, monthLimitMicros: 250n };
    const sunday = await budgets.reserve(ask(keyId, both));
    expect(sunday.standing).toMatchObject({ day: { resetsInMs: 1 }, month: { resetsInMs: 86_400_001 } });
    expect((await budgets.reserve(ask(keyId, both))).state).toBe('refused');
    now += 1;
    const monday = await budgets.reserve(ask(keyId, both));
    expect(monday.standing).toMatchObject({
      day: { spentMicros: 0n, reservedMicros: 100n, resetsInMs: 86_400_000 },
      month: { reservedMicros: 200n, resetsInMs: 86_400_000 },
    });
    budgets.settle(idOf(sunday), 100n);
    await budgets.flush();
    expect(await figures(budgets, keyId)).toEqual({ day: [0n, 100n], month: [100n, 100n] });
    budgets.settle(idOf(monday), 90n);
    await budgets.flush();
    // The day has room, the month has not.
    now += 86_399_999;
    expect(await budgets.reserve(ask(keyId, { ...both, amountMicros: 61n }))).toMatchObject({ state: 'refused' });
    now += 1;
    expect(new Date(now).toISOString()).toBe('2026-12-01T00:00:00.000Z');
    const tuesday = await budgets.reserve(ask(keyId, both));
    expect(tuesday).toMatchObject({
      state: 'reserved',
      standing: { month: { spentMicros: 0n, reservedMicros: 100n, resetsInMs: 31 * 86_400_000 } },
    });
    // The last second of a year, and a leap day.
    now = Date.UTC(2027, 11, 31, 23, 59, 59);
    expect((await budgets.budgetOf(keyId)).month.resetsInMs).toBe(1_000);
    now = Date.UTC(2028, 1, 28, 23, 59, 59);
    expect(await budgets.budgetOf(keyId)).toMatchObject({
      day: { resetsInMs: 1_000 },
      month: { resetsInMs: 86_401_000 },
    });
  });

  it('follow a limit that was changed meanwhile', async () => {
    const keyId = newKey();
    const budgets = open();
    for (let index = 0; index < 10; index += 1) await budgets.reserve(ask(keyId));
    expect((await budgets.reserve(ask(keyId))).state).toBe('refused');
    expect((await budgets.reserve(ask(keyId, { dayLimitMicros: 1_100n }))).state).toBe('reserved');
    expect((await budgets.reserve(ask(keyId, { dayLimitMicros: 500n }))).state).toBe('refused');
    expect((await budgets.reserve(ask(keyId, { dayLimitMicros: undefined }))).state).toBe('reserved');
  });

  it('judge each ask of a batch by itself', async () => {
    const keyId = newKey();
    const budgets = open();
    const amounts = [1n, 600n, 600n, 300n, 200n, 99n];
    const answers = await Promise.all(amounts.map((amountMicros) => budgets.reserve(ask(keyId, { amountMicros }))));
    expect(answers.map(({ state }) => state === 'reserved')).toEqual([true, true, false, true, false, true]);
  });

  it('keep amounts exact that no floating-point number holds, and stay in their columns', async () => {
    const keyId = newKey();
    const budgets = open();
    const limit = 1_000_000_000_000_000_000n;
    const huge = { dayLimitMicros: limit, monthLimitMicros: limit };
    const id = idOf(await budgets.reserve(ask(keyId, { ...huge, amountMicros: limit - 1n })));
    expect((await budgets.reserve(ask(keyId, { ...huge, amountMicros: 2n }))).state).toBe('refused');
    expect((await budgets.reserve(ask(keyId, { ...huge, amountMicros: 1n }))).state).toBe('reserved');
    budgets.settle(id, limit - 3n);
    await budgets.flush();
    expect((await figures(budgets, keyId)).day).toEqual([limit - 3n, 1n]);
    for (const cost of [10n ** 30n, 10n ** 30n, -5n]) {
      const answer = await budgets.reserve(ask(keyId, { dayLimitMicros: undefined, amountMicros: 10n ** 40n }));
      if (answer.state === 'reserved') budgets.settle(answer.reservationId, cost);
      await budgets.flush();
    }
    const [spent = 0n, reserved] = (await figures(budgets, keyId)).day;
    expect(spent).toBeGreaterThan(limit);
    expect(reserved).toBe(1n);
    expect((await budgets.reserve(ask(keyId, huge))).state).toBe('refused');
  });

  it('take any name of a caller', async () => {
    const budgets = open();
    for (const keyId of ['sub_a\0', "sub_'; drop table budget_spend", 'sub_\ud800', 'sub_ü', 'x'.repeat(1_000)]) {
      expect((await budgets.reserve(ask(keyId))).state).toBe('reserved');
      expect((await budgets.budgetOf(keyId)).day.reservedMicros).toBe(100n);
    }
  });

  it('agree with a simple account of the same events', async () => {
    const step = fc.oneof(
      fc.record({ type: fc.constant('reserve' as const), key: fc.nat(2), amount: fc.integer({ min: 1, max: 60 }) }),
      fc.record({ type: fc.constant('settle' as const), pick: fc.nat(20), cost: fc.integer({ min: 0, max: 80 }) }),
      fc.record({ type: fc.constant('wait' as const), hours: fc.integer({ min: 1, max: 30 }) }),
      fc.record({ type: fc.constant('lapse' as const) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
        const names = [newKey(), newKey(), newKey()];
        let now = NOON;
        const budgets = open({ clock: () => now });
        const limits = { dayLimitMicros: 150n, monthLimitMicros: 400n };
        const hour = 3_600_000;
        const made: { id: string; key: number; amount: number; at: number; cost?: number; lapsed?: boolean }[] = [];
        const dayOf = (at: number): string => new Date(at).toISOString().slice(0, 10);
        const used = (key: number, length: 7 | 10): number =>
          made
            .filter((one) => one.key === key && dayOf(one.at).slice(0, length) === dayOf(now).slice(0, length))
            .reduce((sum, one) => sum + (one.cost ?? one.amount), 0);
        for (const event of steps) {
          if (event.type === 'wait') now += event.hours * hour;
          else if (event.type === 'lapse') {
            await budgets.lapse();
            for (const one of made) if (one.cost === undefined && one.at + 10 * hour <= now) one.lapsed = true;
          } else if (event.type === 'settle') {
            const one = made[event.pick];
            // After a week the word of a slow process is not waited for any more.
            if (one === undefined || now - one.at > 6 * 24 * hour) continue;
            budgets.settle(one.id, BigInt(event.cost));
            await budgets.flush();
            one.cost ??= event.cost;
          } else {
            const { key, amount } = event;
            const fits = used(key, 10) + amount <= 150 && used(key, 7) + amount <= 400;
            const answer = await budgets.reserve(
              ask(names[key] ?? '', { ...limits, amountMicros: BigInt(amount), lapseAfterMs: 10 * hour }),
            );
            expect(answer.state).toBe(fits ? 'reserved' : 'refused');
            if (answer.state === 'reserved') made.push({ id: answer.reservationId, key, amount, at: now });
          }
        }
        for (const [key, name] of names.entries()) {
          const { day, month } = await budgets.budgetOf(name);
          expect(Number(day.spentMicros + day.reservedMicros)).toBe(used(key, 10));
          expect(Number(month.spentMicros + month.reservedMicros)).toBe(used(key, 7));
          const held = made
            .filter((one) => one.key === key && one.cost === undefined && one.lapsed !== true)
            .filter((one) => dayOf(one.at).slice(0, 7) === dayOf(now).slice(0, 7));
          expect(Number(month.reservedMicros)).toBe(held.reduce((sum, one) => sum + one.amount, 0));
        }
        await budgets.close();
      }),
      { numRuns: 40 },
    );
  }, 30_000);
});
