import { describe, expect, it } from '@jest/globals';
import type { KeyLimits } from '@moltbot/config';
import { MoltbotError } from '@moltbot/contracts';
import { createMemoryQuotas } from '@moltbot/state';
import type { Admission, AdmissionAnswer, LimiterEvent, Refusal } from './admission.js';
import type { BudgetAsk, BudgetLedger } from './budget-ledger.js';
import { createLimiter } from './limiter.js';

/** An account book in memory: one period stands for both day and month. */
function setUp() {
  const state = {
    now: 1_000_000,
    spent: 0n,
    down: false,
    asks: [] as BudgetAsk[],
    gate: undefined as Promise<void> | undefined,
  };
  const held = new Map<string, bigint>();
  const reserved = (): bigint => [...held.values()].reduce((sum, micros) => sum + micros, 0n);
  const budgets: BudgetLedger = {
    async reserve(ask) {
      state.asks.push(ask);
      await state.gate;
      if (state.down) throw new MoltbotError('storage_unavailable');
      const limit = ask.dayLimitMicros ?? ask.monthLimitMicros ?? 0n;
      const fits = state.spent + reserved() + ask.amountMicros <= limit;
      const id = `r${state.asks.length}`;
      if (fits) held.set(id, ask.amountMicros);
      const figures = { spentMicros: state.spent, reservedMicros: reserved() };
      const standing = {
        day: { ...figures, resetsInMs: 3_600_000 },
        month: { ...figures, resetsInMs: 86_400_000 },
      };
      return fits ? { state: 'reserved', reservationId: id, standing } : { state: 'refused', standing };
    },
    settle(id, micros) {
      if (held.delete(id)) state.spent += micros;
    },
    stats: () => ({ open: held.size, unwritten: 0 }),
  };
  const events: LimiterEvent[] = [];
  const quotas = createMemoryQuotas({ elapsed: () => state.now });
  const limiter = createLimiter({ quotas, budgets, elapsed: () => state.now, onEvent: (event) => events.push(event) });
  const admit = (limits: KeyLimits, changes: { tokens?: number; worstCaseMicros?: bigint; keyId?: string } = {}) =>
    limiter.admit({
      keyId: 'key_a',
      limits,
      tokens: 10,
      worstCaseMicros: 1_000_000n,
      lapseAfterMs: 60_000,
      ...changes,
    });
  return { state, held, reserved, events, admit };
}

function admitted(answer: AdmissionAnswer): Admission {
  if (answer.admitted) return answer;
  throw new Error(`refused by ${answer.by}`);
}

function refused(answer: AdmissionAnswer): Refusal {
  if (!answer.admitted) return answer;
  throw new Error('admitted');
}

describe('the limiter', () => {
  it('answers at once where no money is asked for', () => {
    const { admit, state } = setUp();
    for (const limits of [{}, { requests_per_minute: 5 }, { tokens_per_minute: 50 }, { parallel_requests: 2 }]) {
      expect(admit(limits, { keyId: JSON.stringify(limits) })).not.toBeInstanceOf(Promise);
    }
    // What costs nothing needs no budget.
    expect(admit({ budget_per_day: 1 }, { worstCaseMicros: 0n })).not.toBeInstanceOf(Promise);
    expect(state.asks).toEqual([]);
  });

  it('refuses what is over a limit as a value that says what it was and when to come again', async () => {
    const { admit, events } = setUp();
    const limits = { requests_per_minute: 2, tokens_per_minute: 25, parallel_requests: 9 };
    const first = admitted(await admit(limits));
    expect(first.standing).toMatchObject({
      requests: { limit: 2, remaining: 1 },
      tokens: { limit: 25, remaining: 15 },
      budgetRemainingMicros: undefined,
    });
    expect(refused(await admit(limits, { tokens: 16 }))).toMatchObject({
      code: 'key_rate_limited',
      by: 'tokens',
      held: false,
      standing: { requests: { remaining: 1 } },
    });
    first.settle({ tokens: 2, costMicros: 0n });
    admitted(await admit(limits, { tokens: 16 }));
    const third = refused(await admit(limits, { tokens: 0 }));
    expect(third).toMatchObject({ by: 'requests' });
    expect(third.retryAfterMs).toBeGreaterThan(59_000);
    expect(events).toEqual([
      { type: 'refused', by: 'tokens' },
      { type: 'refused', by: 'requests' },
    ]);
  });

  it('sets money aside, and frees what was not spent', async () => {
    const { admit, state, reserved, events } = setUp();
    const limits = { budget_per_day: 2.5 };
    const first = admitted(await admit(limits));
    const second = admitted(await admit(limits));
    expect(second.standing.budgetRemainingMicros).toBe(500_000n);
    expect(first.reservedMicros).toBe(1_000_000n);
    expect(refused(await admit(limits))).toMatchObject({
      code: 'budget_exhausted',
      by: 'day',
      held: true,
      retryAfterMs: 1_000,
      standing: { budgetRemainingMicros: 500_000n },
    });
    first.settle({ tokens: 3, costMicros: 400_000n });
    first.settle({ tokens: 3, costMicros: 400_000n });
    expect([state.spent, reserved()]).toEqual([400_000n, 1_000_000n]);
    admitted(await admit(limits));
    expect(events.filter(({ type }) => type === 'settled')).toEqual([
      { type: 'settled', reservedMicros: 1_000_000n, costMicros: 400_000n },
    ]);
  });

  it('tells a budget that is spent from one that others hold, and from one that is too small', async () => {
    const { admit, state } = setUp();
    state.spent = 600_000n;
    expect(refused(await admit({ budget_per_month: 1.5 }))).toMatchObject({
      by: 'month',
      held: false,
      retryAfterMs: 86_400_000,
    });
    expect(refused(await admit({ budget_per_day: 0.9 }, { keyId: 'b' }))).toMatchObject({
      by: 'day',
      held: false,
      retryAfterMs: undefined,
    });
    expect(refused(await admit({ budget_per_day: 1.5, budget_per_month: 1.5 }, { keyId: 'c' }))).toMatchObject({
      by: 'month',
      retryAfterMs: 86_400_000,
    });
  });

  it('asks the database no more than once a second for a caller whose budget is spent', async () => {
    const { admit, state } = setUp();
    state.spent = 1_000_000n;
    const limits = { budget_per_day: 1 };
    for (let index = 0; index < 20; index += 1) refused(await admit(limits));
    expect(state.asks).toHaveLength(1);
    state.now += 999;
    expect(refused(await admit(limits)).retryAfterMs).toBe(3_599_001);
    // A smaller request may fit, and a budget may have been raised.
    refused(await admit(limits, { worstCaseMicros: 10n }));
    expect(state.asks).toHaveLength(2);
    admitted(await admit({ budget_per_day: 3 }));
    expect(state.asks).toHaveLength(3);
    state.now += 1_000;
    refused(await admit(limits));
    expect(state.asks).toHaveLength(4);
  });

  it('lets nobody spend unseen while the database is away, and holds no place for those it refused', async () => {
    const { admit, state } = setUp();
    const limits = { parallel_requests: 1, tokens_per_minute: 10, budget_per_day: 5 };
    state.down = true;
    await expect(admit(limits)).rejects.toMatchObject({ code: 'storage_unavailable' });
    state.down = false;
    const running = admitted(await admit(limits));
    expect(running.standing.tokens?.remaining).toBe(0);
    expect(refused(await admit(limits))).toMatchObject({ code: 'key_rate_limited' });
    running.settle({ tokens: 0, costMicros: 0n });
    expect(refused(await admit(limits, { worstCaseMicros: 6_000_000n }))).toMatchObject({ code: 'budget_exhausted' });
    admitted(await admit(limits));
  });

  it('sets more aside for a further attempt, and settles all of it as one', async () => {
    const { admit, state, reserved, events } = setUp();
    const limits = { budget_per_day: 2.2 };
    const admission = admitted(await admit(limits));
    expect(await admission.reserveMore(700_000n)).toBeUndefined();
    expect(admission.reservedMicros).toBe(1_700_000n);
    expect(await admission.reserveMore(600_000n)).toMatchObject({ code: 'budget_exhausted', held: true });
    expect(await admission.reserveMore(0n)).toBeUndefined();
    admission.settle({ tokens: 1, costMicros: 1_300_000n });
    expect([state.spent, reserved()]).toEqual([1_300_000n, 0n]);
    expect(events.at(-1)).toEqual({ type: 'settled', reservedMicros: 1_700_000n, costMicros: 1_300_000n });
  });

  it('frees what was set aside for a request that ended meanwhile', async () => {
    const { admit, state, reserved } = setUp();
    const admission = admitted(await admit({ budget_per_day: 3 }));
    let release = (): void => undefined;
    state.gate = new Promise((resolve) => {
      release = resolve;
    });
    const more = admission.reserveMore(500_000n);
    admission.settle({ tokens: 0, costMicros: 10n });
    release();
    expect(await more).toBeUndefined();
    expect([state.spent, reserved()]).toEqual([10n, 0n]);
    expect(await admission.reserveMore(500_000n)).toBeUndefined();
    expect(reserved()).toBe(0n);
  });

  it('reads budgets exactly, as small and as large as they may be', async () => {
    const { admit, state } = setUp();
    for (const budget of [0.1 + 0.2, 1e-6, 1e12]) await admit({ budget_per_day: budget }, { worstCaseMicros: 1n });
    expect(state.asks.map(({ dayLimitMicros }) => dayLimitMicros)).toEqual([300_000n, 1n, 10n ** 18n]);
  });
});
