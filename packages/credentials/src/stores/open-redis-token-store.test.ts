import { randomUUID } from 'node:crypto';
import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { type RedisTestServer, startRedisServer } from '../../../queue/test/redis-server.js';
import { openLink } from '../testing/cuttable-link.js';
import { describeTokenStore, type TokenStoreUnderTest } from '../testing/describe-token-store.js';
import { openRedisTokenStore } from './open-redis-token-store.js';

const urlOf = (server: RedisTestServer): string => ('url' in server.connection ? String(server.connection.url) : '');

describeTokenStore('Redis', async (): Promise<TokenStoreUnderTest> => {
  const server = await startRedisServer();
  const link = await openLink(Number(new URL(urlOf(server)).port));
  return {
    place: { kind: 'redis', url: `redis://127.0.0.1:${link.port}` },
    down: () => link.refuse(),
    hang: async () => link.silence(),
    up: () => link.mend(),
    async remove() {
      await link.close();
      await server.remove();
    },
  };
});

describe('a Redis', () => {
  let server: RedisTestServer;
  let admin: Redis;
  beforeAll(async () => {
    server = await startRedisServer();
    admin = new Redis(urlOf(server));
  });
  afterAll(async () => {
    admin.disconnect();
    await server.remove();
  });

  it('that keeps nothing on its disk is told once; one that does is not', async () => {
    const told: string[] = [];
    for (const appendonly of ['yes', 'no']) {
      await admin.config('SET', 'appendonly', appendonly);
      const store = openRedisTokenStore({ url: urlOf(server), onNotDurable: () => told.push(appendonly) });
      for (let version = 0; version < 2; version += 1) await store.compareAndSwap(`d-${appendonly}`, version, '');
      await store.close();
    }
    expect(told).toEqual(['no']);
  });

  it('that takes no writes, or refuses the password, is named so, with nothing of the login or the value', async () => {
    const store = openRedisTokenStore({ url: urlOf(server) });
    await store.compareAndSwap('a', 0, 'CANARY-value');
    await admin.replicaof('127.0.0.1', 1);
    const replica = await store.compareAndSwap('a', 1, 'CANARY-value').catch((error: unknown) => error);
    await admin.replicaof('NO', 'ONE');
    await store.close();
    await admin.acl('SETUSER', 'limited', 'on', '>CANARY-right', '+@all', '~*', '&*');
    const wrong = new URL(urlOf(server));
    wrong.username = 'limited';
    wrong.password = 'CANARY-wrong';
    const refused = openRedisTokenStore({ url: wrong.href, limitMs: 500 });
    const login = await refused.read('a').catch((error: unknown) => error);
    await refused.close();
    expect(replica).toMatchObject({ code: 'token_store_unavailable', message: expect.stringContaining('replica') });
    expect(login).toMatchObject({ code: 'token_store_unavailable', message: expect.stringContaining('password') });
    for (const error of [replica, login] as Error[]) {
      expect(inspect(error, { depth: 10, showHidden: true })).not.toContain('CANARY');
    }
  });
});

it('Redis keeps what was acknowledged through a restart', async () => {
  const server = await startRedisServer();
  const id = randomUUID();
  const store = openRedisTokenStore({ url: urlOf(server) });
  try {
    await store.compareAndSwap(id, 0, 'one');
    await server.down();
    await expect(openRead(server, id)).rejects.toMatchObject({ code: 'token_store_unavailable' });
    await server.up();
    expect(await store.read(id)).toEqual({ version: 1, value: 'one' });
  } finally {
    await store.close();
    await server.remove();
  }
});

/** By a new door, which has no connection yet. */
async function openRead(server: RedisTestServer, id: string): Promise<unknown> {
  const store = openRedisTokenStore({ url: urlOf(server), limitMs: 300 });
  try {
    return await store.read(id);
  } finally {
    await store.close();
  }
}
