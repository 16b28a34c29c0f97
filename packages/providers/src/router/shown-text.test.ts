import { describe, expect, it } from '@jest/globals';
import { ShownText } from './shown-text.js';

describe('the text of an answer as it grows', () => {
  it('is whole, however long, in whatever characters it came', () => {
    const shown = new ShownText();
    const pieces = ['plain ', 'größe ', '🌍', '\ud83c', '\udf0d', '\ud800 ', ''];
    let expected = '';
    for (let index = 0; index < 5_000; index += 1) {
      const text = pieces[index % pieces.length] ?? '';
      expected += text;
      shown.add(text);
      if (index === 10) expect(shown.text).toBe(expected);
    }
    expect(shown.text).toBe(expected);
    expect(shown.length).toBe(expected.length);
  });

  it('is counted, but not kept any more, where it goes on without end', () => {
    const shown = new ShownText();
    const piece = 'x'.repeat(65_536);
    for (let index = 0; index < 64; index += 1) shown.add(piece);
    expect(shown.text).toHaveLength(4_194_304);
    shown.add('y');
    shown.add('z');
    expect(shown.text).toBeUndefined();
    expect(shown.length).toBe(4_194_306);
  });
});
