import { describe, expect, it } from '@jest/globals';
import type { Settings } from '@moltbot/config';
import {
  type ChainPlan,
  createCallerRequest,
  type Model,
  openAiChatDoor,
  openAiResponsesDoor,
} from '@moltbot/providers';
import { requestSize } from './request-size.js';

const settings: Settings['limits'] = { assumed_output_tokens: 1_000, unpriced_models: 'refuse' };

function model(changes: { price?: [number, number]; window?: number; output?: number } = {}): Model {
  const { price, window, output } = changes;
  return {
    ref: 'a:model',
    price: price && { input: price[0], output: price[1], cachedInput: price[0] / 10, cacheWrite: price[0] * 1.25 },
    capabilities: { contextWindow: window, maxOutputTokens: output },
  } as unknown as Model;
}

function sizeOf(models: readonly Model[], value: object, options: { embeddings?: boolean; policy?: Model[] } = {}) {
  const { embeddings = false, policy } = options;
  const plan = { models, policyPlan: policy && (() => ({ models: policy })) } as unknown as ChainPlan;
  const bytes = Buffer.from(JSON.stringify(value));
  const call = embeddings ? undefined : createCallerRequest({ requestId: 'r', door: openAiChatDoor, bytes });
  return { bytes: bytes.length, ...requestSize({ plan, call, bytes, settings }) };
}

const text = { messages: [{ role: 'user', content: 'Hi' }] };

describe('the size of a request of a batch', () => {
  it('is at most what the dearest model costs, the policy chain’s too', () => {
    const [cheap, dear] = [model({ price: [1, 1] }), model({ price: [4, 20] })];
    const { bytes, worstCaseMicros } = sizeOf([cheap, dear], { ...text, max_tokens: 10 });
    expect(worstCaseMicros).toBe(BigInt(bytes * 5 + 200));
    expect(sizeOf([cheap], { ...text, max_tokens: 10 }, { policy: [dear] }).worstCaseMicros).toBe(worstCaseMicros);
  });

  it('has the output that the request lets the model write, else what the model can, else what is assumed', () => {
    const free = (output?: number) => [model({ price: [0, 1], ...(output !== undefined && { output }) })];
    expect(sizeOf(free(), { ...text, max_tokens: 7, max_completion_tokens: 9, n: 2 }).worstCaseMicros).toBe(18n);
    expect(sizeOf(free(77), { ...text, n: 3 }).worstCaseMicros).toBe(231n);
    expect(sizeOf(free(), { ...text, max_tokens: 0 }).worstCaseMicros).toBe(1_000n);
    expect(sizeOf(free(), { ...text, max_tokens: 1e308, n: 1e308 }).worstCaseMicros).toBe(1_000_000_000_000n);
  });

  it('counts what is more than text as a full context, bounded by the model’s window', () => {
    const image = { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'https://a/b' } }] }] };
    const [open, bounded] = [model({ price: [1, 0] }), model({ price: [1, 0], window: 1_000 })];
    expect(sizeOf([open], image).worstCaseMicros).toBeGreaterThan(2_000_000n);
    expect(sizeOf([bounded], image).worstCaseMicros).toBe(1_250n);
    for (const more of [{ tools: [] }, { web_search_options: {} }]) {
      expect(sizeOf([open], { ...text, ...more }).worstCaseMicros).toBeGreaterThan(2_000_000n);
    }
  });

  it('has no output where embeddings are asked for', () => {
    const { bytes, tokens, worstCaseMicros } = sizeOf(
      [model({ price: [1, 9] })],
      { input: 'abc' },
      { embeddings: true },
    );
    expect([tokens, worstCaseMicros]).toEqual([Math.ceil(bytes / 4), BigInt(Math.ceil(bytes * 1.25))]);
  });

  it('names models without a price, unless they are taken to be free', () => {
    expect(sizeOf([model()], text).unpriced).toEqual(['a:model']);
    expect(sizeOf([model({ price: [0, 0] })], text).unpriced).toEqual([]);
  });

  it('counts text of the responses API as text, and what OpenAI keeps as a full context', () => {
    const worst = (value: object): bigint => {
      const bytes = Buffer.from(JSON.stringify(value));
      const plan = { models: [model({ price: [1, 0] })] } as unknown as ChainPlan;
      const call = createCallerRequest({ requestId: 'r', door: openAiResponsesDoor, bytes });
      return requestSize({ plan, call, bytes, settings }).worstCaseMicros;
    };
    const input = [{ role: 'user', content: [{ type: 'input_text', text: 'Hi' }] }];
    expect(worst({ input, max_output_tokens: 5 })).toBeLessThan(1_000n);
    expect(worst({ input, previous_response_id: 'resp_1' })).toBeGreaterThan(2_000_000n);
    expect(worst({ input: [{ role: 'user', content: [{ type: 'input_file', file_id: 'f' }] }] })).toBeGreaterThan(
      2_000_000n,
    );
  });
});
