import { describe, expect, it } from '@jest/globals';
import { isCronPattern } from './cron-pattern.js';

describe('a cron pattern', () => {
  it.each(['* * * * *', '30 4 * * *', '*/15 0-6 1,15 * 1-5', '0 3 * * 7', ' 5  4 31 12 0 ', '10-50/20 * * * *'])(
    'is %p',
    (text) => {
      expect(isCronPattern(text)).toBe(true);
    },
  );

  it.each([
    '',
    '* * * *',
    '* * * * * *',
    '60 * * * *',
    '* 24 * * *',
    '* * 0 * *',
    '* * * 13 *',
    '* * * * 8',
    '5-1 * * * *',
    '*/0 * * * *',
    '*/99 * * * *',
    '*5 * * * *',
    '1,,2 * * * *',
    '@daily',
    'a b c d e',
    '-1 * * * *',
    '1-2-3 * * * *',
  ])('is not %p', (text) => {
    expect(isCronPattern(text)).toBe(false);
  });
});
