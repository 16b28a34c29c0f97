import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { stringify } from 'yaml';
import { formatProblem } from '../problems/config-problem.js';
import { readYaml } from './read-yaml.js';
import { SourceTree } from './source-tree.js';

const read = (text: string) => readYaml({ text, file: 'c.yml' });
const messageOf = (text: string) => {
  const result = read(text);
  return result instanceof SourceTree ? 'no problem' : result.map(formatProblem).join('\n');
};
const plain = (text: string): unknown => JSON.parse(JSON.stringify((read(text) as SourceTree).value));

describe('readYaml', () => {
  it('reads what the library writes', () => {
    const name = fc.stringMatching(/^[a-z][a-z0-9_.-]{0,8}$/);
    const leaf = fc.oneof(fc.string({ unit: 'binary' }), fc.integer(), fc.boolean(), fc.constant(null));
    const value = fc.dictionary(name, fc.oneof(leaf, fc.array(leaf), fc.dictionary(name, leaf)));
    fc.assert(
      fc.property(value, (data) => {
        const json = JSON.parse(JSON.stringify(data)) as unknown;
        expect(plain(stringify(json))).toEqual(json);
      }),
    );
  });

  it('reads an empty file, or one of comments, as nothing set', () => {
    expect(plain('')).toEqual({});
    expect(plain('# models:\n')).toEqual({});
    expect(plain('---\n...\n')).toEqual({});
  });

  it('keeps numbers that are names as they are written', () => {
    expect(plain('4.10: a\n0x10: b\ntrue: c\nnull: d')).toEqual({ '4.10': 'a', '0x10': 'b', true: 'c', null: 'd' });
  });

  it('knows the line of each key and list entry, through aliases too', () => {
    const tree = read('a:\n  b: &x\n    c: 1\n  l:\n    - 1\n    - 2\nd: *x\n') as SourceTree;
    const lines = [['a'], ['a', 'b', 'c'], ['a', 'l', '1'], ['d'], ['d', 'c'], ['d', 'nothing']].map((path) =>
      tree.lineOf(path),
    );
    expect(lines).toEqual([1, 3, 6, 7, 3, 7]);
  });

  it.each([
    ['a: 1\nb: 2\na: 3', 'c.yml:3: a: written twice; the first is on line 1'],
    ['__proto__:\n  port: 1', 'c.yml:1: __proto__: this key is never taken'],
    ['"__proto__": 1', 'c.yml:1: __proto__: this key is never taken'],
    ['a: &a {b: 1}\nc:\n  <<: *a', 'c.yml:3: c.<<: merge keys are not taken; write the keys out'],
    ['a: !secret sk-canary', 'c.yml:1:4: tags (!name) are not taken; text that begins with ! needs quotes'],
    ['a: !!binary aGk=', 'c.yml:1:4: tags (!name) are not taken; text that begins with ! needs quotes'],
    [
      'a: *sk-canary',
      'c.yml:1: a: this alias (*name) is malformed, or its anchor (&name) does not stand before it; text that begins with * needs quotes',
    ],
    ['a: @sk-canary', 'c.yml:1:4: text that begins with this character needs quotes'],
    ['a: "sk-canary\n', 'c.yml:2:1: a closing quote, a bracket, a comma, a colon or a space is missing'],
    ['a: [sk-canary\n', 'c.yml:2:1: the indentation does not fit the lines above, or a bracket is not closed'],
    ['a: b: c', 'c.yml:1:4: two keys on one line; text that holds ": " needs quotes'],
    ['a:\n\tb: 1', 'c.yml:2:1: a tab is used to indent; YAML takes spaces only'],
    ['a: "C:\\data"', 'c.yml:1:7: unknown escape in double quotes; single quotes take backslashes as they are'],
    ['a: 1\n---\nb: 2', 'c.yml:2:1: a second document begins here; the file holds one'],
    ['%YAML 1.1\n---\na: yes', 'c.yml:1: expected YAML 1.2; remove the %YAML line'],
    ['? [a, b]\n: 1', 'c.yml:1:3: expected plain text as the key'],
  ])('says for %p where and what', (text, message) => expect(messageOf(text)).toBe(message));

  it('takes a few aliases, but none that multiply', () => {
    expect(plain('a: &a {x: 1}\nb: *a')).toEqual({ a: { x: 1 }, b: { x: 1 } });
    const levels = Array.from(
      { length: 9 },
      (_, level) => `l${level + 1}: &l${level + 1} [${`*l${level},`.repeat(9)}]`,
    );
    expect(messageOf(['l0: &l0 [1]', ...levels].join('\n'))).toContain('more than 100 aliases');
    expect(messageOf('a: &a {b: [*a]}')).toBe('c.yml:1: a.b.0.b.0: this alias stands inside what it names');
  });

  it('spends less than a second on a megabyte of junk', () => {
    const size = 1_048_576;
    const junk = ['[', '{a: ', '- ', '? ', ': ', '"', '&a ', '!a ', '---\n', '%a\n', ',', 'k: 1\n', '\n'].map((piece) =>
      piece.repeat(size / piece.length),
    );
    for (const text of [...junk, `[${','.repeat(size)}`, 'a'.repeat(size), `a: |\n${' x\n'.repeat(size / 3)}`]) {
      const start = process.cpuUsage();
      read(text);
      expect(process.cpuUsage(start).user).toBeLessThan(1_000_000);
    }
  });
});
