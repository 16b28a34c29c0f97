import { describe, expect, it } from '@jest/globals';
import { type ProviderModelSettings, type ProviderSettings, settingsSchema } from '@moltbot/config';
import { createModel, createProvider } from './catalogue.js';
import type { Model, Provider } from './target.js';

type ProviderInput = Readonly<Record<string, unknown>>;

function settingsOf(name: string, input: ProviderInput): ProviderSettings {
  const settings = settingsSchema.parse({ providers: { [name]: input } }).providers[name];
  if (settings === undefined) throw new Error('no settings');
  return settings;
}

function provider(name: string, input: ProviderInput = {}): Provider {
  return createProvider(name, settingsOf(name, input), { demoBaseUrl: 'http://127.0.0.1:40123/v1' });
}

function model(name: string, input: ProviderInput = {}, modelName = 'm'): Model {
  return createModel(provider(name, input), modelName);
}

describe('createProvider', () => {
  it.each([
    ['openai', 'openai', 'https://api.openai.com/v1', true],
    ['anthropic', 'anthropic', 'https://api.anthropic.com/v1', true],
    ['gemini', 'gemini', 'https://generativelanguage.googleapis.com/v1beta', true],
    ['ollama', 'openai-compatible', 'http://127.0.0.1:11434/v1', false],
    ['lmstudio', 'openai-compatible', 'http://127.0.0.1:1234/v1', false],
    ['vllm', 'openai-compatible', 'http://127.0.0.1:8000/v1', false],
    ['llamacpp', 'openai-compatible', 'http://127.0.0.1:8081/v1', false],
    ['demo', 'demo', 'http://127.0.0.1:40123/v1', false],
  ])('knows %s without a setting', (name, kind, baseUrl, requiresCredential) => {
    expect(provider(name)).toMatchObject({ name, kind, baseUrl, requiresCredential });
  });

  it('takes what the settings say', () => {
    const azure = provider('work', {
      kind: 'openai-compatible',
      base_url: 'https://work.openai.azure.com/openai/v1///',
      auth_header: 'api-key',
      requires_credential: true,
    });
    expect(azure).toMatchObject({ baseUrl: 'https://work.openai.azure.com/openai/v1', requiresCredential: true });
    expect(azure.authHeaders('k')).toEqual({ 'api-key': 'k' });
    expect(azure.authHeaders('t', 'oauth')).toEqual({ 'api-key': 't' });
    expect(provider('openai', { base_url: 'http://127.0.0.1:1/v1', requires_credential: false })).toMatchObject({
      baseUrl: 'http://127.0.0.1:1/v1',
      requiresCredential: false,
    });
    expect(provider('demo', { base_url: 'http://127.0.0.1:1/v1' }).baseUrl).toBe('http://127.0.0.1:1/v1');
  });

  it.each([
    ['openai', undefined, { authorization: 'Bearer k' }],
    ['anthropic', undefined, { 'x-api-key': 'k' }],
    ['anthropic', 'bearer', { authorization: 'Bearer k' }],
    ['gemini', undefined, { 'x-goog-api-key': 'k' }],
    ['ollama', undefined, { authorization: 'Bearer k' }],
    ['ollama', 'x-api-key', { 'x-api-key': 'k' }],
  ])('sends the key of %s (auth_header: %s) in its header', (name, header, headers) => {
    expect(provider(name, { auth_header: header }).authHeaders('k')).toEqual(headers);
  });

  it.each(['anthropic', 'gemini', 'openai'])('sends the token of an account of %s as a bearer token', (name) => {
    expect(provider(name, {}).authHeaders('t', 'oauth')).toEqual({ authorization: 'Bearer t' });
  });

  it.each([
    ['mine', {}, /kind is missing/],
    ['mine', { kind: 'openai-compatible' }, /base_url is missing/],
  ])('refuses %s with %j', (name, input, message) => {
    expect(() => provider(name, input)).toThrow(expect.objectContaining({ code: 'config_invalid' }));
    expect(() => provider(name, input)).toThrow(message);
  });

  it('knows no provider by the name of a member of every object', () => {
    expect(() => createProvider('constructor', settingsOf('mine', {}))).toThrow(/kind is missing/);
  });

  it('needs the address of the demo model, which only runs with the process', () => {
    expect(() => createProvider('demo', settingsOf('demo', {}))).toThrow(/base_url is missing/);
  });
});

describe('createModel', () => {
  it.each([
    ['openai', {}, 'openai-chat'],
    ['openai', { api: 'responses' }, 'openai-responses'],
    ['openai', { models: { m: { api: 'responses' } } }, 'openai-responses'],
    ['openai', { api: 'responses', models: { m: { api: 'chat' } } }, 'openai-chat'],
    ['anthropic', {}, 'anthropic-messages'],
    ['anthropic', { api: 'responses' }, 'anthropic-messages'],
    ['gemini', {}, 'gemini'],
    ['ollama', {}, 'openai-chat'],
    ['vllm', { api: 'responses' }, 'openai-responses'],
    ['demo', {}, 'openai-chat'],
  ])('of %s with %j speaks %s', (name, input, dialect) => {
    const made = model(name, input);
    expect(made.dialect).toBe(dialect);
    expect(made.chat.dialect).toBe(dialect);
  });

  it.each([
    ['openai', true, false],
    ['anthropic', false, true],
    ['gemini', true, true],
    ['ollama', true, false],
    ['demo', true, false],
  ])('of %s embeds: %s, counts: %s', (name, embeds, counts) => {
    const made = model(name);
    expect(made.embeddings !== undefined).toBe(embeds);
    expect(made.countTokens !== undefined).toBe(counts);
  });

  it('is believed to do all but go on with an answer, where nothing is configured', () => {
    for (const name of ['openai', 'anthropic', 'gemini', 'ollama']) {
      expect(model(name)).toMatchObject({
        ref: `${name}:m`,
        name: 'm',
        upstreamName: 'm',
        capabilities: {
          images: true,
          tools: true,
          prefill: false,
          contextWindow: undefined,
          maxOutputTokens: undefined,
        },
        price: undefined,
      });
    }
    expect(model('demo')).toMatchObject({
      capabilities: { prefill: true },
      price: { input: 0, output: 0, cachedInput: 0, cacheWrite: 0 },
    });
  });

  it.each([
    ['claude-3-5-haiku-20241022', {}, true],
    ['claude-opus-4-5', {}, true],
    ['claude-opus-4-6', {}, false],
    ['claude-sonnet-5', {}, false],
    ['kimi-k3', {}, false],
    ['fast', { models: { fast: { upstream_name: 'claude-haiku-4-5' } } }, true],
    ['best', { models: { best: { upstream_name: 'claude-opus-5' } } }, false],
    ['claude-opus-5', { models: { 'claude-opus-5': { prefill: true } } }, true],
  ])('%s of Anthropic with %j goes on with an answer: %s', (name, input, prefill) => {
    expect(model('anthropic', input, name).capabilities.prefill).toBe(prefill);
  });

  it('takes what its settings say', () => {
    const m = {
      upstream_name: 'deployment-1',
      context_window: 8_192,
      max_output_tokens: 1_024,
      images: false,
      tools: false,
      prefill: true,
      price: { input: 2, output: 8, cached_input: 0.5 },
    };
    expect(model('openai', { models: { m } })).toMatchObject({
      ref: 'openai:m',
      name: 'm',
      upstreamName: 'deployment-1',
      capabilities: { images: false, tools: false, prefill: true, contextWindow: 8_192, maxOutputTokens: 1_024 },
      price: { input: 2, output: 8, cachedInput: 0.5, cacheWrite: 2 },
    });
    const own: ProviderModelSettings = { upstream_name: 'other' };
    expect(createModel(provider('openai', { models: { m } }), 'm', own).upstreamName).toBe('other');
  });

  it('may be named like a member of every object', () => {
    expect(model('openai', {}, 'constructor')).toMatchObject({ ref: 'openai:constructor', price: undefined });
  });
});
