import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SCRIPTED_TEXT, type ScriptedUpstream, startScriptedUpstream } from '@moltbot/providers/testing';
import OpenAI from 'openai';
import { type PrimaryProcess, startPrimary } from './primary-process.js';

const user = (content: string) => [{ role: 'user' as const, content }];
const tool = {
  type: 'function' as const,
  function: {
    name: 'weather',
    description: 'The weather of a place',
    parameters: { type: 'object', properties: { place: { type: 'string' } }, required: ['place'] },
  },
};

describe('OpenAI’s own client', () => {
  let openai: ScriptedUpstream;
  let anthropic: ScriptedUpstream;
  let primary: PrimaryProcess;
  let client: OpenAI;

  beforeAll(async () => {
    openai = await startScriptedUpstream({ script: { type: 'answer' } });
    anthropic = await startScriptedUpstream({ script: { type: 'answer' } });
    primary = await startPrimary({
      config: {
        models: {
          primary: 'openai:gpt-test',
          fallbacks: ['anthropic:claude-test'],
          retry_policy: { max_attempts: 1 },
          chains: { translated: { primary: 'anthropic:claude-test' } },
        },
        providers: {
          openai: {
            base_url: openai.baseUrl('openai-chat'),
            models: { 'gpt-test': { price: { input: 1, output: 2 } } },
          },
          anthropic: { base_url: anthropic.baseUrl('anthropic-messages'), models: { 'claude-test': {} } },
        },
        breaker: { failures: 1000 },
      },
      auth: { openai: { type: 'api_key', key: 'sk-openai' }, anthropic: { type: 'api_key', key: 'sk-anthropic' } },
    });
    client = new OpenAI({ baseURL: `${primary.url}/v1`, apiKey: 'any', maxRetries: 0 });
  });

  afterAll(async () => {
    await primary?.stop();
    await openai?.close();
    await anthropic?.close();
  });

  it('gets a whole answer with usage, and headers that say who answered and what it cost', async () => {
    openai.setScript({ type: 'answer', answer: { text: 'Hello there', usage: { inputTokens: 10, outputTokens: 20 } } });
    const { data, response } = await client.chat.completions
      .create({ model: 'default', messages: user('Hi') })
      .withResponse();
    expect(data.choices[0]?.message.content).toBe('Hello there');
    expect(data.choices[0]?.finish_reason).toBe('stop');
    expect(data.usage).toMatchObject({ prompt_tokens: 10, completion_tokens: 20 });
    expect(response.headers.get('x-moltbot-model')).toBe('openai:gpt-test');
    expect(response.headers.get('x-moltbot-attempts')).toBe('1');
    expect(response.headers.get('x-moltbot-cost')).toBe('0.000050');
    expect(response.headers.get('x-request-id')).toMatch(/^req_/);
    expect(openai.requests.at(-1)?.headers['authorization']).toBe('Bearer sk-openai');
  });

  it('streams, with usage only where it asked for it, while the upstream is always asked', async () => {
    openai.setScript({ type: 'answer' });
    for (const wanted of [true, false]) {
      const stream = await client.chat.completions.create({
        model: 'openai:gpt-test',
        messages: user('Hi'),
        stream: true,
        ...(wanted && { stream_options: { include_usage: true } }),
      });
      let text = '';
      let usage: unknown;
      for await (const chunk of stream) {
        text += chunk.choices[0]?.delta.content ?? '';
        usage = chunk.usage ?? usage;
      }
      expect(text).toBe(SCRIPTED_TEXT);
      expect(usage !== undefined).toBe(wanted);
      expect(openai.requests.at(-1)?.body).toMatchObject({
        stream_options: { include_usage: true },
        model: 'gpt-test',
      });
    }
  });

  it('passes fields that MoltBot does not know, byte for byte', async () => {
    openai.setScript({ type: 'answer', answer: { extra: { system_fingerprint: 'fp_1', brand_new: { a: [1, 2] } } } });
    const answer = await client.chat.completions.create({
      model: 'openai:gpt-test',
      messages: user('Hi'),
      logit_bias: { 50256: -100 },
      brand_new_option: { deep: [1.5e3, 'ü'] },
    } as never);
    expect(openai.requests.at(-1)?.body).toMatchObject({
      logit_bias: { 50256: -100 },
      brand_new_option: { deep: [1500, 'ü'] },
    });
    expect(answer).toMatchObject({ brand_new: { a: [1, 2] } });
  });

  it('calls tools in parallel, streamed and whole, on a model of another dialect too', async () => {
    const toolCalls = [
      { id: 'call_1', name: 'weather', arguments: ['{"place":', '"Oslo"}'] },
      { id: 'call_2', name: 'weather', arguments: ['{"place":"Rome"}'] },
    ];
    for (const upstream of [openai, anthropic]) upstream.setScript({ type: 'answer', answer: { toolCalls, text: '' } });
    for (const model of ['openai:gpt-test', 'translated']) {
      const whole = await client.chat.completions.create({ model, messages: user('Weather?'), tools: [tool] });
      const streamed = client.chat.completions.stream({ model, messages: user('Weather?'), tools: [tool] });
      const final = await streamed.finalChatCompletion();
      for (const answer of [whole, final]) {
        const calls = answer.choices[0]?.message.tool_calls?.map((call) => 'function' in call && call.function);
        expect(calls).toMatchObject([
          { name: 'weather', arguments: '{"place":"Oslo"}' },
          { name: 'weather', arguments: '{"place":"Rome"}' },
        ]);
        expect(answer.choices[0]?.finish_reason).toBe('tool_calls');
      }
    }
  });

  it('is told which fields a model of another dialect can’t take', async () => {
    anthropic.setScript({ type: 'answer' });
    const { response } = await client.chat.completions
      .create({ model: 'translated', messages: user('Hi'), seed: 7, logit_bias: { 1: 1 } })
      .withResponse();
    const dropped = response.headers.get('x-moltbot-dropped-params') ?? '';
    expect(dropped).toContain('seed');
    expect(dropped).toContain('logit_bias');
    expect(anthropic.requests.at(-1)?.headers['x-api-key']).toBe('sk-anthropic');
  });

  it('is answered by the fallback when the first model fails, and told so', async () => {
    openai.setScript({ type: 'status', status: 503 });
    anthropic.setScript({ type: 'answer' });
    const { data, response } = await client.chat.completions
      .create({ model: 'default', messages: user('Hi') })
      .withResponse();
    expect(data.choices[0]?.message.content).toBe(SCRIPTED_TEXT);
    expect(data.model).toContain('claude-test');
    expect(response.headers.get('x-moltbot-fallback')).toBe(
      'openai:gpt-test -> anthropic:claude-test; reason=overloaded',
    );
  });

  it('gets the whole text when the first model breaks off after 40 tokens', async () => {
    openai.setScript({ type: 'cut', after: 40 });
    anthropic.setScript({ type: 'continue' });
    const stream = await client.chat.completions.create({ model: 'default', messages: user('Hi'), stream: true });
    let text = '';
    let finish: string | null | undefined;
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta.content ?? '';
      finish = chunk.choices[0]?.finish_reason ?? finish;
    }
    expect(text).toBe(SCRIPTED_TEXT);
    expect(finish).toBe('stop');
  });

  it('gets an error, never a finished answer, when a stream breaks and nobody can go on', async () => {
    openai.setScript({ type: 'cut', after: 40 });
    anthropic.setScript({ type: 'status', status: 500 });
    const stream = await client.chat.completions.create({ model: 'default', messages: user('Hi'), stream: true });
    const seen: (string | null | undefined)[] = [];
    const reading = (async () => {
      for await (const chunk of stream) seen.push(chunk.choices[0]?.finish_reason);
    })();
    await expect(reading).rejects.toThrow(OpenAI.APIError);
    expect(seen).not.toContain('stop');
  });

  it.each([
    [400, OpenAI.BadRequestError],
    [422, OpenAI.UnprocessableEntityError],
    [429, OpenAI.RateLimitError],
    [500, OpenAI.InternalServerError],
    [503, OpenAI.InternalServerError],
  ])('raises its own exception for an upstream’s %i', async (status, exception) => {
    openai.setScript({ type: 'status', status, error: { message: 'the provider’s words' } });
    const asked = client.chat.completions.create({ model: 'openai:gpt-test', messages: user('Hi') });
    await expect(asked).rejects.toBeInstanceOf(exception);
    const error = (await asked.catch((thrown: unknown) => thrown)) as InstanceType<typeof OpenAI.APIError>;
    expect(error.code).toBeTruthy();
    expect(error.headers?.get('x-request-id')).toBeTruthy();
    // The provider's words only where they are about what the caller wrote.
    expect(error.message.includes('the provider’s words')).toBe(status === 400 || status === 422);
  });

  it('lists chains and models, finds each, and is told of an unknown one', async () => {
    const ids = (await client.models.list()).data.map(({ id }) => id);
    expect(ids).toEqual(expect.arrayContaining(['default', 'translated', 'openai:gpt-test', 'anthropic:claude-test']));
    for (const id of ids) expect((await client.models.retrieve(id)).id).toBe(id);
    expect((await client.models.retrieve('gpt-test')).id).toBe('openai:gpt-test');
    await expect(client.models.retrieve('nobody:nothing')).rejects.toBeInstanceOf(OpenAI.NotFoundError);
    await expect(client.chat.completions.create({ model: 'gpt-tset', messages: user('Hi') })).rejects.toMatchObject({
      status: 404,
      code: 'model_not_found',
    });
  });

  it('takes an ordered list of models for one request', async () => {
    openai.setScript({ type: 'answer' });
    anthropic.setScript({ type: 'status', status: 500 });
    const { response } = await client.chat.completions
      .create({ models: ['anthropic:claude-test', 'openai:gpt-test'], messages: user('Hi') } as never)
      .withResponse();
    expect(response.headers.get('x-moltbot-model')).toBe('openai:gpt-test');
    expect(openai.requests.at(-1)?.body).not.toHaveProperty('models');
  });

  it('embeds, as base64 and as numbers', async () => {
    const { data } = await client.embeddings.create({ model: 'demo:assistant', input: ['a', 'b'] });
    expect(data).toHaveLength(2);
    expect(data[0]?.embedding.length).toBeGreaterThan(0);
    const floats = await client.embeddings.create({ model: 'demo:assistant', input: 'a', encoding_format: 'float' });
    expect(floats.data[0]?.embedding.every((value) => typeof value === 'number')).toBe(true);
    expect(data[0]?.embedding.length).toBe(floats.data[0]?.embedding.length);
  });
});
