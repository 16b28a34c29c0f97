import { describe, expect, it } from '@jest/globals';
import { ERRORS, type ErrorCode, type MoltbotError, type StreamPart } from '@moltbot/contracts';
import OpenAI from 'openai';
import type { AnswerContext, DoorError } from '../../dialect-door.js';
import type { JsonObject } from '../../json-object.js';
import { openAiResponsesDoor } from './door.js';
import { openAiResponsesWire } from './wire.js';

const CONTEXT: AnswerContext = {
  id: 'req_0123456789abcdefABCDEF01',
  created: 1_762_419_000,
  model: 'anthropic:claude',
  includeUsage: true,
  estimatedInputTokens: 1,
};
const TOOL = { type: 'function', name: 'f', parameters: { type: 'object', properties: {} }, strict: true } as const;

function doorError(code: ErrorCode, more: Partial<DoorError> = {}): DoorError {
  return { code, http: ERRORS[code].http, message: 'What happened.', requestId: 'r-1', attempts: [], ...more };
}

/** OpenAI's own client, fed with this response. */
function clientOf(status: number, body: string): OpenAI {
  const contentType = body.startsWith('event:') ? 'text/event-stream' : 'application/json';
  return new OpenAI({
    apiKey: 'k',
    maxRetries: 0,
    fetch: () => Promise.resolve(new Response(body, { status, headers: { 'content-type': contentType } })),
  });
}

/** The events as they are said, what the client's own accumulator makes of them, and what it throws. */
async function streamed(text: string) {
  const events = text
    .split('\n\n')
    .filter((event) => event.startsWith('event: '))
    .map((event) => JSON.parse(event.slice(event.indexOf('data: ') + 6)) as { type: string } & JsonObject);
  let error: unknown;
  const response = await clientOf(200, text)
    .responses.stream({ model: 'm', input: 'Hi' })
    .finalResponse()
    .catch((thrown: unknown) => {
      error = thrown;
    });
  return { events, response, error };
}

function said(parts: readonly StreamPart[], context = CONTEXT): string {
  const writer = openAiResponsesDoor.createStreamWriter(context);
  return writer.write(parts) + writer.end();
}

const PARTS: readonly StreamPart[] = [
  { type: 'start', id: 'up', model: 'm' },
  { type: 'reasoning-delta', choice: 0, text: 'Hm' },
  { type: 'reasoning-delta', choice: 0, text: '.' },
  { type: 'reasoning-seal', choice: 0, signature: 'c2VhbA==' },
  { type: 'text-delta', choice: 0, text: 'Hel' },
  { type: 'text-delta', choice: 0, text: 'lo' },
  { type: 'tool-call-start', choice: 0, index: 0, id: 'a', name: 'f' },
  { type: 'tool-call-delta', choice: 0, index: 0, arguments: '{"x":' },
  { type: 'tool-call-delta', choice: 0, index: 0, arguments: '1}' },
  { type: 'tool-call-start', choice: 0, index: 1, id: 'b', name: 'g' },
  { type: 'finish', choice: 0, reason: 'tool-calls' },
  {
    type: 'usage',
    usage: { inputTokens: 13, outputTokens: 12, cachedInputTokens: 10, reasoningTokens: 4, source: 'provider' },
  },
  { type: 'end' },
];

describe('a stream to OpenAI’s own client', () => {
  it('says every event in its order, numbered, and the whole answer at the end', async () => {
    const { events, response, error } = await streamed(said(PARTS));
    expect(error).toBeUndefined();
    expect(events.map(({ type }) => type.replace('response.', ''))).toEqual([
      'created',
      'in_progress',
      'output_item.added',
      'reasoning_summary_part.added',
      'reasoning_summary_text.delta',
      'reasoning_summary_text.delta',
      'reasoning_summary_text.done',
      'reasoning_summary_part.done',
      'output_item.done',
      'output_item.added',
      'content_part.added',
      'output_text.delta',
      'output_text.delta',
      'output_text.done',
      'content_part.done',
      'output_item.done',
      'output_item.added',
      'function_call_arguments.delta',
      'function_call_arguments.delta',
      'function_call_arguments.done',
      'output_item.done',
      'output_item.added',
      'function_call_arguments.done',
      'output_item.done',
      'completed',
    ]);
    expect(events.map((event) => event['sequence_number'])).toEqual(events.map((_, index) => index));
    expect(response).toMatchObject({ status: 'completed', output_text: 'Hello', model: 'anthropic:claude' });
    expect(response?.output).toMatchObject([
      { type: 'reasoning', summary: [{ type: 'summary_text', text: 'Hm.' }] },
      { type: 'message', status: 'completed', content: [{ type: 'output_text', text: 'Hello', annotations: [] }] },
      { type: 'function_call', call_id: 'a', name: 'f', arguments: '{"x":1}', status: 'completed' },
      { type: 'function_call', call_id: 'b', name: 'g', arguments: '', status: 'completed' },
    ]);
    expect(response?.usage).toEqual({
      input_tokens: 13,
      input_tokens_details: { cached_tokens: 10, cache_write_tokens: 0 },
      output_tokens: 12,
      output_tokens_details: { reasoning_tokens: 4 },
      total_tokens: 25,
    });
    const ids = response?.output.map((item) => String('id' in item && item.id)) ?? [];
    expect(ids).toHaveLength(new Set(ids).size);
    for (const id of ids) expect(id).toMatch(/^(rs_moltbot|msg|fc)_[0-9A-Za-z_]{1,50}$/);
  });

  it('is the same answer that would have come whole', async () => {
    const content = [
      { type: 'reasoning', text: 'Hm.', signature: 'c2VhbA==' },
      { type: 'text', text: 'Hello' },
      { type: 'tool-call', id: 'a', name: 'f', arguments: '{"x":1}', signature: 'Z2VtaW5p' },
    ] as const;
    const whole = openAiResponsesDoor.toAnswer({ content, finishReason: 'tool-calls' }, CONTEXT);
    const parts: StreamPart[] = [
      ...PARTS.slice(0, 6),
      { type: 'tool-call-start', choice: 0, index: 0, id: 'a', name: 'f', signature: 'Z2VtaW5p' },
      { type: 'tool-call-delta', choice: 0, index: 0, arguments: '{"x":1}' },
      { type: 'end' },
    ];
    const { events } = await streamed(said(parts));
    expect(events.at(-1)?.['response']).toEqual(whole);
  });

  it('keeps parallel calls apart whose arguments come in turns, around text too', async () => {
    const delta = (index: number, text: string): StreamPart => ({
      type: 'tool-call-delta',
      choice: 0,
      index,
      arguments: text,
    });
    const { response, error } = await streamed(
      said([
        { type: 'tool-call-start', choice: 0, index: 0, id: 'a', name: 'f' },
        { type: 'tool-call-start', choice: 0, index: 1, id: 'b', name: 'g' },
        delta(0, '{"x"'),
        delta(1, '{"y":'),
        { type: 'text-delta', choice: 0, text: 'Meanwhile' },
        delta(0, ':1}'),
        delta(1, '2}'),
        { type: 'end' },
      ]),
    );
    expect(error).toBeUndefined();
    expect(response?.output).toMatchObject([{ arguments: '{"x":1}' }, { arguments: '{"y":2}' }, { type: 'message' }]);
  });

  it.each([
    ['length', 'incomplete', { reason: 'max_output_tokens' }],
    ['content-filter', 'incomplete', { reason: 'content_filter' }],
    ['refusal', 'incomplete', { reason: 'content_filter' }],
    ['other', 'incomplete', { reason: 'other' }],
    ['stop', 'completed', null],
  ] as const)('that ended for %s is %s', async (reason, status, details) => {
    const parts: StreamPart[] = [
      { type: 'text-delta', choice: 0, text: 'Half' },
      { type: 'finish', choice: 0, reason },
    ];
    const { response } = await streamed(said(parts));
    expect(response).toMatchObject({ status, incomplete_details: details, output: [{ status }] });
  });

  it('says a refusal as one, and that the answer is whole', async () => {
    const { response } = await streamed(
      said([
        { type: 'refusal-delta', choice: 0, text: 'No.' },
        { type: 'finish', choice: 0, reason: 'refusal' },
      ]),
    );
    expect(response).toMatchObject({
      status: 'completed',
      output: [{ content: [{ type: 'refusal', refusal: 'No.' }] }],
    });
  });

  it('ends an error in band: a response that failed, an exception, nothing that reads as a good end', async () => {
    const writer = openAiResponsesDoor.createStreamWriter(CONTEXT);
    const text =
      writer.write(PARTS.slice(0, 5)) + openAiResponsesDoor.keepAlive + writer.error(doorError('stream_interrupted'));
    expect(writer.end()).toBe('');
    const { events, error } = await streamed(text);
    expect(events.at(-2)).toMatchObject({
      type: 'response.failed',
      response: { status: 'failed', error: { code: 'stream_interrupted', message: 'What happened.' }, output: [] },
    });
    expect(events.at(-1)).toMatchObject({ type: 'error', code: 'stream_interrupted', param: null });
    expect(text).not.toMatch(/response\.completed|response\.incomplete|"status":"completed"/);
    expect(error).toBeInstanceOf(OpenAI.APIError);
    expect(error).toMatchObject({ code: 'stream_interrupted' });
  });

  it('ends in band where an answer gets too long to be repeated, before it costs more memory', () => {
    const writer = openAiResponsesDoor.createStreamWriter(CONTEXT);
    const megabyte: StreamPart = { type: 'text-delta', choice: 0, text: 'x'.repeat(1_048_576) };
    for (let index = 0; index < 4; index += 1) writer.write([megabyte]);
    expect(() => writer.write([megabyte])).toThrow(expect.objectContaining({ code: 'stream_interrupted' }));
    const end = writer.error(doorError('stream_interrupted'));
    expect(end.length).toBeLessThan(10_000);
    expect(end).toContain('response.failed');
  });

  it('says an error before anything else in a stream that begins', async () => {
    const { events, error } = await streamed(
      openAiResponsesDoor.createStreamWriter(CONTEXT).error(doorError('deadline_exceeded')),
    );
    expect(events.map(({ type }) => type)).toEqual([
      'response.created',
      'response.in_progress',
      'response.failed',
      'error',
    ]);
    expect(error).toBeInstanceOf(OpenAI.APIError);
  });

  it('takes back what it showed where another model answers anew', async () => {
    const writer = openAiResponsesDoor.createStreamWriter(CONTEXT);
    const text =
      writer.write(PARTS.slice(0, 5)) +
      (writer.segment?.({ model: 'openai:gpt', replaces: true }) ?? '') +
      writer.write([
        { type: 'text-delta', choice: 0, text: 'Another' },
        { type: 'finish', choice: 0, reason: 'stop' },
      ]) +
      writer.end();
    const { events, response, error } = await streamed(text);
    expect(error).toBeUndefined();
    expect(response).toMatchObject({ status: 'completed', output_text: 'Another', model: 'openai:gpt' });
    expect(response?.output).toHaveLength(1);
    const taken = events.findIndex((event) => 'moltbot' in ((event['response'] as JsonObject | undefined) ?? {}));
    const item = events[taken - 1] as { item: { id: string; status: string } } | undefined;
    expect(item?.item.status).toBe('incomplete');
    expect(events[taken]).toMatchObject({
      response: { moltbot: { replaced: [expect.stringMatching(/^rs_/), item?.item.id] } },
    });
  });
});

describe('a stream whose first events were the upstream’s own bytes', () => {
  const event = (type: string, more: JsonObject): string =>
    `event: ${type}\ndata: ${JSON.stringify({ type, ...more })}\n\n`;
  const UPSTREAM = [
    event('response.created', {
      sequence_number: 0,
      response: { id: 'resp_up', created_at: 7, model: 'gpt', output: [] },
    }),
    event('response.output_item.added', {
      sequence_number: 1,
      output_index: 0,
      item: { id: 'rs_1', type: 'reasoning', summary: [] },
    }),
    event('response.output_item.done', {
      sequence_number: 2,
      output_index: 0,
      item: { id: 'rs_1', type: 'reasoning', summary: [], encrypted_content: 'sealed' },
    }),
    event('response.output_item.added', {
      sequence_number: 3,
      output_index: 1,
      item: { id: 'ws_1', type: 'web_search_call', status: 'in_progress' },
    }),
    event('response.output_item.added', {
      sequence_number: 4,
      output_index: 2,
      item: { id: 'msg_1', type: 'message', status: 'in_progress', role: 'assistant', content: [] },
    }),
    event('response.content_part.added', {
      sequence_number: 5,
      output_index: 2,
      item_id: 'msg_1',
      content_index: 0,
      part: { type: 'output_text', text: '', annotations: [], logprobs: [] },
    }),
    event('response.output_text.delta', {
      sequence_number: 6,
      output_index: 2,
      item_id: 'msg_1',
      content_index: 0,
      delta: 'Once upon ',
      logprobs: [],
    }),
  ].join('');

  function takenOver(bytes: string) {
    const { parts } = openAiResponsesWire.createStreamReader({ keepUsage: true }).read(Buffer.from(bytes));
    const writer = openAiResponsesDoor.createStreamWriter(CONTEXT);
    writer.resume(parts, { id: 'resp_up', model: 'gpt', shown: 'Once upon ' });
    return writer;
  }

  it('goes on in the same item under the same ids and numbers, and ends with the whole answer', async () => {
    const writer = takenOver(UPSTREAM);
    const rest =
      (writer.segment?.({ model: 'anthropic:claude', replaces: false }) ?? '') +
      writer.write([
        { type: 'text-delta', choice: 0, text: 'a time' },
        { type: 'finish', choice: 0, reason: 'stop' },
      ]) +
      writer.end();
    const { events, response, error } = await streamed(UPSTREAM + rest);
    expect(error).toBeUndefined();
    expect(events.map((said) => said['sequence_number'])).toEqual(events.map((_, index) => index));
    expect(response).toMatchObject({
      id: 'resp_up',
      created_at: 7,
      model: 'anthropic:claude',
      status: 'completed',
      output_text: 'Once upon a time',
    });
    expect(response?.output.map((item) => 'id' in item && item.id)).toEqual(['rs_1', 'msg_1']);
    // The upstream's search broke off with it.
    expect(
      events.find((said) => said.type === 'response.output_item.done' && said['output_index'] === 1),
    ).toMatchObject({ item: { id: 'ws_1', status: 'incomplete' } });
  });

  it('begins another item where its own is over or must be taken back', async () => {
    const writer = takenOver(UPSTREAM);
    const rest =
      (writer.segment?.({ model: 'anthropic:claude', replaces: true }) ?? '') +
      writer.write([{ type: 'text-delta', choice: 0, text: 'Anew' }]) +
      writer.end();
    const { response, error } = await streamed(UPSTREAM + rest);
    expect(error).toBeUndefined();
    expect(response).toMatchObject({ id: 'resp_up', status: 'completed', output_text: 'Anew' });
  });

  it('leaves thoughts behind that broke off', async () => {
    const thinking = UPSTREAM.split('\n\n').slice(0, 2).join('\n\n').concat('\n\n');
    const part = { type: 'summary_text', text: '' };
    const at = { item_id: 'rs_1', output_index: 0, summary_index: 0 };
    const bytes =
      thinking +
      event('response.reasoning_summary_part.added', { sequence_number: 2, ...at, part }) +
      event('response.reasoning_summary_text.delta', { sequence_number: 3, ...at, delta: 'Hm' });
    const { parts } = openAiResponsesWire.createStreamReader({ keepUsage: true }).read(Buffer.from(bytes));
    const writer = openAiResponsesDoor.createStreamWriter(CONTEXT);
    writer.resume(parts, { id: 'resp_up', model: 'gpt', shown: '' });
    const rest =
      (writer.segment?.({ model: 'anthropic:claude', replaces: false }) ?? '') +
      writer.write([{ type: 'text-delta', choice: 0, text: 'Hello' }]) +
      writer.end();
    const { events, response, error } = await streamed(bytes + rest);
    expect(error).toBeUndefined();
    expect(events[4]).toMatchObject({ type: 'response.output_item.done', item: { id: 'rs_1', status: 'incomplete' } });
    expect(response?.output).toMatchObject([{ type: 'message', content: [{ text: 'Hello' }] }]);
  });

  it('ends in band where nobody can go on', async () => {
    const { events, error } = await streamed(UPSTREAM + takenOver(UPSTREAM).error(doorError('stream_interrupted')));
    expect(events.at(-2)).toMatchObject({ type: 'response.failed', response: { id: 'resp_up' }, sequence_number: 7 });
    expect(error).toBeInstanceOf(OpenAI.APIError);
  });
});

describe('a response', () => {
  it('holds all that the API always says, and repeats what was asked', () => {
    const value = {
      input: 'Hi',
      instructions: 'Be brief.',
      temperature: 0.5,
      max_output_tokens: 50,
      metadata: { a: 'b' },
      tools: [TOOL, { type: 'web_search' }, { type: 'function', name: 'g' }],
      tool_choice: 'required',
      parallel_tool_calls: false,
      reasoning: { effort: 'low' },
      text: { format: { type: 'json_object' } },
      user: 'u',
      store: true,
    };
    const answer = openAiResponsesDoor.toAnswer(
      { content: [{ type: 'text', text: '{}' }], finishReason: 'stop' },
      { ...CONTEXT, asked: { value } },
    );
    expect(answer).toEqual({
      id: `resp_${CONTEXT.id}`,
      object: 'response',
      created_at: CONTEXT.created,
      status: 'completed',
      access_programs: null,
      background: false,
      error: null,
      incomplete_details: null,
      instructions: 'Be brief.',
      max_output_tokens: 50,
      metadata: { a: 'b' },
      model: 'anthropic:claude',
      output: [
        {
          id: 'msg_0123456789abcdefABCDEF01_0',
          type: 'message',
          status: 'completed',
          role: 'assistant',
          content: [{ type: 'output_text', text: '{}', annotations: [], logprobs: [] }],
        },
      ],
      parallel_tool_calls: false,
      previous_response_id: null,
      reasoning: { effort: 'low', summary: null },
      safety_identifier: null,
      service_tier: 'default',
      store: false,
      temperature: 0.5,
      text: { format: { type: 'json_object' } },
      tool_choice: 'required',
      tools: [TOOL, { type: 'function', name: 'g', parameters: null, strict: null }],
      top_logprobs: 0,
      top_p: null,
      truncation: 'disabled',
      usage: null,
      user: 'u',
    });
  });

  it('does not repeat what is too deep to be printed', () => {
    const deep: unknown = JSON.parse(`${'{"a":'.repeat(9_000)}1${'}'.repeat(9_000)}`);
    const asked = { value: { input: 'Hi', tools: [deep], metadata: deep } };
    const text = openAiResponsesDoor.createStreamWriter({ ...CONTEXT, asked }).error(doorError('stream_interrupted'));
    expect(text.length).toBeLessThan(10_000);
  });
});

describe('an error to OpenAI’s own client', () => {
  it.each([
    ['invalid_request', OpenAI.BadRequestError],
    ['invalid_api_key', OpenAI.AuthenticationError],
    ['permission_denied', OpenAI.PermissionDeniedError],
    ['model_not_found', OpenAI.NotFoundError],
    ['rate_limited', OpenAI.RateLimitError],
    ['upstream_error', OpenAI.InternalServerError],
  ] as const)('%s is its own exception', async (code, exception) => {
    const body = openAiResponsesDoor.toError(doorError(code, { param: 'input.0' }));
    const asked = clientOf(ERRORS[code].http, JSON.stringify(body)).responses.create({ model: 'm', input: 'Hi' });
    const error: unknown = await asked.catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(exception);
    expect(error).toMatchObject({ code, param: 'input.0' });
  });
});

describe('a caller’s body', () => {
  const refused = (value: JsonObject): MoltbotError => {
    try {
      openAiResponsesDoor.fromRequest({ input: 'Hi', ...value });
    } catch (error) {
      return error as MoltbotError;
    }
    throw new Error(`Taken: ${JSON.stringify(value)}`);
  };
  const items = (...input: unknown[]) => ({ input });
  const user = (content: unknown) => items({ role: 'user', content });

  it.each([
    ['input', { input: 7 }],
    ['input', { input: null }],
    ['input', { input: [] }],
    ['input.0', items(null)],
    ['input.0.role', items({ content: 'Hi' })],
    ['input.0.role', items({ role: 'robot', content: 'Hi' })],
    ['input.0.type', items({ type: 7 })],
    ['input.0.content', user(7)],
    ['input.0.content.0', user([7])],
    ['input.0.content.0.type', user([{}])],
    ['input.0.content.0.text', user([{ type: 'input_text' }])],
    ['input.0.content.0.image_url', user([{ type: 'input_image' }])],
    ['input.0.content.0.image_url', user([{ type: 'input_image', image_url: { url: 'x' } }])],
    ['input.0.content.0.refusal', items({ role: 'assistant', content: [{ type: 'refusal' }] })],
    ['input.0.call_id', items({ type: 'function_call', name: 'f', arguments: '{}' })],
    ['input.0.name', items({ type: 'function_call', call_id: 'a', arguments: '{}' })],
    ['input.0.arguments', items({ type: 'function_call', call_id: 'a', name: 'f', arguments: {} })],
    ['input.0.call_id', items({ type: 'function_call_output', output: 'x' })],
    ['input.0.output', items({ type: 'function_call_output', call_id: 'a', output: 7 })],
    ['input.0.encrypted_content', items({ type: 'reasoning', id: 'rs_1', summary: [], encrypted_content: 7 })],
    ['instructions', { instructions: ['x'] }],
    ['tools', { tools: {} }],
    ['tools.0.type', { tools: [{}] }],
    ['tools.0.name', { tools: [{ type: 'function' }] }],
    ['tools.0.name', { tools: [{ type: 'function', name: '' }] }],
    ['tools.0.parameters', { tools: [{ type: 'function', name: 'f', parameters: 'x' }] }],
    ['tool_choice', { tool_choice: 'maybe' }],
    ['tool_choice.type', { tool_choice: {} }],
    ['tool_choice.name', { tool_choice: { type: 'function' } }],
    ['tool_choice.mode', { tool_choice: { type: 'allowed_tools', mode: 'none', tools: [] } }],
    ['tool_choice.tools', { tool_choice: { type: 'allowed_tools', mode: 'auto' } }],
    ['text', { text: 'x' }],
    ['text.format.type', { text: { format: {} } }],
    ['text.format.name', { text: { format: { type: 'json_schema' } } }],
    ['text.format.schema', { text: { format: { type: 'json_schema', name: 'n' } } }],
    ['reasoning', { reasoning: 'low' }],
    ['reasoning.effort', { reasoning: { effort: 7 } }],
    ['temperature', { temperature: 3 }],
    ['top_p', { top_p: '1' }],
    ['max_output_tokens', { max_output_tokens: 0 }],
    ['metadata.a', { metadata: { a: 1 } }],
    ['include', { include: 'reasoning.encrypted_content' }],
    ['include.0', { include: [7] }],
    ['user', { user: 7 }],
    ['store', { store: 'yes' }],
    ['stream', { stream: 'yes' }],
    ['parallel_tool_calls', { parallel_tool_calls: 1 }],
  ] as const)('is refused at %s: %j', (param, value) => {
    expect(refused(value as JsonObject)).toMatchObject({ name: 'MoltbotError', code: 'invalid_request', param });
  });

  it('is bounded in items, tools, names and depth', () => {
    const deep = JSON.parse(`${'{"a":'.repeat(5_000)}1${'}'.repeat(5_000)}`) as JsonObject;
    const tool = (name: string, parameters: JsonObject = {}) => ({ type: 'function', name, parameters });
    const hello = { role: 'user', content: 'Hi' };
    expect(refused({ input: Array.from({ length: 10_001 }, () => hello) }).param).toBe('input');
    expect(refused({ tools: Array.from({ length: 1_025 }, () => tool('f')) }).param).toBe('tools');
    expect(refused({ tools: [tool('f'.repeat(257))] }).param).toBe('tools.0.name');
    expect(refused({ tools: [tool('f', deep)] }).param).toBe('tools.0.parameters');
    expect(refused({ text: { format: { type: 'json_schema', name: 'n', schema: deep } } }).param).toBe(
      'text.format.schema',
    );
  });

  it.each([
    ['previous_response_id', { previous_response_id: 'resp_1' }],
    ['conversation', { conversation: { id: 'conv_1' } }],
    ['prompt', { prompt: { id: 'pmpt_1' } }],
    ['background', { background: true }],
    ['input.1', items({ role: 'user', content: 'Hi' }, { type: 'item_reference', id: 'msg_1' })],
    ['input.0', items({ id: 'msg_1' })],
  ])('that names at %s what only OpenAI keeps is refused with the reason', (param, value) => {
    expect(openAiResponsesDoor.nativeOnly?.({ input: 'Hi', ...value })?.param).toBe(param);
    expect(refused(value)).toMatchObject({
      code: 'invalid_request',
      param,
      message: expect.stringContaining('MoltBot keeps no responses'),
    });
  });

  it('puts what the assistant thought, said and called in a row into one message', () => {
    const { messages } = openAiResponsesDoor.fromRequest({
      instructions: 'Be brief.',
      input: [
        { role: 'developer', content: 'And kind.' },
        { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'Weather?' }] },
        { type: 'reasoning', id: 'rs_1', summary: [{ type: 'summary_text', text: 'Hm' }], encrypted_content: 'x' },
        { type: 'message', id: 'msg_1', role: 'assistant', content: [{ type: 'output_text', text: 'Let me see.' }] },
        { type: 'function_call', id: 'fc_1', call_id: 'a', name: 'f', arguments: '{}' },
        { type: 'function_call', call_id: 'b', name: 'f', arguments: '{}' },
        { type: 'function_call_output', call_id: 'a', output: 'Wet' },
        {
          type: 'function_call_output',
          call_id: 'b',
          output: [{ type: 'input_image', image_url: 'data:image/png;base64,AAAA', detail: 'low' }],
        },
      ],
    });
    expect(messages).toEqual([
      { role: 'system', content: [{ type: 'text', text: 'Be brief.' }] },
      { role: 'system', content: [{ type: 'text', text: 'And kind.' }] },
      { role: 'user', content: [{ type: 'text', text: 'Weather?' }] },
      {
        role: 'assistant',
        content: [
          { type: 'reasoning', text: 'Hm', redacted: 'openai:rs_1:x' },
          { type: 'text', text: 'Let me see.' },
          { type: 'tool-call', id: 'a', name: 'f', arguments: '{}' },
          { type: 'tool-call', id: 'b', name: 'f', arguments: '{}' },
        ],
      },
      { role: 'tool', toolCallId: 'a', content: [{ type: 'text', text: 'Wet' }] },
      {
        role: 'tool',
        toolCallId: 'b',
        content: [{ type: 'image', source: { type: 'base64', mediaType: 'image/png', data: 'AAAA' }, detail: 'low' }],
      },
    ]);
  });

  it('tells other models of the tools that are allowed only', () => {
    const { tools, toolChoice } = openAiResponsesDoor.fromRequest({
      input: 'Hi',
      tools: [TOOL, { type: 'function', name: 'g' }],
      tool_choice: { type: 'allowed_tools', mode: 'required', tools: [{ type: 'function', name: 'g' }] },
    });
    expect([tools?.map(({ name }) => name), toolChoice]).toEqual([['g'], 'required']);
  });

  it('names what has no word in ours, and takes null, false and defaults for nothing', () => {
    const { messages, unknownFields } = openAiResponsesDoor.fromRequest({
      input: [
        {
          role: 'user',
          content: [
            { type: 'input_file', file_id: 'file-1' },
            { type: 'input_image', file_id: 'f' },
          ],
        },
        { type: 'web_search_call', id: 'ws_1', status: 'completed' },
        { type: 'reasoning', id: 'rs_kept', summary: [] },
      ],
      tools: [{ type: 'web_search' }, { type: 'custom', name: 'sql' }],
      tool_choice: { type: 'web_search' },
      text: { verbosity: 'low' },
      reasoning: { effort: 'brand-new', context: 'all_turns' },
      include: ['reasoning.encrypted_content', 'file_search_call.results'],
      store: true,
      max_tool_calls: 3,
      service_tier: 'flex',
      truncation: 'disabled',
      top_logprobs: 0,
      background: false,
      previous_response_id: null,
      stream_options: { include_obfuscation: false },
      brand_new: { a: 1 },
    });
    expect(messages).toEqual([{ role: 'user', content: [] }]);
    expect(new Set(unknownFields)).toEqual(
      new Set([
        'input.0.content.0 (input_file)',
        'input.0.content.1 (input_image by file_id)',
        'input.1 (web_search_call)',
        'input.2 (reasoning)',
        'tools.0 (web_search)',
        'tools.1 (custom)',
        'tool_choice',
        'text.verbosity',
        'reasoning.effort',
        'reasoning.context',
        'include.1 (file_search_call.results)',
        'store',
        'max_tool_calls',
        'service_tier',
        'brand_new',
      ]),
    );
  });
});
