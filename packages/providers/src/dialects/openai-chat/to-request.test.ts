import { describe, expect, it } from '@jest/globals';
import type { ChatRequest } from '@moltbot/contracts';
import { createCallerRequest } from '../../caller-request.js';
import type { ChatTurn, TurnOptions } from '../../wire.js';
import { openAiChatDoor } from './door.js';
import type { OpenAiChatOptions } from './to-request.js';
import { createOpenAiChatWire } from './wire.js';

const TURN = { model: 'a-model', stream: false, streamUsage: true, defaultMaxOutputTokens: 1_000 } as const;
const HELLO = [{ role: 'user', content: [{ type: 'text', text: 'Hello' }] }] as const;

function sent(
  request: Partial<ChatRequest>,
  options: Partial<OpenAiChatOptions & Omit<ChatTurn, 'request'>> = {},
): { readonly body: Record<string, unknown>; readonly dropped: readonly string[] } {
  const { compatible = true, ...turn } = options;
  const wire = createOpenAiChatWire({ compatible });
  const { body, dropped } = wire.toRequest({
    ...TURN,
    ...turn,
    request: { messages: HELLO, unknownFields: [], ...request },
  });
  return { body: JSON.parse(body.toString()) as Record<string, unknown>, dropped };
}

describe('a translated request', () => {
  it('says no more than was asked', () => {
    expect(sent({})).toEqual({
      body: { model: 'a-model', messages: [{ role: 'user', content: 'Hello' }] },
      dropped: [],
    });
  });

  it('limits the output by the word that the server knows', () => {
    expect(sent({ maxOutputTokens: 9 }).body).toMatchObject({ max_tokens: 9 });
    expect(sent({ maxOutputTokens: 9 }, { compatible: false }).body).toMatchObject({ max_completion_tokens: 9 });
  });

  it('leaves out what OpenAI’s reasoning models refuse, and says so', () => {
    const asked = { temperature: 0.5, topP: 0.5, presencePenalty: 1, frequencyPenalty: 1, stop: ['x'] };
    const { body, dropped } = sent(asked, { compatible: false, model: 'o3' });
    expect(Object.keys(body)).toEqual(['model', 'messages']);
    expect(dropped).toEqual(['temperature', 'top_p', 'frequency_penalty', 'presence_penalty', 'stop']);
    expect(sent(asked, { compatible: false, model: 'gpt-4.1' }).dropped).toEqual([]);
    // The same name elsewhere is another model.
    expect(sent(asked, { model: 'o3' }).dropped).toEqual([]);
    expect(
      sent({ ...asked, reasoning: { effort: 'none' } }, { compatible: false, model: 'gpt-5.1' }).body,
    ).toMatchObject({ temperature: 0.5, top_p: 0.5, reasoning_effort: 'none' });
  });

  it('asks for an effort in words that are known there, also for a budget', () => {
    expect(sent({ reasoning: { effort: 'max' } }, { compatible: false }).body['reasoning_effort']).toBe('max');
    expect(sent({ reasoning: { effort: 'max' } })).toMatchObject({
      body: { reasoning_effort: 'high' },
      dropped: ['reasoning_effort (high instead)'],
    });
    expect(sent({ reasoning: { budgetTokens: 10_000 } }).body['reasoning_effort']).toBe('medium');
    expect(sent({ reasoning: {} }).body['reasoning_effort']).toBeUndefined();
    expect(sent({ reasoning: { effort: 'low' } }, { compatible: false, model: 'gpt-4o' }).dropped).toEqual([
      'reasoning',
    ]);
  });

  it('gives OpenAI four stop sequences and no tool settings without tools', () => {
    const stop = ['a', 'b', 'c', 'd', 'e'];
    const asked = { stop, tools: [], toolChoice: 'required', parallelToolCalls: false } as const;
    expect(sent(asked, { compatible: false })).toMatchObject({ body: { stop: stop.slice(0, 4) }, dropped: ['stop'] });
    expect(Object.keys(sent(asked).body)).toEqual(['model', 'messages', 'stop']);
  });

  it('shows images that tools gave after their results, in a user message', () => {
    const image = { type: 'image', source: { type: 'base64', mediaType: 'image/png', data: 'AAAA' } } as const;
    const { body } = sent({
      messages: [
        ...HELLO,
        {
          role: 'assistant',
          content: [
            { type: 'tool-call', id: 'a', name: 'look', arguments: '{}' },
            { type: 'tool-call', id: 'b', name: 'look', arguments: '{}' },
          ],
        },
        { role: 'tool', toolCallId: 'a', content: [{ type: 'text', text: 'here' }, image] },
        { role: 'tool', toolCallId: 'b', content: [image] },
        ...HELLO,
      ],
    });
    expect((body['messages'] as unknown[]).slice(2)).toEqual([
      { role: 'tool', tool_call_id: 'a', content: 'here' },
      { role: 'tool', tool_call_id: 'b', content: '' },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'Result of the tool call a:' },
          { type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } },
          { type: 'text', text: 'Result of the tool call b:' },
          { type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } },
        ],
      },
      { role: 'user', content: 'Hello' },
    ]);
  });

  it('leaves earlier reasoning out and says so', () => {
    const messages = [
      ...HELLO,
      {
        role: 'assistant',
        content: [
          { type: 'reasoning', text: 'Hm', signature: 's' },
          { type: 'reasoning', text: '', redacted: 'r' },
          { type: 'text', text: 'Hi' },
        ],
      },
    ] as const;
    const plain = sent({ messages });
    expect((plain.body['messages'] as unknown[])[1]).toEqual({ role: 'assistant', content: 'Hi' });
    expect(plain.dropped).toEqual(['messages.1.content.0 (reasoning)', 'messages.1.content.1 (reasoning)']);
  });

  it('says a refusal in OpenAI’s own word, and as text elsewhere', () => {
    const messages = [...HELLO, { role: 'assistant', content: [{ type: 'refusal', text: 'No.' }] }] as const;
    const of = (compatible: boolean) => (sent({ messages }, { compatible }).body['messages'] as unknown[])[1];
    expect(of(false)).toEqual({ role: 'assistant', content: null, refusal: 'No.' });
    expect(of(true)).toEqual({ role: 'assistant', content: 'No.' });
  });

  it('continues one choice, as a prefill that vLLM understands too', () => {
    const { body } = sent({ choices: 3 }, { continuation: { rung: 'prefill', text: 'Once' } });
    expect(body).toMatchObject({ continue_final_message: true, add_generation_prompt: false });
    expect(body['n']).toBeUndefined();
    expect((body['messages'] as unknown[]).at(-1)).toEqual({ role: 'assistant', content: 'Once' });
    expect(sent({}, { compatible: false, continuation: { rung: 'prefill', text: 'Once' } }).body).not.toHaveProperty(
      'continue_final_message',
    );
  });
});

describe('a passed request', () => {
  const passed = (text: string, options: Partial<TurnOptions> = {}): string => {
    const call = createCallerRequest({ requestId: 'r', door: openAiChatDoor, bytes: Buffer.from(text) });
    const wire = createOpenAiChatWire({ compatible: true });
    return wire.passRequest(call, { ...TURN, stream: call.stream, ...options }).body.toString();
  };

  it('keeps each byte but the model and what is ours', () => {
    const text = '{"models": ["a","b"],\n "messages":[{"role":"user","content":"\\u00e4"}], "x":1.0}';
    expect(passed(text)).toBe('{"model":"a-model","messages":[{"role":"user","content":"\\u00e4"}], "x":1.0}');
  });

  it('asks for usage where we count and the caller does not', () => {
    const base = '"messages":[{"role":"user","content":"x"}],"model":"m"';
    expect(passed(`{${base},"stream":true}`)).toContain('"stream_options":{"include_usage":true}');
    expect(
      passed(`{${base},"stream":true,"stream_options":{"include_obfuscation":false,"include_usage":false}}`),
    ).toContain('"stream_options":{"include_obfuscation":false,"include_usage":true}');
    const asked = `{${base},"stream":true,"stream_options": {"include_usage":true} }`;
    expect(passed(asked)).toBe(asked.replace('"m"', '"a-model"'));
    expect(passed(`{${base},"stream":true}`, { streamUsage: false })).not.toContain('stream_options');
    expect(passed(`{${base}}`)).not.toContain('stream_options');
  });

  it('follows the turn where that is not streamed as the caller asked', () => {
    const base = '"messages":[{"role":"user","content":"x"}],"model":"a-model"';
    expect(passed(`{${base},"stream":true,"stream_options":{"include_usage":true}}`, { stream: false })).toBe(
      `{${base},"stream":false}`,
    );
    expect(passed(`{${base}}`, { stream: true, streamUsage: false })).toBe(`{"stream":true,${base}}`);
  });
});
