import { afterEach, describe, expect, it } from '@jest/globals';
import { failureOf, gaps, type Rig, type RigOptions, readStream, startRig } from './failover-rig.js';

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

describe('401 and 403, the credential is rejected', () => {
  it.each([401, 403])('%i asks another key of that provider at once, and leaves the rejected one out', async (code) => {
    const { engine, call, upstream } = await start({
      models: {
        first: {
          script: ({ headers }) => (headers['authorization'] === 'Bearer key-of-first' ? status(code) : ANSWER),
          credentials: ['first', 'first:two'],
        },
      },
    });
    const served = await engine.answer(call());
    expect(served).toMatchObject({ credential: 'first:two', fallback: undefined });
    expect(gaps(upstream('first'))[0]).toBeLessThan(100);
    await engine.answer(call());
    expect(upstream('first').requests.map(({ headers }) => headers['authorization'])).toEqual([
      'Bearer key-of-first',
      'Bearer key-of-first:two',
      'Bearer key-of-first:two',
    ]);
    expect((rig as Rig).events).toContainEqual(
      expect.objectContaining({ type: 'credential', credential: 'first', state: 'out', reason: 'credential-rejected' }),
    );
  });

  it('asks the next model where no key is left, and tells of the credential where no model is', async () => {
    const { engine, call } = await start({
      models: { first: { script: status(401), credentials: ['first'] }, second: { script: ANSWER } },
    });
    expect((await engine.answer(call())).model.ref).toBe('second:m');
    const alone = await failureOf(engine.answer(call({ plan: (rig as Rig).planOf('first') })));
    expect(alone).toMatchObject({ code: 'credential_rejected', http: 503 });
    expect(seen(rig as Rig, 'first', 'second')).toEqual([1, 1]);
  });

  it('tries once more after a forced refresh', async () => {
    const { engine, call, vault, upstream } = await start({
      models: {
        first: {
          script: ({ headers }) => (headers['authorization'] === 'Bearer fresh' ? ANSWER : status(401)),
          credentials: ['first'],
        },
      },
    });
    vault.setNext('first', 'fresh');
    expect((await engine.answer(call())).credential).toBe('first');
    expect(upstream('first').requests).toHaveLength(2);
    expect(vault.refreshes).toBe(1);
    expect((rig as Rig).attempts.map(({ outcome }) => outcome)).toEqual(['credential-rejected', 'ok']);
    await engine.answer(call());
    expect(upstream('first').requests).toHaveLength(3);
  });

  it('does not refresh a second time', async () => {
    const { engine, call, vault } = await start({ models: { first: { script: status(401), credentials: ['first'] } } });
    vault.setNext('first', 'fresh, and wrong too');
    expect(await failureOf(engine.answer(call()))).toMatchObject({ code: 'credential_rejected' });
    expect(seen(rig as Rig, 'first')).toEqual([2]);
    expect(vault.refreshes).toBe(1);
  });

  it('takes the key again as soon as it was replaced', async () => {
    const { engine, call, vault } = await start({
      models: {
        first: {
          script: ({ headers }) => (headers['authorization'] === 'Bearer replaced' ? ANSWER : status(401)),
          credentials: ['first'],
        },
      },
    });
    await failureOf(engine.answer(call()));
    await failureOf(engine.answer(call()));
    expect(seen(rig as Rig, 'first')).toEqual([1]);
    vault.replace('first', 'replaced');
    expect((await engine.answer(call())).credential).toBe('first');
  });
});

describe('402 and an account without quota', () => {
  it.each([
    ['402', status(402)],
    ['insufficient quota', status(429, { 'retry-after': '0' }, { code: 'insufficient_quota' })],
  ])('%s is not repeated; another key pays, and the empty one is out for hours', async (_name, behaviour) => {
    const { engine, call, upstream, events } = await start({
      models: {
        first: {
          script: ({ headers }) => (headers['authorization'] === 'Bearer key-of-first' ? behaviour : ANSWER),
          credentials: ['first', 'first:two'],
        },
      },
    });
    expect((await engine.answer(call())).credential).toBe('first:two');
    await engine.answer(call());
    expect(upstream('first').requests).toHaveLength(3);
    const out = events.find(({ type }) => type === 'credential');
    expect(out).toMatchObject({ credential: 'first', state: 'out', reason: 'quota-exhausted' });
    expect(((out?.['untilMs'] as number) - Date.now()) / 3_600_000).toBeCloseTo(5, 1);
    (rig as Rig).engine.resetCredential('first');
    await engine.answer(call());
    expect(upstream('first').requests.at(-2)?.headers['authorization']).toBe('Bearer key-of-first');
  });

  it('is told where nobody else can pay', async () => {
    const { engine, call } = await start({ models: { first: { script: status(402), credentials: ['first'] } } });
    expect(await failureOf(engine.answer(call()))).toMatchObject({ code: 'quota_exhausted', http: 503 });
  });
});

describe('a silent route is not tried twice', () => {
  it.each([
    ['408', status(408), 'upstream_timeout'],
    ['headers that do not come', { type: 'silence' } as const, 'upstream_timeout'],
  ])('%s moves on', async (_name, behaviour, code) => {
    const { engine, call } = await start(chain(behaviour, { timeouts: { answer: '200ms' } }));
    const served = await engine.answer(call());
    expect(served.fallback).toMatchObject({ to: 'second:m', reason: 'response-timeout' });
    expect(await failureOf(engine.answer(call({ plan: (rig as Rig).planOf('first') })))).toMatchObject({
      code,
      http: 504,
    });
    expect(seen(rig as Rig, 'first', 'second')).toEqual([2, 1]);
  });

  it('moves on from a connection that does not open', async () => {
    // A documentation address (RFC 5737): nobody answers, and nothing is refused. Some networks refuse at once.
    const options = chain(ANSWER, { timeouts: { connect: '100ms', answer: '2s' } });
    const { engine, call, attempts } = await start({
      ...options,
      models: { ...options.models, first: { script: ANSWER, baseUrl: 'http://192.0.2.1:9/v1' } },
    });
    const startedAt = performance.now();
    expect((await engine.answer(call())).model.ref).toBe('second:m');
    expect(performance.now() - startedAt).toBeLessThan(1_000);
    expect(['connect-timeout', 'unreachable']).toContain(attempts[0]?.outcome);
  });

  it('counts for the breaker', async () => {
    const { engine, call } = await start(chain(status(408), { breaker: { failures: 2, open_for: '30s' } }));
    for (let index = 0; index < 4; index += 1) await engine.answer(call());
    expect(seen(rig as Rig, 'first', 'second')).toEqual([2, 4]);
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

describe('429, rate limited', () => {
  const inAMoment: readonly (readonly [string, () => Record<string, string>, number])[] = [
    ['seconds', () => ({ 'retry-after': '0.2' }), 200],
    ['a date', () => ({ 'retry-after': new Date(Date.now() + 1_999).toUTCString() }), 900],
    ['retry-after-ms', () => ({ 'retry-after-ms': '180' }), 180],
    ['x-ms-retry-after-ms', () => ({ 'x-ms-retry-after-ms': '160' }), 160],
  ];

  it.each(inAMoment)('waits for the same target until Retry-After in %s', async (_name, headers, atLeast) => {
    let calls = 0;
    const { engine, call, upstream } = await start(
      chain(() => ((calls += 1) === 1 ? status(429, headers()) : ANSWER), {
        models: { retry_policy: { max_total_wait: '3s' } },
      }),
    );
    expect((await engine.answer(call())).model.ref).toBe('first:m');
    expect(seen(rig as Rig, 'first', 'second')).toEqual([2, 0]);
    expect(gaps(upstream('first'))[0]).toBeGreaterThanOrEqual(atLeast - 1);
    expect(gaps(upstream('first'))[0]).toBeLessThan(atLeast + 1_200);
  });

  it.each([
    ['a hint beyond the wait cap', { 'retry-after': '30' }],
    ['no hint at all', {}],
  ])('moves on at once with %s', async (_name, headers) => {
    const { engine, call } = await start(chain(status(429, headers)));
    const startedAt = performance.now();
    expect((await engine.answer(call())).fallback).toMatchObject({ reason: 'rate-limited' });
    expect(performance.now() - startedAt).toBeLessThan(250);
    expect(seen(rig as Rig, 'first', 'second')).toEqual([1, 1]);
  });

  it('moves on at once where the hint is beyond the deadline', async () => {
    const { engine, call } = await start(
      chain(status(429, { 'retry-after-ms': '900' }), {
        timeouts: { total: '800ms' },
        models: { retry_policy: { max_total_wait: '60s' } },
      }),
    );
    expect((await engine.answer(call())).model.ref).toBe('second:m');
    expect(seen(rig as Rig, 'first', 'second')).toEqual([1, 1]);
  });

  it('asks another key first', async () => {
    const { engine, call, upstream } = await start({
      models: {
        first: {
          script: ({ headers }) =>
            headers['authorization'] === 'Bearer key-of-first' ? status(429, { 'retry-after-ms': '500' }) : ANSWER,
          credentials: ['first', 'first:two'],
        },
      },
    });
    expect((await engine.answer(call())).credential).toBe('first:two');
    expect(gaps(upstream('first'))[0]).toBeLessThan(100);
  });

  it('leaves the limited target alone until Retry-After, while others are asked', async () => {
    const { engine, call, upstream } = await start(
      chain([status(429, { 'retry-after-ms': '2000' }), ANSWER], {
        models: { retry_policy: { max_total_wait: '100ms' } },
      }),
    );
    for (let index = 0; index < 5; index += 1) expect((await engine.answer(call())).model.ref).toBe('second:m');
    expect(upstream('first').requests).toHaveLength(1);
  });

  it('waits for the only model of a chain, where that fits, instead of calling it too early', async () => {
    const { engine, call, upstream } = await start({
      models: { first: { script: [status(429, { 'retry-after-ms': '200' }), ANSWER, ANSWER] } },
      settings: { models: { retry_policy: { max_attempts: 1 } } },
    });
    expect(await failureOf(engine.answer(call()))).toMatchObject({
      code: 'rate_limited',
      http: 429,
      retryAfterMs: 200,
    });
    expect((await engine.answer(call())).model.ref).toBe('first:m');
    expect(gaps(upstream('first'))[0]).toBeGreaterThanOrEqual(195);
  });

  it('tells how long to wait where every model is limited', async () => {
    const { engine, call } = await start({
      models: {
        first: { script: status(429, { 'retry-after': '60' }) },
        second: { script: status(429, { 'retry-after': '20' }) },
      },
    });
    expect(await failureOf(engine.answer(call()))).toMatchObject({
      code: 'rate_limited',
      http: 429,
      retryAfterMs: 20_000,
    });
    const again = await failureOf(engine.answer(call()));
    expect(again.code).toBe('rate_limited');
    expect(again.retryAfterMs).toBeGreaterThan(15_000);
    expect(seen(rig as Rig, 'first', 'second')).toEqual([1, 1]);
  });
});

describe('a connection that breaks before headers', () => {
  it.each(['reset', 'reset-in-headers'] as const)('%s is tried once more, at once', async (type) => {
    const { engine, call, upstream } = await start({
      ...chain({ type }, { models: { retry_policy: { initial_backoff: '1s', max_backoff: '1s' } } }),
      random: () => 0.999,
    });
    expect((await engine.answer(call())).fallback).toMatchObject({ to: 'second:m' });
    expect(seen(rig as Rig, 'first', 'second')).toEqual([2, 1]);
    expect(gaps(upstream('first'))[0]).toBeLessThan(300);
  });

  it('is tried once more where it was refused, and told as not reachable', async () => {
    const { engine, call, attempts } = await start({
      models: { first: { script: ANSWER, baseUrl: 'http://127.0.0.1:1/v1' } },
    });
    expect(await failureOf(engine.answer(call()))).toMatchObject({ code: 'upstream_unreachable', http: 502 });
    expect(attempts.map(({ outcome }) => outcome)).toEqual(['unreachable', 'unreachable']);
  });
});

describe('a 200 that is no answer counts as a 502', () => {
  const kinds = [
    { type: 'html' },
    { type: 'empty' },
    { type: 'half-json' },
    { type: 'error-200', error: { status: 500 } },
    { type: 'raw', headers: { 'content-type': 'text/plain' }, body: '{"id":"1"}' },
    { type: 'raw', headers: { 'content-type': 'application/json' }, body: '[]' },
    { type: 'raw', status: 302, headers: { location: 'http://127.0.0.1:1/' }, body: '' },
  ] as const;

  it.each(kinds)('not streamed: $type', async (behaviour) => {
    const { engine, call } = await start(chain(behaviour));
    const served = await engine.answer(call());
    expect(served.model.ref).toBe('second:m');
    expect(seen(rig as Rig, 'first', 'second')).toEqual([3, 1]);
    expect(await failureOf(engine.answer(call({ plan: (rig as Rig).planOf('first') })))).toMatchObject({
      code: 'upstream_error',
      http: 502,
    });
  });

  it.each([
    { type: 'html' },
    { type: 'empty' },
    { type: 'error-200', error: { status: 500 } },
    { type: 'no-finish', answer: { parts: [] } },
    { type: 'raw', headers: { 'content-type': 'application/json' }, body: '{"choices":[]}' },
    { type: 'error-event', after: 0 },
    { type: 'malformed', after: 0 },
    { type: 'cut', after: 0 },
  ] as const)('streamed: $type is a failure before commit', async (behaviour) => {
    const { engine, call } = await start(chain(behaviour));
    const stream = await engine.stream(call({ stream: true }));
    expect(stream.model.ref).toBe('second:m');
    const read = await readStream(stream);
    expect(read.text).toMatch(/^word1 .* word60$/);
    expect(seen(rig as Rig, 'first', 'second')).toEqual([3, 1]);
    expect(stream.result()).toMatchObject({ outcome: 'complete' });
  });

  it('believes what an error object in a 200 says', async () => {
    const { engine, call } = await start(
      chain({ type: 'error-200', error: { status: 400, code: 'context_length_exceeded' } }),
    );
    expect((await engine.answer(call())).fallback).toMatchObject({ reason: 'context-too-long' });
    expect(seen(rig as Rig, 'first', 'second')).toEqual([1, 1]);
  });

  it('believes the code of an error event before the first content', async () => {
    const { engine, call } = await start(
      chain({ type: 'error-event', after: 0, error: { status: 429, code: 'rate_limit_exceeded' } }),
    );
    expect((await engine.stream(call({ stream: true }))).fallback).toMatchObject({ reason: 'rate-limited' });
    expect(seen(rig as Rig, 'first', 'second')).toEqual([1, 1]);
  });
});

describe('first content that comes too late', () => {
  it.each([
    ['keep-alives only', { type: 'slow-first-content', delayMs: 5_000 }],
    ['headers and then nothing', { type: 'headers-then-silence' }],
  ] as const)('%s: the slow attempt is cancelled and the next model answers', async (_name, behaviour) => {
    const { engine, call, upstream } = await start(chain(behaviour, { timeouts: { first_content: '150ms' } }));
    const startedAt = performance.now();
    const stream = await engine.stream(call({ stream: true }));
    expect(stream.fallback).toEqual({ from: 'first:m', to: 'second:m', reason: 'first-content-late' });
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(145);
    await readStream(stream);
    const slow = await upstream('first').waitForClose(0);
    expect((slow.closedByClientAt ?? 0) - slow.at).toBeLessThan(600);
    expect(seen(rig as Rig, 'first', 'second')).toEqual([1, 1]);
  });

  it('counts the time before the headers too', async () => {
    const { engine, call } = await start(
      chain({ type: 'silence' }, { timeouts: { first_content: '120ms', headers: '5s' } }),
    );
    const stream = await engine.stream(call({ stream: true }));
    expect(stream.fallback).toMatchObject({ reason: 'first-content-late' });
    await readStream(stream);
  });

  it('counts half for the breaker', async () => {
    const { engine, call } = await start(
      chain(
        { type: 'headers-then-silence' },
        { timeouts: { first_content: '40ms' }, breaker: { failures: 2, open_for: '30s' } },
      ),
    );
    for (let index = 0; index < 6; index += 1) await readStream(await engine.stream(call({ stream: true })));
    expect(seen(rig as Rig, 'first', 'second')).toEqual([4, 6]);
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
