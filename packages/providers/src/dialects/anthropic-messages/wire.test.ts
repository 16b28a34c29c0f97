import { describe, expect, it } from '@jest/globals';
import type { CallerRequest } from '../../caller-request.js';
import type { TurnOptions } from '../../wire.js';
import { anthropicMessagesDoor } from './door.js';
import { UNSIGNED } from './unsigned-thinking.js';
import { anthropicCountTokensWire, anthropicMessagesWire } from './wire.js';

const OPTIONS: TurnOptions = { model: 'claude-opus-5', stream: false, streamUsage: true, defaultMaxOutputTokens: 10 };

function caller(text: string, stream = false): CallerRequest {
  const value = JSON.parse(text) as CallerRequest['value'];
  return {
    requestId: 'r',
    dialect: 'anthropic-messages',
    bytes: Buffer.from(text),
    value,
    model: undefined,
    models: undefined,
    streamOptions: undefined,
    stream,
    wantsStreamUsage: true,
    estimatedInputTokens: 1,
    request: () => anthropicMessagesDoor.fromRequest(value),
  };
}

function pass(text: string, options: Partial<TurnOptions> = {}): string {
  const { body, path, headers, dropped } = anthropicMessagesWire.passRequest(caller(text), { ...OPTIONS, ...options });
  expect(path).toBe('/messages');
  expect(headers['anthropic-version']).toBe('2023-06-01');
  expect(dropped).toEqual([]);
  return body.toString();
}

describe('passing a caller’s own bytes', () => {
  it('sets the model, takes our own field away and touches nothing else', () => {
    const text =
      '{ "model":"default", "models":["a:b"],"max_tokens": 1.0e2,"new_field":{"x":[1, 2]},"messages":[{"role":"user","content":[{"type":"text","text":"a","cache_control":{"type":"ephemeral"}}]}] }';
    expect(pass(text)).toBe(text.replace('"default"', '"claude-opus-5"').replace('"models":["a:b"],', ''));
  });

  it('says whether it is streamed where that differs', () => {
    expect(pass('{"model":"m","stream":false}', { stream: true })).toBe('{"model":"claude-opus-5","stream":true}');
    expect(pass('{"model":"m","stream":false}')).toBe('{"model":"claude-opus-5","stream":false}');
  });

  it('takes away thinking that another vendor thought, which the API would refuse, and keeps exact numbers', () => {
    const ours = { type: 'thinking', thinking: 'hm', signature: UNSIGNED };
    const real = { type: 'thinking', thinking: 'hm', signature: 'sig' };
    const messages = [
      { role: 'user', content: `about ${UNSIGNED}` },
      { role: 'assistant', content: [ours] },
      { role: 'user', content: 'go on' },
      { role: 'assistant', content: [ours, real, { type: 'text', text: 'a' }] },
    ];
    const passed = pass(`{"model":"m","id":12345678901234567890,"messages":${JSON.stringify(messages)}}`);
    expect(passed).toContain('"id":12345678901234567890');
    expect((JSON.parse(passed) as { messages: unknown }).messages).toEqual([
      messages[0],
      messages[2],
      { role: 'assistant', content: [real, { type: 'text', text: 'a' }] },
    ]);
    const mentioned = `{"model":"m","messages":[{"role":"user","content":"about ${UNSIGNED}"}]}`;
    expect(pass(mentioned)).toBe(mentioned.replace('"m"', '"claude-opus-5"'));
  });
});

describe('what a caller sees of a wire and its door together', () => {
  it('gives an answer of Anthropic through our words back as the same answer, but for seals', () => {
    const message = {
      content: [
        { type: 'thinking', thinking: 'hm', signature: 'sig' },
        { type: 'text', text: 'a' },
        { type: 'tool_use', id: 'toolu_1', name: 'look', input: { id: 1 } },
      ],
      stop_reason: 'tool_use',
      usage: { input_tokens: 3, cache_read_input_tokens: 2, cache_creation_input_tokens: 1, output_tokens: 4 },
    };
    const whole = anthropicMessagesWire.fromAnswer(Buffer.from(JSON.stringify(message)));
    const said = anthropicMessagesDoor.toAnswer(whole.answer(), {
      id: 'msg_1',
      created: 0,
      model: 'anthropic:claude-opus-5',
      includeUsage: true,
      estimatedInputTokens: 1,
    });
    expect(said).toMatchObject({
      id: 'msg_1',
      type: 'message',
      role: 'assistant',
      model: 'anthropic:claude-opus-5',
      content: [
        { type: 'thinking', thinking: 'hm', signature: UNSIGNED },
        { type: 'text', text: 'a' },
        { type: 'tool_use', id: 'toolu_1', name: 'look', input: { id: 1 } },
      ],
      stop_reason: 'tool_use',
      usage: message.usage,
    });
  });

  it('counts the prompt of a caller', () => {
    const request = caller('{"messages":[{"role":"user","content":"a"}],"system":"s"}').request();
    const { path, body } = anthropicCountTokensWire.toRequest({ request, model: 'claude-opus-5' });
    expect(path).toBe('/messages/count_tokens');
    expect(JSON.parse(body.toString())).toEqual({
      model: 'claude-opus-5',
      system: [{ type: 'text', text: 's' }],
      messages: [{ role: 'user', content: [{ type: 'text', text: 'a' }] }],
    });
    expect(anthropicCountTokensWire.fromAnswer(Buffer.from('{"input_tokens":3}'))).toBe(3);
  });
});
