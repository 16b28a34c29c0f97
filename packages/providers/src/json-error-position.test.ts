import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { jsonErrorPosition } from './json-error-position.js';

describe('the place of a mistake in JSON', () => {
  it.each<[string, number]>([
    ['', 0],
    ['  ', 2],
    ['{"a": [word', 7],
    ['{"a" 1}', 5],
    ['{"a": 1 "b"', 8],
    ['{"a": 1,}', 8],
    ['[1,]', 3],
    ['[1}', 2],
    ['{"a": 1} x', 9],
    ['"ab', 3],
    ['"a\nb"', 2],
    ['"a\\x"', 2],
    ['"a\\u12g4"', 2],
    ['{a: 1}', 1],
    ['01', 0],
    ['1.e5', 0],
    ['nulls', 0],
    ['\ufeff{}', 0],
    ["{'a': 1}", 1],
    ['{"a": {"b": [1, 2, {"c": }]}}', 25],
  ])('of %j is %i', (text, position) => {
    expect(jsonErrorPosition(text)).toBe(position);
  });

  it('is nowhere exactly where the engine finds none either', () => {
    const mutated = fc.tuple(
      fc.json(),
      fc.nat(),
      fc.constantFrom('', ',', '"', '}', ']', ':', '1', '\\', '\u0001', ' ', '-'),
    );
    fc.assert(
      fc.property(mutated, ([json, place, piece]) => {
        const at = place % (json.length + 1);
        const text = json.slice(0, at) + piece + json.slice(at + (piece === '' ? 1 : 0));
        const position = jsonErrorPosition(text);
        let valid = true;
        try {
          JSON.parse(text);
        } catch {
          valid = false;
        }
        expect([text, position === undefined]).toEqual([text, valid]);
      }),
      { numRuns: 2_000 },
    );
  });

  it('is not looked for in texts beyond a megabyte, and found in deep ones', () => {
    expect(jsonErrorPosition(`[${' '.repeat(1_048_576)}`)).toBeUndefined();
    expect(jsonErrorPosition('['.repeat(500_000))).toBe(500_000);
  });
});
