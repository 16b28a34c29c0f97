import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { createReplayJoiner, createSeamJoiner } from './join.js';

/** What a caller has seen at the end, with the new text in the given pieces. */
function join(shown: string, ...pieces: string[]): string {
  const joiner = createSeamJoiner({ shown });
  return shown + pieces.map((piece) => joiner.push(piece)).join('') + joiner.end();
}

function replay(shown: string, ...pieces: string[]): string | number {
  const joiner = createReplayJoiner({ shown });
  let text = shown;
  for (const verdict of [...pieces.map((piece) => joiner.push(piece)), joiner.end()]) {
    if (verdict.diverged) return verdict.at;
    text += verdict.text;
  }
  return text;
}

function cut(text: string, cuts: readonly number[]): string[] {
  const edges = [0, ...cuts.map((at) => at % (text.length + 1)).sort((a, b) => a - b), text.length];
  return edges.slice(1).map((edge, index) => text.slice(edges[index], edge));
}

/** Words that share no beginning, so that an overlap is where the test puts it. */
const WORDS = ['apples', 'berries', 'cherries', 'dates', 'elder', 'figs', 'grapes', 'honey', 'iris', 'juniper'];
const sentence = (least: number, most: number): fc.Arbitrary<string> =>
  fc.shuffledSubarray(WORDS, { minLength: least, maxLength: most }).map((words) => words.join(' '));

describe('the seam of a continuation', () => {
  it.each([
    ['goes on as it is', 'The cat sat', ' on the mat.', 'The cat sat on the mat.'],
    ['goes on in the middle of a word', 'The cat s', 'at on it', 'The cat sat on it'],
    ['leaves out the last words said again', 'The cat sat on', 'cat sat on the mat', 'The cat sat on the mat'],
    ['leaves out a word that was cut and begun again', 'The quick bro', 'brown fox', 'The quick brown fox'],
    ['leaves out what was repeated over a line end', 'one two\nthree', 'two three four', 'one two\nthree four'],
    ['leaves out Chinese said again', '人工智能正在改变世界', '正在改变世界的面貌', '人工智能正在改变世界的面貌'],
    ['keeps one repeated character', 'It costs 1', '1 dollars', 'It costs 11 dollars'],
    ['keeps a laugh', 'ha', 'haha', 'hahaha'],
    ['keeps a word said twice', 'very', ' very good', 'very very good'],
    ['keeps a rule that goes on', '| a |\n|----', '----|', '| a |\n|--------|'],
    [
      'keeps a line that was repeated before',
      'foo(1);\nfoo(1);\n',
      'foo(1);\nbar();',
      'foo(1);\nfoo(1);\nfoo(1);\nbar();',
    ],
    ['keeps a doubled Chinese word', '我们研究', '研究这个', '我们研究研究这个'],
    ['keeps digits that go on', '0.333', '3333', '0.3333333'],
    ['shows one space', 'The cat ', ' sat', 'The cat sat'],
    ['shows an indentation once', 'def f():\n    ', '\n    return 1', 'def f():\n    return 1'],
    ['shows the rest of a paragraph break', 'End.\n', '\n\nNext', 'End.\n\nNext'],
    ['keeps a paragraph break after a blank', 'End. ', '\n\nNext', 'End. \n\nNext'],
    ['shows nothing more of an empty continuation', 'The cat', '', 'The cat'],
  ])('%s', (_name, shown, text, expected) => {
    expect(join(shown, text)).toBe(expected);
    expect(join(shown, ...text.split(''))).toBe(expected);
  });

  it('starts from nothing', () => {
    expect(join('', ' Hello')).toBe(' Hello');
  });

  it('shows at once what can be no overlap', () => {
    const joiner = createSeamJoiner({ shown: 'The cat sat' });
    expect(joiner.push('X')).toBe('X');
    expect(joiner.push('The cat')).toBe('The cat');
  });

  it('holds back no more than what may still be an overlap', () => {
    const joiner = createSeamJoiner({ shown: 'one two three four' });
    expect(joiner.push('two three')).toBe('');
    expect(joiner.push(' 5 six')).toBe('two three 5 six');
  });

  it('holds back a bounded length, whatever comes', () => {
    const joiner = createSeamJoiner({ shown: `${'ab'.repeat(5_000)}c` });
    const shown = joiner.push('ab'.repeat(10_000));
    expect(shown.length).toBe(20_000);
    const blank = createSeamJoiner({ shown: 'abc' });
    expect(blank.push(' '.repeat(10_000)).length).toBe(10_000);
  });

  it('leaves out exactly the repeated words, wherever the pieces are cut', () => {
    fc.assert(
      fc.property(
        sentence(2, 6),
        fc.nat(),
        sentence(1, 5),
        fc.array(fc.nat(), { maxLength: 6 }),
        (shown, from, rest, cuts) => {
          const words = shown.split(' ');
          const repeated = words.slice(Math.min(from % words.length, words.length - 2)).join(' ');
          const text = `${repeated} und ${rest}`;
          expect(join(shown, ...cut(text, cuts))).toBe(`${shown} und ${rest}`);
        },
      ),
    );
  });

  it('changes nothing but white space where nothing is repeated, wherever the pieces are cut', () => {
    const tail = fc.string({ unit: fc.constantFrom('a', 'b', 'c', ' ', '\n', '1', '人') });
    const head = fc.string({ unit: fc.constantFrom('x', 'y', ' ', '\n', '2', '口') });
    fc.assert(
      fc.property(tail, head, fc.array(fc.nat(), { maxLength: 5 }), (shown, text, cuts) => {
        const joined = join(shown, ...cut(text, cuts));
        expect(joined).toBe(join(shown, text));
        expect(joined.replaceAll(/\s/g, '')).toBe((shown + text).replaceAll(/\s/g, ''));
        if (shown.trimEnd() === shown || text.trimStart() === text) expect(joined).toBe(shown + text);
      }),
    );
  });

  it('says the same wherever the pieces are cut', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', 'c', 'd', ' '), maxLength: 60 });
    fc.assert(
      fc.property(text, text, fc.array(fc.nat(), { maxLength: 8 }), (shown, next, cuts) => {
        expect(join(shown, ...cut(next, cuts))).toBe(join(shown, next));
        expect(join(shown, next).startsWith(shown)).toBe(true);
        expect((shown + next).length).toBeGreaterThanOrEqual(join(shown, next).length);
      }),
      { numRuns: 500 },
    );
  });
});

describe('the seam of an answer that starts anew', () => {
  it.each([
    ['skips what was shown', 'The cat sat', 'The cat sat on it', 'The cat sat on it'],
    ['whatever the white space', 'The cat\n sat', 'The  cat sat on it', 'The cat\n sat on it'],
    ['shows white space at the seam once', 'The cat ', 'The cat sat', 'The cat sat'],
    ['goes on in the middle of a word', 'The cat s', 'The cat sat', 'The cat sat'],
    ['is content with the same answer', 'The cat', 'The cat', 'The cat'],
    ['diverges at the first other character', 'The cat sat', 'The dog sat', 4],
    ['diverges where the new answer is shorter', 'The cat sat', 'The cat', 8],
    ['diverges at the start', 'Hello', 'Bye', 0],
    ['shows all where nothing was shown', '', ' Hi', ' Hi'],
  ])('%s', (_name, shown, text, expected) => {
    expect(replay(shown, text)).toBe(expected);
    expect(replay(shown, ...text.split(''))).toBe(expected);
  });

  it('stays diverged', () => {
    const joiner = createReplayJoiner({ shown: 'abc' });
    expect(joiner.push('x')).toEqual({ diverged: true, text: '', at: 0 });
    expect(joiner.push('abc')).toEqual({ diverged: true, text: '', at: 0 });
    expect(joiner.end()).toEqual({ diverged: true, text: '', at: 0 });
  });

  it('gives the whole new answer where it starts with what was shown, wherever the pieces are cut', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.array(fc.nat(), { maxLength: 6 }), (shown, rest, cuts) => {
        const joined = replay(shown, ...cut(shown + rest, cuts));
        expect(typeof joined === 'string' ? joined.replaceAll(/\s/g, '') : joined).toBe(
          (shown + rest).replaceAll(/\s/g, ''),
        );
      }),
    );
  });
});
