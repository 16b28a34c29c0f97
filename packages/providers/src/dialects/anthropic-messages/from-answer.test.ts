import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { ProviderError } from '../../failure.js';
import { fromAnswer, fromCountAnswer } from './from-answer.js';

const MESSAGE = readFileSync(new URL('./__fixtures__/message.json', import.meta.url));

function kindOf(body: string): string | undefined {
  try {
    fromAnswer(Buffer.from(body));
  } catch (error) {
    return error instanceof ProviderError ? error.kind : String(error);
  }
  return undefined;
}

describe('a whole message', () => {
  it('is an answer in our words, with every number of the arguments as it was written', () => {
    const whole = fromAnswer(MESSAGE);
    const { bytes, usage } = whole;
    expect(bytes).toBe(MESSAGE);
    expect(usage).toEqual({
      inputTokens: 17,
      outputTokens: 6,
      cachedInputTokens: undefined,
      cacheWriteTokens: 5,
      reasoningTokens: 4,
      source: 'provider',
    });
    expect(whole.answer()).toEqual({
      id: 'msg_013Zva2CMHLNnXjNJJKqJ2EF',
      model: 'claude-opus-5',
      content: [
        { type: 'reasoning', text: 'Look it up.', signature: 'WaUjzkypQ2mUEVM36O2Txu' },
        { type: 'reasoning', text: '', redacted: 'EmwKAhgBEgy3' },
        { type: 'text', text: "I'll check." },
        {
          type: 'tool-call',
          id: 'toolu_01D7',
          name: 'get_stock_price',
          arguments: '{"ticker":"^GSPC","id":12345678901234567890}',
        },
      ],
      finishReason: 'tool-calls',
      usage,
    });
  });

  it.each([
    ['end_turn', 'stop'],
    ['stop_sequence', 'stop'],
    ['max_tokens', 'length'],
    ['model_context_window_exceeded', 'length'],
    ['tool_use', 'tool-calls'],
    ['refusal', 'refusal'],
    ['pause_turn', 'other'],
    ['toString', 'other'],
  ])('ends with %s as %s', (stopReason, reason) => {
    const body = Buffer.from(JSON.stringify({ content: [], stop_reason: stopReason }));
    expect(fromAnswer(body).answer().finishReason).toBe(reason);
  });

  it('takes members of a wrong type for absent', () => {
    const content = [null, 7, { type: 'text', text: 7 }, { type: 'thinking' }, { type: 'tool_use', input: 'x' }, {}];
    const whole = fromAnswer(Buffer.from(JSON.stringify({ content, usage: 'none', id: 7 })));
    expect(whole.usage).toBeUndefined();
    expect(whole.answer()).toEqual({
      id: undefined,
      model: undefined,
      content: [{ type: 'tool-call', id: 'toolu_2', name: '', arguments: '{}' }],
      finishReason: 'tool-calls',
      usage: undefined,
    });
  });

  it.each([
    '',
    '<html>502</html>',
    '{"content":[{"type":"text","te',
    '[]',
    'null',
    '{"content":"text"}',
    '{"choices":[]}',
    `{"content":[{"type":"tool_use","input":${'{"a":'.repeat(300)}1${'}'.repeat(300)}}]}`,
  ])('is no answer as %.40j', (body) => {
    expect(kindOf(body)).toBe('not-an-answer');
  });

  it('is the error that an error object says', () => {
    expect(kindOf('{"type":"error","error":{"type":"overloaded_error","message":"m"}}')).toBe('overloaded');
    expect(kindOf('{"type":"error"}')).toBe('stream-error');
  });

  it('counts tokens', () => {
    expect(fromCountAnswer(Buffer.from('{"input_tokens":14}'))).toBe(14);
    expect(() => fromCountAnswer(Buffer.from('{"input_tokens":"14"}'))).toThrow(ProviderError);
  });
});
