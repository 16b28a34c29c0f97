import { describe, expect, it } from '@jest/globals';
import { DRILL_ROW_IDS, DRILL_SITUATIONS } from '@moltbot/drill';
import { shownWait } from '../shown-wait.js';
import { drillTexts } from './texts.js';

const HAN = /\p{Script=Han}/u;
/** Said by a number in every language. */
const NUMBERS = /^rows\.status-(500|502)$/;

function* texts(value: unknown, path: string): Generator<readonly [string, string]> {
  if (typeof value === 'string') yield [path, value];
  else if (typeof value === 'function') {
    const given =
      path === 'counts' || path === 'progress'
        ? [new Proxy({}, { get: (_, name) => `«${String(name)}»` })]
        : ['«0»', '«1»'];
    yield* texts((value as (...values: unknown[]) => unknown)(...given), path);
  } else
    for (const [key, inner] of Object.entries(value as object))
      yield* texts(inner, path === '' ? key : `${path}.${key}`);
}

describe('the texts of the drill', () => {
  it('are Chinese in Chinese and English in English, with the same values', () => {
    const english = new Map(texts(drillTexts('en'), ''));
    const chinese = new Map(texts(drillTexts('zh'), ''));
    expect([...chinese.keys()]).toEqual([...english.keys()]);
    for (const [path, text] of english) {
      const other = chinese.get(path) ?? '';
      expect([path, HAN.test(text)]).toEqual([path, false]);
      expect([path, HAN.test(other) || NUMBERS.test(path) || path === 'progress']).toEqual([path, true]);
      const marks = (said: string) => [...new Set(said.match(/«\w+»/g) ?? [])].toSorted();
      expect([path, marks(other)]).toEqual([path, marks(text)]);
    }
  });

  it('name every fault, each by another name', () => {
    for (const locale of ['en', 'zh'] as const) {
      const { rows } = drillTexts(locale);
      const ids = [...DRILL_ROW_IDS, ...DRILL_SITUATIONS];
      expect(new Set(ids.map((id) => rows[id])).size).toBe(ids.length);
    }
  });

  it('give waits as exactly as a drill knows them', () => {
    const shown = [0, 12.4, 999, 1_234, 9_960, 60_400, 150_000, 300_000].map(shownWait);
    expect(shown).toEqual(['0 ms', '12 ms', '999 ms', '1.2 s', '10 s', '60 s', '2 min 30 s', '5 min']);
  });
});
