import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ageOf, dueAge, lifeOf, takeoverAfter, waitAfter } from './token-life.js';

const MARGIN = 300_000;

describe('the age at which a token is due', () => {
  it('is its life without the margin, up to a fifth of the margin later', () => {
    expect(dueAge({ life: 3_600_000, marginMs: MARGIN, random: 0 })).toBe(3_300_000);
    expect(dueAge({ life: 3_600_000, marginMs: MARGIN, random: 1 })).toBe(3_360_000);
    expect(dueAge({ life: Number.POSITIVE_INFINITY, marginMs: MARGIN, random: 0 })).toBe(Number.POSITIVE_INFINITY);
  });

  it('is never before half of its life, and never after its end', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 1e9 }),
        fc.integer({ min: 0, max: 1e8 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (life, marginMs, random) => {
          const due = dueAge({ life, marginMs, random });
          expect(due).toBeGreaterThanOrEqual(life / 2);
          expect(due).toBeLessThanOrEqual(life);
        },
      ),
    );
  });
});

describe('the age of a pair', () => {
  it('is what this machine’s clock says, between nothing and what this process knows', () => {
    const pair = { issuedAt: 1_000 };
    expect(ageOf({ pair, now: 5_000, atMost: Number.POSITIVE_INFINITY })).toBe(4_000);
    // The clock of whoever got it is behind ours by an hour: it was written since we looked last.
    expect(ageOf({ pair, now: 3_601_000, atMost: 700 })).toBe(700);
    // And ahead of ours.
    expect(ageOf({ pair, now: -3_600_000, atMost: 700 })).toBe(0);
  });

  it('has no end where the server named none, and no negative one', () => {
    expect(lifeOf({ issuedAt: 1 })).toBe(Number.POSITIVE_INFINITY);
    expect(lifeOf({ issuedAt: 10, expiresAt: 5 })).toBe(0);
  });
});

describe('the wait after a failure', () => {
  it('doubles from a second to a minute, half of it by chance', () => {
    const wait = (count: number, random = 1) => waitAfter({ failure: 'timeout', count }, random);
    expect([1, 2, 3, 7, 100].map((count) => wait(count))).toEqual([1_000, 2_000, 4_000, 60_000, 60_000]);
    expect(wait(1, 0)).toBe(500);
  });

  it('is longer for a refusal that a person has to mend, and as long as the server asks', () => {
    expect(waitAfter({ failure: 'refused', count: 1 }, 1)).toBe(30_000);
    expect(waitAfter({ failure: 'refused', count: 99 }, 1)).toBe(600_000);
    expect(waitAfter({ failure: 'unavailable', count: 1, retryAfterMs: 120_000 }, 1)).toBe(120_000);
    expect(waitAfter({ failure: 'unavailable', count: 1, retryAfterMs: 1e12 }, 1)).toBe(3_600_000);
  });
});

describe('a claim may be taken over', () => {
  it('after a request and its storing had their time, and soon where nothing was sent', () => {
    expect(takeoverAfter(true, { timeoutMs: 10_000 })).toBe(15_000);
    expect(takeoverAfter(false, { timeoutMs: 10_000 })).toBe(5_000);
    expect(takeoverAfter(false, { timeoutMs: 100 })).toBe(1_000);
  });
});
