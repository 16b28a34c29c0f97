import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { TokenStore } from '@moltbot/auth';
import { MoltbotError } from '@moltbot/contracts';
import { type RedisFleet, startRedisCluster, startSentinels } from '@moltbot/redis/testing';
import { openRedisTokenStore } from './open-redis-token-store.js';

const KEY = 'moltbot:credential-tokens';
const fleets: Partial<Record<'sentinels' | 'cluster', RedisFleet>> = {};
const opened: TokenStore[] = [];

beforeAll(async () => {
  fleets.sentinels = await startSentinels('hunter2');
  fleets.cluster = await startRedisCluster();
}, 90_000);

afterAll(async () => {
  await Promise.all(opened.map(async (store) => store.close()));
  await Promise.all(Object.values(fleets).map(async (fleet) => fleet.remove()));
});

describe.each(['sentinels', 'cluster'] as const)('tokens in a Redis with %s', (kind) => {
  it('are all there that were stored when the primary is killed in the middle of writing', async () => {
    const fleet = fleets[kind];
    if (fleet === undefined) throw new Error('it did not start');
    const open = (): TokenStore => {
      const store = openRedisTokenStore({ url: fleet.url });
      opened.push(store);
      return store;
    };
    const [one, other] = [open(), open()];
    const changed = new Set<string>();
    const stop = other.watch((id) => changed.add(id));
    expect(await one.compareAndSwap('watched', 0, 'first')).toEqual({ version: 1, value: 'first' });
    expect(await other.compareAndSwap('watched', 0, 'second')).toBeUndefined();
    const until = performance.now() + 40_000;
    while (!changed.has('watched') && performance.now() < until) await pause(20);
    expect(changed).toContain('watched');

    const stored = new Map<string, string>();
    let refused = 0;
    const going = new AbortController();
    const writing = (async () => {
      for (let index = 0; !going.signal.aborted; index += 1) {
        await one.compareAndSwap(`id-${index}`, 0, `value-${index}`).then(
          (row) => row !== undefined && stored.set(`id-${index}`, row.value),
          (error: unknown) => {
            expect(error).toBeInstanceOf(MoltbotError);
            refused += 1;
          },
        );
        await pause(5);
      }
    })();
    await pause(500);
    const before = stored.size;
    await fleet.killPrimary(KEY);
    while (stored.size < before + 20 && performance.now() < until) await pause(20);
    going.abort();
    await writing;
    expect(refused).toBeGreaterThan(0);
    let rows = await other.list().catch(() => undefined);
    while (rows === undefined && performance.now() < until) rows = await other.list().catch(() => undefined);
    expect([...stored].filter(([id, value]) => rows?.get(id)?.value !== value)).toEqual([]);
    expect(stored.size).toBeGreaterThanOrEqual(before + 20);
    // Told by polling, if not at once.
    changed.clear();
    await one.compareAndSwap('after', 0, 'x');
    while (!changed.has('after') && performance.now() < until) await pause(20);
    expect(changed).toContain('after');
    stop();
  }, 60_000);
});
