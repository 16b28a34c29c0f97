import { describe, expect, it } from '@jest/globals';
import { checkJsonLimits } from './json-limits.js';

const padded = (text: string) => Buffer.from(text.padEnd(70_000));

describe('the limits of a long body', () => {
  it('refuse what nests too deep, valid or not', () => {
    expect(() => checkJsonLimits(Buffer.from('['.repeat(15_000_000)))).toThrow(/deeper than 2048/);
    expect(() => checkJsonLimits(padded(`${'{"a":'.repeat(2_049)}1${'}'.repeat(2_049)}`))).toThrow(/deeper than 2048/);
    expect(() => checkJsonLimits(padded(`${'['.repeat(2_048)}${']'.repeat(2_048)}`))).not.toThrow();
  });

  it('refuse too many lists, objects and members', () => {
    expect(() => checkJsonLimits(Buffer.from(`[${'[],'.repeat(500_000)}1]`))).toThrow(/lists and objects/);
    expect(() => checkJsonLimits(Buffer.from(`{${'"a":1,'.repeat(1_000_001)}"b":1}`))).toThrow(/members/);
  });

  it('count nothing within strings, whatever they hold', () => {
    const text = JSON.stringify({ a: '[{:'.repeat(600_000), b: '\\"['.repeat(1_000) });
    expect(() => checkJsonLimits(Buffer.from(text))).not.toThrow();
  });

  it('let 32 MB of text and of numbers pass within a fraction of a second', () => {
    const started = performance.now();
    checkJsonLimits(Buffer.from(JSON.stringify({ a: 'text \n'.repeat(4_500_000) })));
    checkJsonLimits(Buffer.from(`[${'1234567,'.repeat(4_000_000)}1]`));
    expect(performance.now() - started).toBeLessThan(5_000);
  });
});
