import { describe, expect, it } from '@jest/globals';
import { createCallerRequest } from '../caller-request.js';
import { openAiResponsesDoor } from '../dialects/openai-responses/door.js';
import type { Model } from '../target.js';
import { Needs } from './fitness.js';

function model(dialect: string, capabilities: object): Model {
  return { ref: 'a:model', dialect, capabilities } as unknown as Model;
}

describe('whether a model can take a request that names what OpenAI keeps', () => {
  const image = { type: 'input_image', image_url: `data:image/png;base64,${'A'.repeat(1_000_000)}` };
  const body = {
    previous_response_id: 'resp_1',
    input: [{ role: 'user', content: [image] }],
    tools: [{ type: 'mcp' }],
  };
  const bytes = Buffer.from(JSON.stringify(body));
  const needs = new Needs(createCallerRequest({ requestId: 'r', door: openAiResponsesDoor, bytes }));

  it('is left to the provider, however large its images make the body', () => {
    const small = { contextWindow: 128_000, images: true, tools: true };
    expect(needs.unfitnessOf(model('openai-responses', small))).toBeUndefined();
    expect(needs.unfitnessOf(model('openai-responses', { images: false, tools: false }))).toBeUndefined();
  });

  it('is not a question for a model that speaks another dialect', () => {
    expect(needs.unfitnessOf(model('openai-chat', { contextWindow: 128_000 }))).toMatchObject({
      code: 'invalid_request',
      param: 'previous_response_id',
    });
  });
});
