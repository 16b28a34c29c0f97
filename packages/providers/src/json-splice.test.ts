import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { spliceTopLevel } from './json-splice.js';

function splice(text: string, set: Record<string, string>, remove: readonly string[] = []): string {
  return spliceTopLevel(Buffer.from(text), { set, remove }).toString();
}

describe('spliceTopLevel', () => {
  it('replaces one value and leaves every other byte as it was', () => {
    const text = ' {\n  "a" : [1, {"model":"inner"}] ,\t"model" :  "gpt" , "z":1.50e+1}\r\n';
    expect(splice(text, { model: '"other"' })).toBe(text.replace('"gpt"', '"other"'));
  });

  it('gives the same buffer back when there is nothing to do', () => {
    const bytes = Buffer.from('{"a":1}');
    expect(spliceTopLevel(bytes, { set: {}, remove: ['b'] })).toBe(bytes);
  });

  it('puts a missing key in front, also into an empty object', () => {
    expect(splice('{"a":1}', { model: '"x"' })).toBe('{"model":"x","a":1}');
    expect(splice('{ }', { model: '"x"', n: '2' })).toBe('{"model":"x","n":2 }');
    expect(splice('{"gone":1}', { model: '"x"' }, ['gone'])).toBe('{"model":"x"}');
  });

  it('removes members with the comma that belongs to them', () => {
    expect(splice('{"a":1,"b":2,"c":3}', {}, ['a'])).toBe('{"b":2,"c":3}');
    expect(splice('{"a":1,"b":2,"c":3}', {}, ['b'])).toBe('{"a":1,"c":3}');
    expect(splice('{"a":1, "b":2 , "c":3 }', {}, ['b', 'c'])).toBe('{"a":1 }');
    expect(splice('{"a":1,"b":2,"c":3}', {}, ['a', 'b', 'c'])).toBe('{}');
  });

  it('rewrites duplicate and escaped keys and other spellings of the letters, so that no parser sees another value', () => {
    expect(splice('{"model":"a","\\u006dodel":"b","Model":"c","x":1,"model":{"d":[]}}', { model: '"ours"' })).toBe(
      '{"model":"ours","\\u006dodel":"ours","Model":"ours","x":1,"model":"ours"}',
    );
    expect(splice('{"model\\u017f":[1],"MODELS":2,"a":1}', {}, ['models'])).toBe('{"a":1}');
  });

  it('is not led astray by quotes, backslashes and braces in strings of any length', () => {
    for (const length of [0, 1, 40, 125, 126, 127, 128, 129, 130, 170, 500]) {
      for (const tail of ['', '\\\\', '\\"', '\\\\\\"', '}', '","model":"no', '\\\\","b":"\\"']) {
        const text = `{"a":"${'x'.repeat(length)}${tail}","model":"m"}`;
        const parsed: unknown = JSON.parse(splice(text, { model: '"ours"' }));
        expect(parsed).toEqual({ ...(JSON.parse(text) as object), model: 'ours' });
      }
    }
  });

  it('takes nesting of any depth', () => {
    const depth = 200_000;
    const text = `{"a":${'['.repeat(depth)}${']'.repeat(depth)},"model":"m"}`;
    expect(splice(text, { model: '1' })).toBe(text.replace('"m"', '1'));
  });

  it('agrees with JSON.parse for any object, any white space and any edits', () => {
    const key = fc.oneof(
      fc.constantFrom('model', 'models', 'stream', 'a', '__proto__'),
      fc.string({ unit: 'grapheme' }),
    );
    const value = fc.jsonValue({ maxDepth: 3 });
    fc.assert(
      fc.property(
        fc.array(fc.tuple(key, value, fc.constantFrom('', ' ', '\n\t'), fc.boolean())),
        fc.constantFrom('', ' ', '\r\n'),
        fc.uniqueArray(fc.constantFrom('model', 'a', 'stream')),
        fc.uniqueArray(fc.constantFrom('models', 'zz', '__proto__')),
        (members, space, setKeys, remove) => {
          const text = `${space}{${space}${members
            .map(([name, json, gap, escape]) => {
              const quoted = escape ? escapeAll(name) : JSON.stringify(name);
              return `${quoted}${gap}:${gap}${JSON.stringify(json)}${space}`;
            })
            .join(`,${space}`)}}${space}`;
          const set = Object.fromEntries(setKeys.map((name) => [name, JSON.stringify(`new ${name}`)]));
          const result = JSON.parse(splice(text, set, remove)) as object;
          const folded = (name: string): string => name.toUpperCase().toLowerCase();
          const expected = new Map<string, unknown>();
          for (const name of setKeys) expected.set(name, `new ${name}`);
          for (const [name, json] of members) {
            const setBy = setKeys.find((candidate) => folded(candidate) === folded(name));
            if (remove.some((candidate) => folded(candidate) === folded(name))) continue;
            expected.set(name, setBy === undefined ? (JSON.parse(JSON.stringify(json)) as unknown) : `new ${setBy}`);
          }
          const given = new Map(members.map(([name]) => [folded(name), name]));
          for (const name of setKeys)
            if (given.has(folded(name)) && !members.some(([other]) => other === name)) expected.delete(name);
          expect(new Map(Object.entries(result))).toEqual(expected);
        },
      ),
      { numRuns: 500 },
    );
  });
});

function escapeAll(name: string): string {
  return `"${Array.from({ length: name.length }, (_, index) => `\\u${name.charCodeAt(index).toString(16).padStart(4, '0')}`).join('')}"`;
}
