import { describe, expect, it } from '@jest/globals';
import { addUsage, costMicros, estimatedTokens } from './price.js';

const PRICE = { input: 3, output: 15, cachedInput: 0.3, cacheWrite: 3.75 };

describe('costMicros', () => {
  it('prices plain, cached, cache-write and output tokens apart', () => {
    const usage = {
      inputTokens: 1_000,
      outputTokens: 100,
      cachedInputTokens: 600,
      cacheWriteTokens: 200,
      source: 'provider' as const,
    };
    expect(costMicros(usage, PRICE)).toBe(200 * 3 + 600 * 0.3 + 200 * 3.75 + 100 * 15);
  });

  it('says nothing where usage or price is not known, and 0 where it is free', () => {
    const usage = { inputTokens: 5, outputTokens: 5, source: 'provider' as const };
    expect(costMicros(undefined, PRICE)).toBeUndefined();
    expect(costMicros(usage, undefined)).toBeUndefined();
    expect(costMicros(usage, { input: 0, output: 0, cachedInput: 0, cacheWrite: 0 })).toBe(0);
  });

  it('does not go below 0 where a provider reports more cached tokens than there were', () => {
    const usage = { inputTokens: 10, outputTokens: 0, cachedInputTokens: 50, source: 'provider' as const };
    expect(costMicros(usage, PRICE)).toBe(3);
  });
});

describe('addUsage', () => {
  it('adds what two models reported, and is estimated as soon as one part is', () => {
    const first = { inputTokens: 10, outputTokens: 1, reasoningTokens: 1, source: 'provider' as const };
    const second = { inputTokens: 20, outputTokens: 2, source: 'estimated' as const };
    expect(addUsage(first, second)).toEqual({
      inputTokens: 30,
      outputTokens: 3,
      reasoningTokens: 1,
      cachedInputTokens: undefined,
      cacheWriteTokens: undefined,
      source: 'estimated',
    });
    expect(addUsage(undefined, second)).toBe(second);
    expect(addUsage(first, undefined)).toBe(first);
  });
});

describe('estimatedTokens', () => {
  it('is a quarter of the characters, rounded up', () => {
    expect([0, 1, 4, 5].map((characters) => estimatedTokens(characters))).toEqual([0, 1, 1, 2]);
  });
});
