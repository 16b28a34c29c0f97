import { describe, expect, it } from '@jest/globals';
import { progressText } from './progress-text.js';

describe('the progress of a job', () => {
  it('is a bar of one width where the job counts', () => {
    expect(progressText({ done: 0, of: 8 }, { bar: true })).toBe(`[${'-'.repeat(24)}] 0 %  0/8`);
    expect(progressText({ done: 4, of: 8 }, { bar: true })).toBe(`[${'#'.repeat(12)}${'-'.repeat(12)}] 50 %  4/8`);
    expect(progressText({ done: 9, of: 8 }, { bar: true })).toBe(`[${'#'.repeat(24)}] 100 %  9/8`);
    expect(progressText({ done: 199, of: 200 }, { bar: false })).toBe('99 %  199/200');
    const read = { done: 1_500_000, of: 3_000_000, unit: 'bytes', lines: 12_345 };
    expect(progressText(read, { bar: false })).toBe('50 %  1.5/3.0 MB, 12,345 lines');
  });

  it('is what the job says where it does not count', () => {
    expect(progressText({ step: 'upload' }, { bar: true })).toBe('{"step":"upload"}');
    expect(progressText({ done: 1, of: 0 }, { bar: true })).toBe('{"done":1,"of":0}');
    for (const nothing of [null, undefined, 7, 'x', {}]) expect(progressText(nothing, { bar: true })).toBeUndefined();
  });
});
