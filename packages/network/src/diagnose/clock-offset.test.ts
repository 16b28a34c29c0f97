import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { clockOffset, type ClockSample, type HostOffset, judgeClock } from './clock-offset.js';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;

/** What a server would write whose clock is `offset` ahead of ours, asked at `sentAt`. */
function sample(options: { sentAt: number; offset: number; there?: number; back?: number }): ClockSample {
  const { sentAt, offset, there = 40, back = 40 } = options;
  const date = new Date(Math.floor((sentAt + there + offset) / SECOND) * SECOND).toUTCString();
  return { sentAt, receivedAt: sentAt + there + back, date };
}

const host = (name: string, offsetMs: number, uncertaintyMs = 500): HostOffset => ({
  host: name,
  offsetMs,
  uncertaintyMs,
  roundTripMs: 20,
  samples: 3,
});

describe('the offset of a clock', () => {
  it('is always within what is said of it, whatever the route takes', () => {
    const times = fc.record({
      sentAt: fc.integer({ min: 1_700_000_000_000, max: 1_800_000_000_000 }),
      there: fc.integer({ min: 0, max: 3_000 }),
      back: fc.integer({ min: 0, max: 3_000 }),
    });
    fc.assert(
      fc.property(
        fc.array(times, { minLength: 1, maxLength: 6 }),
        fc.integer({ min: -86_400_000, max: 86_400_000 }),
        (samples, offset) => {
          const found = clockOffset(samples.map((one) => sample({ ...one, offset })));
          expect(Math.abs((found?.offsetMs ?? Number.NaN) - offset)).toBeLessThanOrEqual(
            (found?.uncertaintyMs ?? 0) + 1,
          );
        },
      ),
    );
  });

  it('is narrowed down by samples at other fractions of a second', () => {
    const at = 1_750_000_000_000;
    const one = clockOffset([sample({ sentAt: at, offset: 600_000 })]);
    const five = clockOffset([0, 230, 460, 690, 920].map((after) => sample({ sentAt: at + after, offset: 600_000 })));
    expect(one?.uncertaintyMs).toBeGreaterThan(500);
    expect(five?.uncertaintyMs).toBeLessThan(250);
  });

  it('counts the time an answer lay in a cache', () => {
    const at = 1_750_000_000_000;
    const date = new Date(at - 300 * SECOND).toUTCString();
    const found = clockOffset([{ sentAt: at, receivedAt: at + 10, date, age: '300' }]);
    expect(Math.abs(found?.offsetMs ?? Number.NaN)).toBeLessThanOrEqual(found?.uncertaintyMs ?? 0);
  });

  it('spans what servers behind one name say that do not agree', () => {
    const at = 1_750_000_000_000;
    const found = clockOffset([sample({ sentAt: at, offset: 0 }), sample({ sentAt: at, offset: 60_000 })]);
    expect(found?.uncertaintyMs).toBeGreaterThan(29_000);
  });

  it.each(['', 'yesterday', '9'.repeat(400)])('is unknown where the header is %j', (date) => {
    expect(clockOffset([{ sentAt: 0, receivedAt: 1, date }])).toBeUndefined();
  });
});

describe('the verdict on clocks', () => {
  const judge = (...hosts: HostOffset[]) => judgeClock({ hosts, toleranceMs: 30 * SECOND });

  it('blames ours where all others agree', () => {
    expect(judge(host('a', 10 * MINUTE), host('b', 10 * MINUTE + 300, 200))).toEqual({
      verdict: 'ours',
      offsetMs: 10 * MINUTE + 300,
      uncertaintyMs: 200,
    });
  });

  it('blames the one that differs from the others', () => {
    expect(judge(host('a', 10 * MINUTE), host('b', 100))).toMatchObject({ verdict: 'theirs', hosts: [{ host: 'a' }] });
  });

  it('says so where only one could be asked, where all differ otherwise, and where none said a time', () => {
    expect(judge(host('a', -10 * MINUTE))).toMatchObject({ verdict: 'ours-likely', offsetMs: -10 * MINUTE });
    expect(judge(host('a', 10 * MINUTE), host('b', -10 * MINUTE))).toEqual({ verdict: 'unclear' });
    expect(judge()).toEqual({ verdict: 'unknown' });
  });

  it('lets pass what is within the tolerance, or not certain to be outside', () => {
    expect(judge(host('a', 29 * SECOND))).toEqual({ verdict: 'right' });
    expect(judge(host('a', 40 * SECOND, 15 * SECOND))).toEqual({ verdict: 'right' });
  });
});
