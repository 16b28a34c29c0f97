import { afterEach, describe, expect, it } from '@jest/globals';
import { createMemoryState, type SharedState } from '@moltbot/state';
import { failureOf, gaps, type Rig, type RigOptions, readStream, startRig } from './failover-rig.js';

/** Outages: the breaker, its probes, and the budget that keeps repeats from becoming a storm. */

let rig: Rig;
let shared: SharedState | undefined;
async function start(options: RigOptions): Promise<Rig> {
  rig = await startRig(options);
  return rig;
}
afterEach(async () => {
  await rig.close();
  await shared?.close();
  shared = undefined;
});

const ANSWER = { type: 'answer' } as const;
const status = (code: number) => ({ type: 'status', status: code }) as const;
const wait = async (ms: number): Promise<void> => {
  await new Promise((resolve) => setTimeout(resolve, ms));
};
const ONCE = { retry_policy: { max_attempts: 1 } };
const chain = (first: RigOptions['models'][string]['script'], breaker: Record<string, unknown>): RigOptions => ({
  models: { first: { script: first }, second: { script: ANSWER } },
  settings: { models: ONCE, breaker },
});

describe('the retry budget in an outage', () => {
  it('keeps 200 requests from becoming 600 calls', async () => {
    const { engine, call, upstream } = await start({ models: { first: { script: status(500) } } });
    const all = await Promise.all(Array.from({ length: 200 }, async () => failureOf(engine.answer(call()))));
    expect(new Set(all.map(({ code }) => code))).toEqual(new Set(['upstream_error']));
    const calls = upstream('first').requests.length;
    // A burst of 20, and a fifth of 200.
    expect(calls).toBeGreaterThan(200);
    expect(calls).toBeLessThanOrEqual(260);
  });

  it('does not stand in the way of the next model', async () => {
    const { engine, call, upstream } = await start({
      models: { first: { script: status(500) }, second: { script: ANSWER } },
      settings: { retry_budget: { ratio: 0, burst: 0 } },
    });
    const all = await Promise.all(Array.from({ length: 20 }, async () => engine.answer(call())));
    expect(all.every(({ model }) => model.ref === 'second:m')).toBe(true);
    expect(upstream('first').requests).toHaveLength(20);
  });
});

describe('the breaker', () => {
  it('opens after failures in a row: then the dead target is not called, and the next one answers at once', async () => {
    const { engine, call, upstream, events } = await start(chain(status(500), { failures: 3, open_for: '30s' }));
    for (let index = 0; index < 10; index += 1) {
      const served = await engine.answer(call());
      expect(served.fallback).toEqual({ from: 'first:m', to: 'second:m', reason: 'server-error' });
      expect(served.attempts).toHaveLength(index < 3 ? 2 : 1);
    }
    expect(upstream('first').requests).toHaveLength(3);
    expect(events.filter(({ type }) => type === 'breaker')).toEqual([
      { type: 'breaker', target: 'first:m', state: 'open' },
    ]);
  });

  it('lets one of 50 requests at the same time probe, and closes when that succeeds', async () => {
    let broken = true;
    const slow = { type: 'answer', headersDelayMs: 100 } as const;
    const { engine, call, upstream, events } = await start(
      chain(() => (broken ? status(500) : slow), { failures: 1, open_for: '150ms' }),
    );
    await engine.answer(call());
    broken = false;
    await wait(180);
    const all = await Promise.all(
      Array.from({ length: 50 }, async () => {
        const stream = await engine.stream(call({ stream: true }));
        await readStream(stream);
        return stream.model.ref;
      }),
    );
    expect(all.filter((ref) => ref === 'first:m')).toHaveLength(1);
    expect(upstream('first').requests).toHaveLength(2);
    expect(events.filter(({ type }) => type === 'dead')).toEqual([{ type: 'dead', target: 'first:m' }]);
    expect((await engine.stream(call({ stream: true }))).model.ref).toBe('first:m');
    expect(events.filter(({ type }) => type === 'breaker').map(({ state }) => state)).toEqual([
      'open',
      'half-open',
      'closed',
    ]);
  });

  it('is one for all processes: one probe among them, and all follow its outcome', async () => {
    shared = createMemoryState();
    let broken = true;
    const { engine, call, upstream, another } = await start({
      ...chain(() => (broken ? status(500) : { type: 'answer', headersDelayMs: 50 }), {
        failures: 1,
        open_for: '150ms',
      }),
      state: shared,
    });
    const engines = [engine, ...Array.from({ length: 4 }, () => another())];
    const round = async (): Promise<readonly string[]> =>
      Promise.all(
        engines.flatMap((each) => Array.from({ length: 4 }, async () => (await each.answer(call())).model.ref)),
      );
    await engine.answer(call());
    await wait(5);
    // The others ask what is known before their first call: none of them finds out for itself.
    expect(new Set(await round())).toEqual(new Set(['second:m']));
    expect(upstream('first').requests).toHaveLength(1);
    broken = false;
    await wait(200);
    const probed = await round();
    expect(upstream('first').requests).toHaveLength(2);
    expect(probed.filter((ref) => ref === 'first:m')).toHaveLength(1);
    expect(new Set(await round())).toEqual(new Set(['first:m']));
  });

  it('waits longer after each failed probe', async () => {
    const { engine, call, upstream } = await start({
      ...chain(status(500), { failures: 1, open_for: '100ms', max_open_for: '400ms' }),
      random: () => 0,
    });
    const until = performance.now() + 1_100;
    while (performance.now() < until) {
      await engine.answer(call());
      await wait(10);
    }
    const spacing = gaps(upstream('first'));
    expect(spacing.length).toBeGreaterThanOrEqual(3);
    expect(spacing.length).toBeLessThanOrEqual(4);
    expect(spacing[0]).toBeGreaterThanOrEqual(100);
    expect(spacing[1]).toBeGreaterThanOrEqual(200);
    expect(spacing[2]).toBeGreaterThanOrEqual(400);
  });

  it('still tries the only model of a chain, at most once in open_for, and counts these calls', async () => {
    const { engine, call, upstream, events } = await start({
      models: { first: { script: status(503) } },
      settings: { models: ONCE, breaker: { failures: 1, open_for: '200ms', max_open_for: '10s' } },
    });
    const until = performance.now() + 900;
    const errors: (readonly [code: string, retryAfterMs: number | undefined])[] = [];
    while (performance.now() < until) {
      const error = await failureOf(engine.answer(call()));
      errors.push([error.code, error.retryAfterMs]);
      await wait(10);
    }
    const { requests } = upstream('first');
    expect(requests.length).toBeGreaterThanOrEqual(4);
    expect(requests.length).toBeLessThanOrEqual(5);
    expect(Math.min(...gaps(upstream('first')))).toBeGreaterThanOrEqual(199);
    expect(events.filter(({ type }) => type === 'dead')).toHaveLength(requests.length - 1);
    expect(new Set(errors.map(([code]) => code))).toEqual(new Set(['upstream_overloaded']));
    // A request that was not sent says when the target is asked again.
    expect(errors[1]?.[1]).toBeGreaterThan(0);
    expect(errors[1]?.[1]).toBeLessThanOrEqual(200);
  });

  it('tries the dead ones of a chain when all others have failed', async () => {
    let broken = true;
    const { engine, call, upstream } = await start({
      models: { first: { script: () => (broken ? status(500) : ANSWER) }, second: { script: status(500) } },
      settings: { models: ONCE, breaker: { failures: 2, open_for: '100ms', max_open_for: '60s' } },
    });
    for (let index = 0; index < 2; index += 1) await failureOf(engine.answer(call()));
    await wait(120);
    // A failed probe makes the wait for the next one long; a last hope does not wait for it.
    await failureOf(engine.answer(call()));
    broken = false;
    await wait(120);
    expect((await engine.answer(call())).model.ref).toBe('first:m');
    expect(upstream('first').requests).toHaveLength(4);
  });

  it('is not reopened by a late failure of an old call', async () => {
    const script = [{ type: 'status', status: 500, delayMs: 250 }, status(500), ANSWER, ANSWER] as const;
    const { engine, call, upstream } = await start({
      ...chain(script, { failures: 1, open_for: '100ms' }),
      random: () => 0,
    });
    const late = engine.answer(call());
    await upstream('first').waitForRequests(1);
    await engine.answer(call());
    await wait(120);
    expect((await engine.answer(call())).model.ref).toBe('first:m');
    expect((await late).model.ref).toBe('second:m');
    expect((await engine.answer(call())).model.ref).toBe('first:m');
  });

  it('is not closed by a late success of an old call', async () => {
    const script = [{ type: 'answer', headersDelayMs: 150 }, status(500), ANSWER] as const;
    const { engine, call, upstream } = await start(chain(script, { failures: 1, open_for: '30s' }));
    const late = engine.stream(call({ stream: true }));
    await upstream('first').waitForRequests(1);
    await engine.answer(call());
    expect((await late).model.ref).toBe('first:m');
    await readStream(await late);
    expect((await engine.answer(call())).model.ref).toBe('second:m');
    expect(upstream('first').requests).toHaveLength(2);
  });

  it('counts streams that break after their first content, although each began well', async () => {
    const { engine, call, upstream } = await start({
      models: {
        first: { script: { type: 'cut', after: 5 } },
        second: { script: { type: 'continue' }, capabilities: { prefill: true } },
      },
      settings: { models: ONCE, breaker: { failures: 3, open_for: '30s' } },
    });
    for (let index = 0; index < 5; index += 1) {
      const read = await readStream(await engine.stream(call({ stream: true })));
      expect(read.error).toBeUndefined();
    }
    expect(upstream('first').requests).toHaveLength(3);
  });

  it('lets the next one probe where the probe’s caller left', async () => {
    const { engine, call, upstream } = await start(
      chain([status(500), { type: 'silence' }, ANSWER], { failures: 1, open_for: '100ms' }),
    );
    await engine.answer(call());
    await wait(120);
    const caller = new AbortController();
    const probe = failureOf(engine.answer(call({ signal: caller.signal })));
    await upstream('first').waitForRequests(2);
    caller.abort();
    expect(await probe).toMatchObject({ code: 'client_closed' });
    await wait(130);
    expect((await engine.answer(call())).model.ref).toBe('first:m');
  });
});

describe('the shared state', () => {
  it('may be gone: requests are answered all the same', async () => {
    shared = createMemoryState();
    const { engine, call } = await start({
      ...chain([status(500), status(500), ANSWER], { failures: 2, open_for: '100ms' }),
      state: shared,
    });
    await engine.answer(call());
    await shared.close();
    await engine.answer(call());
    expect((await engine.answer(call())).model.ref).toBe('second:m');
    await wait(130);
    expect((await engine.answer(call())).model.ref).toBe('first:m');
  });
});
