import { describe, expect, it } from '@jest/globals';
import { ERRORS, type ErrorCode } from '@moltbot/contracts';
import { type Messages, messagesFor } from './messages.js';

const languages = {
  en: messagesFor({ locale: 'en', command: './moltbot' }),
  zh: messagesFor({ locale: 'zh', command: './moltbot' }),
};
const HAN = /\p{Script=Han}/u;
/** Texts that are the same in every language. */
const SAME = new Set(['configSet', 'helpTitles', 'authTypes.oauth', 'authCommand']);

/** Every text of a catalogue by its path; functions are called with marks in the place of their values. */
function* texts(value: unknown, path: string): Generator<readonly [string, string]> {
  if (typeof value === 'string') yield [path, value];
  else if (typeof value === 'function') {
    const marks = Array.from({ length: value.length }, (_, index) => `«${index}»`);
    yield [path, String((value as (...values: unknown[]) => unknown)(...marks))];
  } else {
    for (const [key, inner] of Object.entries(value as object)) yield* texts(inner, `${path}.${key}`);
  }
}

function catalogue(messages: Messages): ReadonlyMap<string, string> {
  return new Map(texts({ ...messages, errorAction: {}, helpTitles: {} }, ''));
}

describe('the messages', () => {
  it('are Chinese in Chinese and English in English', () => {
    const english = catalogue(languages.en);
    for (const [path, text] of catalogue(languages.zh)) {
      if (SAME.has(path.slice(1))) continue;
      const isLanguageless = !/[a-z]{3}/i.test((english.get(path) ?? '').replace(/«\d»|token/g, ''));
      expect([path, HAN.test(text) || isLanguageless || /logLevel/.test(path)]).toEqual([path, true]);
      expect([path, HAN.test(english.get(path) ?? '')]).toEqual([path, false]);
    }
  });

  it('leave out no value in any language', () => {
    const english = catalogue(languages.en);
    for (const [path, text] of catalogue(languages.zh)) {
      const marks = (value: string) => [...new Set(value.match(/«\d»/g) ?? [])].sort();
      expect([path, marks(text)]).toEqual([path, marks(english.get(path) ?? '')]);
    }
  });

  it('name the command as it is called here, so that it can be pasted', () => {
    for (const messages of Object.values(languages)) {
      for (const [path, text] of catalogue(messages)) {
        if (path.startsWith('.commands')) continue;
        expect([path, /(?<!\.\/)moltbot (start|chat|keys|models|config|--help)/.test(text)]).toEqual([path, false]);
      }
    }
  });

  it('say what to do about every error of the table', () => {
    for (const code of Object.keys(ERRORS) as ErrorCode[]) {
      expect(languages.en.errorAction(code)).not.toBe('');
      expect(languages.zh.errorAction(code)).toMatch(HAN);
      const words = (text: string) => (text.match(/`[^`]+`/g) ?? []).sort();
      expect(words(languages.zh.errorAction(code))).toEqual(words(languages.en.errorAction(code)));
    }
  });
});
