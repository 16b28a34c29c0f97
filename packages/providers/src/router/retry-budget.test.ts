import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { RetryBudget } from './retry-budget.js';

describe('RetryBudget', () => {
  it('allows the burst without any traffic, and no more', () => {
    const budget = new RetryBudget({ settings: () => ({ ratio: 0.2, burst: 3 }), elapsed: () => 0 });
    expect([1, 2, 3, 4].map(() => budget.take())).toEqual([true, true, true, false]);
    expect(budget.remaining).toBe(0);
  });

  it('earns a share of the requests', () => {
    const budget = new RetryBudget({ settings: () => ({ ratio: 0.2, burst: 0 }), elapsed: () => 0 });
    expect(budget.take()).toBe(false);
    for (let index = 0; index < 10; index += 1) budget.request();
    expect([budget.take(), budget.take(), budget.take()]).toEqual([true, true, false]);
  });

  it('forgets requests and repeats after ten seconds', () => {
    let now = 0;
    const budget = new RetryBudget({ settings: () => ({ ratio: 1, burst: 1 }), elapsed: () => now });
    budget.request();
    expect([budget.take(), budget.take(), budget.take()]).toEqual([true, true, false]);
    now = 9_999;
    expect(budget.take()).toBe(false);
    now = 10_000;
    expect([budget.take(), budget.take()]).toEqual([true, false]);
    now = 1_000_000_000;
    expect(budget.remaining).toBe(1);
  });

  it('allows no repeats at all where both are 0', () => {
    const budget = new RetryBudget({ settings: () => ({ ratio: 0, burst: 0 }), elapsed: () => 5 });
    for (let index = 0; index < 1_000; index += 1) budget.request();
    expect(budget.take()).toBe(false);
  });

  it('allows a repeat exactly where the last ten seconds leave room for one', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 0, max: 3_000 }), fc.boolean()), { maxLength: 200 }),
        fc.integer({ min: 0, max: 5 }),
        (steps, burst) => {
          let now = 0;
          const budget = new RetryBudget({ settings: () => ({ ratio: 0.5, burst }), elapsed: () => now });
          const requests: number[] = [];
          const repeats: number[] = [];
          for (const [wait, isRequest] of steps) {
            now += wait;
            // Nine whole seconds and the running one.
            const since = Math.floor(now / 1_000) * 1_000 - 9_000;
            const recent = (times: readonly number[]): number => times.filter((at) => at >= since).length;
            if (isRequest) {
              budget.request();
              requests.push(now);
            } else {
              const room = burst + 0.5 * recent(requests) - recent(repeats) >= 1;
              expect(budget.take()).toBe(room);
              if (room) repeats.push(now);
            }
          }
        },
      ),
    );
  });
});
