import { describe, expect, it } from '@jest/globals';
import { CHECK_IDS } from '../check.js';
import { CHECKS } from '../check-table.js';
import { explainableCodes, explainCode } from '../explain/explain-code.js';
import { CAUSE_OF, CAUSES, type FindingCode, type FindingFacts } from '../finding-facts.js';
import { messagesFor } from '../../messages/messages.js';
import { doctorTexts } from './texts.js';

const COMMAND = './moltbot';
const LOCALES = ['en', 'zh'] as const;
const HAN = /\p{Script=Han}/u;
const CODES = Object.keys(CAUSE_OF) as FindingCode[];

/** Facts of any code: each says its own name, so that one can see where it went. */
const marks = new Proxy({}, { get: (_, name) => `«${String(name)}»` });

function textOf(locale: (typeof LOCALES)[number], code: FindingCode) {
  const used = new Set<string>();
  const facts = new Proxy(marks, {
    get(target, name) {
      used.add(String(name));
      return Reflect.get(target, name) as unknown;
    },
  });
  const text = doctorTexts({ locale, command: COMMAND }).finding(code, facts as FindingFacts[typeof code]);
  return { ...text, used };
}

describe('the texts of the doctor', () => {
  it('say every finding in both languages, with the same facts', () => {
    for (const code of CODES) {
      const [english, chinese] = [textOf('en', code), textOf('zh', code)];
      expect([code, HAN.test(english.message + english.action)]).toEqual([code, false]);
      expect([code, HAN.test(chinese.message) && HAN.test(chinese.action)]).toEqual([code, true]);
      const shown = (text: string) => [...new Set(text.match(/«\w+»/g) ?? [])].toSorted();
      expect([code, shown(chinese.message)]).toEqual([code, shown(english.message)]);
      expect([code, [...chinese.used].toSorted()]).toEqual([code, [...english.used].toSorted()]);
    }
  });

  it('name the command as it is called here, so that it can be pasted', () => {
    for (const locale of LOCALES) {
      for (const code of CODES) {
        const { message, action } = textOf(locale, code);
        expect([code, /(?<!\.\/)\bmoltbot [a-z]/.test(message + action)]).toEqual([code, false]);
      }
    }
  });

  it('have a title for each check, and the table has each check once', () => {
    expect(CHECKS.map(({ id }) => id)).toEqual([...CHECK_IDS]);
    for (const locale of LOCALES) {
      const { titles } = doctorTexts({ locale, command: COMMAND });
      expect(new Set(Object.values(titles)).size).toBe(CHECK_IDS.length);
    }
  });

  it('rank every finding', () => {
    for (const code of CODES) expect(CAUSES).toContain(CAUSE_OF[code]);
    expect(new Set(Object.values(CAUSE_OF))).toEqual(new Set(CAUSES));
  });
});

describe('explanations', () => {
  it.each(LOCALES)('tell of every error, check and finding what it means, why, and what to do (%s)', (locale) => {
    const messages = messagesFor({ locale, command: COMMAND });
    const codes = explainableCodes();
    expect(new Set(codes).size).toBe(codes.length);
    for (const code of codes) {
      const explained = explainCode({ code, locale, command: COMMAND, messages });
      for (const text of [explained?.what, explained?.why, explained?.remedy]) {
        expect([code, (text ?? '').length > (locale === 'zh' ? 5 : 15)]).toEqual([code, true]);
        expect([code, HAN.test(text ?? '')]).toEqual([code, locale === 'zh']);
        expect([code, /(?<!\.\/)\bmoltbot (auth|keys|doctor|config|models)\b/.test(text ?? '')]).toEqual([code, false]);
      }
    }
  });

  it('are not made up', () => {
    const messages = messagesFor({ locale: 'en', command: COMMAND });
    for (const code of ['toString', 'nothing', '']) {
      expect(explainCode({ code, locale: 'en', command: COMMAND, messages })).toBeUndefined();
    }
  });
});
