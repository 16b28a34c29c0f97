import { describe, expect, it, jest } from '@jest/globals';
import type { MoltbotError } from '@moltbot/contracts';
import fc from 'fast-check';
import { createCallerRequest, type CallerRequest } from './caller-request.js';
import { anthropicMessagesDoor } from './dialects/anthropic-messages/door.js';
import { openAiChatDoor } from './dialects/openai-chat/door.js';
import { openAiResponsesDoor } from './dialects/openai-responses/door.js';
import { createOpenAiChatWire } from './dialects/openai-chat/wire.js';

const MESSAGES = [{ role: 'user', content: 'Grüße' }];

function read(body: string | object, door = openAiChatDoor): CallerRequest {
  const bytes = Buffer.isBuffer(body) ? body : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
  return createCallerRequest({ requestId: 'r-1', door, bytes });
}

function refused(body: string | object, door = openAiChatDoor): MoltbotError {
  try {
    read(body, door);
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

  it('reads a long body without parsing it, as long as nobody asks for words', () => {
    const long = `${JSON.stringify({ model: 'a:b', stream: true, models: ['c:d'], messages: MESSAGES })}${' '.repeat(5_000)}`;
    const parse = jest.spyOn(JSON, 'parse');
    try {
      const call = read(long);
      expect(call).toMatchObject({ model: 'a:b', models: ['c:d'], stream: true, streamOptions: undefined });
      expect(parse.mock.calls.map(([text]) => text)).toEqual(['"a:b"', '["c:d"]', 'true']);
      expect(call.value).toEqual(JSON.parse(long));
      expect(call.value).toBe(call.value);
    } finally {
      parse.mockRestore();
    }
  });

  it('reads a long body as it reads a short one, and passes it on the same, whatever keys it brings', () => {
    const key = fc.constantFrom(
      'model',
      'models',
      'stream',
      'stream_options',
      'messages',
      'Model',
      'MODELS',
      'ſtream',
      'n',
      '__proto__',
    );
    const value = fc.oneof(
      {
        weight: 4,
        arbitrary: fc.constantFrom<unknown>('a:b', null, true, ['c', 'd:e'], { include_usage: true }, MESSAGES),
      },
      { weight: 1, arbitrary: fc.constantFrom<unknown>('', false, 7, [], [1], {}, [{ role: 1 }], [{}], '"model":"x"') },
    );
    const member = fc.tuple(key, value, fc.boolean(), fc.constantFrom('', ' ', '\n\t'));
    const body = fc.array(member, { maxLength: 8 }).map((members) => {
      const texts = members.map(([name, json, escapes, space]) => {
        const quoted = escapes
          ? `"\\u${name.charCodeAt(0).toString(16).padStart(4, '0')}${name.slice(1)}"`
          : `"${name}"`;
        return `${space}${quoted}${space}:${space}${JSON.stringify(json)}${space}`;
      });
      return `{${texts.join(',')}}`;
    });
    const wire = createOpenAiChatWire({ compatible: true });
    const result = (text: string): unknown => {
      try {
        const call = read(text);
        const { model, models, stream, streamOptions, wantsStreamUsage } = call;
        const passed = [true, false].map((asStream) =>
          wire
            .passRequest(call, { model: 'ours', stream: asStream, streamUsage: true, defaultMaxOutputTokens: 1 })
            .body.toString()
            .trimEnd(),
        );
        return { model, models, stream, streamOptions, wantsStreamUsage, passed, value: call.value };
      } catch (error) {
        const { code, message, param } = error as MoltbotError;
        return { code, message, param };
      }
    };
    fc.assert(
      fc.property(body, (text) => {
        expect(result(text + ' '.repeat(5_000))).toEqual(result(text));
      }),
      { numRuns: 2_000 },
    );
  });

  it('takes null for nothing, and nesting of 2,048 levels, but no more', () => {
    expect(read({ model: null, models: null, stream: null, messages: MESSAGES }).stream).toBe(false);
    const deep = (levels: number): string =>
      `{"messages":[{"role":"user","content":"${'x'.repeat(70_000)}"}],"x":${'['.repeat(levels)}${']'.repeat(levels)}}`;
    expect(read(deep(2_047)).request().unknownFields).toEqual(['x']);
    expect(() => read(deep(100_000))).toThrow(/deeper than 2048/);
  });
});

describe('a caller’s request in OpenAI’s responses', () => {
  const LONG = 'x'.repeat(10_000);

  it.each([
    { input: 'Hi' },
    { input: '' },
    { input: [{ role: 'user', content: 'Hi' }] },
    { input: [{ type: 'function_call_output', call_id: 'a', output: 'x' }, { id: 'msg_1' }] },
    { previous_response_id: 'resp_1' },
    { input: null, conversation: 'conv_1' },
    { prompt: { id: 'pmpt_1' } },
    { input: 'Hi', background: false, stream: true },
  ])('is taken, short and long: %j', (body) => {
    for (const instructions of ['', LONG]) {
      expect(read({ ...body, instructions }, openAiResponsesDoor)).toMatchObject({
        dialect: 'openai-responses',
        wantsStreamUsage: true,
      });
    }
  });

  it.each([
    ['input', {}],
    ['input', { input: null }],
    ['input', { input: 7 }],
    ['input', { input: {} }],
    ['input', { input: [] }],
    ['input', { messages: MESSAGES }],
    ['input.1', { input: [{ role: 'user', content: 'Hi' }, 'x'] }],
    ['input', { input: Array.from({ length: 10_001 }, () => ({ role: 'user', content: '' })) }],
    ['background', { input: 'Hi', background: true }],
    ['background', { previous_response_id: 'resp_1', background: true, stream: false }],
    ['background', { input: 'Hi', background: true, stream: true }],
    ['stream', { input: 'Hi', stream: 1 }],
  ])('is refused at %s, short and long: %j', (param, body) => {
    for (const instructions of ['', LONG]) {
      const error = refused({ ...body, instructions }, openAiResponsesDoor);
      expect(error).toMatchObject({ code: 'invalid_request', http: 400, param });
    }
  });

  it('is not parsed where it is long and only passed on', () => {
    const parse = jest.spyOn(JSON, 'parse');
    try {
      const call = read({ model: 'm', input: LONG, stream: true }, openAiResponsesDoor);
      expect([call.model, call.stream]).toEqual(['m', true]);
      expect(parse.mock.calls.every(([text]) => text.length < 100)).toBe(true);
    } finally {
      parse.mockRestore();
    }
  });
});
