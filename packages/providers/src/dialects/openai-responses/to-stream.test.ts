import { describe, expect, it } from '@jest/globals';
import { ERRORS, type ErrorCode, type StreamPart } from '@moltbot/contracts';
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
