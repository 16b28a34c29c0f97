import Anthropic from '@anthropic-ai/sdk';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import OpenAI from 'openai';
import { type DemoUpstream, startDemoUpstream } from '../demo/demo-upstream.js';
import type { Behaviour } from '../scripted/behaviour.js';
import { type ScriptedUpstream, startScriptedUpstream } from '../scripted/scripted-upstream.js';

let upstream: ScriptedUpstream;
let demo: DemoUpstream;
let openai: OpenAI;
let anthropic: Anthropic;

beforeAll(async () => {
  upstream = await startScriptedUpstream({ script: { type: 'answer' }, models: ['one'] });
  demo = await startDemoUpstream();
  openai = new OpenAI({ apiKey: 'test', baseURL: upstream.baseUrl('openai-chat'), maxRetries: 0 });
  anthropic = new Anthropic({
    apiKey: 'test',
    baseURL: upstream.baseUrl('anthropic-messages').replace(/\/v1$/, ''),
    maxRetries: 0,
  });
});

afterAll(async () => {
  await Promise.all([upstream.close(), demo.close()]);
});

const CALLS = [
  { id: 'call_a1', name: 'weather', arguments: ['{"city":', '"Köln"}'] },
  { id: 'call_b2', name: 'time', arguments: ['{}'] },
];
const RICH: Behaviour = {
  type: 'answer',
  answer: {
    reasoning: 'Hm.',
    reasoningSignature: 'c2VhbA==',
    text: 'Let me see.',
    toolCalls: CALLS,
    usage: { inputTokens: 20, outputTokens: 9, cachedInputTokens: 12 },
  },
};
const question = [{ role: 'user' as const, content: 'Rain?' }];

/** What the vendors' own clients make of the scripted upstream: it speaks as they expect their vendor to. */
describe('the official OpenAI client', () => {
  it('reads a streamed chat with parallel tool calls and usage', async () => {
    upstream.setScript(RICH);
    const stream = openai.chat.completions.stream({
      model: 'm',
      messages: question,
      stream_options: { include_usage: true },
    });
    const completion = await stream.finalChatCompletion();
    const { message, finish_reason: reason } = completion.choices[0] ?? {};
    expect([message?.content, reason]).toEqual(['Let me see.', 'tool_calls']);
    expect(message?.tool_calls).toMatchObject([
      { id: 'call_a1', function: { name: 'weather', arguments: '{"city":"Köln"}' } },
      { id: 'call_b2', function: { name: 'time', arguments: '{}' } },
    ]);
    expect(completion.usage).toMatchObject({ prompt_tokens: 20, prompt_tokens_details: { cached_tokens: 12 } });
  });

  it('reads a streamed response with reasoning and parallel tool calls', async () => {
    upstream.setScript(RICH);
    const response = await openai.responses.stream({ model: 'm', input: 'Rain?' }).finalResponse();
    expect(response.output.map((item) => item.type)).toEqual([
      'reasoning',
      'message',
      'function_call',
      'function_call',
    ]);
    expect(response.output[2]).toMatchObject({ call_id: 'call_a1', name: 'weather', arguments: '{"city":"Köln"}' });
    expect(response.output_text).toBe('Let me see.');
    expect(response.usage).toMatchObject({ input_tokens: 20, input_tokens_details: { cached_tokens: 12 } });
  });

  it('reads whole answers, embeddings, models and errors', async () => {
    upstream.setScript({ type: 'answer', answer: { text: 'Hi' } });
    const chat = await openai.chat.completions.create({ model: 'm', messages: question });
    const response = await openai.responses.create({ model: 'm', input: 'Hello' });
    expect([chat.choices[0]?.message.content, response.output_text]).toEqual(['Hi', 'Hi']);
    const embedded = await openai.embeddings.create({ model: 'm', input: ['a', 'b'], dimensions: 8 });
    expect(embedded.data.map((row) => row.embedding.length)).toEqual([8, 8]);
    expect((await openai.models.list()).data.map((model) => model.id)).toEqual(['one']);
    upstream.setScript({ type: 'status', status: 429 });
    await expect(openai.responses.create({ model: 'm', input: 'x' })).rejects.toBeInstanceOf(OpenAI.RateLimitError);
  });

  it('chats with the demo model', async () => {
    const client = new OpenAI({ apiKey: 'none', baseURL: demo.baseUrl, maxRetries: 0 });
    const stream = client.chat.completions.stream({ model: 'assistant,rate=0', messages: question });
    const { choices } = await stream.finalChatCompletion();
    expect(choices[0]?.message.content).toMatch(/^\[SIMULATED\] You asked: “Rain\?”/);
    const failing = client.chat.completions.create({ model: 'status=503', messages: question });
    await expect(failing).rejects.toBeInstanceOf(OpenAI.InternalServerError);
  });
});

describe('the official Anthropic client', () => {
  it('reads a streamed message with thinking, parallel tool calls and usage', async () => {
    upstream.setScript(RICH);
    const stream = anthropic.messages.stream({ model: 'm', max_tokens: 50, messages: question });
    const message = await stream.finalMessage();
    expect(message.content).toMatchObject([
      { type: 'thinking', thinking: 'Hm.', signature: 'c2VhbA==' },
      { type: 'text', text: 'Let me see.' },
      { type: 'tool_use', id: 'call_a1', name: 'weather', input: { city: 'Köln' } },
      { type: 'tool_use', id: 'call_b2', name: 'time', input: {} },
    ]);
    expect(message.stop_reason).toBe('tool_use');
    expect(message.usage).toMatchObject({ input_tokens: 8, cache_read_input_tokens: 12, output_tokens: 9 });
  });

  it('reads whole messages, counts and errors', async () => {
    upstream.setScript({ type: 'answer', answer: { text: 'Hi' } });
    const message = await anthropic.messages.create({ model: 'm', max_tokens: 50, messages: question });
    expect(message.content).toMatchObject([{ type: 'text', text: 'Hi' }]);
    const count = await anthropic.messages.countTokens({
      model: 'm',
      messages: [{ role: 'user', content: 'x'.repeat(40) }],
    });
    expect(count.input_tokens).toBe(10);
    upstream.setScript({ type: 'error-event', after: 2, error: { status: 529 } });
    const broken = anthropic.messages.stream({ model: 'm', max_tokens: 50, messages: question }).finalMessage();
    await expect(broken).rejects.toBeInstanceOf(Anthropic.APIError);
  });
});
