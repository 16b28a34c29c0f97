import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createChatClient } from '../testing/chat-client.js';
import { type DemoUpstream, startDemoUpstream } from './demo-upstream.js';
import { demoTokens } from './demo-text.js';
import { demoDirectives } from './directives.js';
import { withContinuation } from '../continuation.js';

let demo: DemoUpstream;
const chat = createChatClient(() => demo.baseUrl);
const question = [{ role: 'user', content: 'What is this?' }];

beforeEach(async () => {
  demo = await startDemoUpstream();
});

afterEach(async () => {
  await demo.close();
});

describe('a healthy demo model', () => {
  it('streams the deterministic text, labelled as simulated in text, chunks and headers', async () => {
    const stream = await chat.stream({ model: 'assistant', stream_options: { include_usage: true } });
    expect(stream.response.headers.get('x-simulated')).toBe('true');
    expect(stream.response.headers.get('content-type')).toContain('text/event-stream');
    expect(stream.text).toBe(demoTokens('What is this?').join(''));
    expect(stream.text).toMatch(/^\[SIMULATED\] You asked: “What is this\?”/);
    expect(stream.chunks.every((chunk) => chunk.simulated === true)).toBe(true);
    expect(stream.chunks.every((chunk) => chunk.system_fingerprint === 'simulated')).toBe(true);
    expect(stream.finish).toBe('stop');
    expect(stream.done).toBe(true);
    const usage = stream.chunks.at(-1)?.usage;
    expect(usage?.completion_tokens).toBe(demoTokens('What is this?').length);
  });

  it('leaves usage out of a stream that did not ask for it', async () => {
    const stream = await chat.stream({ model: 'assistant,rate=0,tokens=5' });
    expect(stream.chunks.some((chunk) => 'usage' in chunk)).toBe(false);
    expect(stream.text).toBe(demoTokens('What is this?', 5).join(''));
  });

  it('gives the same text whole, with usage', async () => {
    const { body } = await chat.answer({ model: 'assistant' });
    expect(body.choices[0]?.message.content).toBe(demoTokens('What is this?').join(''));
    expect(body.simulated).toBe(true);
    expect(body.usage.completion_tokens).toBe(demoTokens('What is this?').length);
  });

  it('answers a Chinese question in Chinese', async () => {
    const { body } = await chat.answer({ model: 'assistant', messages: [{ role: 'user', content: '你是谁？' }] });
    expect(body.choices[0]?.message.content).toMatch(/^\[SIMULATED\] 这是模拟回答。你问的是：“你是谁？”/);
  });

  it('keeps to the caller’s token limit and stop sequences', async () => {
    const limited = await chat.answer({ model: 'assistant', max_completion_tokens: 3 });
    expect(limited.body.choices[0]?.finish_reason).toBe('length');
    expect(limited.body.usage.completion_tokens).toBe(3);
    const stopped = await chat.answer({ model: 'assistant', stop: 'asked' });
    expect(stopped.body.choices[0]?.message.content).toBe('[SIMULATED] You ');
    expect(stopped.body.choices[0]?.finish_reason).toBe('stop');
  });

  it('calls the tools it is given, and says what they answered', async () => {
    const parameters = { type: 'object', properties: { city: { type: 'string' }, days: { type: 'integer' } } };
    const tools = [{ type: 'function', function: { name: 'weather', parameters } }];
    const { body } = await chat.answer({ model: 'tool=2', tools });
    const calls = body.choices[0]?.message.tool_calls ?? [];
    expect(calls.map((call) => call.function.name)).toEqual(['weather', 'weather']);
    expect(JSON.parse(calls[0]?.function.arguments ?? '')).toEqual({ city: 'simulated', days: 1 });
    expect(body.choices[0]?.finish_reason).toBe('tool_calls');
    const messages = [...question, { role: 'assistant', content: null }, { role: 'tool', content: 'Rain.' }];
    const after = await chat.answer({ model: 'tool', tools, messages });
    expect(after.body.choices[0]?.message.content).toBe('[SIMULATED] The tool answered: Rain.');
  });

  it('writes JSON that fits the schema it is asked for', async () => {
    const schema = {
      type: 'object',
      properties: { ok: { type: 'boolean' }, list: { type: 'array', items: { enum: ['a'] } } },
    };
    const response_format = { type: 'json_schema', json_schema: { name: 'x', schema } };
    const { body } = await chat.answer({ model: 'assistant', response_format });
    expect(JSON.parse(body.choices[0]?.message.content ?? '')).toEqual({ ok: true, list: ['a'] });
  });

  it('refuses and reasons when its name says so', async () => {
    const refused = await chat.answer({ model: 'refuse' });
    expect(refused.body.choices[0]?.message.refusal).toContain('[SIMULATED]');
    expect(refused.body.choices[0]?.message.content).toBeNull();
    const reasoned = await chat.answer({ model: 'reasoning=4,tokens=2' });
    expect(reasoned.body.choices[0]?.message.reasoning_content).toBeTruthy();
    expect(reasoned.body.usage.completion_tokens).toBe(6);
  });

  it('lists models and embeds texts', async () => {
    const list = (await (await fetch(`${demo.baseUrl}/models`)).json()) as { data: { id: string }[] };
    expect(list.data.map((model) => model.id)).toContain('assistant');
    const embed = async (body: object) => {
      const response = await fetch(`${demo.baseUrl}/embeddings`, { method: 'POST', body: JSON.stringify(body) });
      return (await response.json()) as { data: { embedding: number[] | string }[]; usage: { total_tokens: number } };
    };
    const floats = await embed({ model: 'assistant', input: ['a', 'b'], dimensions: 8 });
    const base64 = await embed({ model: 'assistant', input: 'a', dimensions: 8, encoding_format: 'base64' });
    const [first, second] = floats.data.map((row) => row.embedding as number[]);
    expect(first).toHaveLength(8);
    expect(first).not.toEqual(second);
    expect(Math.hypot(...(first ?? []))).toBeCloseTo(1, 5);
    const decoded = Buffer.from(String(base64.data[0]?.embedding), 'base64');
    expect([...new Float32Array(new Uint8Array(decoded).buffer)]).toEqual(first);
  });
});

describe('continuing an answer', () => {
  const whole = demoTokens('What is this?').join('');

  it.each([1, 13, 40, 200, whole.length])('goes on exactly after %i characters of a prefill', async (length) => {
    const messages = [...question, { role: 'assistant', content: whole.slice(0, length) }];
    const stream = await chat.stream({ model: 'assistant,rate=0', messages });
    expect(whole.slice(0, length) + stream.text).toBe(whole);
    expect(stream.done).toBe(true);
  });

  it.each(['What is this?', '这是什么？'])('goes on exactly when a user turn asks it to: %s', async (content) => {
    const text = demoTokens(content).join('');
    const asked = withContinuation(
      { messages: [{ role: 'user', content: [{ type: 'text', text: content }] }], unknownFields: [] },
      { rung: 'continue', text: text.slice(0, 77) },
    );
    const own = await chat.answer({ model: 'assistant', messages: asked.messages });
    expect(own.body.choices[0]?.message.content).toBe(text.slice(77));
    const messages = [...asked.messages.slice(0, 2), { role: 'user', content: 'Please continue.' }];
    const person = await chat.answer({ model: 'assistant', messages });
    expect(person.body.choices[0]?.message.content).toBe(text.slice(77));
  });

  it('answers from the start where the prefill is not its own text', async () => {
    const messages = [...question, { role: 'assistant', content: 'Once upon a time' }];
    const { body } = await chat.answer({ model: 'assistant', messages });
    expect(body.choices[0]?.message.content).toBe(whole);
  });

  it('takes another question after half an answer for a new one', async () => {
    const messages = [
      ...question,
      { role: 'assistant', content: whole.slice(0, 77) },
      { role: 'user', content: 'And now?' },
    ];
    const { body } = await chat.answer({ model: 'assistant', messages });
    expect(body.choices[0]?.message.content).toBe(demoTokens('And now?').join(''));
  });

  it('answers the next question of a conversation whose last answer was whole', async () => {
    const messages = [...question, { role: 'assistant', content: whole }, { role: 'user', content: 'And now?' }];
    const { body } = await chat.answer({ model: 'assistant', messages });
    expect(body.choices[0]?.message.content).toBe(demoTokens('And now?').join(''));
  });
});

describe('bad input', () => {
  it('gets a 404 that names every directive for a name it does not know', async () => {
    for (const model of ['gpt-4', 'status=503,flaky', 'cut', 'cut=x', 'reset=1', 'status=200', 'slow=2h']) {
      const { body, response } = await chat.answer({ model });
      expect([model, response.status, body.error.code]).toEqual([model, 404, 'model_not_found']);
    }
    const { body } = await chat.answer({ model: 'nope' });
    for (const row of demoDirectives) expect(body.error.message).toContain(row.example);
  });

  it('does not repeat a name without end, or write without end', async () => {
    const { body, response } = await chat.answer({ model: `assistant,${'x'.repeat(100_000)}` });
    expect([response.status, body.error.message.length < 2_000]).toEqual([404, true]);
    const long = await chat.answer({ model: 'tokens=9999999' });
    expect(long.body.usage.completion_tokens).toBe(20_000);
  });

  it('gets a typed error for bodies that are no request', async () => {
    const send = async (body: string) =>
      (await fetch(`${demo.baseUrl}/chat/completions`, { method: 'POST', body })).status;
    expect(await send('{')).toBe(400);
    expect(await send('[]')).toBe(400);
    expect(await send('{"model":"assistant"}')).toBe(400);
    expect(await send('{"model":7,"messages":[]}')).toBe(400);
    expect(await send(' '.repeat(40 * 1_024 * 1_024))).toBe(413);
    expect((await fetch(`${demo.baseUrl}/nothing`)).status).toBe(404);
  });
});

describe('closing', () => {
  it('ends every open connection', async () => {
    const pending = chat.post({ model: 'silence' });
    const streaming = await chat.post({ model: 'stall=1', stream: true });
    const settled = Promise.allSettled([pending, streaming.text()]);
    await demo.close();
    expect((await settled).map((result) => result.status)).toEqual(['rejected', 'rejected']);
  });
});
