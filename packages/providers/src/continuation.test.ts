import { describe, expect, it } from '@jest/globals';
import type { ChatRequest } from '@moltbot/contracts';
import { withContinuation } from './continuation.js';

const request: ChatRequest = {
  messages: [{ role: 'user', content: [{ type: 'text', text: 'Tell me' }] }],
  unknownFields: [],
};

function lastText(changed: ChatRequest): string {
  const part = changed.messages.at(-1)?.content[0];
  return part?.type === 'text' ? part.text : '';
}

describe('withContinuation', () => {
  it('leaves the request alone where nothing was answered yet', () => {
    expect(withContinuation(request, undefined)).toBe(request);
    expect(withContinuation(request, { rung: 'continue', text: '' })).toBe(request);
  });

  it('ends with the text so far as an assistant message where the model takes a prefill', () => {
    const changed = withContinuation(request, { rung: 'prefill', text: 'Once upon' });
    expect(changed.messages.slice(0, 1)).toEqual(request.messages);
    expect(changed.messages[1]).toEqual({ role: 'assistant', content: [{ type: 'text', text: 'Once upon' }] });
    expect(changed.messages).toHaveLength(2);
  });

  it.each([
    ['Once upon', /^Your last message broke off/],
    ['很久很久以前', /^你上一条回答/],
    ['むかしむかし、山に', /^直前のあなたの返答/],
    ['옛날 옛적에', /^방금 답변이/],
    ['Давным-давно', /^Твой последний ответ/],
  ])('asks in the language of the answer: %s', (text, ask) => {
    const changed = withContinuation(request, { rung: 'continue', text });
    expect(changed.messages.map((message) => message.role)).toEqual(['user', 'assistant', 'user']);
    expect(lastText(changed)).toMatch(ask);
  });
});
