import { expect, it } from '@jest/globals';
import type { ChatRequest, Message } from '@moltbot/contracts';
import type { CallerRequest, JsonObject } from '../../caller-request.js';
import { readObject } from '../../read-json.js';
import type { ChatWire } from '../../wire.js';
import { DIALECT_TRAITS } from './dialect-traits.js';
import { ask, type Exchanges, MODEL, turnOf } from './exchange.js';

const PIXEL = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
const SCHEMA = {
  type: 'object',
  properties: { city: { type: 'string', description: 'Which city' } },
  required: ['city'],
  additionalProperties: false,
} as const;

/** What a wire sends: seen at the other end of the socket. */
export function describeRequests(wire: ChatWire, { exchange, send }: Exchanges): void {
  const traits = DIALECT_TRAITS[wire.dialect];
  const sent = async (request: ChatRequest, more: Parameters<typeof turnOf>[1] = {}) => {
    const { seen, sent } = await exchange({ type: 'answer' }, turnOf(request, more));
    return { seen, dropped: sent.dropped, text: seen.raw.toString('utf8'), headers: sent.headers };
  };

  it('sends a conversation with its system prompt, in order', async () => {
    const messages: readonly Message[] = [
      { role: 'system', content: [{ type: 'text', text: 'Be brief.' }] },
      { role: 'user', content: [{ type: 'text', text: 'Zwölf 🌍?' }] },
      { role: 'assistant', content: [{ type: 'text', text: 'Yes.' }] },
      { role: 'user', content: [{ type: 'text', text: 'And now?' }] },
    ];
    const { dropped, seen } = await sent(ask('', { messages }));
    expect(seen.turns).toEqual([
      { role: 'system', text: 'Be brief.' },
      { role: 'user', text: 'Zwölf 🌍?' },
      { role: 'assistant', text: 'Yes.' },
      { role: 'user', text: 'And now?' },
    ]);
    expect(dropped).toEqual([]);
  });

  it('sends no credential of its own, and JSON', async () => {
    const { headers, seen } = await sent(ask('Hello'));
    expect(Object.keys(headers).filter((name) => /auth|key|token/i.test(name))).toEqual([]);
    expect(seen.headers['content-type'] ?? 'application/json').toContain('application/json');
    expect(Object.keys(seen.body).length).toBeGreaterThan(0);
  });

  it('sends images, or names those it drops', async () => {
    const content = [
      { type: 'text', text: 'What is this?' },
      { type: 'image', source: { type: 'base64', mediaType: 'image/png', data: PIXEL } },
      { type: 'image', source: { type: 'url', url: 'https://images.example/cat.png' } },
    ] as const;
    const { dropped, text } = await sent(ask('', { messages: [{ role: 'user', content }] }));
    expect(text).toContain(PIXEL);
    expect(text).toContain('image/png');
    const kept = text.includes('https://images.example/cat.png');
    expect(dropped.some((name) => name.startsWith('messages.0.content.2'))).toBe(!kept);
  });

  it('sends tools with their schemas, and the choice of one', async () => {
    const tools = [
      { name: 'weather', description: 'Tells the weather', parameters: SCHEMA },
      { name: 'now', parameters: undefined },
    ];
    const { dropped, text } = await sent(ask('Rain?', { tools, toolChoice: { tool: 'weather' } }));
    for (const word of ['weather', 'Tells the weather', 'Which city', 'now']) expect(text).toContain(word);
    expect(dropped).not.toContain('tools');
    expect(dropped).not.toContain('tool_choice');
  });

  it('sends what tools were called and what they answered', async () => {
    const messages: readonly Message[] = [
      { role: 'user', content: [{ type: 'text', text: 'Rain?' }] },
      {
        role: 'assistant',
        content: [
          { type: 'tool-call', id: 'call_a1', name: 'weather', arguments: '{"city":"Köln"}' },
          { type: 'tool-call', id: 'call_b2', name: 'weather', arguments: '{"city":"Bonn"}' },
        ],
      },
      { role: 'tool', toolCallId: 'call_a1', content: [{ type: 'text', text: 'Wet there.' }] },
      { role: 'tool', toolCallId: 'call_b2', content: [{ type: 'text', text: 'Dry there.' }], isError: true },
    ];
    const { text } = await sent(ask('', { messages, tools: [{ name: 'weather', parameters: SCHEMA }] }));
    const at = ['Köln', 'Bonn', 'Wet there.', 'Dry there.'].map((word) => text.indexOf(word));
    expect(at.every((position) => position > 0)).toBe(true);
    expect([...at].sort((one, other) => one - other)).toEqual(at);
  });

  it('sends the schema of a structured answer, or says that it dropped it', async () => {
    const responseFormat = { type: 'json-schema', name: 'place', schema: SCHEMA, strict: true } as const;
    const { dropped, text } = await sent(ask('Where?', { responseFormat }));
    expect(text.includes('Which city')).toBe(!dropped.includes('response_format'));
  });

  it('sends stop sequences and limits, or says that it dropped them', async () => {
    const { dropped, text } = await sent(ask('Hi', { stop: ['###END'], maxOutputTokens: 77, temperature: 0.25 }));
    expect(text.includes('###END')).toBe(traits.stopSequences);
    expect(dropped.includes('stop')).toBe(!traits.stopSequences);
    expect(text).toContain('77');
    expect(text.includes('0.25')).toBe(!dropped.includes('temperature'));
  });

  it('names the caller’s fields that it has no word for', async () => {
    const { dropped } = await sent(ask('Hi', { unknownFields: ['logit_bias'] }));
    expect(dropped).toContain('logit_bias');
  });

  it('asks for usage only where it is told to', async () => {
    if (wire.dialect !== 'openai-chat') return;
    const asked = await sent(ask('Hi'), { stream: true, streamUsage: true });
    expect(asked.seen.body['stream_options']).toEqual({ include_usage: true });
    const not = await sent(ask('Hi'), { stream: true, streamUsage: false });
    expect(not.seen.body['stream_options']).toBeUndefined();
  });

  it('continues a broken answer by a prefill', async () => {
    const { seen } = await sent(ask('Tell me'), { stream: true, continuation: { rung: 'prefill', text: 'Once upon' } });
    expect(seen.turns.at(-1)).toEqual({ role: 'assistant', text: 'Once upon' });
  });

  it('continues a broken answer by asking to go on', async () => {
    const { seen } = await sent(ask('Tell me'), {
      stream: true,
      continuation: { rung: 'continue', text: 'Once upon' },
    });
    expect(seen.turns.slice(0, 2)).toEqual([
      { role: 'user', text: 'Tell me' },
      { role: 'assistant', text: 'Once upon' },
    ]);
    expect(seen.turns[2]?.role).toBe('user');
    expect(seen.turns[2]?.text).not.toBe('');
  });

  if (traits.passed) {
    it('passes the caller’s own bytes with the model rewritten and unknown fields kept', async () => {
      const call = callerRequest(wire, {
        model: 'default',
        models: ['a', 'b'],
        max_tokens: 50,
        messages: [{ role: 'user', content: 'Hello', x_future: [1, 2.5e10] }],
        x_unknown: { deep: ['🌍', null, 1e3] },
      });
      const turn = turnOf(ask('unused'));
      const { seen } = await send({ type: 'answer' }, wire.passRequest(call, turn));
      expect(seen.body).toEqual({
        model: MODEL,
        max_tokens: 50,
        messages: [{ role: 'user', content: 'Hello', x_future: [1, 2.5e10] }],
        x_unknown: { deep: ['🌍', null, 1e3] },
      });
      expect(seen.raw.toString('utf8')).toContain('1e3');
    });
  }
}

function callerRequest(wire: ChatWire, value: JsonObject): CallerRequest {
  const text = JSON.stringify(value).replace('1000', '1e3');
  return {
    requestId: 'request-1',
    dialect: wire.dialect,
    bytes: Buffer.from(text),
    value,
    model: undefined,
    models: undefined,
    streamOptions: readObject(value['stream_options']),
    stream: false,
    wantsStreamUsage: true,
    estimatedInputTokens: 10,
    request: () => {
      throw new Error('Bytes that are passed are not translated.');
    },
  };
}
