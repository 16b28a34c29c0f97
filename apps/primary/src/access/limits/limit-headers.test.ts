import { describe, expect, it } from '@jest/globals';
import { durationText, limitHeaders, moneyText } from './limit-headers.js';

describe('the headers of limits', () => {
  it('name only what is limited', () => {
    const none = { requests: undefined, tokens: undefined, budgetRemainingMicros: undefined };
    expect(limitHeaders({ standing: none, dialect: 'openai-chat', now: 0 })).toEqual([]);
    expect(limitHeaders({ standing: { ...none, budgetRemainingMicros: 0n }, dialect: 'openai-chat', now: 0 })).toEqual([
      'x-moltbot-budget-remaining',
      '0.000000',
    ]);
    const requests = { limit: 5, remaining: 4, resetMs: 61_000 };
    expect(limitHeaders({ standing: { ...none, requests }, dialect: 'anthropic-messages', now: 1_000 })).toEqual([
      'x-ratelimit-limit-requests',
      '5',
      'x-ratelimit-remaining-requests',
      '4',
      'x-ratelimit-reset-requests',
      '1m1s',
      'anthropic-ratelimit-requests-limit',
      '5',
      'anthropic-ratelimit-requests-remaining',
      '4',
      'anthropic-ratelimit-requests-reset',
      '1970-01-01T00:01:02Z',
    ]);
  });

  it('write durations as OpenAI does', () => {
    const cases: [number, string][] = [
      [-5, '0s'],
      [0, '0s'],
      [0.2, '1ms'],
      [999, '999ms'],
      [1_000, '1s'],
      [8_640, '8.64s'],
      [59_999.5, '1m0s'],
      [61_005, '1m1.005s'],
      [3_600_000, '1h0m0s'],
      [2_678_400_000, '744h0m0s'],
    ];
    for (const [ms, text] of cases) expect([ms, durationText(ms)]).toEqual([ms, text]);
  });

  it('write money exactly', () => {
    const cases: [bigint, string][] = [
      [0n, '0.000000'],
      [1n, '0.000001'],
      [1_234_567n, '1.234567'],
      [10n ** 18n + 1n, '1000000000000.000001'],
      [-5n, '-0.000005'],
    ];
    for (const [micros, text] of cases) expect(moneyText(micros)).toBe(text);
  });
});
