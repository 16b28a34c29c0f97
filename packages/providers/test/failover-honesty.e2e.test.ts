import { afterEach, describe, expect, it } from '@jest/globals';
import { SCRIPTED_TEXT } from '../src/testing.js';
import { failureOf, type Rig, type RigOptions, readStream, startRig } from './failover-rig.js';

/** Ends that look like others, and what is counted for whom. */

let rig: Rig;
async function start(options: RigOptions): Promise<Rig> {
  rig = await startRig(options);
  return rig;
}
afterEach(async () => {
  await rig.close();
});

const CUT = { type: 'cut', after: 40 } as const;
const ONE_ATTEMPT = { models: { retry_policy: { max_attempts: 1 } } };
const PREFILL = { prefill: true };

async function streamed(options: Parameters<Rig['call']>[0] = {}) {
  const stream = await rig.engine.stream(rig.call({ stream: true, ...options }));
  return { stream, read: await readStream(stream), result: stream.result() };
}

describe('a model that is asked to go on and says nothing', () => {
  const silent = { type: 'answer', answer: { text: [] } } as const;

  it.each([
    ['prefill', PREFILL],
    ['continue', {}],
  ])('does not make half an answer whole on the %s rung', async (_rung, capabilities) => {
    await start({
      models: { first: { script: CUT }, second: { script: silent, capabilities } },
      settings: ONE_ATTEMPT,
    });
    const { read, result } = await streamed();
    expect(read.error).toMatchObject({ code: 'stream_interrupted' });
    expect(read.finish).toBeUndefined();
    expect(result.outcome).toBe('interrupted');
  });

  it('is believed where what was shown ends like an answer', async () => {
    const answer = { text: 'It is a test. It has two sentences.' };
    await start({
      models: {
        first: { script: { type: 'no-finish', answer } },
        second: { script: silent, capabilities: PREFILL },
      },
    });
    const { read, result } = await streamed();
    expect(read.error).toBeUndefined();
    expect(read.text).toBe(answer.text);
    expect(result.outcome).toBe('rescued');
  });

  it('is believed where it says why it stops', async () => {
    const limited = { type: 'answer', answer: { text: [], finishReason: 'length' } } as const;
    await start({ models: { first: { script: CUT }, second: { script: limited, capabilities: PREFILL } } });
    const { read } = await streamed();
    expect(read.error).toBeUndefined();
    expect(read.finish).toBe('length');
  });
});

describe('several answers at once', () => {
  const chunk = (index: number, delta: object, reason: string | null = null): string =>
    `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index, delta, finish_reason: reason }] })}\n\n`;
  const raw = (body: string) => ({ type: 'raw', body, headers: { 'content-type': 'text/event-stream' } }) as const;

  it('are not whole when the first of them is', async () => {
    const body = chunk(0, { role: 'assistant', content: 'One.' }) + chunk(0, {}, 'stop');
    await start({ models: { first: { script: raw(body) } }, settings: ONE_ATTEMPT });
    const { read } = await streamed({ body: { n: 2 } });
    expect(read.error).toMatchObject({ code: 'stream_interrupted' });
    expect(read.parts.some((part) => part.type === 'end')).toBe(false);
  });

  it('are whole when each has its finish', async () => {
    const body = [0, 1].map((index) => chunk(index, { content: 'One.' }) + chunk(index, {}, 'stop')).join('');
    await start({ models: { first: { script: raw(body) } }, settings: ONE_ATTEMPT });
    const { read } = await streamed({ body: { n: 2 } });
    expect(read.error).toBeUndefined();
    expect(read.parts.at(-1)).toEqual({ type: 'end' });
  });

  it('are whole with the end marker, where a server gives fewer than were asked for', async () => {
    const body = `${chunk(0, { content: 'One.' })}${chunk(0, {}, 'stop')}data: [DONE]\n\n`;
    await start({ models: { first: { script: raw(body) } }, settings: ONE_ATTEMPT });
    expect((await streamed({ body: { n: 2 } })).read.error).toBeUndefined();
  });
});

describe('the caller’s account', () => {
  it('holds nothing of an answer that was replaced', async () => {
    const price = { input: 1, output: 1, cachedInput: 1, cacheWrite: 1 };
    const other = {
      type: 'answer',
      answer: { text: 'Something quite different.', usage: { inputTokens: 5, outputTokens: 3 } },
    } as const;
    const refused = { type: 'status', status: 400 } as const;
    const { attempts } = await start({
      models: {
        first: { script: CUT, price },
        second: { script: [refused, other], price },
      },
    });
    const { result } = await streamed({ replaceable: true });
    expect(result.usage).toMatchObject({ inputTokens: 5, outputTokens: 3, source: 'provider' });
    expect(result.costMicros).toBe(8);
    expect(attempts[0]).toMatchObject({ outcome: 'stream-cut', costMicros: expect.any(Number) });
  });
});

describe('a request that only OpenAI’s own dialect takes', () => {
  /** Passed as it is where bytes pass; no whole number is a fault where it has to be read. */
  const body = { seed: 1.5 };

  it('is told the primary’s failure, not that it is wrong, where a fallback can’t read it', async () => {
    await start({
      models: {
        first: { script: { type: 'status', status: 503 } },
        second: { script: { type: 'answer' }, dialect: 'anthropic-messages' },
      },
    });
    const error = await failureOf(rig.engine.answer(rig.call({ body })));
    expect(error).toMatchObject({ code: 'upstream_overloaded' });
    expect(error.attempts.map(({ outcome }) => outcome)).toEqual(['overloaded', 'overloaded']);
    expect(rig.upstream('second').requests).toHaveLength(0);
  });

  it('goes on to a model after that which takes it', async () => {
    await start({
      models: {
        first: { script: { type: 'status', status: 500 } },
        second: { script: { type: 'answer' }, dialect: 'anthropic-messages' },
        third: { script: { type: 'answer', answer: { text: 'Here.' } } },
      },
      settings: ONE_ATTEMPT,
    });
    const served = await rig.engine.answer(rig.call({ body }));
    expect(served.model.ref).toBe('third:m');
  });

  it('is refused as wrong where the primary can’t read it', async () => {
    await start({ models: { first: { script: { type: 'answer' }, dialect: 'anthropic-messages' } } });
    const error = await failureOf(rig.engine.answer(rig.call({ body })));
    expect(error).toMatchObject({ code: 'invalid_request', param: 'seed', attempts: [] });
  });

  it('is told that its answer broke off, where nobody can go on with it', async () => {
    await start({ models: { first: { script: CUT }, second: { script: { type: 'continue' } } } });
    const { read, result } = await streamed({ body });
    expect(read.error).toMatchObject({ code: 'stream_interrupted', http: 502 });
    expect(SCRIPTED_TEXT.startsWith(read.text)).toBe(true);
    expect(result.outcome).toBe('interrupted');
  });
});

describe('words that a provider sends for the caller', () => {
  it.each([
    ['whole', false],
    ['streamed', true],
  ])('never hold the credential that was sent (%s)', async (_name, stream) => {
    const error = { message: 'Bad request of key-of-first to this API.' };
    await start({
      models: {
        first: {
          script: stream
            ? { type: 'error-event', after: 0, error: { ...error, code: 'invalid_request_error' } }
            : { type: 'status', status: 400, error },
          credentials: ['first'],
        },
      },
    });
    const call = rig.call({ stream });
    const failure = await failureOf(stream ? rig.engine.stream(call) : rig.engine.answer(call));
    expect(failure.code).toBe('invalid_request');
    expect(failure.message).not.toContain('key-of-first');
  });
});

describe('an answer that can’t be said in the caller’s dialect', () => {
  it('is none, and the next model is asked', async () => {
    const deep = `${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}`;
    const body = `{"choices":[{"index":0,"message":{"role":"assistant","tool_calls":[{"id":"c","function":{"name":"f","arguments":${deep}}}]},"finish_reason":"tool_calls"}],"usage":{"prompt_tokens":1,"completion_tokens":1}}`;
    const { attempts } = await start({
      models: { first: { script: { type: 'raw', body } }, second: { script: { type: 'answer' } } },
      settings: ONE_ATTEMPT,
    });
    const served = await rig.engine.answer(rig.call({ dialect: 'anthropic-messages' }));
    expect(served.model.ref).toBe('second:m');
    expect(attempts.map(({ outcome }) => outcome)).toEqual(['not-an-answer', 'ok']);
  });
});

describe('embeddings of fewer texts than were sent', () => {
  it('are no answer', async () => {
    const data = [{ object: 'embedding', index: 0, embedding: [1, 2] }];
    await start({
      models: { first: { script: { type: 'raw', body: JSON.stringify({ object: 'list', data }) } } },
      settings: ONE_ATTEMPT,
    });
    const ask = (input: unknown) => {
      const value = { model: 'default', input };
      const { plan } = rig;
      const { signal } = new AbortController();
      const bytes = Buffer.from(JSON.stringify(value));
      return rig.engine.embed({ requestId: 'r', value, bytes, encoding: 'float', plan, signal });
    };
    expect(await failureOf(ask(['one', 'two']))).toMatchObject({ code: 'upstream_error' });
    expect(
      await failureOf(
        ask([
          [1, 2],
          [3, 4],
        ]),
      ),
    ).toMatchObject({ code: 'upstream_error' });
    for (const input of ['one', ['one'], [1, 2, 3], [[1, 2, 3]]]) expect((await ask(input)).model.ref).toBe('first:m');
  });
});
