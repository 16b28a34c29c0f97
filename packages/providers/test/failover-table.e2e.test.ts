import { afterEach, describe, expect, it } from '@jest/globals';
import { failureOf, gaps, type Rig, type RigOptions, startRig } from './failover-rig.js';

/** Each row of the failure table on a real socket: what the caller got, and what the upstreams saw. */

let rig: Rig | undefined;
async function start(options: RigOptions): Promise<Rig> {
  rig = await startRig(options);
  return rig;
}
afterEach(async () => {
  await rig?.close();
  rig = undefined;
});

const ANSWER = { type: 'answer' } as const;
const status = (code: number, headers: Record<string, string> = {}, error: Record<string, string> = {}) =>
  ({ type: 'status', status: code, headers, error }) as const;
/** A failing primary and a healthy fallback. */
const chain = (script: RigOptions['models'][string]['script'], settings: RigOptions['settings'] = {}): RigOptions => ({
  models: { first: { script }, second: { script: ANSWER } },
  settings,
});
const seen = ({ upstream }: Rig, ...names: string[]): readonly number[] =>
  names.map((name) => upstream(name).requests.length);

describe('the caller’s own fault', () => {
  it.each([400, 413, 422])('%i is passed on with its status, and nobody else is asked', async (code) => {
    const { engine, call } = await start(chain(status(code, {}, { message: 'max_tokens is odd' })));
    const error = await failureOf(engine.answer(call()));
    expect(error).toMatchObject({ code: 'invalid_request', http: code, message: 'max_tokens is odd' });
    expect(error.attempts).toMatchObject([{ target: 'first:m', outcome: 'invalid-request', status: code }]);
    expect(seen(rig as Rig, 'first', 'second')).toEqual([1, 0]);
  });

  it('keeps its true status on a stream: nothing was committed', async () => {
    const { engine, call } = await start(chain(status(400)));
    expect(await failureOf(engine.stream(call({ stream: true })))).toMatchObject({
      code: 'invalid_request',
      http: 400,
    });
    expect(seen(rig as Rig, 'first', 'second')).toEqual([1, 0]);
  });

  it('does not open the breaker', async () => {
    const { engine, call } = await start(chain(status(400), { breaker: { failures: 1 } }));
    for (let index = 0; index < 3; index += 1) await failureOf(engine.answer(call()));
    expect(seen(rig as Rig, 'first', 'second')).toEqual([3, 0]);
  });
});

describe('404, the model is unknown or retired', () => {
  it('moves on at once and opens for that model', async () => {
    const { engine, call } = await start(chain(status(404)));
    const served = await engine.answer(call());
    expect(served.model.ref).toBe('second:m');
    expect(served.fallback).toEqual({ from: 'first:m', to: 'second:m', reason: 'model-not-found' });
    expect((await engine.answer(call())).fallback).toMatchObject({ reason: 'model-not-found' });
    expect(seen(rig as Rig, 'first', 'second')).toEqual([1, 2]);
  });

  it('is a 404 for a model that the caller named, and not one for a chain', async () => {
    const options = { models: { first: { script: status(404) } } };
    const named = await start({ ...options, plan: { name: 'explicit' } });
    expect(await failureOf(named.engine.answer(named.call()))).toMatchObject({ code: 'model_not_found', http: 404 });
    await named.close();
    const { engine, call } = await start(options);
    expect(await failureOf(engine.answer(call()))).toMatchObject({ code: 'upstream_error', http: 502 });
  });
});

describe('400, the context is too long', () => {
  const tooLong = status(400, {}, { code: 'context_length_exceeded', message: 'The context holds 8 tokens.' });

  it('asks only a model with room, and never the same size again', async () => {
    const window = (contextWindow: number) => ({ contextWindow });
    const { engine, call } = await start({
      models: {
        small: { script: tooLong, capabilities: window(100_000) },
        same: { script: ANSWER, capabilities: window(100_000) },
        large: { script: ANSWER, capabilities: window(200_000) },
      },
    });
    const served = await engine.answer(call());
    expect(served.model.ref).toBe('large:m');
    expect(served.fallback).toEqual({ from: 'small:m', to: 'large:m', reason: 'context-too-long' });
    expect(seen(rig as Rig, 'small', 'same', 'large')).toEqual([1, 0, 1]);
  });

  it('is told with the provider’s words where nobody has room', async () => {
    const { engine, call } = await start({ models: { small: { script: tooLong } } });
    const error = await failureOf(engine.answer(call()));
    expect(error).toMatchObject({ code: 'context_length_exceeded', http: 400, message: 'The context holds 8 tokens.' });
    expect(seen(rig as Rig, 'small')).toEqual([1]);
  });

  it('is known before the call where the model’s window is', async () => {
    const { engine, call } = await start({
      models: {
        small: { script: ANSWER, capabilities: { contextWindow: 100 } },
        large: { script: ANSWER, capabilities: { contextWindow: 100_000 } },
      },
    });
    const text = 'word '.repeat(1_000);
    expect((await engine.answer(call({ text }))).model.ref).toBe('large:m');
    const error = await failureOf(engine.answer(call({ text, plan: (rig as Rig).planOf('small') })));
    expect(error).toMatchObject({ code: 'context_length_exceeded', http: 400, attempts: [] });
    expect(seen(rig as Rig, 'small', 'large')).toEqual([0, 1]);
  });
});

describe('the content filter', () => {
  const filtered = status(400, {}, { code: 'content_filter', message: 'This is not answered.' });

  it('is passed on with the provider’s reason', async () => {
    const { engine, call } = await start(chain(filtered));
    const error = await failureOf(engine.answer(call()));
    expect(error).toMatchObject({ code: 'content_filtered', http: 400, message: 'This is not answered.' });
    expect(seen(rig as Rig, 'first', 'second')).toEqual([1, 0]);
  });

  it('asks the policy chain, where one is configured, and not the rest of its own', async () => {
    const { engine, call } = await start({
      models: { first: { script: filtered }, second: { script: ANSWER }, third: { script: ANSWER } },
      plan: { policy: ['third'] },
    });
    const served = await engine.answer(call());
    expect(served.model.ref).toBe('third:m');
    expect(served.fallback).toEqual({ from: 'first:m', to: 'third:m', reason: 'content-filtered' });
    expect(seen(rig as Rig, 'first', 'second', 'third')).toEqual([1, 0, 1]);
  });

  it('is passed on where the policy chain refuses it too', async () => {
    const { engine, call } = await start({
      models: { first: { script: filtered }, third: { script: filtered } },
      plan: { policy: ['third'] },
    });
    expect(await failureOf(engine.answer(call()))).toMatchObject({ code: 'content_filtered' });
    expect(seen(rig as Rig, 'first', 'third')).toEqual([1, 1]);
  });
});

describe('a server’s fault', () => {
  it.each([409, 425, 500, 502, 418, 599])('%i is repeated, backed off, until the repeats are used up', async (code) => {
    const { engine, call, upstream } = await start({
      ...chain(status(code), { models: { retry_policy: { initial_backoff: '40ms', backoff_factor: 2 } } }),
      random: () => 0.999,
    });
    const served = await engine.answer(call());
    expect(served.fallback).toEqual({ from: 'first:m', to: 'second:m', reason: 'server-error' });
    expect(seen(rig as Rig, 'first', 'second')).toEqual([3, 1]);
    const [first = 0, second = 0] = gaps(upstream('first'));
    expect(first).toBeGreaterThanOrEqual(37);
    expect(second).toBeGreaterThanOrEqual(77);
  });

  it('shares its repeats with the whole chain: every target is tried once, they do not multiply', async () => {
    const { engine, call } = await start({
      models: { first: { script: status(500) }, second: { script: status(500) }, third: { script: status(500) } },
    });
    const error = await failureOf(engine.answer(call()));
    expect(error).toMatchObject({ code: 'upstream_error', http: 502 });
    expect(error.attempts).toHaveLength(5);
    expect(seen(rig as Rig, 'first', 'second', 'third')).toEqual([3, 1, 1]);
  });

  it('waits with full jitter: down to nothing', async () => {
    const { engine, call, upstream } = await start({
      ...chain(status(500), { models: { retry_policy: { initial_backoff: '10s', max_backoff: '10s' } } }),
      random: () => 0,
    });
    await engine.answer(call());
    expect(Math.max(...gaps(upstream('first')))).toBeLessThan(100);
  });

  it('is over when the target recovers', async () => {
    const { engine, call } = await start(chain([status(502), ANSWER]));
    const served = await engine.answer(call());
    expect(served).toMatchObject({ fallback: undefined, model: { ref: 'first:m' } });
    expect(served.attempts.map(({ outcome }) => outcome)).toEqual(['server-error', 'ok']);
    expect(seen(rig as Rig, 'first', 'second')).toEqual([2, 0]);
  });
});

describe('503, 504 and 529, overloaded', () => {
  it.each([503, 504, 529])('%i is repeated once', async (code) => {
    const { engine, call } = await start(chain(status(code)));
    expect((await engine.answer(call())).fallback).toMatchObject({ reason: 'overloaded' });
    expect(seen(rig as Rig, 'first', 'second')).toEqual([2, 1]);
  });

  it('is repeated no earlier than Retry-After', async () => {
    const { engine, call, upstream } = await start(chain([status(503, { 'retry-after-ms': '150' }), ANSWER]));
    expect((await engine.answer(call())).model.ref).toBe('first:m');
    expect(gaps(upstream('first'))[0]).toBeGreaterThanOrEqual(149);
  });

  it('is told as overloaded with the hint', async () => {
    const { engine, call } = await start({ models: { first: { script: status(529, { 'retry-after': '30' }) } } });
    const error = await failureOf(engine.answer(call()));
    expect(error).toMatchObject({ code: 'upstream_overloaded', http: 503, retryAfterMs: 30_000 });
    expect(seen(rig as Rig, 'first')).toEqual([1]);
  });
});

describe('the error that the caller is told when all fails', () => {
  it('is the primary’s, with every attempt by code and nothing of an upstream’s words', async () => {
    const secretWords = 'internal host db-7 said: sk-live-1234';
    const { engine, call } = await start({
      models: {
        first: { script: status(503, {}, { message: secretWords }) },
        second: { script: status(500, {}, { message: secretWords }) },
      },
      settings: { models: { retry_policy: { max_attempts: 1 } } },
    });
    const error = await failureOf(engine.answer(call()));
    expect(error).toMatchObject({
      code: 'upstream_overloaded',
      http: 503,
      attempts: [
        { target: 'first:m', outcome: 'overloaded', status: 503 },
        { target: 'second:m', outcome: 'server-error', status: 500 },
      ],
    });
    expect(error.message).toBe('first:m failed (overloaded, status 503); 2 attempts over 2 models, none answered');
    expect(JSON.stringify(error)).not.toContain('db-7');
  });

  it('names a missing credential where nothing could be sent', async () => {
    const { engine, call, vault } = await start({ models: { first: { script: ANSWER, credentials: ['first'] } } });
    vault.credentials.clear();
    expect(await failureOf(engine.answer(call()))).toMatchObject({
      code: 'credential_missing',
      http: 503,
      attempts: [],
    });
    expect(seen(rig as Rig, 'first')).toEqual([0]);
  });
});
