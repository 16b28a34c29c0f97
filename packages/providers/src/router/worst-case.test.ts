import { describe, expect, it, jest } from '@jest/globals';
import type { Settings } from '@moltbot/config';
import { createCallerRequest } from '../caller-request.js';
import { anthropicMessagesDoor } from '../dialects/anthropic-messages/door.js';
import { openAiChatDoor } from '../dialects/openai-chat/door.js';
import { openAiResponsesDoor } from '../dialects/openai-responses/door.js';
import type { ChainPlan, Model } from '../target.js';
import fc from 'fast-check';
import { type CallSize, chatSize, embeddingsSize } from './call-size.js';
import { worstCaseOf } from './worst-case.js';

const limits: Settings['limits'] = { assumed_output_tokens: 1_000, unpriced_models: 'refuse' };

function model(changes: {
  price?: [number, number] | undefined;
  window?: number;
  output?: number;
  ref?: string;
}): Model {
  const { price, window, output, ref = 'a:model' } = changes;
  return {
    ref,
    price: price && { input: price[0], output: price[1], cachedInput: price[0] / 10, cacheWrite: price[0] * 1.25 },
    capabilities: { contextWindow: window, maxOutputTokens: output },
  } as unknown as Model;
}

const plan = (models: Model[], policy?: Model[]): ChainPlan =>
  ({ models, policyPlan: policy && (() => ({ models: policy })) }) as unknown as ChainPlan;

const size = (changes: Partial<CallSize> = {}): CallSize => ({
  inputTokens: 25,
  inputBound: 100,
  outputLimit: 10,
  isNewWord: false,
  choices: 1,
  isOneText: true,
  ...changes,
});

function micros(models: Model[], changes: Partial<CallSize> = {}, policy?: Model[]): number {
  const found = worstCaseOf({ plan: plan(models, policy), size: size(changes), settings: limits });
  if (!found.known) throw new Error(`unpriced: ${found.unpriced.join(', ')}`);
  return Number(found.micros);
}

describe('the worst case of a call', () => {
  it('is what the dearest model of the chain costs, the policy chain’s too', () => {
    const [cheap, dear] = [model({ price: [1, 1] }), model({ price: [4, 20] })];
    expect(micros([cheap])).toBe(100 * 1.25 + 10);
    expect(micros([cheap, dear])).toBe(100 * 5 + 200);
    expect(micros([cheap], {}, [dear])).toBe(100 * 5 + 200);
  });

  it('has no more input than the model’s window, and output as far as anybody says', () => {
    expect(micros([model({ price: [4, 0], window: 40 })])).toBe(200);
    // Of embeddings each text has to fit the window, not all of them together.
    expect(micros([model({ price: [4, 0], window: 40 })], { isOneText: false })).toBe(500);
    expect(micros([model({ price: [0, 1], output: 77 })], { outputLimit: undefined, choices: 3 })).toBe(231);
    expect(micros([model({ price: [0, 1] })], { outputLimit: undefined })).toBe(1_000);
    expect(micros([model({ price: [0, 1], output: 77 })], { outputLimit: 500 })).toBe(500);
    const at = (kind: string) => ({ ...model({ price: [0, 1], output: 77 }), provider: { kind } }) as unknown as Model;
    expect(micros([at('openai')], { outputLimit: 5, isNewWord: true })).toBe(5);
    expect(micros([at('openai-compatible')], { outputLimit: 5, isNewWord: true })).toBe(77);
  });

  it('is not known where a model has no price, unless that is taken as none', () => {
    const models = [model({ price: [1, 1] }), model({ ref: 'b:odd' })];
    expect(worstCaseOf({ plan: plan(models), size: size(), settings: limits })).toEqual({
      known: false,
      unpriced: ['b:odd'],
    });
    const free = { ...limits, unpriced_models: 'free' } as const;
    expect(worstCaseOf({ plan: plan(models), size: size(), settings: free })).toMatchObject({
      known: true,
      micros: 135n,
    });
    expect(worstCaseOf({ plan: plan(models.slice(1)), size: size(), settings: free })).toMatchObject({ micros: 0n });
  });

  it('stays a number that a budget can hold', () => {
    expect(micros([model({ price: [1e300, 1e300] })])).toBe(1e18);
    expect(micros([model({ price: [0.000_001, 0] })])).toBe(1);
  });
});

describe('the size of a call', () => {
  const chat = (body: object, door = openAiChatDoor) =>
    chatSize(createCallerRequest({ requestId: 'req_1', door, bytes: Buffer.from(JSON.stringify(body)) }));
  const message = (content: unknown) => ({ messages: [{ role: 'user', content }] });

  it('has no fewer tokens than bytes of text, whatever the text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 3_000 }), (text) => {
        expect(chat(message(text)).inputBound).toBeGreaterThan(Buffer.byteLength(text.toWellFormed()));
      }),
    );
  });

  it('reads what the caller lets the model write, in long requests too', () => {
    for (const filler of ['', 'x'.repeat(20_000)]) {
      const body = { ...message(filler) };
      expect(chat(body).outputLimit).toBeUndefined();
      expect(chat({ ...body, max_tokens: 7 }).outputLimit).toBe(7);
      expect(chat({ ...body, max_tokens: 7, max_completion_tokens: 9, n: 3 })).toMatchObject({
        outputLimit: 27,
        choices: 3,
      });
      for (const wrong of ['7', null, -1, 0, {}])
        expect(chat({ ...body, max_tokens: wrong }).outputLimit).toBeUndefined();
      expect(chat({ ...body, max_tokens: 7, n: 3 }, anthropicMessagesDoor)).toMatchObject({
        outputLimit: 7,
        choices: 1,
      });
    }
  });

  it('counts an image as one, not by its bytes', () => {
    const data = Buffer.alloc(60_000, 7).toString('base64');
    const image = (url: string) => message([{ type: 'image_url', image_url: { url } }]);
    for (const url of [`data:image/png;base64,${data}`, 'https://images.example/cat.png']) {
      const { inputTokens, inputBound } = chat(image(url));
      expect(inputTokens).toBeLessThan(1_100);
      expect(inputBound).toBeGreaterThan(5_000);
      expect(inputBound).toBeLessThan(5_300);
    }
    // Words about images are words; a request that nobody can read is judged by whoever gets it.
    expect(chat(message('image'.repeat(100))).inputBound).toBeLessThan(700);
    expect(chat(message([{ type: 'image_of_something' }])).inputBound).toBeLessThan(200);
  });

  it('holds no limit on the answer that the model never hears of', () => {
    // Only OpenAI's door knows this word: at Anthropic's it limits nothing.
    const body = { ...message('Hi'), max_completion_tokens: 1 };
    expect(chat(body).outputLimit).toBe(1);
    expect(chat(body, anthropicMessagesDoor).outputLimit).toBeUndefined();
    expect(chat({ ...body, max_tokens: 900 }, anthropicMessagesDoor).outputLimit).toBe(900);
  });

  it('takes the largest number where a key is said again in other letters, as some decoders read it', () => {
    for (const filler of ['', 'x'.repeat(20_000)]) {
      const body = { ...message(filler), max_tokens: 1, ['Max_To\u212aens']: 900, n: 1, N: 4 };
      expect(chat(body).outputLimit).toBe(3_600);
    }
  });

  it('stays finite, whatever the caller lets the model write', () => {
    const { outputLimit } = chat({ ...message('Hi'), max_tokens: 1e308, n: 1e308 });
    expect(outputLimit).toBe(1e12);
    expect(micros([model({ price: [1, 0] })], { outputLimit })).toBe(125);
  });

  it('has every image, also of a request that can’t be translated, and where its word is written with escapes', () => {
    const image = { type: 'image', source: { type: 'url', url: 'https://images.example/cat.png' } };
    const four = { messages: [{ role: 'user', content: [image, image, image, image] }] };
    expect(chat(four, anthropicMessagesDoor).inputBound).toBeGreaterThan(20_000);
    expect(chat({ ...four, top_k: 'many' }, anthropicMessagesDoor).inputBound).toBeGreaterThan(20_000);
    const escaped = Buffer.from(JSON.stringify(four).replaceAll('"image"', String.raw`"im\u0061ge"`));
    const call = createCallerRequest({ requestId: 'req_1', door: anthropicMessagesDoor, bytes: escaped });
    expect(chatSize(call).inputBound).toBeGreaterThan(20_000);
    const result = { type: 'tool_result', tool_use_id: 'a', content: [image] };
    expect(chat(message([result]), anthropicMessagesDoor).inputBound).toBeGreaterThan(5_000);
    const data = 'x'.repeat(9_000);
    const words = message([{ type: 'image_url', image_url: { url: `data:text/plain,${data}` } }]);
    expect(chat(words).inputBound).toBeGreaterThan(14_000);
  });

  it('is what the model can read where the request does not show how long something is', () => {
    const pdf = { type: 'document', source: { type: 'url', url: 'https://papers.example/thick.pdf' } };
    const packed = { type: 'document', source: { type: 'base64', media_type: 'application/pdf', data: 'eA==' } };
    const search = { type: 'web_search_20250305', name: 'web_search' };
    for (const body of [
      message([pdf]),
      message([packed]),
      message([{ type: 'tool_result', tool_use_id: 'a', content: [pdf] }]),
      { ...message('Hi'), tools: [search] },
      { ...message('Hi'), mcp_servers: [{ type: 'url', url: 'https://tools.example' }] },
    ]) {
      const { inputBound } = chat(body, anthropicMessagesDoor);
      expect(inputBound).toBeGreaterThan(2_000_000);
      expect(micros([model({ price: [4, 0], window: 200_000 })], { inputBound })).toBe(1_000_000);
    }
    for (const body of [
      message([{ type: 'file', file: { file_id: 'file_1' } }]),
      { ...message('Hi'), web_search_options: {} },
    ]) {
      expect(chat(body).inputBound).toBeGreaterThan(2_000_000);
    }
    const said = { type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'short' } };
    const own = { type: 'bash_20250124', name: 'bash' };
    const plain = { ...message([said]), tools: [own, { name: 'look', input_schema: {} }] };
    expect(chat(plain, anthropicMessagesDoor).inputBound).toBeLessThan(1_500);
    const called = {
      ...message('A "file" and an "image".'),
      tools: [{ type: 'function', function: { name: 'look' } }],
    };
    expect(chat(called).inputBound).toBeLessThan(1_500);
  });

  it('of embeddings is that of their bytes, and nothing comes out', () => {
    expect(embeddingsSize(400)).toMatchObject({ inputTokens: 100, inputBound: 400, outputLimit: 0, choices: 1 });
  });
});

describe('the size of a long chat', () => {
  it('is told without parsing it, calls and their results included', () => {
    const messages = [
      { role: 'user', content: 'x'.repeat(20_000) },
      { role: 'assistant', content: null, tool_calls: [{ id: 'a', type: 'function_call', function: { name: 'f' } }] },
      { role: 'tool', tool_call_id: 'a', content: '{"tool_output":1}' },
    ];
    for (const door of [openAiChatDoor, anthropicMessagesDoor]) {
      const bytes = Buffer.from(JSON.stringify({ model: 'm', max_tokens: 5, messages }));
      const call = createCallerRequest({ requestId: 'r', door, bytes });
      const parse = jest.spyOn(JSON, 'parse');
      try {
        expect(chatSize(call).inputBound).toBe(bytes.length);
        expect(parse.mock.calls.every(([text]) => text.length < 100)).toBe(true);
      } finally {
        parse.mockRestore();
      }
    }
  });
});

describe('the size of a request in OpenAI’s responses', () => {
  const sizeOf = (body: object): CallSize =>
    chatSize(
      createCallerRequest({ requestId: 'r', door: openAiResponsesDoor, bytes: Buffer.from(JSON.stringify(body)) }),
    );

  it('goes by its own word for the limit, however long the body is', () => {
    for (const input of ['Hi', 'x'.repeat(10_000)]) {
      expect(sizeOf({ input, max_output_tokens: 40, max_tokens: 7 })).toMatchObject({
        outputLimit: 40,
        isNewWord: false,
        choices: 1,
      });
      expect(sizeOf({ input, max_tokens: 7 }).outputLimit).toBeUndefined();
    }
  });

  it('counts images by themselves, in messages and in results', () => {
    const data = 'A'.repeat(40_000);
    const image = { type: 'input_image', image_url: `data:image/png;base64,${data}` };
    const { inputTokens, inputBound } = sizeOf({
      input: [
        { role: 'user', content: [image] },
        { type: 'function_call_output', call_id: 'a', output: [image] },
      ],
    });
    expect(inputTokens).toBeGreaterThan(2_000);
    expect(inputTokens).toBeLessThan(2_200);
    expect(inputBound).toBeLessThan(11_000);
  });

  it.each([
    { input: 'Hi', previous_response_id: 'resp_1' },
    { input: 'Hi', conversation: 'conv_1' },
    { prompt: { id: 'pmpt_1' } },
    { input: 'Hi', tools: [{ type: 'web_search' }] },
    { input: [{ id: 'msg_1' }] },
    { input: [{ type: 'item_reference', id: 'msg_1' }] },
    { input: [{ type: 'file_search_call', id: 'fs_1', queries: [], status: 'completed' }] },
    { input: [{ role: 'user', content: [{ type: 'input_file', file_id: 'file-1' }] }] },
  ])('is open where something is read that does not stand in it: %j', (body) => {
    expect(sizeOf(body).inputBound).toBeGreaterThan(1_000_000);
  });

  it('is what stands in it for a conversation with calls', () => {
    const { inputBound } = sizeOf({
      input: [
        { role: 'user', content: 'Weather?' },
        { type: 'message', id: 'msg_1', role: 'assistant', content: [{ type: 'output_text', text: 'Let me see.' }] },
        { type: 'function_call', call_id: 'a', name: 'f', arguments: '{}' },
        { type: 'function_call_output', call_id: 'a', output: 'Wet' },
      ],
    });
    expect(inputBound).toBeLessThan(1_000);
  });
});
