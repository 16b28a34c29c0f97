import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { assembleJsonScan } from '../../tools/assemble-json-scan.js';
import { ByteRope } from '../byte-rope.js';
import { JSON_SCAN_CODE } from './json-scan-code.js';
import { type ScannedMember, scanJsonObject } from './scan-json-object.js';

const MESSAGES = [{ role: 'user', content: 'Hi' }];

function scan(text: string): readonly ScannedMember[] | undefined {
  return scanJsonObject(new ByteRope([Buffer.from(text)]));
}

/** What JSON.parse makes of it, where that is an object. */
function parsed(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

/** The object again, from the places that the scanner found. */
function rebuilt(text: string, members: readonly ScannedMember[]): Map<string, unknown> {
  const bytes = Buffer.from(text);
  return new Map(
    members.map(({ key, valueStart, end }) => [key, JSON.parse(bytes.toString('utf8', valueStart, end)) as unknown]),
  );
}

function expectSameAsParse(text: string): void {
  const value = parsed(text);
  const members = scan(text);
  expect({ text, valid: members !== undefined }).toEqual({ text, valid: value !== undefined });
  if (value !== undefined && members !== undefined) {
    expect(rebuilt(text, members)).toEqual(new Map(Object.entries(value)));
  }
}

function hasRole(element: unknown): boolean {
  return (
    typeof element === 'object' &&
    element !== null &&
    'role' in element &&
    typeof Reflect.get(element, 'role') === 'string'
  );
}

describe('the scanner of long bodies', () => {
  it('is what its source says', async () => {
    expect(await assembleJsonScan()).toBe(JSON_SCAN_CODE);
  });

  it('finds the members with their places', () => {
    const text = ' {"a" : [1, {"b":[]}] ,\n"m\\u006fdel":"x","\u00e9":-1.5e+3}\r\n';
    expect(scan(text)?.map(({ isList }) => isList)).toEqual([true, false, false]);
    expect(scan(text)?.map(({ key, start, valueStart, end }) => [key, start, valueStart, end])).toEqual([
      ['a', 2, 8, 21],
      ['model', 24, 37, 40],
      ['é', 41, 46, 53],
    ]);
  });

  it('counts the elements of a list, and knows whether each is surely a message', () => {
    const facts = (list: unknown): unknown => {
      const member = scan(typeof list === 'string' ? `{"messages":${list}}` : JSON.stringify({ messages: list }))?.[0];
      expect(member?.isList).toBe(true);
      return [member?.elements, member?.elementsHaveRoles];
    };
    expect(facts(MESSAGES)).toEqual([1, true]);
    expect(facts([...MESSAGES, { content: [{ role: 'x' }], role: 'assistant' }, { role: '' }])).toEqual([3, true]);
    expect(facts([])).toEqual([0, true]);
    expect(facts([...MESSAGES, 'text'])).toEqual([2, false]);
    expect(facts([MESSAGES])).toEqual([1, false]);
    expect(facts([{}])).toEqual([1, false]);
    expect(facts([{ role: 1 }, ...MESSAGES])).toEqual([2, false]);
    expect(facts([{ content: { role: 'user' } }])).toEqual([1, false]);
    expect(facts([{ roles: 'user' }])).toEqual([1, false]);
    expect(facts('[{"role":"user","role":null}]')).toEqual([1, false]);
    expect(facts('[{"role":null,"role":"user"}]')).toEqual([1, true]);
    // May be a role: JSON.parse decides.
    expect(facts('[{"role":"user","r\\u006fle":null}]')).toEqual([1, false]);
  });

  it.each([
    ['a list', '[1]'],
    ['a text', '"{}"'],
    ['nothing', ''],
    ['white space', ' \n'],
    ['a byte order mark', '\ufeff{}'],
    ['two objects', '{}{}'],
    ['a comma too many', '{"a":1,}'],
    ['a comma too many in a list', '{"a":[1,]}'],
    ['a comma too early', '{"a":[,1]}'],
    ['a missing comma', '{"a":1 "b":2}'],
    ['a missing colon', '{"a" 1}'],
    ['a key without quotes', '{a:1}'],
    ['single quotes', "{'a':1}"],
    ['a number as key', '{1:1}'],
    ['a comment', '{"a":1/**/}'],
    ['brackets that cross', '{"a":[{]}}'],
    ['a wrong end', '{"a":1]'],
    ['no end', '{"a":[{"b":1}'],
    ['a zero byte', '{"a":1\0}'],
    ['a zero byte after the end', '{"a":1}\0'],
    ['a form feed', '{"a":\f1}'],
    ['a no-break space', '{"a":\u00a01}'],
    ['a control character in a text', '{"a":"b\nc"}'],
    ['a tab in a key', '{"a\t":1}'],
    ['an unknown escape', '{"a":"\\x41"}'],
    ['an escape that is cut', '{"a":"\\'],
    ['a unicode escape that is cut', '{"a":"\\u00e"}'],
    ['a unicode escape of no hex digits', '{"a":"\\u00g0"}'],
    ['a text without end', `{"a":"${'x'.repeat(100)}`],
    ['a word in part', '{"a":tru}'],
    ['a word that goes on', '{"a":truex}'],
    ['a word in capitals', '{"a":True}'],
    ['not a number', '{"a":NaN}'],
    ['a plus sign', '{"a":+1}'],
    ['a zero in front', '{"a":01}'],
    ['a point without digits', '{"a":1.}'],
    ['a point in front', '{"a":.5}'],
    ['an exponent without digits', '{"a":1e+}'],
    ['a lone minus', '{"a":-}'],
  ])('takes no %s', (_, text) => {
    expect(parsed(text)).toBeUndefined();
    expect(scan(text)).toBeUndefined();
  });

  it('takes no bytes that are no UTF-8', () => {
    expect(scanJsonObject(new ByteRope([Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])]))).toBeUndefined();
  });

  it('reads escapes and quotes wherever they fall', () => {
    for (let length = 0; length < 70; length += 1) {
      for (const tail of [
        '',
        '\\\\',
        '\\"',
        '\\\\\\"',
        '\\n\\t\\"',
        '\\u0041',
        '\\ud83d\\ude00',
        '\\u00zz',
        '\\',
        '\u001f',
        '😀',
      ]) {
        expectSameAsParse(`{"${'k'.repeat(length % 7)}":"${'x'.repeat(length)}${tail}","b":["${tail}"]}`);
      }
    }
  });

  it('leaves what is beyond its bounds to JSON.parse', () => {
    const nested = (depth: number): string => `{"a":${'['.repeat(depth)}${']'.repeat(depth)}}`;
    expect(scan(nested(2_047))).toHaveLength(1);
    expect(scan(nested(2_048))).toBeUndefined();
    expect(scan(nested(200_000))).toBeUndefined();
    const wide = (count: number): string =>
      `{${Array.from({ length: count }, (__, index) => `"k${index}":1`).join(',')}}`;
    expect(scan(wide(500))).toHaveLength(500);
    expect(scan(wide(501))).toBeUndefined();
    const long = (length: number): string => `{"a":"${'x'.repeat(length - 8)}"}`;
    expect(scan(long(8 * 1_048_576))?.[0]?.end).toBe(8 * 1_048_576 - 1);
    expect(scan(long(8 * 1_048_576 + 1))).toBeUndefined();
    // What a longer body left behind is not read.
    expect(scan('{"a":1')).toBeUndefined();
    expect(scan('{"a":"x')).toBeUndefined();
  });

  it('takes what JSON.parse takes, and nothing else, for any object and any damage to its text', () => {
    const name = fc.oneof(
      fc.constantFrom('model', 'role', 'messages', '__proto__', 'a"b\\'),
      fc.string({ unit: 'binary' }),
    );
    const object = fc.dictionary(name, fc.jsonValue({ maxDepth: 4, stringUnit: 'binary' }), { noNullPrototype: true });
    const damage = fc.array(
      fc.record({
        at: fc.double({ min: 0, max: 1, noNaN: true }),
        remove: fc.nat(3),
        insert: fc.oneof(
          fc.constantFrom(...Array.from('{}[]:,"\\u0123e.-tfn \n\t\0'), 'true', '\\u006d', ',"a":1'),
          fc.string({ maxLength: 2 }),
        ),
      }),
      { maxLength: 2 },
    );
    fc.assert(
      fc.property(object, fc.constantFrom(undefined, 1, '\t'), damage, (value, indent, edits) => {
        let text = JSON.stringify(value, undefined, indent);
        for (const { at, remove, insert } of edits) {
          const index = Math.floor(at * (text.length + 1));
          text = text.slice(0, index) + insert + text.slice(index + remove);
        }
        // A surrogate alone can't be said in UTF-8.
        expectSameAsParse(text.toWellFormed());
      }),
      { numRuns: 3_000 },
    );
  });

  it('sees the messages as a reader of the parsed ones does, or is not sure', () => {
    const key = fc.constantFrom('"role"', '"r\\u006fle"', '"content"', '"Role"', '"name"');
    const element = fc.oneof(
      fc
        .array(fc.tuple(key, fc.constantFrom('"user"', '""', 'null', '1', '{"role":"x"}', '[{"role":"x"}]')), {
          maxLength: 3,
        })
        .map((members) => `{${members.map(([name, value]) => `${name}: ${value}`).join(' ,')}}`),
      fc.constantFrom('1', '"text"', 'null', '[]', '[{"role":"user"}]'),
    );
    fc.assert(
      fc.property(fc.array(element, { maxLength: 4 }), (elements) => {
        const text = `{"x":{"y":{"z":1}},"messages":[${elements.join(' , ')}]}`;
        const messages = parsed(text)?.['messages'] as unknown[];
        const member = scan(text)?.at(-1);
        expect(member?.elements).toBe(messages.length);
        const everyHasRole = messages.every(hasRole);
        if (member?.elementsHaveRoles === true) expect(everyHasRole).toBe(true);
        else expect(!everyHasRole || text.includes('\\u')).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });
});
