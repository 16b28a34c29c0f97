import { describe, expect, it } from '@jest/globals';
import { textsFor } from './page-texts.js';

describe('the language of a page', () => {
  const language = (header: string | undefined): string => textsFor(header).language;

  it('is what the reader wants most of what there is', () => {
    expect(['zh-CN,zh;q=0.9,en;q=0.8', 'de, zh-Hant;q=0.2', 'zh'].map(language)).toEqual([
      'zh-Hans',
      'zh-Hans',
      'zh-Hans',
    ]);
    expect(['en-GB', 'en;q=0.9, zh;q=0.8', 'zh;q=0', 'fr'].map(language)).toEqual(['en', 'en', 'en', 'en']);
  });

  it('is English where the header is missing, garbage or endless', () => {
    for (const header of [undefined, '', ';;;q=,', 'zh;q=abc', 'zh;q=0x9', 'x'.repeat(100_000), ','.repeat(100_000)]) {
      expect(language(header)).toBe('en');
    }
  });
});
