import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type DemoUpstream, startDemoUpstream } from './demo-upstream.js';
import { demoTokens } from './demo-text.js';
import { demoDirectives } from './directives.js';

interface Chunk {
  readonly simulated?: boolean;
  readonly system_fingerprint?: string;
  readonly choices: readonly {
    readonly delta: Record<string, unknown>;
    readonly finish_reason: string | null;
  }[];
  readonly usage?: { readonly completion_tokens: number; readonly prompt_tokens: number } | null;
  readonly error?: { readonly message: string; readonly code: string | null };
}

let demo: DemoUpstream;

beforeEach(async () => {
  demo = await startDemoUpstream();
});

afterEach(async () => {
  await demo.close();
});

const question = [{ role: 'user', content: 'What is this?' }];

function post(body: Record<string, unknown>, signal?: AbortSignal): Promise<Response> {
  return fetch(`${demo.baseUrl}/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ messages: question, ...body }),
    ...(signal === undefined ? {} : { signal }),
  });
}

/** Reads a stream to its end or its break. */
async function readStream(body: Record<string, unknown>) {
  const response = await post({ stream: true, ...body });
  let raw = '';
  let broken = false;
  try {
    for await (const chunk of response.body ?? []) raw += Buffer.from(chunk).toString('utf8');
  } catch {
    broken = true;
  }
  const data = raw
    .split('\n\n')
    .filter((event) => event.startsWith('data: '))
    .map((event) => event.slice(6));
  const chunks = data.flatMap((text): Chunk[] => {
    try {
      return text === '[DONE]' ? [] : [JSON.parse(text) as Chunk];
    } catch {
      return [];
    }
  });
  const text = chunks.map((chunk) => String(chunk.choices?.[0]?.delta['content'] ?? '')).join('');
  const finish = chunks.flatMap((chunk) => chunk.choices ?? []).findLast((choice) => choice.finish_reason !== null);
  return { response, raw, data, chunks, text, broken, finish: finish?.finish_reason, done: data.at(-1) === '[DONE]' };
}

async function readAnswer(body: Record<string, unknown>) {
  const response = await post(body);
  return { response, body: (await response.json()) as Record<string, never> & Answer };
}

interface Answer {
  readonly simulated?: boolean;
  readonly choices: readonly {
    readonly message: {
      readonly content: string | null;
      readonly refusal: string | null;
      readonly reasoning_content?: string;
      readonly tool_calls?: readonly { readonly function: { readonly name: string; readonly arguments: string } }[];
    };
    readonly finish_reason: string;
  }[];
  readonly usage: { readonly completion_tokens: number; readonly prompt_tokens: number };
  readonly error: { readonly message: string; readonly code: string | null; readonly param: string | null };
}

describe('a healthy demo model', () => {
  it('streams the deterministic text, labelled as simulated in text, chunks and headers', async () => {
    const stream = await readStream({ model: 'assistant', stream_options: { include_usage: true } });
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
    const stream = await readStream({ model: 'assistant,rate=0,tokens=5' });
    expect(stream.chunks.some((chunk) => 'usage' in chunk)).toBe(false);
    expect(stream.text).toBe(demoTokens('What is this?', 5).join(''));
  });

  it('gives the same text whole, with usage', async () => {
    const { body } = await readAnswer({ model: 'assistant' });
    expect(body.choices[0]?.message.content).toBe(demoTokens('What is this?').join(''));
    expect(body.simulated).toBe(true);
    expect(body.usage.completion_tokens).toBe(demoTokens('What is this?').length);
  });

  it('answers a Chinese question in Chinese', async () => {
    const { body } = await readAnswer({ model: 'assistant', messages: [{ role: 'user', content: '你是谁？' }] });
    expect(body.choices[0]?.message.content).toMatch(/^\[SIMULATED\] 这是模拟回答。你问的是：“你是谁？”/);
  });

  it('keeps to the caller’s token limit and stop sequences', async () => {
    const limited = await readAnswer({ model: 'assistant', max_completion_tokens: 3 });
    expect(limited.body.choices[0]?.finish_reason).toBe('length');
    expect(limited.body.usage.completion_tokens).toBe(3);
    const stopped = await readAnswer({ model: 'assistant', stop: 'asked' });
    expect(stopped.body.choices[0]?.message.content).toBe('[SIMULATED] You ');
    expect(stopped.body.choices[0]?.finish_reason).toBe('stop');
  });

  it('calls the tools it is given, and says what they answered', async () => {
    const parameters = { type: 'object', properties: { city: { type: 'string' }, days: { type: 'integer' } } };
    const tools = [{ type: 'function', function: { name: 'weather', parameters } }];
    const { body } = await readAnswer({ model: 'tool=2', tools });
    const calls = body.choices[0]?.message.tool_calls ?? [];
    expect(calls.map((call) => call.function.name)).toEqual(['weather', 'weather']);
    expect(JSON.parse(calls[0]?.function.arguments ?? '')).toEqual({ city: 'simulated', days: 1 });
    expect(body.choices[0]?.finish_reason).toBe('tool_calls');
    const messages = [...question, { role: 'assistant', content: null }, { role: 'tool', content: 'Rain.' }];
    const after = await readAnswer({ model: 'tool', tools, messages });
    expect(after.body.choices[0]?.message.content).toBe('[SIMULATED] The tool answered: Rain.');
  });

  it('writes JSON that fits the schema it is asked for', async () => {
    const schema = {
      type: 'object',
      properties: { ok: { type: 'boolean' }, list: { type: 'array', items: { enum: ['a'] } } },
    };
    const response_format = { type: 'json_schema', json_schema: { name: 'x', schema } };
    const { body } = await readAnswer({ model: 'assistant', response_format });
    expect(JSON.parse(body.choices[0]?.message.content ?? '')).toEqual({ ok: true, list: ['a'] });
  });

  it('refuses and reasons when its name says so', async () => {
    const refused = await readAnswer({ model: 'refuse' });
    expect(refused.body.choices[0]?.message.refusal).toContain('[SIMULATED]');
    expect(refused.body.choices[0]?.message.content).toBeNull();
    const reasoned = await readAnswer({ model: 'reasoning=4,tokens=2' });
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
    const decoded = Buffer.from(base64.data[0]?.embedding as string, 'base64');
    expect([...new Float32Array(new Uint8Array(decoded).buffer)]).toEqual(first);
  });
});

describe('continuing an answer', () => {
  const whole = demoTokens('What is this?').join('');

  it.each([1, 13, 40, 200, whole.length])('goes on exactly after %i characters of a prefill', async (length) => {
    const messages = [...question, { role: 'assistant', content: whole.slice(0, length) }];
    const stream = await readStream({ model: 'assistant,rate=0', messages });
    expect(whole.slice(0, length) + stream.text).toBe(whole);
    expect(stream.done).toBe(true);
  });

  it('goes on exactly when a user turn asks it to', async () => {
    const messages = [
      ...question,
      { role: 'assistant', content: whole.slice(0, 77) },
      { role: 'user', content: 'Continue exactly where you stopped.' },
    ];
    const { body } = await readAnswer({ model: 'assistant', messages });
    expect(body.choices[0]?.message.content).toBe(whole.slice(77));
  });

  it('answers from the start where the prefill is not its own text', async () => {
    const messages = [...question, { role: 'assistant', content: 'Once upon a time' }];
    const { body } = await readAnswer({ model: 'assistant', messages });
    expect(body.choices[0]?.message.content).toBe(whole);
  });

  it('answers the next question of a conversation whose last answer was whole', async () => {
    const messages = [...question, { role: 'assistant', content: whole }, { role: 'user', content: 'And now?' }];
    const { body } = await readAnswer({ model: 'assistant', messages });
    expect(body.choices[0]?.message.content).toBe(demoTokens('And now?').join(''));
  });
});

describe('a demo model that fails on purpose', () => {
  it('answers with the status, code and hints that its name asks for', async () => {
    const plain = await readAnswer({ model: 'status=503' });
    expect(plain.response.status).toBe(503);
    const hinted = await post({ model: 'retry-after=2' });
    expect([hinted.status, hinted.headers.get('retry-after')]).toEqual([429, '2']);
    const ms = await post({ model: 'status=503,retry-after-ms=1500' });
    expect([ms.status, ms.headers.get('retry-after-ms')]).toEqual([503, '1500']);
    const date = await post({ model: 'retry-after-date=60' });
    const ahead = Date.parse(date.headers.get('retry-after') ?? '') - Date.now();
    expect(ahead).toBeGreaterThan(55_000);
    expect(ahead).toBeLessThanOrEqual(60_000);
    const quota = await readAnswer({ model: 'status=429,code=insufficient_quota' });
    expect(quota.body.error.code).toBe('insufficient_quota');
  });

  it('is healthy after as many failures as its name says, counted by name', async () => {
    const statuses = async (model: string, calls: number) => {
      const seen: number[] = [];
      for (let call = 0; call < calls; call += 1) seen.push((await post({ model })).status);
      return seen;
    };
    expect(await statuses('status=500,times=2', 4)).toEqual([500, 500, 200, 200]);
    expect(await statuses('other,status=500,times=1', 2)).toEqual([500, 200]);
  });

  it('resets, breaks its headers, or stays silent before an answer', async () => {
    await expect(post({ model: 'reset' })).rejects.toMatchObject({ cause: { code: 'ECONNRESET' } });
    await expect(post({ model: 'reset-mid-headers' })).rejects.toThrow();
    await expect(post({ model: 'silence' }, AbortSignal.timeout(100))).rejects.toMatchObject({ name: 'TimeoutError' });
  });

  it('cuts the connection after so many tokens', async () => {
    const stream = await readStream({ model: 'cut=40' });
    expect(stream.broken).toBe(true);
    expect(stream.text).toBe(demoTokens('What is this?').slice(0, 40).join(''));
    expect(stream.finish).toBeUndefined();
    const whole = await post({ model: 'cut=40' });
    await expect(whole.text()).rejects.toThrow();
  });

  it('stalls after so many tokens with the connection open', async () => {
    const response = await post({ model: 'stall=3,rate=0', stream: true });
    const reader = response.body?.getReader();
    let text = '';
    while (!text.includes(demoTokens('What is this?')[2] ?? '-')) {
      text += Buffer.from((await reader?.read())?.value ?? []).toString('utf8');
    }
    const next = reader?.read();
    const first = await Promise.race([next, new Promise((resolve) => setTimeout(() => resolve('nothing'), 60))]);
    expect(first).toBe('nothing');
    await demo.close();
    await expect(next).rejects.toThrow();
  });

  it('holds the first content back while the stream is alive', async () => {
    const response = await post({ model: 'slow=1.2s,tokens=2', stream: true });
    const started = performance.now();
    let raw = '';
    let contentAt = 0;
    for await (const chunk of response.body ?? []) {
      raw += Buffer.from(chunk).toString('utf8');
      if (contentAt === 0 && raw.includes('SIMULATED')) contentAt = performance.now() - started;
    }
    expect(raw).toMatch(/^data: .*"role":"assistant".*\n\n: keep-alive\n\n/);
    expect(contentAt).toBeGreaterThan(1_100);
  });

  it('sends a malformed event, then goes on', async () => {
    const stream = await readStream({ model: 'malformed=2,tokens=4,rate=0' });
    expect(stream.data.filter((data) => data !== '[DONE]')).toHaveLength(stream.chunks.length + 1);
    expect(stream.done).toBe(true);
  });

  it('sends an error event before or after the first content', async () => {
    const early = await readStream({ model: 'error-event=0' });
    expect(early.text).toBe('');
    expect(early.chunks.at(-1)?.error?.message).toContain('Simulated');
    const late = await readStream({ model: 'error-event=5' });
    expect(late.text).toBe(demoTokens('What is this?').slice(0, 5).join(''));
    expect(late.done).toBe(false);
  });

  it('ends without the marks of an end', async () => {
    const stream = await readStream({ model: 'no-end,rate=0' });
    expect([stream.broken, stream.finish, stream.done]).toEqual([false, undefined, false]);
    expect(stream.text).toBe(demoTokens('What is this?').join(''));
    const response = await post({
      model: 'no-done,rate=0,tokens=2',
      stream: true,
      stream_options: { include_usage: true },
    });
    const reader = response.body?.getReader();
    let text = '';
    while (!text.includes('completion_tokens')) {
      text += Buffer.from((await reader?.read())?.value ?? []).toString('utf8');
    }
    expect(text).toContain('"finish_reason":"stop"');
    expect(text).not.toContain('[DONE]');
    await reader?.cancel();
  });

  it('refuses a prefill, a long conversation, filtered content', async () => {
    const prefilled = [...question, { role: 'assistant', content: 'x' }];
    const refused = await readAnswer({ model: 'no-prefill', messages: prefilled });
    expect(refused.response.status).toBe(400);
    expect((await post({ model: 'no-prefill' })).status).toBe(200);
    const long = await readAnswer({ model: 'context=100', messages: [{ role: 'user', content: 'x'.repeat(500) }] });
    expect([long.response.status, long.body.error.code]).toEqual([400, 'context_length_exceeded']);
    expect((await post({ model: 'context=100' })).status).toBe(200);
    const filtered = await readAnswer({ model: 'filter' });
    expect([filtered.response.status, filtered.body.error.code]).toEqual([400, 'content_filter']);
  });

  it.each(['html', 'empty', 'error-200', 'half-json'])('gives a 200 that is no answer: %s', async (model) => {
    const response = await post({ model });
    const text = await response.text();
    expect(response.status).toBe(200);
    expect(text).not.toContain('"choices":[{"index":0,"message":{"role"');
    const isObject = (() => {
      try {
        return 'error' in (JSON.parse(text) as object);
      } catch {
        return false;
      }
    })();
    expect(isObject).toBe(model === 'error-200');
  });
});

describe('bad input', () => {
  it('gets a 404 that names every directive for a name it does not know', async () => {
    for (const model of ['gpt-4', 'status=503,flaky', 'cut', 'cut=x', 'reset=1', 'status=200', 'slow=2h']) {
      const { body, response } = await readAnswer({ model });
      expect([model, response.status, body.error.code]).toEqual([model, 404, 'model_not_found']);
    }
    const { body } = await readAnswer({ model: 'nope' });
    for (const row of demoDirectives) expect(body.error.message).toContain(row.example);
  });

  it('gets a typed error for bodies that are no request', async () => {
    const send = async (body: string) =>
      (await fetch(`${demo.baseUrl}/chat/completions`, { method: 'POST', body })).status;
    expect(await send('{')).toBe(400);
    expect(await send('[]')).toBe(400);
    expect(await send('{"model":"assistant"}')).toBe(400);
    expect(await send('{"model":7,"messages":[]}')).toBe(400);
    expect(await send(' '.repeat(32 * 1_024 * 1_024 + 1))).toBe(413);
    expect((await fetch(`${demo.baseUrl}/nothing`)).status).toBe(404);
  });
});

describe('closing', () => {
  it('ends every open connection', async () => {
    const pending = post({ model: 'silence' });
    const streaming = await post({ model: 'stall=1', stream: true });
    const settled = Promise.allSettled([pending, streaming.text()]);
    await demo.close();
    expect((await settled).map((result) => result.status)).toEqual(['rejected', 'rejected']);
  });
});
