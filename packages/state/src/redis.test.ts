import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { openSharedState } from './open-shared-state.js';
import { createRedisState, type RedisStateOptions } from './redis.js';
import type { SharedState } from './shared-state.js';
import { describeSharedState } from './testing/describe-shared-state.js';
import { type RedisServer, startRedisServer } from './testing/redis-server.js';

let server: RedisServer;
let admin: Redis;
let cluster: RedisServer;
let prefixes = 0;
const opened: SharedState[] = [];

beforeAll(async () => {
  [server, cluster] = await Promise.all([startRedisServer(), startRedisServer(['--cluster-enabled', 'yes'])]);
  admin = new Redis(server.url, { retryStrategy: () => 50 });
  admin.on('error', () => {});
  const clusterAdmin = new Redis(cluster.url);
  await clusterAdmin.call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383');
  await until(async () => String(await clusterAdmin.call('CLUSTER', 'INFO')).includes('cluster_state:ok'));
  clusterAdmin.disconnect();
});

afterEach(async () => {
  for (const state of opened.splice(0)) await state.close();
});

afterAll(async () => {
  admin.disconnect();
  await Promise.all([server.remove(), cluster.remove()]);
});

function open(options: Partial<RedisStateOptions> = {}): SharedState {
  const state = createRedisState({ url: server.url, prefix: `test-${prefixes}`, timeoutMs: 1_000, ...options });
  opened.push(state);
  return state;
}

async function until(holds: () => boolean | Promise<boolean>, withinMs = 8_000): Promise<void> {
  const end = performance.now() + withinMs;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error('it did not come about in time');
    await pause(10);
  }
}

/** What was written before has been told once this has: the log is in order. */
async function settled(state: SharedState): Promise<void> {
  const key = `settled-${Math.random()}`;
  let told = false;
  const stop = state.watch(key, () => {
    told = true;
  });
  await state.compareAndSwap(key, 0, '', 10_000);
  await until(() => told);
  stop();
}

// As in a cluster of many: a script that touches keys of several slots is refused.
describeSharedState('createRedisState', async () => {
  prefixes += 1;
  const state = open({ url: cluster.url, timeoutMs: 5_000 });
  const other = open({ url: cluster.url, timeoutMs: 5_000 });
  return { state, other, pass: async (ms) => await pause(ms + 5), settle: async () => await settled(state) };
});

async function failureOf(call: Promise<unknown>): Promise<unknown> {
  return await call.then(
    () => 'none',
    (error: unknown) => error,
  );
}

describe('the shared state that the settings ask for', () => {
  it.each([
    ['memory', 'redis://127.0.0.1:1', 'memory'],
    ['auto', 'storage', 'memory'],
    ['auto', 'postgres://127.0.0.1:1', 'memory'],
    ['auto', 'redis://127.0.0.1:1', 'redis'],
    ['redis://127.0.0.1:1', 'storage', 'redis'],
  ])('%p with jobs at %p is in %s', async (url, queueUrl, kind) => {
    const state = openSharedState({ url, queueUrl });
    opened.push(state);
    expect(state.kind).toBe(kind);
    expect(state.trouble === undefined).toBe(kind === 'memory');
  });
});

describe('shared state in a Redis that', () => {
  it('is not there rejects at once with what was the matter, and works when it comes', async () => {
    prefixes += 1;
    await server.kill();
    const events: unknown[] = [];
    const state = open({ onEvent: (event) => events.push(event) });
    expect(await failureOf(state.read('a'))).toMatchObject({
      name: 'StateError',
      code: 'disconnected',
      reason: 'ECONNREFUSED',
      maybeApplied: false,
    });
    const started = performance.now();
    for (let index = 0; index < 50; index += 1) await failureOf(state.add('a', 1, 1_000));
    expect(performance.now() - started).toBeLessThan(100);
    expect(state.trouble).toBe('ECONNREFUSED');
    await server.start();
    await until(() => state.trouble === undefined);
    expect(await state.add('a', 1, 3_600_000)).toBe(1);
    expect(events).toEqual([{ type: 'lost', reason: 'ECONNREFUSED' }, { type: 'connected' }]);
  });

  it('is killed in the middle ends every call, and tells watchers what is left when it is back', async () => {
    prefixes += 1;
    const state = open();
    const seen: string[] = [];
    state.watch('', (key, record) => seen.push(`${key}=${record?.value}`));
    const before = await state.compareAndSwap('a', 0, 'old', 60_000);
    const lease = await state.acquireLease('l', 'x', 60_000);
    await settled(state);
    expect(seen[0]).toBe('a=old');
    const calls = Array.from({ length: 200 }, async (_, index) => failureOf(state.add(`k${index}`, 1, 60_000)));
    await server.kill();
    const ends = await Promise.all(calls);
    expect(ends.every((end) => end === 'none' || (end instanceof Error && end.name === 'StateError'))).toBe(true);
    await server.start();
    await until(() => state.trouble === undefined);
    // It kept nothing: the record is gone, and versions and fences go on growing all the same.
    await until(() => seen.includes('a=undefined'));
    const after = await state.compareAndSwap('a', 0, 'new', 60_000);
    expect(after?.version).toBeGreaterThan(before?.version ?? Number.POSITIVE_INFINITY);
    expect((await state.acquireLease('l', 'x', 60_000))?.fence).toBeGreaterThan(
      lease?.fence ?? Number.POSITIVE_INFINITY,
    );
    await until(() => seen.includes('a=new'));
  });

  it('does not answer costs one wait of the limit, then nothing, and a lease that was granted late is given back', async () => {
    prefixes += 1;
    const state = open({ timeoutMs: 400 });
    await state.add('a', 1, 1_000);
    await admin.call('CLIENT', 'PAUSE', '3000');
    const started = performance.now();
    expect(await failureOf(state.acquireLease('l', 'x', 60_000))).toMatchObject({
      code: 'timeout',
      maybeApplied: true,
    });
    expect(performance.now() - started).toBeLessThan(1_200);
    for (let index = 0; index < 50; index += 1) {
      expect(await failureOf(state.read('a'))).toMatchObject({ code: 'timeout' });
    }
    expect(performance.now() - started).toBeLessThan(2_000);
    expect(state.trouble).toBe('no answer');
    await until(() => state.trouble === undefined);
    await until(async () => (await state.acquireLease('l', 'y', 60_000)) !== undefined);
  });

  it('hangs for long is asked over a new connection', async () => {
    prefixes += 1;
    const events: { readonly type: string }[] = [];
    const state = open({ timeoutMs: 400, hangsAfterMs: 1_000, onEvent: (event) => events.push(event) });
    await state.add('a', 1, 3_600_000);
    server.freeze();
    try {
      expect(await failureOf(state.add('a', 1, 3_600_000))).toMatchObject({ code: 'timeout' });
      await until(() => events.some(({ type }) => type === 'lost'));
      expect(await failureOf(state.add('a', 1, 3_600_000))).toMatchObject({ code: 'disconnected' });
    } finally {
      server.thaw();
    }
    await until(() => state.trouble === undefined);
    // The call that was given up may have been carried out.
    expect([2, 3]).toContain(await state.add('a', 1, 3_600_000));
  });

  it('forgets its scripts gets them again', async () => {
    prefixes += 1;
    const state = open();
    const first = await state.compareAndSwap('a', 0, '1', 60_000);
    await admin.call('SCRIPT', 'FLUSH');
    expect(await state.compareAndSwap('a', first?.version ?? 0, '2', 60_000)).toBeDefined();
    await admin.call('SCRIPT', 'FLUSH');
    expect(await state.acquireLease('a', 'x', 1_000)).toBeDefined();
  });

  it('drops the connection of the watcher tells it all the same what was written meanwhile', async () => {
    prefixes += 1;
    const state = open();
    const other = open();
    const seen: string[] = [];
    state.watch('w:', (key, record) => seen.push(`${key}=${record?.value}`));
    const first = await other.compareAndSwap('w:known', 0, '1', 60_000);
    await until(() => seen.length === 1);
    await admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await until(async () => (await failureOf(other.read('w:known'))) === 'none');
    await other.compareAndSwap('w:known', first?.version ?? 0, '2', 60_000);
    await other.compareAndSwap('w:new', 0, '3', 60_000);
    await until(() => seen.length === 3);
    expect(seen.toSorted()).toEqual(['w:known=1', 'w:known=2', 'w:new=3']);
  });

  it('evicts what it has no room for has it written again, with a larger version', async () => {
    prefixes += 1;
    const state = open();
    const seen: string[] = [];
    const first = await state.compareAndSwap('a', 0, '1', 60_000);
    await state.acquireLease('a', 'x', 60_000);
    await admin.flushall();
    state.watch('', (key, record) => seen.push(`${key}=${record?.value}`));
    expect(await state.read('a')).toBeUndefined();
    expect((await state.compareAndSwap('a', 0, '2', 60_000))?.version).toBeGreaterThan(first?.version ?? Infinity);
    expect(await state.acquireLease('a', 'y', 60_000)).toBeDefined();
    await until(() => seen.includes('a=2'));
  });

  it('refuses to write says why', async () => {
    prefixes += 1;
    const state = open();
    await admin.config('SET', 'maxmemory', '1');
    try {
      expect(await failureOf(state.compareAndSwap('a', 0, '1', 60_000))).toMatchObject({
        code: 'refused',
        reason: 'OOM',
        maybeApplied: false,
      });
    } finally {
      await admin.config('SET', 'maxmemory', '0');
    }
    await admin.config('SET', 'requirepass', 'hunter2');
    try {
      const stranger = open();
      const failure = await failureOf(stranger.read('a'));
      expect(failure).toMatchObject({ name: 'StateError', reason: 'NOAUTH' });
      const known = open({ url: server.url.replace('//', '//:hunter2@') });
      expect(await known.read('a')).toBeUndefined();
    } finally {
      await admin.config('SET', 'requirepass', '');
    }
  });

  it('many processes write to at once loses no count and grants one lease', async () => {
    prefixes += 1;
    const states = Array.from({ length: 4 }, () => open({ timeoutMs: 2_000 }));
    await Promise.all(
      states.map(async (state) => {
        for (let index = 0; index < 100; index += 1) await state.add('n', 1, 3_600_000);
      }),
    );
    expect(await states[0]?.add('n', 0, 3_600_000)).toBe(400);
    const leases = await Promise.all(states.map(async (state) => state.acquireLease('one', 'x', 60_000)));
    expect(leases.filter((lease) => lease !== undefined)).toHaveLength(1);
  });

  it('was left ends all calls and leaves no connection behind', async () => {
    prefixes += 1;
    const connections = async () => String(await admin.call('CLIENT', 'LIST')).split('\n').length;
    const before = await connections();
    const state = createRedisState({ url: server.url });
    state.watch('', () => {});
    await state.read('a');
    await state.close();
    await state.close();
    await expect(state.read('a')).rejects.toThrow('closed');
    await until(async () => (await connections()) <= before);
  });
});
