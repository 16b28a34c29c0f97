import { describe, expect, it } from '@jest/globals';
import { StreamTally } from './stream-tally.js';

describe('the tally of a stream', () => {
  it('has the text of the first choice, however long, in whatever characters it came', () => {
    const tally = new StreamTally();
    const pieces = ['plain ', 'größe ', '🌍', '\ud83c', '\udf0d', '\ud800 ', ''];
    let expected = '';
    for (let index = 0; index < 5_000; index += 1) {
      const text = pieces[index % pieces.length] ?? '';
      expected += text;
      tally.add([{ type: 'text-delta', choice: 0, text }]);
      if (index === 10) expect(tally.text).toBe(expected);
    }
    expect(tally.text).toBe(expected);
    expect(tally.characters).toBe(expected.length);
    expect(tally.hasUncontinuable).toBe(false);
    tally.add([{ type: 'text-delta', choice: 1, text: 'other' }]);
    expect(tally.text).toBe(expected);
    expect(tally.hasUncontinuable).toBe(true);
  });
});
