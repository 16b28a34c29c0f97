import { afterEach, describe, expect, it } from '@jest/globals';
import { failureOf, type Rig, startRig } from './failover-rig.js';

const NONE: ReadonlySet<string> = new Set();

let rig: Rig | undefined;

afterEach(async () => {
  await rig?.close();
  rig = undefined;
});

async function start(script: { readonly type: 'answer' } | { readonly type: 'status'; readonly status: number }) {
  rig = await startRig({
    models: { first: { script, credentials: ['first'] } },
    settings: { breaker: { failures: 1 }, models: { retry_policy: { max_attempts: 1 } } },
  });
  return rig;
}

describe('how a target stands, for whoever watches', () => {
  it('is as its breaker says', async () => {
    const { engine, call, model, upstream } = await start({ type: 'status', status: 500 });
    const first = model('first');
    expect(engine.standing(first, NONE)).toEqual({ circuit: 'closed', payable: true });
    await failureOf(engine.answer(call()));
    expect(engine.standing(first, NONE)).toEqual({ circuit: 'open', payable: true });
    // The probe that closes it.
    upstream('first').setScript({ type: 'answer' });
    await new Promise((done) => setTimeout(done, 300));
    const probe = engine.answer(call());
    await upstream('first').waitForRequests(2);
    await probe;
    expect(engine.standing(first, NONE)).toEqual({ circuit: 'closed', payable: true });
  });

  it('is without anybody to pay where its credential is rejected, or known to be unusable; looking uses nobody', async () => {
    const { engine, call, model, upstream } = await start({ type: 'status', status: 401 });
    const first = model('first');
    expect(engine.standing(first, new Set(['first']))).toEqual({ circuit: 'closed', payable: false });
    await failureOf(engine.answer(call()));
    expect(engine.standing(first, NONE)).toMatchObject({ payable: false });
    expect(upstream('first').requests).toHaveLength(1);
  });

  it('comes with what answers told of the provider’s clock, and the repeats that are left', async () => {
    const { engine, call } = await start({ type: 'answer' });
    expect(engine.clocks()).toEqual([]);
    await engine.answer(call());
    const [clock] = engine.clocks();
    expect(clock?.provider).toBe('first');
    expect(Math.abs(clock?.offsetMs ?? Number.NaN)).toBeLessThanOrEqual((clock?.uncertaintyMs ?? 0) + 5_000);
    expect(engine.retriesLeft()).toBeGreaterThan(0);
  });
});
