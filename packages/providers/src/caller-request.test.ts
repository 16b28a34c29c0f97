import { describe, expect, it } from '@jest/globals';
import type { MoltbotError } from '@moltbot/contracts';
import { createCallerRequest, type CallerRequest } from './caller-request.js';
import { anthropicMessagesDoor } from './dialects/anthropic-messages/door.js';
import { openAiChatDoor } from './dialects/openai-chat/door.js';

const MESSAGES = [{ role: 'user', content: 'Grüße' }];

function read(body: string | object, door = openAiChatDoor): CallerRequest {
  const bytes = Buffer.isBuffer(body) ? body : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
  return createCallerRequest({ requestId: 'r-1', door, bytes });
}

function refused(body: string | object): MoltbotError {
  try {
    read(body);
  } catch (error) {
    return error as MoltbotError;
  }
  throw new Error('It was taken.');
}

describe('a caller’s request', () => {
  it('keeps the bytes, and is translated once, when asked', () => {
    const bytes = Buffer.from(JSON.stringify({ messages: MESSAGES, stream: true }));
    let translations = 0;
    const door: typeof openAiChatDoor = {
      ...openAiChatDoor,
      fromRequest: (value) => {
        translations += 1;
        return openAiChatDoor.fromRequest(value);
      },
    };
    const call = read(bytes, door);
    expect(call).toMatchObject({ requestId: 'r-1', dialect: 'openai-chat', stream: true, wantsStreamUsage: false });
    expect(call.bytes).toBe(bytes);
    expect(call.estimatedInputTokens).toBeGreaterThan(0);
    expect(translations).toBe(0);
    expect(call.request()).toBe(call.request());
    expect(translations).toBe(1);
  });

  it('wants usage in a stream where the dialect always gives it, or where it is asked for', () => {
    expect(read({ messages: MESSAGES, stream_options: { include_usage: true } }).wantsStreamUsage).toBe(true);
    expect(read({ messages: MESSAGES, stream_options: null }).wantsStreamUsage).toBe(false);
    expect(read({ messages: MESSAGES }, anthropicMessagesDoor).wantsStreamUsage).toBe(true);
  });

  it.each([
    ['an empty body', ''],
    ['half an object', '{"messages":['],
    ['two objects', '{} {}'],
    ['bytes that are no UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d])],
    ['UTF-8 that is cut', Buffer.from('{"a":"é"}').subarray(0, 7)],
    ['UTF-16', Buffer.from('{"messages":[]}', 'utf16le')],
  ])('is no JSON: %s, and the answer quotes none of it', (_, body) => {
    const error = refused(body);
    expect(error).toMatchObject({ name: 'MoltbotError', code: 'invalid_json', http: 400 });
    expect(error.message).not.toContain('messages');
  });

  it.each([
    ['undefined', '[]'],
    ['undefined', '"text"'],
    ['undefined', 'null'],
    ['model', { model: 7, messages: MESSAGES }],
    ['model', { model: '', messages: MESSAGES }],
    ['models', { models: [], messages: MESSAGES }],
    ['models', { models: Array.from({ length: 33 }, () => 'a:b'), messages: MESSAGES }],
    ['models.1', { models: ['a:b', {}], messages: MESSAGES }],
    ['stream', { stream: 'true', messages: MESSAGES }],
    ['messages', {}],
    ['messages', { messages: [] }],
    ['messages', { messages: 'Hello' }],
    ['messages', { messages: Array.from({ length: 10_001 }, () => MESSAGES[0]) }],
    ['messages.1', { messages: [...MESSAGES, 'Hello'] }],
    ['messages.1.role', { messages: [...MESSAGES, { content: 'x' }] }],
  ])('is refused at %s', (param, body) => {
    expect(refused(body)).toMatchObject({ code: 'invalid_request', param: param === 'undefined' ? undefined : param });
  });

  it('takes null for nothing, and nesting of any depth', () => {
    expect(read({ model: null, models: null, stream: null, messages: MESSAGES }).stream).toBe(false);
    const deep = `{"messages":[{"role":"user","content":"x"}],"x":${'['.repeat(100_000)}${']'.repeat(100_000)}}`;
    expect(read(deep).request().unknownFields).toEqual(['x']);
  });
});
