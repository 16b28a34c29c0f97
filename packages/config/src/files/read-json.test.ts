import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { formatProblem } from '../problems/config-problem.js';
import { readJson } from './read-json.js';
import { SourceTree } from './source-tree.js';

const read = (text: string) => readJson({ text, file: 'auth.json' });
const messageOf = (text: string) => {
  const result = read(text);
  return result instanceof SourceTree ? 'no problem' : result.map(formatProblem).join('\n');
};

function parsesAsJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

describe('readJson', () => {
  it('reads what JSON.parse reads', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 8, noUnicodeString: false }), fc.constantFrom(0, 1, 4), (json, indent) => {
        fc.pre(!json.includes('__proto__'));
        const text = JSON.stringify(JSON.parse(json), undefined, indent);
        const result = read(text);
        expect(result).toBeInstanceOf(SourceTree);
        expect(JSON.parse(JSON.stringify((result as SourceTree).value))).toEqual(JSON.parse(text));
      }),
    );
  });

  it('refuses what JSON.parse refuses, near misses above all', () => {
    const junk = fc.array(
      fc.constantFrom('{', '}', '[', ']', '"', ':', ',', '1', '-', '.', 'e', 'true', 'null', '\\', 'a', ' '),
      {
        maxLength: 12,
      },
    );
    fc.assert(
      fc.property(junk, (parts) => {
        const text = parts.join('');
        // Ours refuses keys that are written twice, too.
        if (!parsesAsJson(text)) expect(read(text)).not.toBeInstanceOf(SourceTree);
        else if (!messageOf(text).includes('twice')) expect(read(text)).toBeInstanceOf(SourceTree);
      }),
      { numRuns: 2_000 },
    );
  });

  it.each([
    ['', 'auth.json:1:1: expected a value; the file ends here'],
    ['{', 'auth.json:1:2: expected a name in double quotes; the file ends here'],
    ['{"openai": sk-canary}', 'auth.json:1:12: expected a value'],
    [
      '{\n  "openai": "sk-canary\n}',
      'auth.json:2:23: a line break or control character in a text; is a closing " missing?',
    ],
    ['{"openai": "sk-canary', 'auth.json:1:12: the closing " of this text is missing'],
    ['{"a": 1,}', 'auth.json:1:9: expected a name in double quotes'],
    ['{"a" 1}', 'auth.json:1:6: expected a colon after the name'],
    ['{"a": 1 "b": 2}', 'auth.json:1:9: expected a comma or a closing }'],
    ['[1 2]', 'auth.json:1:4: expected a comma or a closing ]'],
    ['{} x', 'auth.json:1:4: expected nothing after the last }'],
    ['{"a": "\\x"}', 'auth.json:1:7: unknown escape in a text; a backslash is written twice'],
    ["{'a': 1}", 'auth.json:1:2: expected a name in double quotes'],
    ['// keys\n{}', 'auth.json:1:1: expected a value'],
    ['{"a": {"key": 1,\n"key": 2}}', 'auth.json:2:1: a.key: written twice; the first is on line 1'],
    ['{"__proto__": {"type": "api_key"}}', 'auth.json:1:2: __proto__: this key is never taken'],
    ['{"a": {"\\u005f_proto__": 1}}', 'auth.json:1:8: a.__proto__: this key is never taken'],
  ])('says for %p where and what', (text, message) => expect(messageOf(text)).toBe(message));

  it('is not brought down by nesting', () => {
    expect(messageOf('['.repeat(500_000))).toBe('auth.json:1:34: more than 32 levels deep');
  });

  it('knows the line of each value, and ignores a byte order mark', () => {
    const tree = read('\uFEFF{\n  "a": {\n    "key": "x",\n    "scopes": [\n      "y"]\n  }\n}') as SourceTree;
    expect([['a'], ['a', 'key'], ['a', 'scopes', '0'], ['a', 'missing'], []].map((path) => tree.lineOf(path))).toEqual([
      2, 3, 5, 2, 1,
    ]);
  });
});
