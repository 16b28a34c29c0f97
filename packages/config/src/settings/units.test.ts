import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { formatByteSize, parseByteSize } from './byte-size.js';
import { formatDuration, parseDuration } from './duration.js';

describe('lengths of time', () => {
  it.each([
    ['500ms', 500],
    ['30s', 30_000],
    ['1.5m', 90_000],
    ['2h', 7_200_000],
    ['7d', 604_800_000],
    ['30', 30_000],
    [' 30 s ', 30_000],
    [2, 2_000],
    [0, 0],
  ])('reads %p as %p ms', (text, ms) => expect(parseDuration(text)).toBe(ms));

  it.each(['', 's', '-1s', '1e3', '1 week', 'NaN', '1s1m', -1, Number.NaN, Number.POSITIVE_INFINITY])(
    'refuses %p',
    (text) => expect(parseDuration(text)).toBeUndefined(),
  );

  it('writes what it would read again', () => {
    fc.assert(fc.property(fc.nat(86_400_000), (ms) => parseDuration(formatDuration(ms)) === ms));
    expect([0, 1_500, 60_000, 5_400_000].map(formatDuration)).toEqual(['0s', '1500ms', '1m', '90m']);
  });
});

describe('sizes', () => {
  it.each([
    ['512kb', 524_288],
    ['32MB', 33_554_432],
    ['1.5 gb', 1_610_612_736],
    ['10b', 10],
    ['10', 10],
    [10, 10],
  ])('reads %p as %p bytes', (text, bytes) => expect(parseByteSize(text)).toBe(bytes));

  it.each(['', 'mb', '-1', '1tb', '1mib', -1, 1.5, Number.NaN])('refuses %p', (text) =>
    expect(parseByteSize(text)).toBeUndefined(),
  );

  it('writes what it would read again', () => {
    fc.assert(fc.property(fc.nat(), (bytes) => parseByteSize(formatByteSize(bytes)) === bytes));
    expect([0, 1_500, 33_554_432].map(formatByteSize)).toEqual(['0b', '1500b', '32mb']);
  });
});
