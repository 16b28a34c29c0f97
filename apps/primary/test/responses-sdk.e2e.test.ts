import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SCRIPTED_TEXT, type ScriptedUpstream, startScriptedUpstream } from '@moltbot/providers/testing';
import OpenAI from 'openai';
import { zodTextFormat } from 'openai/helpers/zod';
import { z } from 'zod';
import { type PrimaryProcess, startPrimary } from './primary-process.js';

const tool = {
  type: 'function' as const,
  name: 'weather',
  description: 'The weather of a place',
  parameters: {
    type: 'object',
    properties: { place: { type: 'string' } },
    required: ['place'],
    additionalProperties: false,
  },
  strict: true,
};
const TRANSLATED = ['by-anthropic', 'by-gemini', 'by-chat'] as const;

function callsOf(response: OpenAI.Responses.Response): readonly OpenAI.Responses.ResponseFunctionToolCall[] {
  return response.output.flatMap((item) => (item.type === 'function_call' ? [item] : []));
}

describe('OpenAI’s own client with the responses API', () => {
  let openai: ScriptedUpstream;
  let anthropic: ScriptedUpstream;
  let gemini: ScriptedUpstream;
  let chat: ScriptedUpstream;
  let primary: PrimaryProcess;
  let client: OpenAI;

  beforeAll(async () => {
    [openai, anthropic, gemini, chat] = (await Promise.all(
      [1, 2, 3, 4].map(() => startScriptedUpstream({ script: { type: 'answer' } })),
    )) as [ScriptedUpstream, ScriptedUpstream, ScriptedUpstream, ScriptedUpstream];
    primary = await startPrimary({
      config: {
        models: {
          primary: 'openai:gpt-test',
          fallbacks: ['anthropic:claude-test', 'gemini:gemini-test'],
          retry_policy: { max_attempts: 1 },
          chains: {
            'by-anthropic': { primary: 'anthropic:claude-test' },
            'by-gemini': { primary: 'gemini:gemini-test' },
            'by-chat': { primary: 'chat:chat-test' },
            'anthropic-first': { primary: 'anthropic:claude-test', fallbacks: ['openai:gpt-test'] },
            'chat-next': { primary: 'openai:gpt-test', fallbacks: ['chat:chat-test'] },
            demo: { primary: 'demo:assistant' },
          },
        },
        providers: {
          openai: {
            api: 'responses',
            base_url: openai.baseUrl('openai-responses'),
            models: { 'gpt-test': { price: { input: 1, output: 2 } } },
          },
          anthropic: { base_url: anthropic.baseUrl('anthropic-messages'), models: { 'claude-test': {} } },
          gemini: { base_url: gemini.baseUrl('gemini'), models: { 'gemini-test': {} } },
          chat: {
            kind: 'openai-compatible',
            base_url: chat.baseUrl('openai-chat'),
            models: { 'chat-test': { prefill: false } },
          },
        },
        breaker: { failures: 1000 },
        timeouts: { gap: '2s' },
      },
      auth: {
        openai: { type: 'api_key', key: 'sk-openai' },
        anthropic: { type: 'api_key', key: 'sk-anthropic' },
        gemini: { type: 'api_key', key: 'sk-gemini' },
      },
    });
    client = new OpenAI({ baseURL: `${primary.url}/v1`, apiKey: 'any', maxRetries: 0 });
  });

  afterAll(async () => {
    await primary?.stop();
    await Promise.all([openai, anthropic, gemini, chat].map((upstream) => upstream?.close()));
  });

  const scriptAll = (script: Parameters<ScriptedUpstream['setScript']>[0]): void => {
    for (const upstream of [openai, anthropic, gemini, chat]) upstream.setScript(script);
  };

  it('gets a whole answer with usage, and headers that say who answered and what it cost', async () => {
    const usage = { inputTokens: 10, outputTokens: 20, cachedInputTokens: 4, reasoningTokens: 5 };
    scriptAll({ type: 'answer', answer: { text: 'Hello there', usage } });
    const { data, response } = await client.responses
      .create({ model: 'default', input: 'Hi', instructions: 'Be brief.' })
      .withResponse();
    expect(data).toMatchObject({ status: 'completed', output_text: 'Hello there', object: 'response' });
    expect(data.usage).toMatchObject({
      input_tokens: 10,
      input_tokens_details: { cached_tokens: 4 },
      output_tokens: 20,
      output_tokens_details: { reasoning_tokens: 5 },
      total_tokens: 30,
    });
    expect(response.headers.get('x-moltbot-model')).toBe('openai:gpt-test');
    expect(response.headers.get('x-moltbot-attempts')).toBe('1');
    expect(response.headers.get('x-moltbot-cost')).toBe('0.000050');
    expect(response.headers.get('x-request-id')).toMatch(/^req_/);
    expect(openai.requests.at(-1)?.headers['authorization']).toBe('Bearer sk-openai');
  });

  it('has its bytes passed to a model of the same API, what MoltBot does not know too', async () => {
    openai.setScript({ type: 'answer', answer: { extra: { brand_new: { a: [1, 2] } } } });
    const body = {
      model: 'openai:gpt-test',
      input: [{ role: 'user' as const, content: 'Hi' }],
      previous_response_id: 'resp_before',
      store: true,
      tools: [{ type: 'web_search' as const }],
      brand_new_option: { deep: [1.5e3, 'ü'] },
    };
    const { data, response } = await client.responses.create(body as never).withResponse();
    expect(openai.requests.at(-1)?.body).toEqual({ ...body, model: 'gpt-test' });
    expect(data).toMatchObject({ brand_new: { a: [1, 2] } });
    expect(response.headers.get('x-moltbot-dropped-params')).toBeNull();
  });

  it.each(TRANSLATED)('gets the same of a model of another API: %s', async (model) => {
    const usage = { inputTokens: 10, outputTokens: 20 };
    scriptAll({ type: 'answer', answer: { text: 'Hello there', usage } });
    const whole = await client.responses.create({ model, input: 'Hi', instructions: 'Be brief.', store: false });
    const stream = client.responses.stream({ model, input: 'Hi', instructions: 'Be brief.' });
    const types: string[] = [];
    for await (const event of stream) types.push(event.type);
    const final = await stream.finalResponse();
    expect(types.slice(0, 4)).toEqual([
      'response.created',
      'response.in_progress',
      'response.output_item.added',
      'response.content_part.added',
    ]);
    expect(types.at(-1)).toBe('response.completed');
    for (const answer of [whole, final]) {
      expect(answer).toMatchObject({
        status: 'completed',
        output_text: 'Hello there',
        instructions: 'Be brief.',
        store: false,
        error: null,
        incomplete_details: null,
        previous_response_id: null,
      });
      expect(answer.id).toMatch(/^resp_req_/);
      expect(answer.usage).toMatchObject({ input_tokens: 10, output_tokens: 20, total_tokens: 30 });
    }
  });

  it.each(['openai:gpt-test', ...TRANSLATED])('calls tools in parallel, streamed and whole: %s', async (model) => {
    const toolCalls = [
      { id: 'call_1', name: 'weather', arguments: ['{"place":', '"Oslo"}'] },
      { id: 'call_2', name: 'weather', arguments: ['{"place":"Rome"}'] },
    ];
    scriptAll({ type: 'answer', answer: { toolCalls, text: '' } });
    const body = { model, input: 'Weather?', tools: [tool] };
    const whole = await client.responses.create(body);
    const stream = client.responses.stream(body);
    const done: string[] = [];
    stream.on('response.function_call_arguments.done', (event) => done.push(event.arguments));
    const final = await stream.finalResponse();
    for (const answer of [whole, final]) {
      const calls = callsOf(answer);
      expect(calls.map(({ name, arguments: text }) => [name, JSON.parse(text)])).toEqual([
        ['weather', { place: 'Oslo' }],
        ['weather', { place: 'Rome' }],
      ]);
      expect(answer.status).toBe('completed');
    }
    expect(done).toHaveLength(2);
  });

  it.each(TRANSLATED)('brings a whole turn with thoughts, calls and results back: %s', async (model) => {
    scriptAll({
      type: 'answer',
      answer: {
        reasoning: 'Hm.',
        text: 'Let me see.',
        toolCalls: [{ id: 'call_1', name: 'weather', arguments: '{"place":"Oslo"}' }],
      },
    });
    const input: OpenAI.Responses.ResponseInput = [{ role: 'user', content: 'Weather?' }];
    const first = await client.responses.create({
      model,
      input,
      tools: [tool],
      include: ['reasoning.encrypted_content'],
    });
    expect(first.output[0]).toMatchObject({ type: 'reasoning', summary: [{ text: 'Hm.' }] });
    input.push(...(first.output as OpenAI.Responses.ResponseInputItem[]));
    const [call] = callsOf(first);
    input.push({ type: 'function_call_output', call_id: call?.call_id ?? '', output: 'Wet.' });
    scriptAll({ type: 'answer', answer: { text: 'It rains.' } });
    const second = await client.responses.create({ model, input, tools: [tool] });
    expect(second.output_text).toBe('It rains.');
    const upstream = { 'by-anthropic': anthropic, 'by-gemini': gemini, 'by-chat': chat }[model];
    const turns = upstream.requests
      .at(-1)
      ?.turns.map(({ text }) => text)
      .join('|');
    expect(turns).toContain('Weather?');
    expect(upstream.requests.at(-1)?.raw.toString()).toContain('Wet.');
    // OpenAI knows no reasoning of ours, and refuses what it does not know.
    await client.responses.create({ model: 'openai:gpt-test', input, tools: [tool] });
    expect(openai.requests.at(-1)?.raw.toString()).not.toContain('rs_moltbot');
    expect(openai.requests.at(-1)?.raw.toString()).toContain('Let me see.');
  });

  it.each(['by-anthropic', 'by-gemini'] as const)(
    'brings the vendor’s seals back to where they belong, whole and streamed: %s',
    async (model) => {
      const start = { type: 'tool-call-start', choice: 0, index: 0, id: 'call_1', name: 'weather' } as const;
      const parts = [
        { type: 'reasoning-delta', choice: 0, text: 'Hm.' } as const,
        ...(model === 'by-anthropic'
          ? [{ type: 'reasoning-seal', choice: 0, signature: 'dGhlLXNlYWw=' } as const, start]
          : [{ ...start, signature: 'dGhlLXNlYWw=' }]),
        { type: 'tool-call-delta', choice: 0, index: 0, arguments: '{"place":"Oslo"}' } as const,
      ];
      const upstream = model === 'by-anthropic' ? anthropic : gemini;
      const question = { role: 'user' as const, content: 'Weather?' };
      const body = { model, tools: [tool], reasoning: { effort: 'low' as const }, max_output_tokens: 9_000 };
      for (const isStreamed of [false, true]) {
        upstream.setScript({ type: 'answer', answer: { parts } });
        const first = isStreamed
          ? await client.responses.stream({ ...body, input: [question] }).finalResponse()
          : await client.responses.create({ ...body, input: [question] });
        const result = { type: 'function_call_output' as const, call_id: 'call_1', output: 'Wet.' };
        const [call] = callsOf(first);
        const output = first.output as OpenAI.Responses.ResponseInputItem[];
        upstream.setScript({ type: 'answer' });
        await client.responses.create({
          ...body,
          input: [question, ...output, { ...result, call_id: call?.call_id ?? '' }],
        });
        expect(upstream.requests.at(-1)?.raw.toString()).toMatch(/"(?:s|thoughtS)ignature":"dGhlLXNlYWw="/);
      }
    },
  );

  it.each(['openai:gpt-test', ...TRANSLATED])('parses structured output: %s', async (model) => {
    const Place = z.object({ city: z.string() });
    scriptAll({ type: 'answer', answer: { text: '{"city":"Oslo"}' } });
    const text = { format: zodTextFormat(Place, 'place') };
    const whole = await client.responses.parse({ model, input: 'Where?', text });
    expect(whole.output_parsed).toEqual({ city: 'Oslo' });
    const streamed = await client.responses.stream({ model, input: 'Where?', text }).finalResponse();
    expect(streamed.output_parsed).toEqual({ city: 'Oslo' });
  });

  it.each(TRANSLATED)('sends images: %s', async (model) => {
    scriptAll({ type: 'answer' });
    const data = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
    await client.responses.create({
      model,
      input: [
        {
          role: 'user',
          content: [
            { type: 'input_text', text: 'What is this?' },
            { type: 'input_image', image_url: `data:image/png;base64,${data}`, detail: 'auto' },
          ],
        },
      ],
    });
    const upstream = { 'by-anthropic': anthropic, 'by-gemini': gemini, 'by-chat': chat }[model];
    expect(upstream.requests.at(-1)?.raw.toString()).toContain(data);
  });

  it('is told that an answer is cut, whole and streamed', async () => {
    scriptAll({ type: 'answer', answer: { text: 'Half', finishReason: 'length' } });
    for (const model of ['openai:gpt-test', ...TRANSLATED]) {
      const whole = await client.responses.create({ model, input: 'Hi', max_output_tokens: 16 });
      const streamed = await client.responses.stream({ model, input: 'Hi', max_output_tokens: 16 }).finalResponse();
      for (const answer of [whole, streamed]) {
        expect(answer).toMatchObject({ status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } });
      }
    }
  });

  it('is told which fields a model of another API can’t take, OpenAI’s own tools too', async () => {
    scriptAll({ type: 'answer' });
    const { data, response } = await client.responses
      .create({
        model: 'by-anthropic',
        input: 'Hi',
        store: true,
        tools: [tool, { type: 'web_search' }],
        prompt_cache_key: 'k',
        text: { verbosity: 'low' },
      })
      .withResponse();
    const dropped = response.headers.get('x-moltbot-dropped-params')?.split(', ') ?? [];
    expect(new Set(dropped)).toEqual(new Set(['store', 'tools.1 (web_search)', 'prompt_cache_key', 'text.verbosity']));
    expect(data).toMatchObject({ store: false });
    expect(data.tools.map(({ type }) => type)).toEqual(['function']);
  });

  it('may only name what OpenAI keeps where OpenAI answers', async () => {
    scriptAll({ type: 'answer' });
    const kept = { input: 'And then?', previous_response_id: 'resp_before' };
    const asked = client.responses.create({ model: 'by-anthropic', ...kept });
    await expect(asked).rejects.toBeInstanceOf(OpenAI.BadRequestError);
    await expect(asked).rejects.toMatchObject({ code: 'invalid_request', param: 'previous_response_id' });
    // Another model of the chain can take it.
    const { response } = await client.responses.create({ model: 'anthropic-first', ...kept }).withResponse();
    expect(response.headers.get('x-moltbot-model')).toBe('openai:gpt-test');
    // And where that one fails, nobody answers half of the conversation.
    openai.setScript({ type: 'status', status: 503 });
    const before = anthropic.requests.length;
    const failed = client.responses.create({ model: 'default', ...kept });
    await expect(failed).rejects.toBeInstanceOf(OpenAI.InternalServerError);
    openai.setScript({ type: 'cut', after: 40 });
    const broken = client.responses.stream({ model: 'default', ...kept }).finalResponse();
    await expect(broken).rejects.toMatchObject({ code: 'stream_interrupted' });
    expect(anthropic.requests.length).toBe(before);
  });

  it('is refused an answer in the background, which nobody could fetch', async () => {
    const before = openai.requests.length;
    const asked = client.responses.create({ model: 'default', input: 'Hi', background: true });
    await expect(asked).rejects.toMatchObject({ status: 400, code: 'invalid_request', param: 'background' });
    expect(openai.requests.length).toBe(before);
    await expect(client.responses.retrieve('resp_1')).rejects.toBeInstanceOf(OpenAI.NotFoundError);
  });

  it('is answered by the fallback when the first models fail, and told so', async () => {
    openai.setScript({ type: 'status', status: 503 });
    anthropic.setScript({ type: 'status', status: 500 });
    gemini.setScript({ type: 'answer' });
    const { data, response } = await client.responses.create({ model: 'default', input: 'Hi' }).withResponse();
    expect(data.output_text).toBe(SCRIPTED_TEXT);
    expect(data.model).toBe('gemini:gemini-test');
    expect(response.headers.get('x-moltbot-fallback')).toBe('openai:gpt-test -> gemini:gemini-test; reason=overloaded');
    const streamed = await client.responses.stream({ model: 'default', input: 'Hi' }).finalResponse();
    expect(streamed).toMatchObject({ output_text: SCRIPTED_TEXT, model: 'gemini:gemini-test' });
  });

  it.each(['cut', 'stall'] as const)('gets the whole text when the first model breaks off (%s)', async (type) => {
    openai.setScript({ type, after: 40 });
    anthropic.setScript({ type: 'continue' });
    const stream = client.responses.stream({ model: 'default', input: 'Hi' });
    let text = '';
    const numbers: number[] = [];
    for await (const event of stream) {
      numbers.push(event.sequence_number);
      if (event.type === 'response.output_text.delta') text += event.delta;
    }
    const final = await stream.finalResponse();
    expect(text).toBe(SCRIPTED_TEXT);
    expect(final).toMatchObject({ status: 'completed', output_text: SCRIPTED_TEXT, model: 'anthropic:claude-test' });
    expect(numbers).toEqual(numbers.map((_, index) => index));
  });

  it('is told where another answer takes the place of one that broke off', async () => {
    openai.setScript({ type: 'cut', after: 40 });
    chat.setScript({ type: 'answer', answer: { text: '{"city":"Oslo"}' } });
    // Held to JSON, a model without prefill can't go on: it begins anew.
    const text = { format: { type: 'json_object' as const } };
    const stream = client.responses.stream({ model: 'chat-next', input: 'Hi', text });
    const events: OpenAI.Responses.ResponseStreamEvent[] = [];
    for await (const event of stream) events.push(event);
    const final = await stream.finalResponse();
    expect(final).toMatchObject({ status: 'completed', output_text: '{"city":"Oslo"}', model: 'chat:chat-test' });
    expect(final.output).toHaveLength(1);
    const at = events.findIndex((event) => 'response' in event && 'moltbot' in event.response);
    const [before, told] = [events[at - 1], events[at]];
    const replaced = before?.type === 'response.output_item.done' ? before.item : undefined;
    expect(replaced).toMatchObject({ type: 'message', status: 'incomplete' });
    expect(told).toMatchObject({ type: 'response.in_progress', response: { moltbot: { replaced: [replaced?.id] } } });
  });

  it('gets an error, never a finished answer, when a stream breaks and nobody can go on', async () => {
    openai.setScript({ type: 'cut', after: 40 });
    anthropic.setScript({ type: 'status', status: 500 });
    gemini.setScript({ type: 'status', status: 500 });
    const stream = await client.responses.create({ model: 'default', input: 'Hi', stream: true });
    const seen: string[] = [];
    const reading = (async () => {
      for await (const event of stream) seen.push(event.type);
    })();
    await expect(reading).rejects.toThrow(OpenAI.APIError);
    expect(seen.at(-1)).toBe('response.failed');
    expect(seen).not.toContain('response.completed');
  });

  it.each([
    [400, OpenAI.BadRequestError],
    [422, OpenAI.UnprocessableEntityError],
    [429, OpenAI.RateLimitError],
    [500, OpenAI.InternalServerError],
  ])('raises its own exception for an upstream’s %i', async (status, exception) => {
    openai.setScript({ type: 'status', status, error: { message: 'the provider’s words' } });
    const asked = client.responses.create({ model: 'openai:gpt-test', input: 'Hi' });
    await expect(asked).rejects.toBeInstanceOf(exception);
    const error = (await asked.catch((thrown: unknown) => thrown)) as InstanceType<typeof OpenAI.APIError>;
    expect(error.code).toBeTruthy();
    expect(error.message.includes('the provider’s words')).toBe(status === 400 || status === 422);
  });

  it('takes an ordered list of models for one request, and knows unknown ones', async () => {
    scriptAll({ type: 'answer' });
    anthropic.setScript({ type: 'status', status: 500 });
    const { response } = await client.responses
      .create({ models: ['anthropic:claude-test', 'openai:gpt-test'], input: 'Hi' } as never)
      .withResponse();
    expect(response.headers.get('x-moltbot-model')).toBe('openai:gpt-test');
    expect(openai.requests.at(-1)?.body).not.toHaveProperty('models');
    await expect(client.responses.create({ model: 'nobody:nothing', input: 'Hi' })).rejects.toMatchObject({
      status: 404,
      code: 'model_not_found',
    });
  });

  it('speaks to the demo model: whole, streamed, thinking, calling, refusing, failing in the middle', async () => {
    const whole = await client.responses.create({ model: 'demo', input: 'Hi' });
    expect(whole.output_text).toContain('[SIMULATED]');
    const streamed = (model: string) => client.responses.stream({ model, input: 'Hi', tools: [tool] }).finalResponse();
    expect((await streamed('demo')).output_text).toBe(whole.output_text);
    expect((await streamed('demo:reasoning=5,rate=1ms')).output[0]).toMatchObject({ type: 'reasoning' });
    expect(callsOf(await streamed('demo:tool=2,rate=1ms'))).toHaveLength(2);
    expect((await streamed('demo:refuse')).output).toMatchObject([{ content: [{ type: 'refusal' }] }]);
    await expect(streamed('demo:cut=5,rate=1ms')).rejects.toMatchObject({ code: 'stream_interrupted' });
    await expect(streamed('demo:status=429')).rejects.toBeInstanceOf(OpenAI.RateLimitError);
  });
});
