import Anthropic from '@anthropic-ai/sdk';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SCRIPTED_TEXT, type ScriptedUpstream, startScriptedUpstream } from '@moltbot/providers/testing';
import { type PrimaryProcess, startPrimary } from './primary-process.js';

const ask = { max_tokens: 500, messages: [{ role: 'user' as const, content: 'Hi' }] };
const tool = {
  name: 'weather',
  description: 'The weather of a place',
  input_schema: { type: 'object' as const, properties: { place: { type: 'string' } }, required: ['place'] },
};

describe('Anthropic’s own client', () => {
  let openai: ScriptedUpstream;
  let anthropic: ScriptedUpstream;
  let primary: PrimaryProcess;
  let client: Anthropic;

  beforeAll(async () => {
    openai = await startScriptedUpstream({ script: { type: 'answer' } });
    anthropic = await startScriptedUpstream({ script: { type: 'answer' } });
    primary = await startPrimary({
      config: {
        models: {
          primary: 'anthropic:claude-test',
          fallbacks: ['openai:gpt-test'],
          retry_policy: { max_attempts: 1 },
          chains: { translated: { primary: 'openai:gpt-test' } },
        },
        providers: {
          openai: { base_url: openai.baseUrl('openai-chat'), models: { 'gpt-test': {} } },
          anthropic: { base_url: anthropic.baseUrl('anthropic-messages'), models: { 'claude-test': {} } },
        },
        breaker: { failures: 1000 },
      },
      auth: { openai: { type: 'api_key', key: 'sk-openai' }, anthropic: { type: 'api_key', key: 'sk-anthropic' } },
    });
    client = new Anthropic({ baseURL: primary.url, apiKey: 'any', maxRetries: 0 });
  });

  afterAll(async () => {
    await primary?.stop();
    await openai?.close();
    await anthropic?.close();
  });

  it.each(['anthropic:claude-test', 'translated'])('gets a message of %s, whole and streamed', async (model) => {
    for (const upstream of [openai, anthropic]) {
      upstream.setScript({ type: 'answer', answer: { usage: { inputTokens: 11, outputTokens: 22 } } });
    }
    const whole = await client.messages.create({ model, ...ask });
    const streamed = await client.messages.stream({ model, ...ask }).finalMessage();
    for (const message of [whole, streamed]) {
      expect(message.content).toMatchObject([{ type: 'text', text: SCRIPTED_TEXT }]);
      expect(message.stop_reason).toBe('end_turn');
      expect(message.usage).toMatchObject({ output_tokens: 22 });
    }
  });

  it.each(['anthropic:claude-test', 'translated'])('calls tools on %s', async (model) => {
    const toolCalls = [{ id: 'toolu_1', name: 'weather', arguments: ['{"place":', '"Oslo"}'] }];
    for (const upstream of [openai, anthropic]) upstream.setScript({ type: 'answer', answer: { toolCalls, text: '' } });
    const whole = await client.messages.create({ model, ...ask, tools: [tool] });
    const streamed = await client.messages.stream({ model, ...ask, tools: [tool] }).finalMessage();
    for (const message of [whole, streamed]) {
      expect(message.content.filter(({ type }) => type === 'tool_use')).toMatchObject([
        { type: 'tool_use', name: 'weather', input: { place: 'Oslo' } },
      ]);
      expect(message.stop_reason).toBe('tool_use');
    }
  });

  it('keeps its beta switches where the model’s API is Anthropic’s', async () => {
    anthropic.setScript({ type: 'answer' });
    await client.messages.create(
      { model: 'anthropic:claude-test', ...ask },
      { headers: { 'anthropic-beta': 'some-beta' } },
    );
    expect(anthropic.requests.at(-1)?.headers['anthropic-beta']).toBe('some-beta');
    expect(anthropic.requests.at(-1)?.headers['x-api-key']).toBe('sk-anthropic');
  });

  it('gets the whole text when the first model breaks off after 40 tokens', async () => {
    anthropic.setScript({ type: 'cut', after: 40 });
    openai.setScript({ type: 'continue' });
    const message = await client.messages.stream({ model: 'default', ...ask }).finalMessage();
    expect(message.content).toMatchObject([{ type: 'text', text: SCRIPTED_TEXT }]);
    expect(message.stop_reason).toBe('end_turn');
  });

  it('gets an error, never a finished message, when a stream breaks and nobody can go on', async () => {
    openai.setScript({ type: 'status', status: 500 });
    anthropic.setScript({ type: 'cut', after: 5 });
    await expect(client.messages.stream({ model: 'default', ...ask }).finalMessage()).rejects.toThrow(
      Anthropic.APIError,
    );
  });

  it.each([
    [400, Anthropic.BadRequestError],
    [429, Anthropic.RateLimitError],
    [500, Anthropic.InternalServerError],
  ])('raises its own exception for an upstream’s %i', async (status, exception) => {
    anthropic.setScript({ type: 'status', status });
    await expect(client.messages.create({ model: 'anthropic:claude-test', ...ask })).rejects.toBeInstanceOf(exception);
  });

  it('is told of an unknown model, and of a field that is wrong', async () => {
    await expect(client.messages.create({ model: 'nobody:nothing', ...ask })).rejects.toBeInstanceOf(
      Anthropic.NotFoundError,
    );
    // A field that this version of the SDK declares for no model.
    const body = { model: 'translated', ...ask, temperature: 'hot' };
    const wrong = client.messages.create(body);
    await expect(wrong).rejects.toMatchObject({ status: 400 });
    await expect(wrong).rejects.toThrow(/temperature/);
  });

  it('counts tokens by the provider, and by an estimate that says so', async () => {
    anthropic.setScript({ type: 'answer' });
    const estimated = await client.messages.countTokens({ model: 'translated', messages: ask.messages }).withResponse();
    expect(estimated.data.input_tokens).toBeGreaterThan(0);
    expect(estimated.response.headers.get('x-moltbot-token-count')).toBe('estimated');
    const counted = await client.messages
      .countTokens({ model: 'anthropic:claude-test', messages: ask.messages })
      .withResponse();
    expect(counted.data.input_tokens).toBeGreaterThan(0);
    expect(counted.response.headers.get('x-moltbot-token-count')).toBe('provider');
  });

  it('lists models in its own shape', async () => {
    const { data } = await client.models.list();
    expect(data.map(({ id, type }) => [id, type])).toEqual(expect.arrayContaining([['default', 'model']]));
  });
});
