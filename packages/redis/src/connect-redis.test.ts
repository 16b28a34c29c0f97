import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import * as library from 'ioredis';
import { connectRedis, isCluster, type RedisClient } from './connect-redis.js';
import { onReplica } from './on-replica.js';
import { probeRedis } from './probe-redis.js';
import { type RedisFleet, startRedisCluster, startSentinels } from './testing/redis-fleet.js';

const PASSWORD = 'hunter2';
let sentinels: RedisFleet;
let cluster: RedisFleet;
const opened: RedisClient[] = [];

beforeAll(async () => {
  sentinels = await startSentinels(PASSWORD);
  cluster = await startRedisCluster();
}, 60_000);

afterAll(async () => {
  for (const client of opened) client.disconnect();
  await Promise.all([sentinels?.remove(), cluster?.remove()]);
});

function connect(url: string, onOpen?: (client: RedisClient) => void): RedisClient {
  const client = connectRedis({ library, url, options: { retryStrategy: () => 100, disconnectTimeout: 200 }, onOpen });
  client.on('error', () => undefined);
  opened.push(client);
  return client;
}

async function eventually(holds: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + 20_000;
  while (!(await holds().catch(() => false))) {
    if (performance.now() > end) throw new Error('it did not come about in time');
    await pause(50);
  }
}

describe('a client', () => {
  it('finds the primary by its sentinels, and the next one when that is killed', async () => {
    const client = connect(sentinels.url);
    await client.set('a', '1');
    // What a replica has is there after the failover.
    expect(await onReplica(client, 2_000)).toBe(true);
    await sentinels.killPrimary();
    // What was under way may end with the connection; the next ones don't.
    await eventually(async () => (await client.get('a')) === '1');
    await client.set('a', '2');
    expect(await client.get('a')).toBe('2');
    expect(await onReplica(client, 50)).toBe(false);
  });

  it('finds the nodes of a cluster, and goes on when one of them is killed', async () => {
    const client = connect(cluster.url);
    const keys = Array.from({ length: 30 }, (_, index) => `key-${index}`);
    await Promise.all(keys.map(async (key) => client.set(key, key)));
    expect(await onReplica(client, 2_000)).toBe(true);
    await cluster.killPrimary('key-0');
    const read = async () => Promise.all(keys.map(async (key) => client.get(key)));
    await eventually(async () => (await read()).every((value, index) => value === keys[index]));
  });

  it('tells of every copy that is made of it', async () => {
    for (const url of [sentinels.url, cluster.url]) {
      const seen: RedisClient[] = [];
      const client = connect(url, (one) => {
        one.on('error', () => undefined);
        seen.push(one);
      });
      const copy = isCluster(client) ? client.duplicate() : client.duplicate();
      expect(seen).toEqual([client, copy]);
      expect(await copy.get('no-such-key')).toBeNull();
      copy.disconnect();
    }
  });

  it('ends when it is closed, also while it still looks for a sentinel', async () => {
    const client = connect('redis+sentinel://127.0.0.1:1/main');
    const copy = isCluster(client) ? client.duplicate() : client.duplicate();
    copy.on('error', () => undefined);
    await pause(200);
    client.disconnect();
    copy.disconnect();
    await eventually(async () => client.status === 'end' && copy.status === 'end');
  });

  it('is made for no other address', () => {
    expect(() => connect('redis+sentinel://a')).toThrow('expected');
  });
});

describe('the look at a Redis', () => {
  const probe = async (url: string, ms = 10_000) => probeRedis({ url, signal: AbortSignal.timeout(ms) });

  it('says version and members, and why it is not there', async () => {
    expect(await probe(sentinels.url)).toMatchObject({
      problem: undefined,
      version: expect.stringMatching(/^\d+\.\d+/),
    });
    expect(await probe(cluster.url)).toMatchObject({ problem: undefined, members: 6 });
    expect(await probe(sentinels.url.replace('/main', '/other'), 2_000)).toHaveProperty('problem');
    expect((await probe('redis+cluster://127.0.0.1:1', 2_000)).problem).toBe('no node answers');
    expect((await probe('redis+sentinel://127.0.0.1:1/main', 2_000)).problem).toBe('no sentinel answers');
    expect((await probe(sentinels.url.replace(/\/\/:.*@/, '//'), 2_000)).problem).toBe('NOAUTH');
  });
});
