import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type RedisFleet, startRedisCluster, startSentinels } from '@moltbot/redis/testing';
import { openQueues, type Queues } from '../src/index.js';

const fleets: Partial<Record<'sentinels' | 'cluster', RedisFleet>> = {};
const opened: Queues[] = [];

beforeAll(async () => {
  fleets.sentinels = await startSentinels();
  fleets.cluster = await startRedisCluster();
}, 90_000);

afterAll(async () => {
  await Promise.all(opened.map(async (queues) => queues.close()));
  await Promise.all(Object.values(fleets).map(async (fleet) => fleet.remove()));
});

describe.each(['sentinels', 'cluster'] as const)('queues on a Redis with %s', (kind) => {
  it('lose no job that was accepted when the primary is killed in the middle', async () => {
    const fleet = fleets[kind];
    if (fleet === undefined) throw new Error('it did not start');
    const open = (): Queues => {
      const queues = openQueues({ url: fleet.url, onError: () => undefined });
      opened.push(queues);
      return queues;
    };
    const [producer, consumer] = [open(), open()];
    await Promise.all([producer.ready(), consumer.ready()]);
    const done = new Set<string>();
    const worker = await consumer.createWorker(
      async ({ id }) => {
        await pause(20);
        done.add(id);
        return { models: [], prompts: [] };
      },
      { concurrency: 4, takeoverAfterMs: 2_000 },
    );
    const accepted = new Set<string>();
    let refused = 0;
    const going = new AbortController();
    const traffic = (async () => {
      for (let index = 0; !going.signal.aborted; index += 1) {
        await producer.enqueue('warmup', {}, { idempotencyKey: `job-${index}` }).then(
          ({ id }) => accepted.add(id),
          (error: unknown) => {
            expect(error).toMatchObject({ code: 'queue_unavailable' });
            refused += 1;
          },
        );
        await pause(10);
      }
    })();
    await pause(500);
    const before = accepted.size;
    expect(before).toBeGreaterThan(5);
    await fleet.killPrimary('{moltbot}');
    const failedOver = accepted.size;
    const until = performance.now() + 25_000;
    while (accepted.size < failedOver + 20 && performance.now() < until) await pause(50);
    going.abort();
    await traffic;
    expect(accepted.size).toBeGreaterThanOrEqual(failedOver + 20);
    while ([...accepted].some((id) => !done.has(id)) && performance.now() < until) await pause(50);
    expect([...accepted].filter((id) => !done.has(id))).toEqual([]);
    // Each says so itself, too.
    const [one = ''] = accepted;
    expect((await producer.get(one))?.state).toBe('completed');
    expect((await producer.list({ limit: 5 })).jobs).toHaveLength(5);
    expect(refused).toBeLessThan(accepted.size);
    await producer.schedule();
    await worker.stop({ graceMs: 1_000 });
  }, 60_000);
});
