import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { QuotaAsk, QuotaGrant, QuotaRefusal, Quotas } from '../quotas.js';

/** One kind of quotas under test, and the way to let its time pass. */
export interface QuotasUnderTest {
  readonly quotas: Quotas;
  /** A second door to the same counts, as another process has it; may be the same object. */
  readonly other: Quotas;
  /** Milliseconds, at which the counts are. */
  readonly now: () => number;
  readonly pass: (ms: number) => void;
  /** Waits until what was ended is known to both doors. */
  readonly settle: () => Promise<void>;
  /** Cases drawn of each property. */
  readonly numRuns: number;
}

const NO_LIMIT = { requestsPerMinute: undefined, tokensPerMinute: undefined, parallel: undefined, tokens: 0 };

/** What every implementation of Quotas must do. */
export function describeQuotas(name: string, create: () => Promise<QuotasUnderTest>): void {
  describe(`${name} as quotas`, () => {
    let subject: QuotasUnderTest;
    let keys = 0;
    const newKey = (): string => `key_${(keys += 1)}`;
    beforeEach(async () => {
      subject = await create();
    });
    afterEach(async () => {
      await subject.quotas.close();
      if (subject.other !== subject.quotas) await subject.other.close();
    });

    const take = async (ask: Partial<QuotaAsk> & { readonly key: string }, door = subject.quotas) =>
      await door.take({ ...NO_LIMIT, ...ask });
    const granted = async (...values: Parameters<typeof take>): Promise<QuotaGrant> => {
      const answer = await take(...values);
      if (!answer.granted) throw new Error(`refused by ${answer.by}`);
      return answer;
    };
    const refused = async (...values: Parameters<typeof take>): Promise<QuotaRefusal> => {
      const answer = await take(...values);
      if (answer.granted) throw new Error('granted');
      return answer;
    };

    it('takes as many requests as a minute may have, and says when there are more', async () => {
      const key = newKey();
      subject.pass(1_000 - (subject.now() % 1_000));
      for (const remaining of [2, 1, 0]) {
        const { requests } = await granted(
          { key, requestsPerMinute: 3 },
          remaining === 1 ? subject.other : subject.quotas,
        );
        expect(requests).toEqual({ limit: 3, remaining, resetMs: 61_000 });
      }
      subject.pass(10_500);
      const refusal = await refused({ key, requestsPerMinute: 3 });
      expect(refusal).toMatchObject({
        by: 'requests',
        retryAfterMs: 50_500,
        requests: { remaining: 0, resetMs: 50_500 },
      });
      subject.pass(50_499);
      await refused({ key, requestsPerMinute: 3 });
      subject.pass(1);
      const { requests } = await granted({ key, requestsPerMinute: 3 });
      expect(requests?.remaining).toBe(2);
    });

    it('counts no request that it refuses', async () => {
      const key = newKey();
      await granted({ key, requestsPerMinute: 1, parallel: 5 });
      for (let index = 0; index < 5; index += 1) await refused({ key, requestsPerMinute: 1 });
      await refused({ key, requestsPerMinute: 6, tokensPerMinute: 10, tokens: 11, parallel: 1 });
      const { requests } = await granted({ key, requestsPerMinute: 2 });
      expect(requests?.remaining).toBe(0);
    });

    it('takes the expected tokens at first and the real ones at the end', async () => {
      const key = newKey();
      const ask = { key, tokensPerMinute: 1_000 };
      const first = await granted({ ...ask, tokens: 900 });
      expect(first.tokens).toMatchObject({ limit: 1_000, remaining: 100 });
      expect(await refused({ ...ask, tokens: 101 })).toMatchObject({ by: 'tokens' });
      first.end(300);
      first.end(0);
      await subject.settle();
      const second = await granted({ ...ask, tokens: 100 }, subject.other);
      expect(second.tokens?.remaining).toBe(600);
      second.end(2_500);
      await subject.settle();
      // More was used than allowed: nobody else comes in until that is a minute ago.
      expect(await refused({ ...ask, tokens: 1 })).toMatchObject({ tokens: { remaining: 0 } });
      subject.pass(61_000);
      const third = await granted({ ...ask, tokens: 1 });
      expect(third.tokens?.remaining).toBe(999);
    });

    it('lets a request that needs more than a whole minute in once the minute is empty', async () => {
      const key = newKey();
      const ask = { key, tokensPerMinute: 100 };
      const small = await granted({ ...ask, tokens: 1 });
      const refusal = await refused({ ...ask, tokens: 1_000_000 });
      expect(refusal.retryAfterMs).toBeGreaterThan(59_000);
      small.end(1);
      await subject.settle();
      subject.pass(refusal.retryAfterMs);
      const large = await granted({ ...ask, tokens: 1_000_000 });
      expect(large.tokens?.remaining).toBe(0);
    });

    it('holds a place for each request that is under way', async () => {
      const key = newKey();
      const ask = { key, parallel: 2 };
      const first = await granted(ask);
      await granted(ask, subject.other);
      expect(await refused(ask)).toMatchObject({ by: 'parallel', requests: undefined, tokens: undefined });
      first.end(0);
      first.end(0);
      await subject.settle();
      await granted(ask);
      await refused(ask, subject.other);
      await granted({ key: newKey(), parallel: 1 });
    });

    it('lets no more in than there are places, though all come at once', async () => {
      const key = newKey();
      const answers = await Promise.all(
        Array.from({ length: 100 }, async (_, index) =>
          take({ key, parallel: 7 }, index % 2 === 0 ? subject.quotas : subject.other),
        ),
      );
      expect(answers.filter((answer) => answer.granted)).toHaveLength(7);
    });

    it('follows limits that change, and keeps what was taken', async () => {
      const key = newKey();
      for (let index = 0; index < 5; index += 1) await granted({ key, requestsPerMinute: 5 });
      await refused({ key, requestsPerMinute: 5 });
      const { requests } = await granted({ key, requestsPerMinute: 10 });
      expect(requests?.remaining).toBe(4);
      expect((await refused({ key, requestsPerMinute: 3 })).requests?.remaining).toBe(0);
      await granted({ key, requestsPerMinute: undefined });
    });

    it('counts what is no sensible number of tokens as none or as very many', async () => {
      const key = newKey();
      const ask = { key, tokensPerMinute: 1_000_000_000_000 };
      for (const tokens of [Number.NaN, -5, 0.5, Number.POSITIVE_INFINITY]) {
        const grant = await granted({ ...ask, tokens: 0 });
        grant.end(tokens);
        await subject.settle();
      }
      expect(await refused({ ...ask, tokens: 1 })).toMatchObject({ by: 'tokens' });
      subject.pass(61_000);
      expect((await granted({ ...ask, tokens: 0 })).tokens?.remaining).toBe(1_000_000_000_000);
    });

    it('never lets any 60 seconds hold more than was allowed, and never refuses what 62 quiet seconds allow', async () => {
      const event = fc.record({
        wait: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 2_000 }), fc.integer({ min: 2_000, max: 70_000 })),
        tokens: fc.integer({ min: 0, max: 60 }),
        used: fc.integer({ min: 0, max: 90 }),
        ends: fc.boolean(),
      });
      await fc.assert(
        fc.asyncProperty(fc.array(event, { minLength: 1, maxLength: 40 }), async (events) => {
          const key = newKey();
          const limits = { key, requestsPerMinute: 5, tokensPerMinute: 100, parallel: 3 };
          const requests: number[] = [];
          /** Tokens at the moment at which they count. */
          const tokens: { at: number; amount: number }[] = [];
          const open: { grant: QuotaGrant; entry: { at: number; amount: number } }[] = [];
          const within = (ms: number): number =>
            tokens.filter(({ at }) => at > subject.now() - ms).reduce((sum, { amount }) => sum + amount, 0);
          for (const { wait, tokens: wanted, used, ends } of events) {
            subject.pass(wait);
            if (ends && open.length > 0) {
              const { grant, entry } = open.shift() as (typeof open)[number];
              grant.end(used);
              await subject.settle();
              if (used > entry.amount) tokens.push({ at: subject.now(), amount: used - entry.amount });
              else if (entry.at > subject.now() - 60_000) entry.amount = used;
            }
            const now = subject.now();
            const answer = await take({ ...limits, tokens: wanted });
            if (answer.granted) {
              requests.push(now);
              const entry = { at: now, amount: wanted };
              tokens.push(entry);
              open.push({ grant: answer, entry });
              expect(requests.filter((at) => at > now - 60_000).length).toBeLessThanOrEqual(5);
              expect(within(60_000)).toBeLessThanOrEqual(100);
              expect(open.length).toBeLessThanOrEqual(3);
            } else {
              const full = {
                requests: requests.filter((at) => at > now - 62_000).length >= 5,
                tokens: within(62_000) + wanted > 100,
                parallel: open.length >= 3,
              };
              expect(full[answer.by]).toBe(true);
              expect(answer.retryAfterMs).toBeLessThanOrEqual(61_000);
              expect(answer.retryAfterMs).toBeGreaterThan(0);
            }
          }
          for (const { grant } of open) grant.end(0);
          await subject.settle();
        }),
        { numRuns: subject.numRuns },
      );
    });
  });
}
