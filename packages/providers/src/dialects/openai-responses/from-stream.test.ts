import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import type { ChatAnswer, StreamPart } from '@moltbot/contracts';
import fc from 'fast-check';
import { ProviderError } from '../../failure.js';
import type { StreamReader } from '../../wire.js';
import { openAiResponsesWire } from './wire.js';

function fixture(name: string): Buffer {
  return readFileSync(new URL(`./__fixtures__/${name}`, import.meta.url));
}

function createReader(): StreamReader {
  return openAiResponsesWire.createStreamReader({ keepUsage: true });
}

function events(...values: readonly unknown[]): Buffer {
  return Buffer.from(values.map((value) => `data: ${JSON.stringify(value)}\n\n`).join(''));
}

function partsOf(...values: readonly unknown[]): readonly StreamPart[] {
  return createReader().read(events(...values)).parts;
}

function errorOf(action: () => unknown): ProviderError {
  try {
    action();
  } catch (error) {
    if (error instanceof ProviderError) return error;
    throw error;
  }
  throw new Error('no error was thrown');
}

const SEAL = 'openai:rs_0842a5a14f2f9e5c0169ad5f6e6cd081:gAAAAABprV9uWcDk1zrOSBnQ0NZQuT1H';
const USAGE = {
  inputTokens: 45,
  outputTokens: 125,
  cachedInputTokens: 20,
  cacheWriteTokens: 7,
  reasoningTokens: 64,
  source: 'provider',
} as const;

const ANSWER: ChatAnswer = {
  id: 'resp_0842a5a14f2f9e5c0169ad5f6de01c81',
  model: 'gpt-5.4-2026-03-05',
  content: [
    { type: 'reasoning', text: '**Summing up**\n\nTwo cities.', redacted: SEAL },
    { type: 'text', text: 'I look  up Beijing（北京）。' },
    { type: 'tool-call', id: 'call_2FQdm3Br7Qb35YUBSkDR7ku0', name: 'get_weather', arguments: '{"city":"Beijing"}' },
    { type: 'tool-call', id: 'call_2FQdm3Br7Qb35YUBSkDR7ku1', name: 'get_weather', arguments: '{"city":"Oslo"}' },
  ],
  finishReason: 'tool-calls',
  usage: USAGE,
};

/** What the parts of a stream say together. */
function summary(parts: readonly StreamPart[]): object {
  const text = (type: StreamPart['type']): string =>
    parts.map((part) => (part.type === type && 'text' in part ? part.text : '')).join('');
  const calls = parts.flatMap((part) => (part.type === 'tool-call-start' ? [part] : []));
  return {
    order: parts.map((part) => part.type).filter((type, index, types) => type !== types[index - 1]),
    reasoning: text('reasoning-delta'),
    text: text('text-delta'),
    seals: parts.flatMap((part) => (part.type === 'reasoning-seal' ? [part.redacted] : [])),
    calls: calls.map(({ id, name, index }) => [
      id,
      name,
      parts.map((part) => (part.type === 'tool-call-delta' && part.index === index ? part.arguments : '')).join(''),
    ]),
    ends: parts.slice(-3),
  };
}

const SUMMARY = {
  order: [
    'start',
    'reasoning-delta',
    'reasoning-seal',
    'text-delta',
    'tool-call-start',
    'tool-call-delta',
    'tool-call-start',
    'tool-call-delta',
    'finish',
    'usage',
    'end',
  ],
  reasoning: '**Summing up**\n\nTwo cities.',
  text: 'I look  up Beijing（北京）。',
  seals: [SEAL],
  calls: [
    ['call_2FQdm3Br7Qb35YUBSkDR7ku0', 'get_weather', '{"city":"Beijing"}'],
    ['call_2FQdm3Br7Qb35YUBSkDR7ku1', 'get_weather', '{"city":"Oslo"}'],
  ],
  ends: [{ type: 'finish', choice: 0, reason: 'tool-calls' }, { type: 'usage', usage: USAGE }, { type: 'end' }],
};

describe('a stream of responses', () => {
  it('reads the same wherever the chunks are cut', () => {
    const stream = fixture('reasoning-and-calls-stream.sse');
    fc.assert(
      fc.property(fc.array(fc.nat({ max: stream.length - 1 }), { maxLength: 40 }), (cuts) => {
        const reader = createReader();
        const parts: StreamPart[] = [];
        const bytes: Buffer[] = [];
        let start = 0;
        for (const end of [...cuts.sort((a, b) => a - b), stream.length]) {
          const frame = reader.read(stream.subarray(start, end));
          parts.push(...frame.parts);
          bytes.push(frame.bytes);
          start = end;
        }
        expect(summary(parts)).toEqual(SUMMARY);
        expect(Buffer.concat(bytes).equals(stream)).toBe(true);
        expect(reader.finished).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  it('takes from the whole items what a server left out of the pieces', () => {
    const whole = JSON.parse(fixture('reasoning-and-calls.json').toString()) as object;
    const parts = partsOf({ type: 'response.completed', response: whole });
    expect(summary(parts)).toEqual(SUMMARY);
    const added = { type: 'function_call', call_id: 'c', name: 'f', arguments: '' };
    expect(
      partsOf(
        { type: 'response.output_item.added', output_index: 0, item: added },
        { type: 'response.output_item.done', output_index: 0, item: { ...added, arguments: '{}' } },
        { type: 'response.output_item.done', output_index: 0, item: { ...added, arguments: '{}' } },
      ),
    ).toEqual([
      { type: 'tool-call-start', choice: 0, index: 0, id: 'c', name: 'f' },
      { type: 'tool-call-delta', choice: 0, index: 0, arguments: '{}' },
    ]);
  });

  it('keeps interleaved calls apart and takes calls of custom tools', () => {
    const added = (index: number, type: string) => ({
      type: 'response.output_item.added',
      output_index: index,
      item: { type, call_id: `c${index}`, name: 'f' },
    });
    const deltas = partsOf(
      added(3, 'function_call'),
      added(5, 'custom_tool_call'),
      { type: 'response.custom_tool_call_input.delta', output_index: 5, delta: 'free' },
      { type: 'response.function_call_arguments.delta', output_index: 3, delta: '{}' },
      { type: 'response.function_call_arguments.delta', output_index: 9, delta: 'lost' },
    ).slice(2);
    expect(deltas).toEqual([
      { type: 'tool-call-delta', choice: 0, index: 1, arguments: 'free' },
      { type: 'tool-call-delta', choice: 0, index: 0, arguments: '{}' },
    ]);
  });

  it('reads a refusal', () => {
    const parts = partsOf(
      { type: 'response.refusal.delta', output_index: 0, content_index: 0, delta: 'I will' },
      { type: 'response.refusal.delta', output_index: 0, content_index: 0, delta: ' not.' },
      { type: 'response.completed', response: { status: 'completed', output: [] } },
    );
    expect(parts.map((part) => ('text' in part ? part.text : part.type))).toEqual([
      'I will',
      ' not.',
      'start',
      'finish',
      'end',
    ]);
    expect(parts.at(-2)).toEqual({ type: 'finish', choice: 0, reason: 'refusal' });
  });

  it.each([
    ['max_output_tokens', 'length'],
    ['content_filter', 'content-filter'],
    ['max_tool_calls', 'other'],
    [undefined, 'other'],
  ])('ends a response that is incomplete because of %s as %s', (reason, expected) => {
    const reader = createReader();
    const response = { status: 'incomplete', incomplete_details: { reason }, output: [] };
    expect(reader.read(events({ type: 'response.incomplete', response })).parts).toContainEqual({
      type: 'finish',
      choice: 0,
      reason: expected,
    });
    expect(reader.finished).toBe(true);
  });

  it('throws what an error event says, and keeps what came before it', () => {
    const stream = fixture('quota-stream.sse');
    const reader = createReader();
    expect(errorOf(() => reader.read(stream))).toMatchObject({
      kind: 'quota-exhausted',
      providerCode: 'insufficient_quota',
      callerMessage: undefined,
    });
    const pending = reader.takePending();
    expect(pending.parts.map((part) => part.type)).toEqual(['start']);
    expect(stream.indexOf(pending.bytes)).toBe(0);
    expect(pending.bytes.toString()).toMatch(/\n\n$/);
    expect(reader.finished).toBe(false);
  });

  it.each([
    [{ type: 'error', code: 'rate_limit_exceeded', message: 'm', param: null }, 'rate-limited'],
    [{ type: 'error', error: { type: 'server_error', code: null, message: 'm' } }, 'server-error'],
    [{ type: 'error', code: null, message: 'm' }, 'stream-error'],
    [{ type: 'response.failed', response: { error: { code: 'server_error' } } }, 'server-error'],
    [{ type: 'response.failed', response: { error: { code: 'invalid_prompt' } } }, 'content-filtered'],
    [{ type: 'response.failed', response: { error: null } }, 'stream-error'],
    [{ type: 'response.cancelled', response: {} }, 'stream-error'],
    [{ error: { code: 'context_length_exceeded', message: 'too long' } }, 'context-too-long'],
  ])('throws the event %j', (event, kind) => {
    expect(errorOf(() => createReader().read(events(event))).kind).toBe(kind);
  });

  it('ignores what it does not know, and refuses what is no event', () => {
    expect(partsOf({ type: 'response.web_search_call.searching' }, { type: 'keepalive' }, {})).toEqual([]);
    expect(createReader().read(Buffer.from(': ping\n\ndata: [DONE]\n\n')).parts).toEqual([]);
    for (const data of ['{"type":"response.', '[]', '1']) {
      expect(errorOf(() => createReader().read(Buffer.from(`data: ${data}\n\n`))).kind).toBe('stream-malformed');
    }
  });

  it('is total for events of any JSON', () => {
    const types = [
      'created completed incomplete failed output_text.delta refusal.delta reasoning_text.delta',
      'reasoning_summary_part.added output_item.added output_item.done function_call_arguments.delta',
    ].flatMap((line) => line.split(' ').map((name) => `response.${name}`));
    const item = fc.record({ type: fc.constantFrom('message', 'reasoning', 'function_call'), content: fc.jsonValue() });
    const event = fc.record({
      type: fc.constantFrom(...types),
      response: fc.oneof(fc.jsonValue(), fc.record({ output: fc.array(fc.oneof(item, fc.jsonValue())) })),
      item: fc.oneof(item, fc.jsonValue()),
      delta: fc.jsonValue(),
      output_index: fc.jsonValue(),
      summary_index: fc.jsonValue(),
    });
    fc.assert(
      fc.property(fc.array(event), (values) => {
        try {
          for (const part of partsOf(...values)) expect(typeof part.type).toBe('string');
        } catch (error) {
          expect(error).toBeInstanceOf(ProviderError);
        }
      }),
    );
  });
});

describe('a whole response', () => {
  it('is read with its reasoning, texts and calls', () => {
    const body = fixture('reasoning-and-calls.json');
    const whole = openAiResponsesWire.fromAnswer(body);
    expect(whole.bytes).toBe(body);
    expect(whole.usage).toEqual(USAGE);
    expect(whole.answer()).toEqual(ANSWER);
  });

  it('takes its reasoning back', () => {
    const { content } = openAiResponsesWire.fromAnswer(fixture('reasoning-and-calls.json')).answer();
    const { body, dropped } = openAiResponsesWire.toRequest({
      model: 'gpt-5.4',
      stream: true,
      streamUsage: true,
      defaultMaxOutputTokens: 1,
      request: { messages: [{ role: 'assistant', content }], unknownFields: [] },
    });
    expect(JSON.parse(body.toString())).toMatchObject({
      input: [
        {
          type: 'reasoning',
          id: 'rs_0842a5a14f2f9e5c0169ad5f6e6cd081',
          encrypted_content: 'gAAAAABprV9uWcDk1zrOSBnQ0NZQuT1H',
        },
        { type: 'message' },
        { type: 'function_call' },
        { type: 'function_call' },
      ],
    });
    expect(dropped).toEqual([]);
  });

  it.each([
    ['an empty body', '', 'not-an-answer'],
    ['HTML', '<html></html>', 'not-an-answer'],
    ['cut JSON', '{"status":"completed","output":[', 'not-an-answer'],
    ['another object', '{"object":"chat.completion","choices":[]}', 'not-an-answer'],
    ['a response in progress', '{"status":"in_progress","output":[]}', 'not-an-answer'],
    ['a failed one', '{"status":"failed","output":[],"error":{"code":"server_error"}}', 'server-error'],
    ['a cancelled one', '{"status":"cancelled","output":[],"error":null}', 'not-an-answer'],
    ['an error object', '{"error":{"code":"model_not_found"}}', 'model-not-found'],
    ['an error of words', '{"error":"words"}', 'not-an-answer'],
  ])('is not %s', (_, body, kind) => {
    expect(errorOf(() => openAiResponsesWire.fromAnswer(Buffer.from(body))).kind).toBe(kind);
  });

  it('may hold no text, no usage and no status', () => {
    expect(openAiResponsesWire.fromAnswer(Buffer.from('{"output":[],"error":null}')).answer()).toEqual({
      content: [],
      finishReason: 'stop',
    });
  });
});

describe('an error answer of OpenAI', () => {
  const read = (status: number, error: unknown, headers: Record<string, string> = {}): ProviderError =>
    openAiResponsesWire.fromError({ status, headers, body: Buffer.from(JSON.stringify({ error })), now: 0 });

  it.each([
    [400, { type: 'invalid_request_error', code: 'context_length_exceeded' }, 'context-too-long'],
    [400, { type: 'invalid_request_error', code: 'unsupported_parameter' }, 'invalid-request'],
    [400, { type: 'invalid_request_error', code: 'content_filter' }, 'content-filtered'],
    [401, { type: 'invalid_request_error', code: 'invalid_api_key' }, 'credential-rejected'],
    [401, { type: 'invalid_request_error', code: null }, 'credential-rejected'],
    [403, { type: 'invalid_request_error', code: null }, 'credential-rejected'],
    [404, { type: 'invalid_request_error', code: 'model_not_found' }, 'model-not-found'],
    [404, { code: 'DeploymentNotFound' }, 'model-not-found'],
    [429, { type: 'insufficient_quota', code: 'insufficient_quota' }, 'quota-exhausted'],
    [429, { type: 'requests', code: 'rate_limit_exceeded' }, 'rate-limited'],
    [429, { type: 'tokens', code: null }, 'rate-limited'],
    [500, { type: 'server_error', code: null }, 'server-error'],
    [503, { type: 'service_unavailable', code: 'slow_down' }, 'overloaded'],
    [503, 'words', 'overloaded'],
    [502, null, 'server-error'],
  ])('reads %d %j as %s', (status, error, kind) => {
    expect(read(status, error)).toMatchObject({ kind, status });
  });

  it("passes words on only for a caller's own fault, and reads Retry-After", () => {
    const fault = read(400, { code: 'unsupported_value', message: 'No such value.', param: 'reasoning.effort' });
    expect(fault).toMatchObject({ callerMessage: 'No such value.', param: 'reasoning.effort' });
    const limited = read(429, { code: 'rate_limit_exceeded', message: 'org-123' }, { 'retry-after-ms': '1200' });
    expect(limited).toMatchObject({ callerMessage: undefined, param: undefined, retryAfterMs: 1_200 });
    expect(limited.message).not.toContain('org-123');
  });
});
