import { describe, expect, it } from '@jest/globals';
import { estimatedTokens } from './price.js';
import { StreamTally } from './stream-tally.js';

describe('what a stream has said', () => {
  it('is estimated by its bytes: a character of many scripts is nearly a token', () => {
    const estimate = (text: string): number => {
      const tally = new StreamTally();
      for (const letter of text) tally.add([{ type: 'text-delta', choice: 0, text: letter }]);
      return estimatedTokens(tally.bytes);
    };
    expect(estimate('x'.repeat(400))).toBe(100);
    expect(estimate('模'.repeat(400))).toBe(300);
    expect(estimate('🦞'.repeat(400))).toBe(400);
  });

  it('is all of it: thoughts, refusals and calls too', () => {
    const tally = new StreamTally();
    tally.add([
      { type: 'reasoning-delta', choice: 0, text: 'a' },
      { type: 'refusal-delta', choice: 1, text: 'bc' },
      { type: 'tool-call-start', choice: 0, index: 0, id: 'call_1', name: 'def' },
      { type: 'tool-call-delta', choice: 0, index: 0, arguments: 'ghij' },
    ]);
    expect(tally.bytes).toBe(10);
  });
});
