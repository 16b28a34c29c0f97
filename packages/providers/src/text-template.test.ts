import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { TextTemplate } from './text-template.js';

const event = (content: string, more: object = {}) =>
  JSON.stringify({ id: 'c', choices: [{ index: 0, delta: { content }, finish_reason: null }], ...more });
const read = (value: unknown) => (value as { choices: { delta: { content: unknown } }[] }).choices[0]?.delta.content;

const learned = (data: string, text: string, padding?: string): TextTemplate => {
  const template = new TextTemplate(padding);
  template.learn(data, text, read);
  return template;
};

describe('the text of an event that is like an earlier one', () => {
  it('is read without parsing', () => {
    const template = learned(event('first'), 'first');
    expect(template.match(event(' second'))).toBe(' second');
    expect(template.match(event(''))).toBe('');
    expect(template.match(event('ü 漢字 🙂'))).toBe('ü 漢字 🙂');
  });

  it('is left to the parser where anything else differs', () => {
    const template = learned(event('first'), 'first');
    expect(template.match(event('x', { usage: null }))).toBeUndefined();
    expect(template.match(event('x').replace('"c"', '"d"'))).toBeUndefined();
    expect(template.match(event('x').replace('null', '"stop"'))).toBeUndefined();
    expect(template.match(`${event('x')} `)).toBeUndefined();
    expect(template.match(event('x').slice(0, -1))).toBeUndefined();
    expect(new TextTemplate().match(event('x'))).toBeUndefined();
  });

  it('is learned at its own place, also where the same text stands elsewhere', () => {
    const template = learned(event('c'), 'c');
    expect(template.match(event('other'))).toBe('other');
    const nothing = new TextTemplate();
    nothing.learn(event('c').replaceAll('"content":"c"', '"content":"\\u0063"'), 'c', read);
    expect(nothing.match(event('other'))).toBeUndefined();
  });

  it('is read through padding that changes with each event, which is never taken for data', () => {
    const template = learned(event('first', { obfuscation: 'aX3' }), 'first', 'obfuscation');
    expect(template.match(event(' next', { obfuscation: 'q9qqqqqq' }))).toBe(' next');
    expect(template.match(event(' next', { obfuscation: '"' }))).toBeUndefined();
    expect(template.match(event(' next', { obfuscation: 'a', usage: {} }))).toBeUndefined();
  });

  it('stops learning from a stream that is never alike', () => {
    let parsed = 0;
    const template = new TextTemplate();
    for (let index = 0; index < 100; index += 1) {
      template.learn(event(`t${index}`, { seq: index }), `t${index}`, (value) => {
        parsed += 1;
        return read(value);
      });
      expect(template.match(event('x', { seq: index + 1 }))).toBeUndefined();
    }
    expect(parsed).toBeLessThan(10);
  });

  it('is what the parser would have read, whatever the text', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary' }),
        fc.string({ unit: 'binary' }),
        fc.boolean(),
        (first, second, padded) => {
          const more = padded ? { obfuscation: second } : {};
          const template = learned(event(first, more), first, 'obfuscation');
          const data = event(second, padded ? { obfuscation: first } : {});
          const text = template.match(data);
          if (text !== undefined) expect(text).toBe(read(JSON.parse(data)));
        },
      ),
      { numRuns: 2_000 },
    );
  });
});
