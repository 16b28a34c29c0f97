import { describe, expect, it } from '@jest/globals';
import { type ChatRequest, MoltbotError } from '@moltbot/contracts';
import fc from 'fast-check';
import type { JsonObject } from '../../caller-request.js';
import { chatRequest } from '../../testing/chat-request-arbitrary.js';
import { fromRequest } from './from-request.js';
import { toRequest } from './to-request.js';

const HELLO = [{ role: 'user', content: 'Hello' }];

function read(body: JsonObject): ChatRequest {
  return fromRequest({ model: 'default', max_tokens: 100, messages: HELLO, ...body });
}

function refused(body: JsonObject): string | undefined {
  try {
    read(body);
  } catch (error) {
    if (error instanceof MoltbotError && error.code === 'invalid_request') return error.param;
    throw error;
  }
  return undefined;
}

/** Without members that are undefined. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

describe('a request of a caller of Anthropic', () => {
  it('says a plain question', () => {
    expect(plain(read({}))).toEqual({
      messages: [{ role: 'user', content: [{ type: 'text', text: 'Hello' }] }],
      maxOutputTokens: 100,
      unknownFields: [],
    });
  });

  it('says every field that has a word in ours', () => {
    const request = read({
      stream: true,
      models: ['a:b'],
      system: [{ type: 'text', text: 'Be brief.' }],
      temperature: 0.5,
      top_p: 0.9,
      top_k: 40,
      stop_sequences: ['END'],
      metadata: { user_id: 'u' },
      tools: [
        { name: 'a', description: 'A.', input_schema: { type: 'object' }, strict: true },
        { type: 'custom', name: 'b', input_schema: {} },
      ],
      tool_choice: { type: 'tool', name: 'a', disable_parallel_tool_use: true },
      output_config: { effort: 'max', format: { type: 'json_schema', schema: { type: 'object' } } },
    });
    expect(plain(request)).toEqual({
      messages: [
        { role: 'system', content: [{ type: 'text', text: 'Be brief.' }] },
        { role: 'user', content: [{ type: 'text', text: 'Hello' }] },
      ],
      tools: [
        { name: 'a', description: 'A.', parameters: { type: 'object' }, strict: true },
        { name: 'b', parameters: {} },
      ],
      toolChoice: { tool: 'a' },
      parallelToolCalls: false,
      responseFormat: { type: 'json-schema', name: 'answer', schema: { type: 'object' }, strict: true },
      reasoning: { effort: 'max' },
      maxOutputTokens: 100,
      temperature: 0.5,
      topP: 0.9,
      topK: 40,
      stop: ['END'],
      user: 'u',
      unknownFields: [],
    });
  });

  it('says every block that has a word in ours, results of tools as messages of their own', () => {
    const { messages, unknownFields } = read({
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'Look.' },
            { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'QUJD' } },
            { type: 'image', source: { type: 'url', url: 'https://example.com/a.png' } },
            { type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'Plain.' } },
            { type: 'document', source: { type: 'content', content: 'Inner.' } },
            { type: 'search_result', source: 's', title: 't', content: [{ type: 'text', text: 'Found.' }] },
          ],
        },
        {
          role: 'assistant',
          content: [
            { type: 'thinking', thinking: 'hm', signature: 'sig' },
            { type: 'thinking', thinking: 'ours', signature: 'moltbot-unsigned' },
            { type: 'redacted_thinking', data: 'enc' },
            { type: 'text', text: 'Right.', citations: null },
            { type: 'tool_use', id: 'toolu_1', name: 'look', input: { a: [1] }, caller: { type: 'direct' } },
          ],
        },
        {
          role: 'user',
          content: [
            { type: 'text', text: 'And?' },
            { type: 'tool_result', tool_use_id: 'toolu_1', is_error: true, content: 'failed' },
            { type: 'tool_result', tool_use_id: 'toolu_2' },
          ],
        },
        { role: 'system', content: 'Rhyme.' },
        { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'toolu_3', content: [] }] },
      ],
    });
    expect(messages).toEqual([
      {
        role: 'user',
        content: [
          { type: 'text', text: 'Look.' },
          { type: 'image', source: { type: 'base64', mediaType: 'image/png', data: 'QUJD' } },
          { type: 'image', source: { type: 'url', url: 'https://example.com/a.png' } },
          { type: 'text', text: 'Plain.' },
          { type: 'text', text: 'Inner.' },
          { type: 'text', text: 'Found.' },
        ],
      },
      {
        role: 'assistant',
        content: [
          { type: 'reasoning', text: 'hm', signature: 'sig' },
          { type: 'reasoning', text: 'ours' },
          { type: 'reasoning', text: '', redacted: 'enc' },
          { type: 'text', text: 'Right.' },
          { type: 'tool-call', id: 'toolu_1', name: 'look', arguments: '{"a":[1]}' },
        ],
      },
      { role: 'tool', toolCallId: 'toolu_1', isError: true, content: [{ type: 'text', text: 'failed' }] },
      { role: 'tool', toolCallId: 'toolu_2', content: [] },
      { role: 'user', content: [{ type: 'text', text: 'And?' }] },
      { role: 'system', content: [{ type: 'text', text: 'Rhyme.' }] },
      { role: 'tool', toolCallId: 'toolu_3', content: [] },
    ]);
    expect(unknownFields).toEqual([]);
  });

  it('names what has no word in ours', () => {
    const { unknownFields, tools } = read({
      service_tier: 'auto',
      container: null,
      mcp_servers: [],
      metadata: { user_id: null, team: 'x' },
      thinking: { type: 'adaptive', display: 'omitted' },
      output_config: { effort: 'extreme', task_budget: 1 },
      tools: [
        { type: 'web_search_20250305', name: 'web_search' },
        { name: 'a', input_schema: {}, cache_control: { type: 'ephemeral' }, input_examples: [{}] },
      ],
      tool_choice: { type: 'sometimes' },
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'a', cache_control: { type: 'ephemeral' } },
            { type: 'document', source: { type: 'base64', media_type: 'application/pdf', data: 'QUJD' } },
            { type: 'image', source: { type: 'file', file_id: 'f' } },
            { type: 'container_upload', file_id: 'f' },
          ],
        },
        { role: 'assistant', content: [{ type: 'server_tool_use', id: 's', name: 'web_search', input: {} }] },
      ],
    });
    expect([...unknownFields].sort()).toEqual(
      [
        'cache_control',
        'mcp_servers',
        'messages.0.content.1 (document)',
        'messages.0.content.2 (image)',
        'messages.0.content.3 (container_upload)',
        'messages.1.content.0 (server_tool_use)',
        'metadata.team',
        'output_config.effort',
        'output_config.task_budget',
        'service_tier',
        'thinking.display',
        'tool_choice',
        'tools.0',
        'tools.1.input_examples',
      ].sort(),
    );
    expect(tools?.map((tool) => tool.name)).toEqual(['a']);
  });

  it.each([
    [{ type: 'enabled', budget_tokens: 2_048 }, undefined, { budgetTokens: 2_048 }],
    [{ type: 'enabled', budget_tokens: 2_048 }, 'low', { budgetTokens: 2_048, effort: 'low' }],
    [{ type: 'adaptive' }, undefined, {}],
    [{ type: 'adaptive' }, 'xhigh', { effort: 'xhigh' }],
    [{ type: 'disabled' }, 'low', { effort: 'none' }],
    [{ type: 'between_tools' }, undefined, { effort: 'none' }],
    [undefined, 'high', { effort: 'high' }],
    [undefined, undefined, undefined],
  ])('reads thinking %j with effort %j as %j', (thinking, effort, expected) => {
    expect(read({ thinking, output_config: { effort } }).reasoning).toEqual(expected);
  });

  it.each<[JsonObject, string]>([
    [{ messages: undefined }, 'messages'],
    [{ messages: [] }, 'messages'],
    [{ messages: {} }, 'messages'],
    [{ messages: ['a'] }, 'messages.0'],
    [{ messages: [{ role: 'tool', content: 'a' }] }, 'messages.0.role'],
    [{ messages: [{ role: 'user' }] }, 'messages.0.content'],
    [{ messages: [{ role: 'user', content: 7 }] }, 'messages.0.content'],
    [{ messages: [{ role: 'user', content: [null] }] }, 'messages.0.content.0'],
    [{ messages: [{ role: 'user', content: [{ text: 'a' }] }] }, 'messages.0.content.0.type'],
    [{ messages: [{ role: 'user', content: [{ type: 'text' }] }] }, 'messages.0.content.0.text'],
    [{ messages: [{ role: 'user', content: [{ type: 'image' }] }] }, 'messages.0.content.0.source'],
    [
      { messages: [{ role: 'user', content: [{ type: 'image', source: { type: 'base64', data: 'a' } }] }] },
      'messages.0.content.0.source.media_type',
    ],
    [{ messages: [{ role: 'user', content: [{ type: 'tool_result' }] }] }, 'messages.0.content.0.tool_use_id'],
    [
      {
        messages: [{ role: 'user', content: [{ type: 'tool_result', tool_use_id: 'a', content: [{ type: 'text' }] }] }],
      },
      'messages.0.content.0.content.0.text',
    ],
    [
      { messages: [{ role: 'assistant', content: [{ type: 'tool_use', id: 'a', name: 'b', input: '{}' }] }] },
      'messages.0.content.0.input',
    ],
    [
      { messages: [{ role: 'assistant', content: [{ type: 'thinking', thinking: 'a' }] }] },
      'messages.0.content.0.signature',
    ],
    [{ model: 7 }, 'model'],
    [{ models: [7] }, 'models.0'],
    [{ stream: 'yes' }, 'stream'],
    [{ system: 7 }, 'system'],
    [{ system: [{ type: 'text', text: 7 }] }, 'system.0.text'],
    [{ max_tokens: -1 }, 'max_tokens'],
    [{ max_tokens: 1.5 }, 'max_tokens'],
    [{ max_tokens: '9' }, 'max_tokens'],
    [{ temperature: 1.1 }, 'temperature'],
    [{ top_p: 'high' }, 'top_p'],
    [{ top_k: 0.5 }, 'top_k'],
    [{ stop_sequences: 'END' }, 'stop_sequences'],
    [{ stop_sequences: [1] }, 'stop_sequences.0'],
    [{ metadata: 'x' }, 'metadata'],
    [{ metadata: { user_id: 1 } }, 'metadata.user_id'],
    [{ thinking: { type: 'enabled' } }, 'thinking.budget_tokens'],
    [{ thinking: { type: 'enabled', budget_tokens: 100 } }, 'thinking.budget_tokens'],
    [{ thinking: true }, 'thinking'],
    [{ output_config: [] }, 'output_config'],
    [{ output_config: { format: { type: 'json_schema' } } }, 'output_config.format.schema'],
    [{ tools: {} }, 'tools'],
    [{ tools: [7] }, 'tools.0'],
    [{ tools: [{ name: '', input_schema: {} }] }, 'tools.0.name'],
    [{ tools: [{ name: 'a' }] }, 'tools.0.input_schema'],
    [{ tool_choice: 'auto' }, 'tool_choice'],
    [{ tool_choice: { type: 'tool' } }, 'tool_choice.name'],
  ])('refuses %.80j at %s', (body, param) => {
    expect(refused(body)).toBe(param);
  });

  it('refuses more tools and messages than the API takes', () => {
    expect(refused({ tools: Array.from({ length: 10_001 }, () => ({})) })).toBe('tools');
    expect(refused({ messages: Array.from({ length: 100_001 }, () => HELLO[0]) })).toBe('messages');
  });

  it('refuses arguments and schemas that nest too deep to be walked', () => {
    let deep: JsonObject = {};
    for (let level = 0; level < 100_000; level += 1) deep = { deep };
    expect(refused({ tools: [{ name: 'a', input_schema: deep }] })).toBe('tools.0.input_schema');
    expect(
      refused({ messages: [{ role: 'assistant', content: [{ type: 'tool_use', id: 'a', name: 'b', input: deep }] }] }),
    ).toBe('messages.0.content.0.input');
    expect(refused({ output_config: { format: { type: 'json_schema', schema: deep } } })).toBe(
      'output_config.format.schema',
    );
  });

  it('throws nothing but invalid_request, whatever the body', () => {
    const keys = fc.constantFrom('messages', 'system', 'tools', 'tool_choice', 'thinking', 'output_config', 'metadata');
    fc.assert(
      fc.property(fc.dictionary(keys, fc.jsonValue()), (body) => {
        expect(typeof refused(body as JsonObject)).not.toBe('number');
      }),
    );
  });
});

describe('any request that Anthropic has words for', () => {
  it('is the same after it was said and read', () => {
    const requests = chatRequest({
      without: [
        'late-system',
        'empty-text',
        'image-detail',
        'refusals',
        'call-seals',
        'free-arguments',
        'bare-tools',
        'strict-tools',
        'json-format',
        'schema-details',
        'effort',
        'reasoning-budget',
        'hot-temperature',
        'penalties',
        'seed',
        'choices',
        'metadata',
      ],
    });
    fc.assert(
      fc.property(requests, (request) => {
        const { body } = toRequest({
          request,
          model: 'claude-opus-4-1',
          stream: false,
          streamUsage: false,
          defaultMaxOutputTokens: 10,
        });
        const again = fromRequest(JSON.parse(body.toString()) as JsonObject);
        expect(plain(again)).toEqual(plain(sayable(request)));
      }),
      { numRuns: 300 },
    );
  });
});

/** What the API's rules make of a request: see `to-request`. */
function sayable(request: ChatRequest): ChatRequest {
  const messages: ChatRequest['messages'][number][] = [];
  for (const message of request.messages) {
    const content = message.content.filter(
      (part) =>
        part.type === 'image' ||
        part.type === 'tool-call' ||
        (part.type === 'reasoning' ? (part.signature ?? part.redacted) !== undefined : /\S/.test(part.text)),
    );
    if (message.role === 'tool') messages.push({ ...message, content } as (typeof messages)[number]);
    else if (content.length > 0) {
      const last = messages.at(-1);
      const joined = last !== undefined && last.role === message.role && message.role !== 'system';
      if (joined) messages[messages.length - 1] = { ...last, content: [...last.content, ...content] } as typeof last;
      else messages.push({ ...message, content } as (typeof messages)[number]);
    }
  }
  if (messages.find((message) => message.role !== 'system')?.role !== 'user') {
    const system = messages.filter((message) => message.role === 'system').length;
    messages.splice(system, 0, { role: 'user', content: [{ type: 'text', text: '.' }] });
  }
  const last = messages.at(-1);
  const end = last?.content.at(-1);
  if (last?.role === 'assistant' && end?.type === 'text') {
    const trimmed = [...last.content.slice(0, -1), { ...end, text: end.text.trimEnd() }];
    messages[messages.length - 1] = { ...last, content: trimmed };
  }
  const calls = request.messages.flatMap((message) =>
    message.role === 'assistant' ? message.content.filter((part) => part.type === 'tool-call') : [],
  );
  const names = [...new Set(calls.map((call) => call.name))];
  const declared =
    request.tools === undefined && names.length > 0
      ? { tools: names.map((name) => ({ name, parameters: { type: 'object' } })), toolChoice: 'none' as const }
      : {};
  const { parallelToolCalls, temperature, topP, stop, responseFormat, ...rest } = request;
  const choice = request.toolChoice ?? (parallelToolCalls === false ? 'auto' : undefined);
  return {
    ...rest,
    ...declared,
    messages,
    maxOutputTokens: request.maxOutputTokens ?? 10,
    ...(choice !== undefined && { toolChoice: choice }),
    ...(parallelToolCalls === false && choice !== 'none' && { parallelToolCalls }),
    ...(temperature !== 1 && { temperature }),
    ...(topP !== 1 && { topP }),
    ...(stop?.some((sequence) => /\S/.test(sequence)) && { stop: stop.filter((sequence) => /\S/.test(sequence)) }),
    ...(responseFormat?.type === 'json-schema' && {}),
  };
}
