import { describe, expect, it } from '@jest/globals';
import { parseByteRange } from './byte-range.js';

describe('parseByteRange', () => {
  it.each([
    [undefined, { type: 'whole' }],
    ['bytes=0-0', { type: 'part', start: 0, end: 1 }],
    ['bytes=2-', { type: 'part', start: 2, end: 10 }],
    ['bytes=2-99', { type: 'part', start: 2, end: 10 }],
    ['bytes=-3', { type: 'part', start: 7, end: 10 }],
    ['bytes=-99', { type: 'part', start: 0, end: 10 }],
    ['bytes=10-', { type: 'unsatisfiable' }],
    ['bytes=-0', { type: 'unsatisfiable' }],
    ['bytes=5-2', { type: 'whole' }],
    ['bytes=0-1,3-4', { type: 'whole' }],
    ['lines=0-1', { type: 'whole' }],
    ['bytes=a-b', { type: 'whole' }],
  ])('reads %j of ten bytes', (header, range) => {
    expect(parseByteRange(header, 10)).toEqual(range);
  });
});
