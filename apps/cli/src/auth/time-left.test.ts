import { expect, it } from '@jest/globals';
import { timeLeft } from './time-left.js';

it('says a span in one unit, never more than there is', () => {
  const minute = 60_000;
  const spans = [0, 999, 59_999, 119_999, 2 * minute, 119 * minute, 120 * minute, 47 * 60 * minute, 72 * 60 * minute];
  expect(spans.map(timeLeft)).toEqual(['0s', '0s', '59s', '119s', '2m', '119m', '2h', '47h', '3d']);
  expect(timeLeft(-5 * minute)).toBe('5m');
});
