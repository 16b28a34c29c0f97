import { afterEach, describe, expect, it } from '@jest/globals';
import { SCRIPTED_TEXT, startRawUpstream } from '../src/testing.js';
import { failureOf, type Rig, type RigOptions, readStream, startRig } from './failover-rig.js';

/** The commit point, the ends of streams, deadlines, and callers that leave or read slowly. */

let rig: Rig;
async function start(options: RigOptions): Promise<Rig> {
  rig = await startRig(options);
  return rig;
}
afterEach(async () => {
  await rig.close();
});

const ANSWER = { type: 'answer' } as const;
const status = (code: number) => ({ type: 'status', status: code }) as const;
const wait = async (ms: number): Promise<void> => {
  await new Promise((resolve) => setTimeout(resolve, ms));
};

describe('the commit point of a stream', () => {
  it('is its first content: until then nothing is given out', async () => {
    const { engine, call } = await start({
      models: { first: { script: { type: 'slow-first-content', delayMs: 150 } } },
    });
    const startedAt = performance.now();
    const stream = await engine.stream(call({ stream: true }));
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(145);
    const read = await readStream(stream);
    expect(read.text).toBe(SCRIPTED_TEXT);
    expect(read.parts[0]?.type).toBe('start');
  });

  it('passes the upstream’s bytes on exactly where the dialects agree', async () => {
    const { engine, call } = await start({ models: { first: { script: ANSWER } } });
    const stream = await engine.stream(call({ stream: true }));
    expect(stream.sameDialect).toBe(true);
    const read = await readStream(stream);
    expect(read.frames.every((frame) => frame.bytes !== undefined)).toBe(true);
    expect(read.bytes.match(/word\d+/g)).toHaveLength(60);
    expect(read.finish).toBe('stop');
  });

  it('gives parts where they do not', async () => {
    const { engine, call } = await start({ models: { first: { script: ANSWER, dialect: 'gemini' } } });
    const stream = await engine.stream(call({ stream: true }));
    expect(stream.sameDialect).toBe(false);
    const read = await readStream(stream);
    expect(read.frames.every((frame) => frame.bytes === undefined && frame.parts.length > 0)).toBe(true);
    expect(read.text).toBe(SCRIPTED_TEXT);
  });

  it('commits an answer that is whole and empty', async () => {
    const empty = { type: 'answer', answer: { parts: [] } } as const;
    const { engine, call } = await start({ models: { first: { script: empty } } });
    const stream = await engine.stream(call({ stream: true }));
    const read = await readStream(stream);
    expect(read).toMatchObject({ text: '', finish: 'stop', error: undefined });
    expect(stream.result().outcome).toBe('complete');
  });

  it('comes for an answer that is not streamed only when it is whole and parsed', async () => {
    const { engine, call } = await start({
      models: { first: { script: { type: 'half-json' } }, second: { script: ANSWER } },
      settings: { models: { retry_policy: { max_attempts: 1 } } },
    });
    const served = await engine.answer(call());
    expect(served.model.ref).toBe('second:m');
    expect(served.attempts.map(({ outcome }) => outcome)).toEqual(['not-an-answer', 'ok']);
  });
});

describe('the end of a stream', () => {
  it('is made within seconds, with usage, where the end marker does not come', async () => {
    const { engine, call, upstream, attempts } = await start({
      models: { first: { script: { type: 'no-end-marker' } } },
    });
    const startedAt = performance.now();
    const stream = await engine.stream(call({ stream: true }));
    const read = await readStream(stream);
    expect(performance.now() - startedAt).toBeLessThan(3_000);
    expect(read).toMatchObject({ text: SCRIPTED_TEXT, finish: 'stop', error: undefined });
    expect(read.frames.at(-1)).toMatchObject({ bytes: undefined, parts: [{ type: 'end' }] });
    expect(stream.result()).toMatchObject({ outcome: 'complete', usage: { source: 'provider', outputTokens: 60 } });
    expect(attempts).toMatchObject([{ outcome: 'ok', usage: { source: 'provider' } }]);
    await upstream('first').waitForClose(0);
  });

  it('reports estimated usage, marked so, where the provider reports none', async () => {
    const silent = { type: 'answer', answer: { usage: 'none' } } as const;
    const { engine, call } = await start({ models: { first: { script: silent, dialect: 'gemini' } } });
    const stream = await engine.stream(call({ stream: true }));
    const read = await readStream(stream);
    const usage = { outputTokens: Math.ceil(SCRIPTED_TEXT.length / 4), source: 'estimated' };
    expect(stream.result().usage).toMatchObject(usage);
    expect(read.parts.find((part) => part.type === 'usage')).toMatchObject({ usage });
    const whole = await engine.answer(call());
    expect(whole.usage).toMatchObject(usage);
  });

  it('is good where something odd follows it', async () => {
    const event = (value: unknown): string => `data: ${JSON.stringify(value)}\n\n`;
    const delta = (content: string, finish_reason: string | null) =>
      event({ id: 'x', object: 'chat.completion.chunk', choices: [{ index: 0, delta: { content }, finish_reason }] });
    const body = `${delta('Whole', null)}${delta('.', 'stop')}data: {"broken\n\n`;
    const { engine, call } = await start({ models: { first: { script: { type: 'raw', body } } } });
    const stream = await engine.stream(call({ stream: true }));
    const read = await readStream(stream);
    expect(read).toMatchObject({ text: 'Whole.', finish: 'stop', error: undefined });
    expect(stream.result().outcome).toBe('complete');
  });

  it('leaves the connection to the next request, also where the last chunk comes late', async () => {
    const event = (value: unknown): string => `data: ${JSON.stringify(value)}\n\n`;
    const delta = { index: 0, delta: { content: 'Hello' }, finish_reason: 'stop' };
    const body = `${event({ id: 'x', choices: [delta] })}data: [DONE]\n\n`;
    const answer = [
      { wait: 'request' },
      { send: 'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n' },
      { send: `${Buffer.byteLength(body).toString(16)}\r\n${body}\r\n` },
      { waitMs: 30 },
      { send: '0\r\n\r\n' },
    ] as const;
    const upstream = await startRawUpstream({ steps: [...answer, ...answer, ...answer] });
    try {
      const { engine, call } = await start({
        models: { first: { script: ANSWER, baseUrl: `${upstream.origin}/v1` } },
      });
      for (let index = 0; index < 3; index += 1) {
        const read = await readStream(await engine.stream(call({ stream: true })));
        expect(read).toMatchObject({ text: 'Hello', error: undefined });
        await wait(150);
      }
      expect(upstream.connections).toHaveLength(1);
    } finally {
      await upstream.close();
    }
  });
});

describe('a caller that reads slowly', () => {
  it('is not mistaken for an upstream that stalls', async () => {
    const slow = { type: 'answer', intervalMs: 2 } as const;
    const { engine, call } = await start({
      models: { first: { script: slow } },
      settings: { timeouts: { gap: '60ms' } },
    });
    const stream = await engine.stream(call({ stream: true }));
    let text = '';
    let frames = 0;
    for await (const frame of stream.frames) {
      for (const part of frame.parts) if (part.type === 'text-delta') text += part.text;
      frames += 1;
      if (frames === 3 || frames === 6) await wait(150);
    }
    expect(text).toBe(SCRIPTED_TEXT);
    expect(stream.result().outcome).toBe('complete');
  });
});

describe('a caller that leaves', () => {
  it('in the middle of a stream: the upstream is closed within a second, and the attempt is in the ledger', async () => {
    const endless = { type: 'answer', intervalMs: 20 } as const;
    const { engine, call, upstream, attempts } = await start({ models: { first: { script: endless } } });
    const caller = new AbortController();
    const stream = await engine.stream(call({ stream: true, signal: caller.signal }));
    let leftAt = 0;
    const reading = failureOf(
      (async () => {
        let frames = 0;
        for await (const _frame of stream.frames) {
          frames += 1;
          if (frames === 5) {
            leftAt = performance.now();
            caller.abort();
          }
        }
      })(),
    );
    expect(await reading).toMatchObject({ code: 'client_closed', http: 499 });
    const closed = await upstream('first').waitForClose(0);
    expect((closed.closedByClientAt ?? Number.POSITIVE_INFINITY) - leftAt).toBeLessThan(1_000);
    expect(stream.result().outcome).toBe('cancelled');
    expect(attempts).toMatchObject([{ outcome: 'cancelled', usage: { source: 'estimated' } }]);
  });

  it('while nobody reads: it is noticed all the same', async () => {
    const { engine, call, upstream, attempts } = await start({
      models: { first: { script: { type: 'stall', after: 3 } } },
    });
    const caller = new AbortController();
    const stream = await engine.stream(call({ stream: true, signal: caller.signal }));
    caller.abort();
    await upstream('first').waitForClose(0, 1_000);
    expect(attempts).toMatchObject([{ outcome: 'cancelled' }]);
    expect(await failureOf(stream.frames[Symbol.asyncIterator]().next())).toMatchObject({ code: 'client_closed' });
  });

  it('by ending its loop: the upstream is closed too', async () => {
    const { engine, call, upstream, attempts } = await start({
      models: { first: { script: { type: 'answer', intervalMs: 20 } } },
    });
    const stream = await engine.stream(call({ stream: true }));
    for await (const frame of stream.frames) if (frame.parts.length > 0) break;
    await upstream('first').waitForClose(0, 1_000);
    expect(attempts).toMatchObject([{ outcome: 'cancelled' }]);
    expect(stream.result().outcome).toBe('cancelled');
  });

  it.each([
    ['before headers', { type: 'silence' }],
    ['before content', { type: 'headers-then-silence' }],
  ] as const)('%s: nobody else is asked', async (_name, script) => {
    const { engine, call, upstream, attempts } = await start({
      models: { first: { script }, second: { script: ANSWER } },
      settings: { timeouts: { answer: '5s', headers: '5s', first_content: '5s' } },
    });
    const caller = new AbortController();
    const asked = failureOf(engine.stream(call({ stream: true, signal: caller.signal })));
    await upstream('first').waitForRequests(1);
    caller.abort();
    expect(await asked).toMatchObject({ code: 'client_closed' });
    await upstream('first').waitForClose(0, 1_000);
    expect(upstream('second').requests).toHaveLength(0);
    expect(attempts).toMatchObject([{ outcome: 'cancelled' }]);
  });

  it('during a wait: the repeat is not made', async () => {
    const { engine, call, upstream } = await start({
      models: { first: { script: status(500) } },
      settings: { models: { retry_policy: { initial_backoff: '1s', max_backoff: '1s' } } },
      random: () => 0.9,
    });
    const caller = new AbortController();
    const asked = failureOf(engine.answer(call({ signal: caller.signal })));
    await upstream('first').waitForRequests(1);
    await wait(20);
    const leftAt = performance.now();
    caller.abort();
    expect(await asked).toMatchObject({ code: 'client_closed' });
    expect(performance.now() - leftAt).toBeLessThan(100);
    expect(upstream('first').requests).toHaveLength(1);
  });

  it('during a rescue: it ends at once', async () => {
    const { engine, call, upstream } = await start({
      models: { first: { script: { type: 'cut', after: 3 } }, second: { script: { type: 'silence' } } },
      settings: { timeouts: { headers: '5s', first_content: '5s' } },
    });
    const caller = new AbortController();
    const stream = await engine.stream(call({ stream: true, signal: caller.signal }));
    const reading = readStream(stream);
    await upstream('second').waitForRequests(1);
    caller.abort();
    expect((await reading).error).toMatchObject({ code: 'client_closed' });
    await upstream('second').waitForClose(0, 1_000);
    expect(stream.result().outcome).toBe('cancelled');
  });

  it('before it was asked: nothing is sent', async () => {
    const { engine, call, upstream } = await start({ models: { first: { script: ANSWER } } });
    expect(await failureOf(engine.answer(call({ signal: AbortSignal.abort() })))).toMatchObject({
      code: 'client_closed',
    });
    expect(upstream('first').requests).toHaveLength(0);
  });
});

describe('the deadline', () => {
  it('is one for the whole chain: it does not multiply', async () => {
    const silent = { script: { type: 'silence' } } as const;
    const { engine, call, upstream, attempts } = await start({
      models: { first: silent, second: silent, third: silent, fourth: silent },
      settings: { timeouts: { answer: '200ms', total: '500ms' } },
    });
    const startedAt = performance.now();
    const error = await failureOf(engine.answer(call()));
    const took = performance.now() - startedAt;
    expect(error).toMatchObject({ code: 'deadline_exceeded', http: 504 });
    expect(took).toBeGreaterThanOrEqual(495);
    expect(took).toBeLessThan(800);
    expect(['first', 'second', 'third', 'fourth'].map((name) => upstream(name).requests.length)).toEqual([1, 1, 1, 0]);
    expect(attempts.map(({ outcome }) => outcome)).toEqual(['response-timeout', 'response-timeout', 'cancelled']);
  });

  it('ends a stream that goes on for too long, honestly', async () => {
    const endless = { type: 'answer', intervalMs: 20 } as const;
    const { engine, call, upstream } = await start({
      models: { first: { script: endless }, second: { script: ANSWER } },
      settings: { timeouts: { total: '300ms' } },
    });
    const stream = await engine.stream(call({ stream: true }));
    const read = await readStream(stream);
    expect(read.error).toMatchObject({ code: 'deadline_exceeded' });
    expect(read.finish).toBeUndefined();
    expect(SCRIPTED_TEXT.startsWith(read.text)).toBe(true);
    expect(stream.result().outcome).toBe('interrupted');
    await upstream('first').waitForClose(0, 1_000);
    expect(upstream('second').requests).toHaveLength(0);
  });

  it('leaves no wait that would reach it', async () => {
    const { engine, call } = await start({
      models: { first: { script: status(500) } },
      settings: {
        timeouts: { total: '150ms' },
        models: { retry_policy: { initial_backoff: '10s', max_backoff: '10s', max_total_wait: '60s' } },
      },
      random: () => 0.9,
    });
    const startedAt = performance.now();
    expect(await failureOf(engine.answer(call()))).toMatchObject({ code: 'upstream_error' });
    expect(performance.now() - startedAt).toBeLessThan(120);
  });
});
