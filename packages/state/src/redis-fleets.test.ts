import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { type RedisFleet, startRedisCluster, startSentinels } from '@moltbot/redis/testing';
import { openQuotas } from './open-quotas.js';
import { openSharedState } from './open-shared-state.js';
import type { Quotas } from './quotas.js';
import type { SharedState } from './shared-state.js';
import { StateError } from './state-error.js';

const fleets: Partial<Record<'sentinels' | 'cluster', RedisFleet>> = {};
const opened: (SharedState | Quotas)[] = [];
let prefixes = 0;

beforeAll(async () => {
  fleets.sentinels = await startSentinels();
  fleets.cluster = await startRedisCluster();
}, 90_000);

afterEach(async () => {
  for (const state of opened.splice(0)) await state.close();
});

afterAll(async () => {
  await Promise.all(Object.values(fleets).map(async (fleet) => fleet.remove()));
});

function open(url: string): SharedState {
  const state = openSharedState({ url: 'auto', queueUrl: url, prefix: `fleet-${prefixes}` });
  opened.push(state);
  return state;
}

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + 20_000;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error('it did not come about in time');
    await pause(20);
  }
}

const ASK = { tokens: 0, tokensPerMinute: undefined, parallel: undefined };

/** Which key of the shared state is in the slot that has to move. */
const slotOf = () => `{fleet-${prefixes}:state}`;

describe.each(['sentinels', 'cluster'] as const)('shared state in a Redis with %s', (kind) => {
  it('holds counts, records, leases and limits of all processes', async () => {
    prefixes += 1;
    const url = fleets[kind]?.url ?? '';
    const [one, other] = [open(url), open(url)];
    expect(one.kind).toBe('redis');
    await until(() => one.trouble === undefined && other.trouble === undefined);
    expect(await one.add('n', 2, 3_600_000)).toBe(2);
    expect(await other.add('n', 3, 3_600_000)).toBe(5);
    const seen: (string | undefined)[] = [];
    other.watch('', (_key, record) => seen.push(record?.value));
    const first = await one.compareAndSwap('a', 0, 'one', 60_000);
    expect(await other.compareAndSwap('a', 0, 'two', 60_000)).toBeUndefined();
    expect(await other.compareAndSwap('a', first?.version ?? 0, 'two', 60_000)).toBeDefined();
    await until(() => seen.includes('two'));
    const lease = await one.acquireLease('l', 'x', 60_000);
    expect(await other.acquireLease('l', 'y', 60_000)).toBeUndefined();
    if (lease !== undefined) await one.releaseLease(lease);
    expect(await other.acquireLease('l', 'y', 60_000)).toBeDefined();

    // Callers are in slots of their own.
    const events: unknown[] = [];
    const quotas = openQuotas({ url, prefix: `fleet-${prefixes}`, onEvent: (event) => events.push(event) });
    opened.push(quotas);
    await until(
      async () => (await quotas.take({ ...ASK, key: 'warm', requestsPerMinute: 9_000 })).granted && events.length > 0,
    );
    for (let caller = 0; caller < 12; caller += 1) {
      const ask = { ...ASK, key: `caller-${caller}`, requestsPerMinute: 1 };
      expect((await quotas.take(ask)).granted).toBe(true);
      expect((await quotas.take(ask)).granted).toBe(false);
    }
    expect(events.at(-1)).toMatchObject({ type: 'quotas', shared: true });
  });

  it('goes on at the next primary when the first is killed in the middle, and every call ends meanwhile', async () => {
    prefixes += 1;
    const fleet = fleets[kind];
    if (fleet === undefined) throw new Error('it did not start');
    const [one, other] = [open(fleet.url), open(fleet.url)];
    await until(() => one.trouble === undefined && other.trouble === undefined);
    const seen: (string | undefined)[] = [];
    other.watch('', (_key, record) => seen.push(record?.value));
    await one.compareAndSwap('before', 0, 'kept', 60_000);
    await until(() => seen.includes('kept'));
    // Replicas are told after the caller: a moment for the last write.
    await pause(200);
    const going = new AbortController();
    const ends = { good: 0, refused: 0, longest: 0 };
    const traffic = (async () => {
      while (!going.signal.aborted) {
        const began = performance.now();
        await one.add('n', 1, 3_600_000).then(
          () => (ends.good += 1),
          (error: unknown) => {
            if (!(error instanceof StateError)) throw error;
            ends.refused += 1;
          },
        );
        ends.longest = Math.max(ends.longest, performance.now() - began);
        await pause(5);
      }
    })();
    await pause(200);
    await fleet.killPrimary(slotOf());
    await until(async () => (await one.read('before').catch(() => undefined))?.value === 'kept');
    const good = ends.good;
    await until(() => ends.good > good + 20);
    going.abort();
    await traffic;
    expect(ends.refused).toBeGreaterThan(0);
    // 250 ms is its limit.
    expect(ends.longest).toBeLessThan(2_000);
    await until(async () => (await one.compareAndSwap('after', 0, 'new', 60_000).catch(() => undefined)) !== undefined);
    await until(() => seen.includes('new'));
  });
});
