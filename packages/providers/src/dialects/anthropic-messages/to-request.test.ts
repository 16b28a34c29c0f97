import { describe, expect, it } from '@jest/globals';
import type { ChatRequest, Json, Message } from '@moltbot/contracts';
import fc from 'fast-check';
import { chatRequest } from '../../testing/chat-request-arbitrary.js';
import type { ChatTurn } from '../../wire.js';
import { toCountRequest, toRequest } from './to-request.js';

type Body = Record<string, unknown> & { messages: { role: string; content: Record<string, unknown>[] }[] };

const HELLO: Message = { role: 'user', content: [{ type: 'text', text: 'Hello' }] };

function send(
  request: Partial<ChatRequest>,
  turn: Partial<Omit<ChatTurn, 'request'>> = {},
): { body: Body; dropped: readonly string[]; text: string } {
  const { body, dropped } = toRequest({
    model: 'claude-sonnet-4-5',
    stream: false,
    streamUsage: true,
    defaultMaxOutputTokens: 4_096,
    ...turn,
    request: { messages: [HELLO], unknownFields: [], ...request },
  });
  return { body: JSON.parse(body.toString()) as Body, dropped, text: body.toString() };
}

function converse(...messages: Message[]): { body: Body; dropped: readonly string[] } {
  return send({ messages });
}

function user(text: string): Message {
  return { role: 'user', content: [{ type: 'text', text }] };
}

function assistant(text: string): Message {
  return { role: 'assistant', content: [{ type: 'text', text }] };
}

function call(id: string, args = '{}', name = 'look'): Message {
  return { role: 'assistant', content: [{ type: 'tool-call', id, name, arguments: args }] };
}

function result(id: string, text: string): Message {
  return { role: 'tool', toolCallId: id, content: [{ type: 'text', text }] };
}

describe('a request to the Messages API', () => {
  it('says a plain question with the default limit', () => {
    const { path, headers, dropped } = toRequest({
      request: { messages: [HELLO], unknownFields: ['logit_bias'] },
      model: 'claude-opus-5',
      stream: true,
      streamUsage: true,
      defaultMaxOutputTokens: 4_096,
    });
    expect(path).toBe('/messages');
    expect(headers).toEqual({ 'content-type': 'application/json', 'anthropic-version': '2023-06-01' });
    expect(dropped).toEqual(['logit_bias']);
    expect(send({}, { model: 'claude-opus-5', stream: true }).body).toEqual({
      model: 'claude-opus-5',
      max_tokens: 4_096,
      messages: [{ role: 'user', content: [{ type: 'text', text: 'Hello' }] }],
      stream: true,
    });
    expect(send({ maxOutputTokens: 7 }).body['max_tokens']).toBe(7);
  });

  it('puts system messages apart, joins neighbours of one role and leaves blank texts out', () => {
    const { body } = converse(
      { role: 'system', content: [{ type: 'text', text: 'Be brief.' }] },
      user('a'),
      user(' \n'),
      user('b'),
      assistant('c'),
      assistant(''),
      { role: 'system', content: [{ type: 'text', text: 'Rhyme.' }] },
      user('d'),
    );
    expect(body['system']).toEqual([
      { type: 'text', text: 'Be brief.' },
      { type: 'text', text: 'Rhyme.' },
    ]);
    expect(body.messages.map(({ role, content }) => [role, content.map((block) => block['text'])])).toEqual([
      ['user', ['a', 'b']],
      ['assistant', ['c']],
      ['user', ['d']],
    ]);
  });

  it('lets a user open a conversation that has no word of one', () => {
    expect(converse(assistant('Hi'), user('a')).body.messages.map(({ role }) => role)).toEqual([
      'user',
      'assistant',
      'user',
    ]);
    expect(converse({ role: 'system', content: [{ type: 'text', text: 's' }] }).body.messages).toEqual([
      { role: 'user', content: [{ type: 'text', text: '.' }] },
    ]);
  });

  it('sends results of tools first in the turn, with errors and images', () => {
    const { body, dropped } = converse(user('a'), call('call_1'), user('and also'), {
      role: 'tool',
      toolCallId: 'call_1',
      isError: true,
      content: [
        { type: 'text', text: 'failed' },
        { type: 'image', source: { type: 'base64', mediaType: 'image/jpg', data: 'AAAA' } },
      ],
    });
    expect(body.messages[2]).toEqual({
      role: 'user',
      content: [
        {
          type: 'tool_result',
          tool_use_id: 'call_1',
          is_error: true,
          content: [
            { type: 'text', text: 'failed' },
            { type: 'image', source: { type: 'base64', media_type: 'image/jpeg', data: 'AAAA' } },
          ],
        },
        { type: 'text', text: 'and also' },
      ],
    });
    expect(dropped).toEqual([]);
  });

  it('gives ids of other vendors a form the API takes, the same for a call and its result', () => {
    const { body } = converse(
      user('a'),
      {
        role: 'assistant',
        content: ['functions.look:0', 'functions_look_0', 'functions.look/0', ''].map((id) => ({
          type: 'tool-call',
          id,
          name: 'look',
          arguments: '{}',
        })),
      },
      result('functions.look:0', '1'),
      result('functions_look_0', '2'),
      result('functions.look/0', '3'),
      result('', '4'),
    );
    const ids = body.messages[1]?.content.map((block) => block['id']);
    expect(new Set(ids).size).toBe(4);
    for (const id of ids ?? []) expect(id).toMatch(/^[A-Za-z0-9_-]+$/);
    expect(ids?.[1]).toBe('functions_look_0');
    expect(body.messages[2]?.content.map((block) => block['tool_use_id'])).toEqual(ids);
  });

  it('keeps every number of the arguments as it was written, and arguments that are no object as text', () => {
    const { text } = send({
      messages: [user('a'), call('1', '{"id":12345678901234567890,"x":1e400}'), result('1', 'r')],
    });
    expect(text).toContain('"input":{"id":12345678901234567890,"x":1e400}');
    const inputs = ['', '[1]', '{"cut', '{"a":1}', '['.repeat(5_000)].map(
      (args) => converse(user('a'), call('1', args), result('1', 'r')).body.messages[1]?.content[0]?.['input'],
    );
    expect(inputs.slice(0, 4)).toEqual([{}, { invalid_arguments: '[1]' }, { invalid_arguments: '{"cut' }, { a: 1 }]);
    const deep = `${'{"a":'.repeat(5_000)}1${'}'.repeat(5_000)}`;
    expect(converse(user('a'), call('1', deep), result('1', 'r')).body.messages[1]?.content[0]?.['input']).toEqual({
      invalid_arguments: deep,
    });
  });

  it('declares the tools that the conversation called where the caller declares none, and forbids to call them', () => {
    const { body } = converse(user('a'), call('1'), result('1', 'r'));
    expect(body['tools']).toEqual([{ name: 'look', input_schema: { type: 'object' } }]);
    expect(body['tool_choice']).toEqual({ type: 'none' });
  });

  it('sends sealed and encrypted thinking back and reports thinking that nobody sealed', () => {
    const { body, dropped } = converse(user('a'), {
      role: 'assistant',
      content: [
        { type: 'reasoning', text: 'hm', signature: 'sig' },
        { type: 'reasoning', text: '', redacted: 'enc' },
        { type: 'reasoning', text: 'foreign' },
        { type: 'reasoning', text: '', redacted: 'openai:rs_1:gAAAA' },
        { type: 'refusal', text: 'No.' },
      ],
    });
    expect(body.messages[1]?.content).toEqual([
      { type: 'thinking', thinking: 'hm', signature: 'sig' },
      { type: 'redacted_thinking', data: 'enc' },
      { type: 'text', text: 'No.' },
    ]);
    expect(dropped).toEqual(['messages.1.content.2 (reasoning)', 'messages.1.content.3 (reasoning)']);
  });

  it('takes images by address, by data URL and by content, and reports what it cannot take', () => {
    const image = (url: string): { type: 'image'; source: { type: 'url'; url: string } } => ({
      type: 'image',
      source: { type: 'url', url },
    });
    const { body, dropped } = converse({
      role: 'user',
      content: [
        image('https://example.com/a.png'),
        image('data:image/webp;charset=x;base64,QUJD'),
        image('data:image/svg+xml;base64,QUJD'),
        image('file:///etc/passwd'),
        { type: 'image', detail: 'high', source: { type: 'base64', mediaType: 'image/PNG', data: 'QUJD' } },
        { type: 'image', source: { type: 'base64', mediaType: 'image/tiff', data: 'QUJD' } },
      ],
    });
    expect(body.messages[0]?.content).toEqual([
      { type: 'image', source: { type: 'url', url: 'https://example.com/a.png' } },
      { type: 'image', source: { type: 'base64', media_type: 'image/webp', data: 'QUJD' } },
      { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'QUJD' } },
    ]);
    expect(dropped).toEqual([
      'messages.0.content.2 (image)',
      'messages.0.content.3 (image)',
      'messages.0.content.4.detail',
      'messages.0.content.5 (image)',
    ]);
  });

  it.each([
    [{ toolChoice: 'auto' }, { type: 'auto' }],
    [{ toolChoice: 'none' }, { type: 'none' }],
    [{ toolChoice: 'required' }, { type: 'any' }],
    [{ toolChoice: { tool: 'look' } }, { type: 'tool', name: 'look' }],
    [
      { toolChoice: 'required', parallelToolCalls: false },
      { type: 'any', disable_parallel_tool_use: true },
    ],
    [{ parallelToolCalls: false }, { type: 'auto', disable_parallel_tool_use: true }],
    [{ parallelToolCalls: true }, undefined],
  ] as const)('says the choice of tools %j as %j', (choice, expected) => {
    const { body, dropped } = send({ tools: [{ name: 'look' }], ...choice });
    expect(body['tool_choice']).toEqual(expected);
    expect(body['tools']).toEqual([{ name: 'look', input_schema: { type: 'object', properties: {} } }]);
    expect(dropped).toEqual([]);
  });

  it('reports a forced tool where the model takes none, or there is no tool', () => {
    const forced = { tools: [{ name: 'look' }], toolChoice: 'required' } as const;
    const { body, dropped } = send(forced, { model: 'claude-opus-5-5' });
    expect(body['tool_choice']).toEqual({ type: 'auto' });
    expect(dropped).toEqual(['tool_choice']);
    expect(send({ toolChoice: 'required' }).dropped).toEqual(['tool_choice']);
  });

  it('keeps a strict tool strict where its schema allows and joins alternatives at the root of a schema', () => {
    const closed = { type: 'object', properties: { a: { type: 'string' } }, additionalProperties: false };
    const { body, dropped } = send({
      tools: [
        { name: 'a', description: 'A.', parameters: closed, strict: true },
        { name: 'b', parameters: { type: 'object', properties: { a: { type: 'number', minimum: 1 } } }, strict: true },
        {
          name: 'c',
          parameters: {
            anyOf: [
              { properties: { x: { type: 'string' }, kind: {} }, required: ['kind', 'x'] },
              { properties: { y: { type: 'string' }, kind: {} }, required: ['kind'] },
            ],
          },
        },
      ],
    });
    expect(body['tools']).toEqual([
      { name: 'a', description: 'A.', input_schema: closed, strict: true },
      { name: 'b', input_schema: { type: 'object', properties: { a: { type: 'number', minimum: 1 } } } },
      {
        name: 'c',
        input_schema: {
          type: 'object',
          properties: { x: { type: 'string' }, kind: {}, y: { type: 'string' } },
          required: ['kind'],
        },
      },
    ]);
    expect(dropped).toEqual(['tools.1.strict']);
  });

  it('asks for a schema in the form that constrains the output, and reports what it cannot ask for', () => {
    const schema: Json = {
      $schema: 'x',
      type: 'object',
      properties: {
        age: { type: 'integer', minimum: 0, description: 'Years.' },
        mail: { oneOf: [{ type: 'string', format: 'email' }, { type: 'null' }] },
        tags: { type: 'array', items: { type: 'object', properties: {} }, minItems: 3 },
      },
      required: ['age'],
    };
    const { body, dropped } = send({ responseFormat: { type: 'json-schema', name: 'n', schema } });
    expect(body['output_config']).toEqual({
      format: {
        type: 'json_schema',
        schema: {
          type: 'object',
          properties: {
            age: { type: 'integer', description: 'Years.\n\n{minimum: 0}' },
            mail: { anyOf: [{ type: 'string', format: 'email' }, { type: 'null' }] },
            tags: {
              type: 'array',
              items: { type: 'object', properties: {}, additionalProperties: false },
              description: '{minItems: 3}',
            },
          },
          required: ['age'],
          additionalProperties: false,
        },
      },
    });
    expect(dropped).toEqual(['response_format.schema (minItems, minimum)']);
    for (const [format, model] of [
      [{ type: 'json' }, 'claude-opus-5'],
      [{ type: 'json-schema', name: 'n', schema }, 'claude-3-5-sonnet-20241022'],
      [{ type: 'json-schema', name: 'n', schema }, 'kimi-k3'],
    ] as const) {
      const other = send({ responseFormat: format }, { model });
      expect(other.dropped).toEqual(['response_format']);
      expect(other.body['output_config']).toBeUndefined();
      expect(other.body['tools']).toBeUndefined();
    }
  });

  it('clamps the temperature, sends one sampler where only one is taken, none where none is, and reports each', () => {
    const asked = { temperature: 1.5, topP: 0.5, topK: 9 };
    const sampling = (model: string, request: Partial<ChatRequest> = asked): unknown => {
      const { body, dropped } = send(request, { model });
      return [body['temperature'], body['top_p'], body['top_k'], dropped];
    };
    expect(sampling('claude-3-5-sonnet-20241022')).toEqual([1, 0.5, 9, ['temperature']]);
    expect(sampling('claude-sonnet-4-5')).toEqual([1, undefined, 9, ['temperature', 'top_p']]);
    expect(sampling('claude-sonnet-4-5', { topP: 0.5 })).toEqual([undefined, 0.5, undefined, []]);
    expect(sampling('claude-opus-4-7')).toEqual([undefined, undefined, undefined, ['temperature', 'top_p', 'top_k']]);
    expect(sampling('claude-opus-4-7', { temperature: 1, topP: 1 })).toEqual([undefined, undefined, undefined, []]);
    expect(sampling('claude-3-7-sonnet', { ...asked, topP: 0.97, reasoning: { effort: 'low' } })).toEqual([
      undefined,
      0.97,
      undefined,
      ['temperature', 'top_k'],
    ]);
  });

  it('reports what has no word and sends the end user and the stop sequences', () => {
    const { body, dropped } = send({
      frequencyPenalty: 1,
      presencePenalty: 0,
      seed: 1,
      choices: 2,
      metadata: { a: 'b' },
      user: 'u-1',
      stop: ['END', ' \n'],
    });
    expect(body['metadata']).toEqual({ user_id: 'u-1' });
    expect(body['stop_sequences']).toEqual(['END']);
    expect([...dropped].sort()).toEqual(['choices', 'frequency_penalty', 'metadata', 'seed', 'stop']);
    expect(send({ user: 'u'.repeat(300) }).dropped).toEqual(['user']);
    expect(send({ choices: 1 }).dropped).toEqual([]);
  });

  it('counts a prompt without what is not counted', () => {
    const { path, body } = toCountRequest({
      model: 'claude-opus-5',
      request: {
        messages: [HELLO],
        unknownFields: [],
        maxOutputTokens: 5,
        temperature: 0.5,
        reasoning: { effort: 'high' },
        tools: [{ name: 'look' }],
      },
    });
    expect(path).toBe('/messages/count_tokens');
    expect(Object.keys(JSON.parse(body.toString()) as object)).toEqual(['model', 'messages', 'tools']);
  });
});

describe('going on with an answer that broke off', () => {
  it('ends with the text so far, without the blanks at its end that the API refuses, and without thinking', () => {
    const { body, dropped } = send(
      { reasoning: { effort: 'high' }, temperature: 0.5 },
      { continuation: { rung: 'prefill', text: 'Once upon \n' } },
    );
    expect(body.messages.at(-1)).toEqual({ role: 'assistant', content: [{ type: 'text', text: 'Once upon' }] });
    expect(body['thinking']).toBeUndefined();
    expect(body['temperature']).toBe(0.5);
    expect(dropped).toEqual(['reasoning']);
  });

  it('asks to go on in a turn of the user', () => {
    const { body } = send({}, { continuation: { rung: 'continue', text: 'Once upon ' } });
    expect(body.messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'user']);
    expect(body.messages[1]?.content).toEqual([{ type: 'text', text: 'Once upon ' }]);
  });

  it('does not end with an empty message where nothing visible was said', () => {
    const { body } = send({}, { continuation: { rung: 'prefill', text: '  ' } });
    expect(body.messages.map(({ role }) => role)).toEqual(['user']);
  });
});

describe('any valid request', () => {
  it('becomes one that keeps the rules of the API', () => {
    const models = fc.constantFrom(
      'claude-3-opus-20240229',
      'claude-sonnet-4-5',
      'claude-opus-4-6',
      'claude-opus-4-8',
      'claude-haiku-5-5',
      'claude-opus-5-5',
      'claude-pro',
      'other',
    );
    fc.assert(
      fc.property(chatRequest(), models, (request, model) => {
        const { body } = send(request, { model });
        const roles = body.messages.map(({ role }) => role);
        expect(roles[0]).toBe('user');
        expect(roles.every((role, index) => index === 0 || role !== roles[index - 1])).toBe(true);
        for (const { content } of body.messages) {
          expect(content.length).toBeGreaterThan(0);
          const kinds = content.map((block) => block['type']);
          expect(kinds.lastIndexOf('tool_result')).toBe(kinds.filter((kind) => kind === 'tool_result').length - 1);
          for (const block of content) {
            if (block['type'] === 'text') expect(String(block['text'])).toMatch(/\S/);
          }
        }
        const thinking = body['thinking'] as { budget_tokens?: number } | undefined;
        if (thinking?.budget_tokens !== undefined) {
          expect(thinking.budget_tokens).toBeGreaterThanOrEqual(1_024);
          expect(thinking.budget_tokens).toBeLessThan(body['max_tokens'] as number);
        }
        const temperature = body['temperature'];
        if (temperature !== undefined) expect(temperature).toBeLessThanOrEqual(1);
      }),
      { numRuns: 200 },
    );
  });
});
