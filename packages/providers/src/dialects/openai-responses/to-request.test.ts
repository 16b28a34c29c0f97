import { describe, expect, it } from '@jest/globals';
import type { ChatRequest, Message } from '@moltbot/contracts';
import fc from 'fast-check';
import type { JsonObject } from '../../caller-request.js';
import { chatRequest } from '../../testing/chat-request-arbitrary.js';
import type { ChatTurn } from '../../wire.js';
import { openAiResponsesWire } from './wire.js';

interface Body extends JsonObject {
  readonly input: readonly JsonObject[];
}

function translate(
  request: Partial<ChatRequest>,
  options: Partial<ChatTurn> = {},
): { readonly body: Body; readonly dropped: readonly string[] } {
  const { path, headers, body, dropped } = openAiResponsesWire.toRequest({
    model: 'gpt-4.1',
    stream: false,
    streamUsage: true,
    defaultMaxOutputTokens: 4_096,
    request: { messages: [said('Hello')], unknownFields: [], ...request },
    ...options,
  });
  expect(path).toBe('/responses');
  expect(headers).toEqual({ 'content-type': 'application/json' });
  return { body: JSON.parse(body.toString()) as Body, dropped };
}

function said(text: string): Message {
  return { role: 'user', content: [{ type: 'text', text }] };
}

const HELLO = { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'Hello' }] };

describe('a request for responses', () => {
  it('stores nothing and says only what was asked', () => {
    expect(translate({}).body).toEqual({ model: 'gpt-4.1', input: [HELLO], stream: false, store: false });
    expect(translate({}, { stream: true }).body).toMatchObject({ stream: true });
  });

  it('asks for encrypted reasoning of models that reason', () => {
    const include = ['reasoning.encrypted_content'];
    expect(translate({}, { model: 'gpt-5.1' }).body['include']).toEqual(include);
    expect(translate({}, { model: 'o4-mini' }).body['include']).toEqual(include);
    expect(translate({}, { model: 'gpt-5-chat-latest' }).body['include']).toBeUndefined();
    expect(translate({}, { model: 'local' }).body['include']).toBeUndefined();
    expect(translate({ reasoning: { effort: 'low' } }, { model: 'local' }).body['include']).toEqual(include);
  });

  it('maps what has a word and reports what has none', () => {
    const { body, dropped } = translate({
      maxOutputTokens: 100,
      temperature: 0.5,
      topP: 0.9,
      topK: 40,
      frequencyPenalty: 1,
      presencePenalty: 1,
      stop: ['a'],
      seed: 1,
      choices: 2,
      user: 'u-1',
      metadata: { a: 'b' },
      unknownFields: ['logit_bias'],
    });
    expect(body).toMatchObject({
      max_output_tokens: 100,
      temperature: 0.5,
      top_p: 0.9,
      safety_identifier: 'u-1',
      metadata: { a: 'b' },
    });
    expect(dropped).toEqual([
      'logit_bias',
      'choices',
      'top_k',
      'frequency_penalty',
      'presence_penalty',
      'seed',
      'stop',
    ]);
  });

  it('raises a limit that the API finds too small, and leaves a long user id out', () => {
    const { body, dropped } = translate({ maxOutputTokens: 1, user: 'x'.repeat(65) });
    expect(body).toMatchObject({ max_output_tokens: 16 });
    expect(body['safety_identifier']).toBeUndefined();
    expect(dropped).toEqual(['max_output_tokens (16 instead)', 'user']);
  });

  it.each([
    ['gpt-4.1', undefined, []],
    ['ft:gpt-4.1-mini:mine::id', undefined, []],
    ['o3', undefined, ['temperature', 'top_p']],
    ['gpt-5-mini', { effort: 'none' }, ['temperature', 'top_p']],
    ['gpt-5.4', { effort: 'none' }, []],
    ['gpt-5.4', { effort: 'high' }, ['temperature', 'top_p']],
    ['gpt-6-sol', undefined, ['temperature', 'top_p']],
    ['local', undefined, []],
  ] as const)('tells %s (reasoning %j) the temperature only where it is taken', (model, reasoning, expected) => {
    const { body, dropped } = translate({ temperature: 1, topP: 0.5, reasoning }, { model });
    expect(dropped).toEqual(expected);
    expect(body['temperature']).toBe(expected.length === 0 ? 1 : undefined);
  });

  it.each([
    ['gpt-5.4', { effort: 'xhigh' }, { effort: 'xhigh' }, []],
    ['gpt-5.4', { budgetTokens: 2_000 }, { effort: 'low', summary: 'auto' }, []],
    ['gpt-5.4', { budgetTokens: 50_000 }, { effort: 'high', summary: 'auto' }, []],
    ['gpt-5.4', {}, { summary: 'auto' }, []],
    ['gpt-4o', { effort: 'high' }, undefined, ['reasoning']],
    ['gpt-4o', { effort: 'none' }, undefined, []],
  ] as const)('asks %s to think as %j says', (model, reasoning, expected, lost) => {
    const { body, dropped } = translate({ reasoning }, { model });
    expect(body['reasoning']).toEqual(expected);
    expect(dropped).toEqual(lost);
  });

  it('asks for JSON', () => {
    const schema = { type: 'object', properties: {} };
    const format = { type: 'json-schema', name: 'n', schema, description: 'd', strict: true } as const;
    expect(translate({ responseFormat: format }).body['text']).toEqual({
      format: { type: 'json_schema', name: 'n', schema, description: 'd', strict: true },
    });
    expect(translate({ responseFormat: { type: 'json' } }).body['text']).toEqual({ format: { type: 'json_object' } });
    expect(translate({ responseFormat: { type: 'text' } }).body['text']).toBeUndefined();
  });

  it('declares flat functions with a schema of an object, strict only where asked', () => {
    const { body } = translate({
      tools: [
        { name: 'now' },
        { name: 'f', description: 'd', parameters: {}, strict: true },
        { name: 'g', parameters: { $ref: '#/$defs/A', $defs: { A: { type: 'object' } } } },
      ],
      toolChoice: { tool: 'f' },
      parallelToolCalls: false,
    });
    const none = { type: 'object', properties: {} };
    expect(body).toMatchObject({
      tools: [
        { type: 'function', name: 'now', parameters: none, strict: false },
        { type: 'function', name: 'f', description: 'd', parameters: none, strict: true },
        { type: 'function', name: 'g', parameters: { $ref: '#/$defs/A', $defs: { A: { type: 'object' } } } },
      ],
      tool_choice: { type: 'function', name: 'f' },
      parallel_tool_calls: false,
    });
    expect(translate({ tools: [{ name: 'f' }], toolChoice: 'required' }).body['tool_choice']).toBe('required');
    expect(translate({ toolChoice: 'auto', parallelToolCalls: true }).body).toEqual(translate({}).body);
  });

  it('leaves out schemas that are too deep to be printed', () => {
    const deep = JSON.parse(`${'{"items":'.repeat(50_000)}{}${'}'.repeat(50_000)}`) as { readonly items: never };
    const { body, dropped } = translate({
      tools: [{ name: 'f', parameters: deep }],
      responseFormat: { type: 'json-schema', name: 'n', schema: deep },
    });
    expect(body['text']).toEqual({ format: { type: 'json_object' } });
    expect(dropped).toEqual(['tools.0.parameters', 'response_format.schema']);
  });
});

describe('input items', () => {
  it('are instructions, messages, reasoning, calls and results in their order', () => {
    const { body, dropped } = translate({
      messages: [
        { role: 'system', content: [{ type: 'text', text: 'Be short.' }] },
        { role: 'system', content: [{ type: 'text', text: 'Be kind.' }] },
        {
          role: 'user',
          content: [
            { type: 'text', text: 'See' },
            { type: 'image', source: { type: 'base64', mediaType: 'image/png', data: 'aGk=' }, detail: 'low' },
            { type: 'image', source: { type: 'url', url: 'https://example.org/a.png' } },
          ],
        },
        {
          role: 'assistant',
          content: [
            { type: 'reasoning', text: 'Hm.', redacted: 'openai:rs_1:gAAA:x' },
            { type: 'reasoning', text: 'Of another vendor.', signature: 'sig' },
            { type: 'text', text: 'I ' },
            { type: 'text', text: 'look.' },
            { type: 'tool-call', id: 'call_1', name: 'f', arguments: '{"a":' },
          ],
        },
        { role: 'tool', toolCallId: 'call_1', content: [{ type: 'text', text: 'no' }], isError: true },
        { role: 'system', content: [{ type: 'text', text: 'Now in French.' }] },
        { role: 'assistant', content: [{ type: 'refusal', text: 'Non.' }] },
      ],
    });
    expect(body['instructions']).toBe('Be short.\n\nBe kind.');
    expect(body.input).toEqual([
      {
        type: 'message',
        role: 'user',
        content: [
          { type: 'input_text', text: 'See' },
          { type: 'input_image', image_url: 'data:image/png;base64,aGk=', detail: 'low' },
          { type: 'input_image', image_url: 'https://example.org/a.png', detail: 'auto' },
        ],
      },
      {
        type: 'reasoning',
        id: 'rs_1',
        summary: [{ type: 'summary_text', text: 'Hm.' }],
        encrypted_content: 'gAAA:x',
      },
      {
        type: 'message',
        role: 'assistant',
        content: [
          { type: 'output_text', text: 'I ' },
          { type: 'output_text', text: 'look.' },
        ],
      },
      { type: 'function_call', call_id: 'call_1', name: 'f', arguments: '{"a":' },
      { type: 'function_call_output', call_id: 'call_1', output: 'no' },
      { type: 'message', role: 'developer', content: [{ type: 'input_text', text: 'Now in French.' }] },
      { type: 'message', role: 'assistant', content: [{ type: 'refusal', refusal: 'Non.' }] },
    ]);
    expect(dropped).toEqual(['messages.3.content.1 (reasoning)', 'messages.4.is_error']);
  });

  it('never hold the seal of another vendor, nor reasoning that led to nothing', () => {
    const messages: readonly Message[] = [
      said('Go'),
      {
        role: 'assistant',
        content: [
          { type: 'reasoning', text: '', redacted: 'EmwKAhgBEgy3va3pzix' },
          { type: 'text', text: 'a' },
          { type: 'reasoning', text: '', redacted: 'openai:rs_1:gAAA' },
        ],
      },
    ];
    const { body, dropped } = translate({ messages });
    expect(body.input.map((item) => item['type'])).toEqual(['message', 'message']);
    expect(dropped).toEqual(['messages.1.content.0 (reasoning)', 'messages.1.content.2 (reasoning)']);
  });

  it('hold images of results, and results without a call as text', () => {
    const image = { type: 'image', source: { type: 'base64', mediaType: 'image/png', data: 'aGk=' } } as const;
    const { body } = translate({
      messages: [
        said('Go'),
        { role: 'assistant', content: [{ type: 'tool-call', id: 'a', name: 'f', arguments: '{}' }] },
        { role: 'tool', toolCallId: 'a', content: [{ type: 'text', text: 'done' }, image] },
        { role: 'tool', toolCallId: 'gone', content: [{ type: 'text', text: '42' }] },
      ],
    });
    expect(body.input.slice(2)).toEqual([
      {
        type: 'function_call_output',
        call_id: 'a',
        output: [
          { type: 'input_text', text: 'done' },
          { type: 'input_image', image_url: 'data:image/png;base64,aGk=', detail: 'auto' },
        ],
      },
      {
        type: 'message',
        role: 'user',
        content: [
          { type: 'input_text', text: 'Result of the tool call gone:' },
          { type: 'input_text', text: '42' },
        ],
      },
    ]);
  });

  it('shorten ids that are too long, call and result alike', () => {
    const id = 'x'.repeat(65);
    const { body } = translate({
      messages: [
        said('Go'),
        { role: 'assistant', content: [{ type: 'tool-call', id, name: 'f', arguments: '{}' }] },
        { role: 'tool', toolCallId: id, content: [] },
      ],
    });
    expect(body.input[1]?.['call_id']).toMatch(/^call_[0-9a-f]{40}$/);
    expect(body.input[2]).toEqual({ type: 'function_call_output', call_id: body.input[1]?.['call_id'], output: '' });
  });

  it('are never empty', () => {
    const item = (text: string) => ({ type: 'message', role: 'user', content: [{ type: 'input_text', text }] });
    expect(translate({ messages: [] }).body.input).toEqual([item('.')]);
    const { body } = translate({ messages: [{ role: 'system', content: [{ type: 'text', text: 'Say hi' }] }] });
    expect(body.input).toEqual([item('Say hi')]);
    expect(body['instructions']).toBeUndefined();
  });

  it('fit together for any conversation, also where a broken answer is gone on with', () => {
    const continuation = fc.option(
      fc.record({ rung: fc.constantFrom('prefill' as const, 'continue' as const), text: fc.string({ minLength: 1 }) }),
      { nil: undefined },
    );
    const models = fc.constantFrom('gpt-4.1', 'gpt-5', 'gpt-5.4', 'o3', 'local');
    fc.assert(
      fc.property(chatRequest(), models, continuation, (request, model, rest) => {
        const { body, dropped } = translate(request, { model, continuation: rest });
        expect(new Set(dropped).size).toBe(dropped.length);
        const calls = new Set(
          body.input.filter((item) => item['type'] === 'function_call').map((item) => item['call_id']),
        );
        for (const [index, item] of body.input.entries()) {
          if (item['type'] === 'message') expect(item['content']).not.toHaveLength(0);
          if (item['type'] === 'function_call_output') expect(calls.has(item['call_id'])).toBe(true);
          if (item['type'] === 'reasoning') expect(body.input[index + 1]).toBeDefined();
        }
        if (rest !== undefined) {
          expect(body.input.at(rest.rung === 'prefill' ? -1 : -2)).toMatchObject({
            role: 'assistant',
            content: [{ type: 'output_text', text: rest.text }],
          });
        }
      }),
      { numRuns: 60 },
    );
  });
});

describe('a request that is passed', () => {
  it('keeps every byte but the model and our own members', () => {
    const bytes = Buffer.from('{ "model":"default", "models":["a"], "input" : "hi", "x":1e2, "stream":false }');
    const call = {
      requestId: 'r',
      dialect: 'openai-responses',
      bytes,
      value: JSON.parse(bytes.toString()) as JsonObject,
      model: undefined,
      models: undefined,
      streamOptions: undefined,
      stream: false,
      wantsStreamUsage: true,
      estimatedInputTokens: 1,
      request: () => ({ messages: [], unknownFields: [] }),
    } as const;
    const options = { model: 'gpt-5.4', streamUsage: true, defaultMaxOutputTokens: 1 };
    const passed = openAiResponsesWire.passRequest(call, { ...options, stream: false });
    expect(passed.body.toString()).toMatch(/^\{ *"model":"gpt-5.4", *"input" : "hi", "x":1e2, "stream":false \}$/);
    const streamed = openAiResponsesWire.passRequest(call, { ...options, stream: true });
    expect(JSON.parse(streamed.body.toString())).toMatchObject({ stream: true });
  });
});
