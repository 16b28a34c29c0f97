import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createChatClient, readUntil } from '../testing/chat-client.js';
import { demoTokens } from './demo-text.js';
import { type DemoUpstream, startDemoUpstream } from './demo-upstream.js';

let demo: DemoUpstream;
const chat = createChatClient(() => demo.baseUrl);
const question = [{ role: 'user', content: 'What is this?' }];

beforeEach(async () => {
  demo = await startDemoUpstream();
});

afterEach(async () => {
  await demo.close();
});

describe('a demo model that fails on purpose', () => {
  it('answers with the status, code and hints that its name asks for', async () => {
    const plain = await chat.answer({ model: 'status=503' });
    expect(plain.response.status).toBe(503);
    const hinted = await chat.post({ model: 'retry-after=2' });
    expect([hinted.status, hinted.headers.get('retry-after')]).toEqual([429, '2']);
    const ms = await chat.post({ model: 'status=503,retry-after-ms=1500' });
    expect([ms.status, ms.headers.get('retry-after-ms')]).toEqual([503, '1500']);
    const date = await chat.post({ model: 'retry-after-date=60' });
    const ahead = Date.parse(date.headers.get('retry-after') ?? '') - Date.now();
    expect(ahead).toBeGreaterThan(55_000);
    expect(ahead).toBeLessThanOrEqual(60_000);
    const quota = await chat.answer({ model: 'status=429,code=insufficient_quota' });
    expect(quota.body.error.code).toBe('insufficient_quota');
  });

  it('is healthy after as many failures as its name says, counted by name', async () => {
    const statuses = async (model: string, calls: number) => {
      const seen: number[] = [];
      for (let call = 0; call < calls; call += 1) seen.push((await chat.post({ model })).status);
      return seen;
    };
    expect(await statuses('status=500,times=2', 4)).toEqual([500, 500, 200, 200]);
    expect(await statuses('other,status=500,times=1', 2)).toEqual([500, 200]);
  });

  it('resets, breaks its headers, or stays silent before an answer', async () => {
    await expect(chat.post({ model: 'reset' })).rejects.toMatchObject({ cause: { code: 'ECONNRESET' } });
    await expect(chat.post({ model: 'reset-mid-headers' })).rejects.toThrow();
    await expect(chat.post({ model: 'silence' }, AbortSignal.timeout(100))).rejects.toMatchObject({
      name: 'TimeoutError',
    });
  });

  it('cuts the connection after so many tokens', async () => {
    const stream = await chat.stream({ model: 'cut=40' });
    expect(stream.broken).toBe(true);
    expect(stream.text).toBe(demoTokens('What is this?').slice(0, 40).join(''));
    expect(stream.finish).toBeUndefined();
    const whole = await chat.post({ model: 'cut=40' });
    await expect(whole.text()).rejects.toThrow();
  });

  it('stalls after so many tokens with the connection open', async () => {
    const response = await chat.post({ model: 'stall=3,rate=0', stream: true });
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    await readUntil(reader, demoTokens('What is this?')[2] ?? '');
    const next = reader.read();
    const first = await Promise.race([next, new Promise((resolve) => setTimeout(() => resolve('nothing'), 60))]);
    expect(first).toBe('nothing');
    const ended = expect(next).rejects.toThrow();
    await demo.close();
    await ended;
  });

  it('holds the first content back while the stream is alive', async () => {
    const response = await chat.post({ model: 'slow=1.2s,tokens=2', stream: true });
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
    const stream = await chat.stream({ model: 'malformed=2,tokens=4,rate=0' });
    expect(stream.data.filter((data) => data !== '[DONE]')).toHaveLength(stream.chunks.length + 1);
    expect(stream.done).toBe(true);
  });

  it('sends an error event before or after the first content', async () => {
    const early = await chat.stream({ model: 'error-event=0' });
    expect(early.text).toBe('');
    expect(early.chunks.at(-1)?.error?.message).toContain('Simulated');
    const late = await chat.stream({ model: 'error-event=5' });
    expect(late.text).toBe(demoTokens('What is this?').slice(0, 5).join(''));
    expect(late.done).toBe(false);
  });

  it('ends without the marks of an end', async () => {
    const stream = await chat.stream({ model: 'no-end,rate=0' });
    expect([stream.broken, stream.finish, stream.done]).toEqual([false, undefined, false]);
    expect(stream.text).toBe(demoTokens('What is this?').join(''));
    const body = { model: 'no-done,rate=0,tokens=2', stream: true, stream_options: { include_usage: true } };
    const response = await chat.post(body);
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    const text = await readUntil(reader, 'completion_tokens');
    expect(text).toContain('"finish_reason":"stop"');
    expect(text).not.toContain('[DONE]');
    await reader.cancel();
  });

  it('refuses a prefill, a long conversation, filtered content', async () => {
    const prefilled = [...question, { role: 'assistant', content: 'x' }];
    const refused = await chat.answer({ model: 'no-prefill', messages: prefilled });
    expect(refused.response.status).toBe(400);
    expect((await chat.post({ model: 'no-prefill' })).status).toBe(200);
    const long = await chat.answer({ model: 'context=100', messages: [{ role: 'user', content: 'x'.repeat(500) }] });
    expect([long.response.status, long.body.error.code]).toEqual([400, 'context_length_exceeded']);
    expect((await chat.post({ model: 'context=100' })).status).toBe(200);
    const filtered = await chat.answer({ model: 'filter' });
    expect([filtered.response.status, filtered.body.error.code]).toEqual([400, 'content_filter']);
  });

  it.each(['html', 'empty', 'error-200', 'half-json'])('gives a 200 that is no answer: %s', async (model) => {
    const response = await chat.post({ model });
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
