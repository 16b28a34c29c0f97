import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { backoffBoundMs, backoffMs } from './backoff.js';
import { RequestBudget } from './budget.js';
import { RetryBudget } from './retry-budget.js';

const POLICY = {
  max_attempts: 3,
  backoff_factor: 1.5,
  initial_backoff: 500,
  max_backoff: 8_000,
  max_total_wait: 20_000,
};

function create(options: { policy?: Partial<typeof POLICY>; totalMs?: number; burst?: number } = {}) {
  const clock = { now: 0 };
  const elapsed = (): number => clock.now;
  const { burst = 100 } = options;
  const shared = new RetryBudget({ settings: () => ({ ratio: 0, burst }), elapsed });
  const budget = new RequestBudget({
    policy: { ...POLICY, ...options.policy },
    totalMs: options.totalMs ?? 60_000,
    startedAt: 0,
    elapsed,
    random: () => 0.5,
    shared,
  });
  return { budget, clock, shared };
}

describe('backoff', () => {
  it('waits anywhere between nothing and a bound that grows by the factor up to the cap', () => {
    expect([0, 1, 2, 3].map((repeat) => backoffBoundMs(POLICY, repeat))).toEqual([500, 750, 1_125, 1_687.5]);
    expect(backoffBoundMs(POLICY, 50)).toBe(8_000);
    expect(backoffMs({ policy: POLICY, repeat: 0, random: () => 0 })).toBe(0);
    expect(backoffMs({ policy: POLICY, repeat: 0, random: () => 0.999_999 })).toBe(499);
  });

  it('is never beyond the cap, whatever the policy', () => {
    fc.assert(
      fc.property(
        fc.record({
          backoff_factor: fc.double({ min: 1, max: 10, noNaN: true }),
          initial_backoff: fc.integer({ min: 0, max: 60_000 }),
          max_backoff: fc.integer({ min: 0, max: 300_000 }),
        }),
        fc.nat(1_000),
        fc.double({ min: 0, max: 0.999_999, noNaN: true }),
        (policy, repeat, random) => {
          const wait = backoffMs({ policy: { ...POLICY, ...policy }, repeat, random: () => random });
          expect(wait).toBeGreaterThanOrEqual(0);
          expect(wait).toBeLessThanOrEqual(policy.max_backoff);
        },
      ),
    );
  });
});

describe('RequestBudget', () => {
  it('shares max_attempts minus one repeats over the whole chain', () => {
    const { budget } = create();
    expect([budget.takeRepeat(0), budget.takeRepeat(0), budget.takeRepeat(0)]).toEqual([true, true, false]);
    expect(create({ policy: { max_attempts: 1 } }).budget.takeRepeat(0)).toBe(false);
  });

  it('caps all waits of a request together', () => {
    const { budget } = create({ policy: { max_attempts: 10, max_total_wait: 1_000 } });
    expect(budget.takeRepeat(600)).toBe(true);
    expect(budget.fits(500)).toBe(false);
    expect(budget.takeRepeat(500)).toBe(false);
    expect(budget.takeRepeat(400)).toBe(true);
    expect(budget.takeWait(1)).toBe(false);
  });

  it('refuses a wait that reaches the deadline', () => {
    const { budget, clock } = create({ totalMs: 1_000 });
    expect(budget.fits(1_000)).toBe(false);
    clock.now = 700;
    expect(budget.remainingMs).toBe(300);
    expect(budget.takeRepeat(300)).toBe(false);
    expect(budget.takeRepeat(299)).toBe(true);
  });

  it('spends nothing of the shared budget on a repeat that its own budgets refuse', () => {
    const { budget, shared } = create({ burst: 2 });
    expect(budget.takeRepeat(1_000_000)).toBe(false);
    expect(shared.remaining).toBe(2);
    expect(budget.takeRepeat(0)).toBe(true);
    expect(shared.remaining).toBe(1);
  });

  it('refuses where the process has no repeats left', () => {
    expect(create({ burst: 0 }).budget.takeRepeat(0)).toBe(false);
  });

  it('grows its waits with each repeat, and never undercuts a hint', () => {
    const { budget } = create({ policy: { max_attempts: 10 } });
    expect(budget.nextBackoff(undefined)).toBe(250);
    budget.takeRepeat(0);
    expect(budget.nextBackoff(undefined)).toBe(375);
    expect(budget.nextBackoff(7_000)).toBe(7_000);
  });
});
