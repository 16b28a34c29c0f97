import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { createMemoryQuotas } from './memory-quotas.js';
import { describeQuotas } from './testing/describe-quotas.js';

describeQuotas('createMemoryQuotas', async () => {
  let now = 5_000_000;
  const quotas = createMemoryQuotas({ elapsed: () => now });
  return {
    quotas,
    other: quotas,
    now: () => now,
    pass: (ms) => {
      now += ms;
    },
    settle: async () => undefined,
    numRuns: 300,
  };
});

describe('createMemoryQuotas', () => {
  afterEach(() => {
    jest.useRealTimers();
  });

  it('forgets a caller whose minute is over and who has nothing under way', async () => {
    jest.useFakeTimers({ now: 0 });
    const quotas = createMemoryQuotas({ elapsed: () => Date.now() });
    const ask = { requestsPerMinute: 5, tokensPerMinute: undefined, parallel: 5, tokens: 0 };
    const [first, second] = ['quick', 'slow'].map((key) => quotas.take({ ...ask, key }));
    if (first?.granted) first.end(0);
    jest.advanceTimersByTime(130_000);
    expect(quotas.size).toBe(1);
    if (second?.granted) second.end(0);
    jest.advanceTimersByTime(130_000);
    expect(quotas.size).toBe(0);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('answers without a wait from the first moment of a process on', () => {
    const quotas = createMemoryQuotas({ elapsed: () => 0 });
    const ask = { key: 'a', requestsPerMinute: 1, tokensPerMinute: 10, parallel: 1, tokens: 5 };
    const answer = quotas.take(ask);
    expect(answer).toMatchObject({ granted: true, requests: { remaining: 0 }, tokens: { remaining: 5 } });
    expect(quotas.take({ ...ask, parallel: undefined })).toMatchObject({ granted: false, by: 'requests' });
    void quotas.close();
  });
});
