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

  it('tries a rejected key again, where nothing else is left, at most once in open_for', async () => {
    let wrong = true;
    const { engine, call, upstream } = await start({
      models: { first: { script: () => (wrong ? status(401) : ANSWER), credentials: ['first'] } },
      settings: { breaker: { open_for: '200ms' } },
    });
    const until = performance.now() + 500;
    while (performance.now() < until) {
      expect((await failureOf(engine.answer(call()))).code).toBe('credential_rejected');
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    expect(upstream('first').requests.length).toBeLessThanOrEqual(3);
    expect(Math.min(...gaps(upstream('first')))).toBeGreaterThanOrEqual(199);
    wrong = false;
    await new Promise((resolve) => setTimeout(resolve, 210));
    expect((await engine.answer(call())).credential).toBe('first');
    expect((await engine.answer(call())).credential).toBe('first');
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
    expect(await (rig as Rig).engine.resetCredential('first')).toEqual({ cleared: 1, shared: true });
    await engine.answer(call());
    expect(upstream('first').requests.at(-2)?.headers['authorization']).toBe('Bearer key-of-first');
  });

  it('is told where nobody else can pay', async () => {
    const { engine, call } = await start({ models: { first: { script: status(402), credentials: ['first'] } } });
    expect(await failureOf(engine.answer(call()))).toMatchObject({ code: 'quota_exhausted', http: 503 });
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
