import { describe, expect, it } from '@jest/globals';
import { ERRORS, type ErrorCode, type MoltbotError, type StreamPart } from '@moltbot/contracts';
import OpenAI from 'openai';
import type { JsonObject } from '../../caller-request.js';
import type { AnswerContext, DoorError } from '../../dialect-door.js';
import { openAiChatDoor } from './door.js';

const CONTEXT: AnswerContext = {
  id: 'chatcmpl-1',
  created: 1_762_419_000,
  model: 'openai:gpt',
  includeUsage: false,
  estimatedInputTokens: 1,
};
const USER = { role: 'user', content: 'Hi' } as const;

function doorError(code: ErrorCode, more: Partial<DoorError> = {}): DoorError {
  return { code, http: ERRORS[code].http, message: 'What happened.', requestId: 'r-1', attempts: [], ...more };
}

/** OpenAI's own client, fed with this response. */
function clientOf(status: number, body: string): OpenAI {
  const contentType = body.startsWith('data:') ? 'text/event-stream' : 'application/json';
  return new OpenAI({
    apiKey: 'k',
    maxRetries: 0,
    fetch: () => Promise.resolve(new Response(body, { status, headers: { 'content-type': contentType } })),
  });
}

async function streamed(text: string) {
  const stream = await clientOf(200, text).chat.completions.create({ model: 'm', messages: [USER], stream: true });
  const chunks: OpenAI.ChatCompletionChunk[] = [];
  let error: unknown;
  try {
    for await (const chunk of stream) chunks.push(chunk);
  } catch (thrown) {
    error = thrown;
  }
  return { chunks, error };
}

describe('a stream to OpenAI’s own client', () => {
  const PARTS: readonly StreamPart[] = [
    { type: 'start', id: 'up', model: 'm' },
    { type: 'text-delta', choice: 0, text: 'Hel' },
    { type: 'text-delta', choice: 0, text: 'lo' },
    { type: 'tool-call-start', choice: 0, index: 0, id: 'a', name: 'f' },
    { type: 'tool-call-delta', choice: 0, index: 0, arguments: '{}' },
    { type: 'finish', choice: 0, reason: 'tool-calls' },
    { type: 'usage', usage: { inputTokens: 3, outputTokens: 2, source: 'provider' } },
    { type: 'end' },
  ];

  it('says the answer, with usage only where it was asked for', async () => {
    for (const includeUsage of [true, false]) {
      const writer = openAiChatDoor.createStreamWriter({ ...CONTEXT, includeUsage });
      const text = writer.write(PARTS) + writer.end();
      expect(text.endsWith('data: [DONE]\n\n')).toBe(true);
      expect(text.match(/\[DONE\]/g)).toHaveLength(1);
      const { chunks, error } = await streamed(text);
      expect(error).toBeUndefined();
      const deltas = chunks.flatMap((chunk) => chunk.choices.map((choice) => choice.delta));
      expect(deltas[0]?.role).toBe('assistant');
      expect(deltas.map((delta) => delta.content ?? '').join('')).toBe('Hello');
      expect(deltas.flatMap((delta) => delta.tool_calls ?? []).map((call) => call.function)).toEqual([
        { name: 'f', arguments: '' },
        { arguments: '{}' },
      ]);
      expect(chunks.flatMap((chunk) => chunk.choices).at(-1)?.finish_reason).toBe('tool_calls');
      expect(chunks.at(-1)?.usage?.total_tokens).toBe(includeUsage ? 5 : undefined);
      for (const chunk of chunks) {
        expect(chunk).toMatchObject({ id: 'chatcmpl-1', object: 'chat.completion.chunk', model: 'openai:gpt' });
      }
    }
  });

  it('ends an error in band: an exception, a finish reason that is no success, no end marker', async () => {
    const writer = openAiChatDoor.createStreamWriter(CONTEXT);
    const text =
      writer.write(PARTS.slice(0, 3)) +
      openAiChatDoor.keepAlive +
      writer.error(
        doorError('stream_interrupted', { attempts: [{ target: 'a:b', outcome: 'stream-cut', durationMs: 5 }] }),
      );
    expect(text).not.toContain('[DONE]');
    expect(text).toContain('"finish_reason":"error"');
    expect(text).not.toContain('"finish_reason":"stop"');
    expect(writer.end()).toBe('');
    const { chunks, error } = await streamed(text);
    expect(chunks.map((chunk) => chunk.choices[0]?.delta.content).join('')).toBe('Hello');
    expect(error).toBeInstanceOf(OpenAI.APIError);
    expect(error).toMatchObject({ code: 'stream_interrupted', message: 'What happened.' });
  });

  it('goes on after the upstream’s own bytes under its id and model, and repeats nothing that was said', async () => {
    const writer = openAiChatDoor.createStreamWriter(CONTEXT);
    writer.resume(PARTS.slice(0, 2), { id: 'up', model: 'm' });
    const text = writer.write([{ type: 'text-delta', choice: 0, text: 'lo' }]) + writer.end();
    const { chunks } = await streamed(text);
    expect(
      chunks.map((chunk) => [chunk.id, chunk.model, chunk.choices[0]?.delta, chunk.choices[0]?.finish_reason]),
    ).toEqual([
      ['up', 'm', { content: 'lo' }, null],
      ['up', 'm', {}, 'stop'],
    ]);
  });
});

describe('an error to OpenAI’s own client', () => {
  it.each([
    ['invalid_request', OpenAI.BadRequestError],
    ['context_length_exceeded', OpenAI.BadRequestError],
    ['invalid_api_key', OpenAI.AuthenticationError],
    ['permission_denied', OpenAI.PermissionDeniedError],
    ['model_not_found', OpenAI.NotFoundError],
    ['rate_limited', OpenAI.RateLimitError],
    ['upstream_error', OpenAI.InternalServerError],
    ['upstream_overloaded', OpenAI.InternalServerError],
    ['deadline_exceeded', OpenAI.InternalServerError],
  ] as const)('%s is its own exception', async (code, exception) => {
    const attempts = [{ target: 'a:b', outcome: 'server-error', status: 500, durationMs: 12 }];
    const body = openAiChatDoor.toError(doorError(code, { param: 'messages.0', attempts }));
    const asked = clientOf(ERRORS[code].http, JSON.stringify(body)).chat.completions.create({
      model: 'm',
      messages: [USER],
    });
    const error: unknown = await asked.catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(exception);
    expect(error).toMatchObject({ code, param: 'messages.0', error: { message: 'What happened.', attempts } });
  });
});

describe('a caller’s body', () => {
  const refused = (value: JsonObject): MoltbotError => {
    try {
      openAiChatDoor.fromRequest({ messages: [USER], ...value });
    } catch (error) {
      return error as MoltbotError;
    }
    throw new Error(`Taken: ${JSON.stringify(value)}`);
  };

  it.each([
    ['messages', { messages: 7 }],
    ['messages', { messages: [] }],
    ['messages.0', { messages: [null] }],
    ['messages.0.role', { messages: [{ role: 7 }] }],
    ['messages.0.role', { messages: [{ role: 'robot', content: '' }] }],
    ['messages.0.content', { messages: [{ role: 'user', content: null }] }],
    ['messages.0.content.1', { messages: [{ role: 'user', content: [{ type: 'text', text: '' }, 7] }] }],
    ['messages.0.content.0.type', { messages: [{ role: 'user', content: [{}] }] }],
    ['messages.0.content.0.text', { messages: [{ role: 'user', content: [{ type: 'text' }] }] }],
    [
      'messages.0.content.0.image_url',
      { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: 'x' }] }] },
    ],
    ['messages.0.tool_call_id', { messages: [{ role: 'tool', content: 'x' }] }],
    ['messages.0.tool_calls', { messages: [{ role: 'assistant', tool_calls: {} }] }],
    ['messages.0.tool_calls.0.id', { messages: [{ role: 'assistant', tool_calls: [{ function: { name: 'f' } }] }] }],
    [
      'messages.0.tool_calls.0.function.arguments',
      { messages: [{ role: 'assistant', tool_calls: [{ id: 'a', function: { name: 'f', arguments: {} } }] }] },
    ],
    ['tools', { tools: {} }],
    ['tools.0.function', { tools: [{ type: 'function' }] }],
    ['tools.0.function.name', { tools: [{ type: 'function', function: { name: '' } }] }],
    ['tools.0.function.parameters', { tools: [{ type: 'function', function: { name: 'f', parameters: 'x' } }] }],
    ['tool_choice', { tool_choice: 'maybe' }],
    ['tool_choice.function.name', { tool_choice: { type: 'function', function: {} } }],
    ['response_format.type', { response_format: {} }],
    ['response_format.json_schema', { response_format: { type: 'json_schema' } }],
    ['temperature', { temperature: 3 }],
    ['temperature', { temperature: '0' }],
    ['max_tokens', { max_tokens: 1.5 }],
    ['max_completion_tokens', { max_completion_tokens: 0 }],
    ['stop.1', { stop: ['a', 1] }],
    ['n', { n: 1_000 }],
    ['seed', { seed: 'x' }],
    ['metadata.a', { metadata: { a: 1 } }],
    ['user', { user: 7 }],
    ['stream', { stream: 'yes' }],
    ['parallel_tool_calls', { parallel_tool_calls: 1 }],
  ] as const)('is refused at %s: %j', (param, value) => {
    expect(refused(value as JsonObject)).toMatchObject({ name: 'MoltbotError', code: 'invalid_request', param });
  });

  it('is bounded in messages, tools, names and depth', () => {
    const deep = JSON.parse(`${'{"a":'.repeat(5_000)}1${'}'.repeat(5_000)}`) as JsonObject;
    const tool = (name: string, parameters: JsonObject = {}) => ({ type: 'function', function: { name, parameters } });
    expect(refused({ messages: Array.from({ length: 10_001 }, () => USER) }).param).toBe('messages');
    expect(refused({ tools: Array.from({ length: 1_025 }, () => tool('f')) }).param).toBe('tools');
    expect(refused({ tools: [tool('f'.repeat(257))] }).param).toBe('tools.0.function.name');
    expect(refused({ tools: [tool('f', deep)] }).param).toBe('tools.0.function.parameters');
  });

  it('holds earlier reasoning under either name', () => {
    for (const name of ['reasoning_content', 'reasoning']) {
      const { messages } = openAiChatDoor.fromRequest({
        messages: [USER, { role: 'assistant', content: 'x', [name]: 'Hm' }],
      });
      expect(messages[1]?.content[0]).toEqual({ type: 'reasoning', text: 'Hm' });
    }
  });

  it('names what has no word in ours, and takes null and false for nothing', () => {
    const { messages, unknownFields } = openAiChatDoor.fromRequest({
      messages: [
        { role: 'developer', content: 'Be brief.' },
        {
          role: 'user',
          content: [
            { type: 'input_audio', input_audio: {} },
            { type: 'text', text: 'Hi' },
          ],
        },
        { role: 'assistant', content: null, function_call: { name: 'f', arguments: '' } },
        { role: 'function', name: 'f', content: 'x' },
      ],
      functions: [],
      logit_bias: { 1: 2 },
      store: false,
      verbosity: null,
      tools: [{ type: 'custom', custom: { name: 'sql' } }],
    });
    expect(messages.map((message) => message.role)).toEqual(['system', 'user', 'assistant']);
    expect(new Set(unknownFields)).toEqual(
      new Set([
        'functions',
        'logit_bias',
        'messages.1.content.0 (input_audio)',
        'messages.2.function_call',
        'messages.3.name',
        'messages.3 (function)',
        'tools.0 (custom)',
      ]),
    );
  });
});
