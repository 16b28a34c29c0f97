import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { editDistance, nearest } from './nearest.js';

describe('nearest', () => {
  it.each([
    ['primry', 'primary'],
    ['primary_model', undefined],
    ['falbacks', 'fallbacks'],
    ['maxAttempts', 'max_attempts'],
    ['MAX-ATTEMPTS', 'max_attempts'],
    ['max_atempt', 'max_attempts'],
    ['zzz', undefined],
    ['', undefined],
  ])('finds for %p %p', (text, found) => {
    expect(nearest(text, ['primary', 'fallbacks', 'max_attempts'])).toBe(found);
  });
});

describe('editDistance', () => {
  it('counts insertions, deletions, replacements and swapped neighbours', () => {
    expect(editDistance('', 'abc')).toBe(3);
    expect(editDistance('abc', 'abc')).toBe(0);
    expect(editDistance('abc', 'acb')).toBe(1);
    expect(editDistance('abc', 'axc')).toBe(1);
    expect(editDistance('kitten', 'sitting')).toBe(3);
  });

  it('is the same both ways, and never more than the longer text', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 20 }), fc.string({ maxLength: 20 }), (left, right) => {
        const distance = editDistance(left, right);
        expect(distance).toBe(editDistance(right, left));
        expect(distance).toBeLessThanOrEqual(Math.max(left.length, right.length));
        expect(distance === 0).toBe(left === right);
      }),
    );
  });
});
