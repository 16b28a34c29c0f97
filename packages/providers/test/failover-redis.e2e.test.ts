import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { createRedisState, type SharedState } from '@moltbot/state';
import { type RedisServer, startRedisServer } from '../../state/src/testing/redis-server.js';
import { failureOf, gaps, type Rig, type RigOptions, startRig } from './failover-rig.js';

/** Two processes that share what they know through a real Redis, which may go away at any moment. */

let server: RedisServer;
let rig: Rig | undefined;
let prefixes = 0;
const opened: SharedState[] = [];

beforeAll(async () => {
  server = await startRedisServer();
});
afterEach(async () => {
  await rig?.close();
  rig = undefined;
  for (const state of opened.splice(0)) await state.close();
});
afterAll(async () => {
  await server.remove();
});

function open(): SharedState {
  const state = createRedisState({ url: server.url, prefix: `test-${prefixes}`, timeoutMs: 100, hangsAfterMs: 500 });
  opened.push(state);
  return state;
}

async function start(options: RigOptions): Promise<Rig> {
  prefixes += 1;
  rig = await startRig({ ...options, state: open() });
  await until(() => opened.every(({ trouble }) => trouble === undefined));
  return rig;
}

async function until(holds: () => boolean | Promise<boolean>, withinMs = 8_000): Promise<void> {
  const end = performance.now() + withinMs;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error('it did not come about in time');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const ANSWER = { type: 'answer' } as const;
const status = (code: number) => ({ type: 'status', status: code }) as const;
const OUTAGE: RigOptions = {
  models: { first: { script: status(500) }, second: { script: ANSWER } },
  settings: {
    models: { retry_policy: { max_attempts: 1 } },
    breaker: { failures: 1, open_for: '500ms', max_open_for: '500ms' },
  },
};

describe('two processes on one Redis', () => {
  it('call a dead target once in open_for between them', async () => {
    const { engine, call, upstream, another } = await start(OUTAGE);
    const other = another(open());
    await engine.answer(call());
    const end = performance.now() + 2_200;
    while (performance.now() < end) {
      const served = await Promise.all([engine.answer(call()), other.answer(call())]);
      expect(served.map(({ model }) => model.ref)).toEqual(['second:m', 'second:m']);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(upstream('first').requests.length).toBeGreaterThanOrEqual(3);
    expect(Math.min(...gaps(upstream('first')))).toBeGreaterThanOrEqual(495);
  });

  it('know of each other’s empty accounts, and of their reset', async () => {
    const { engine, call, upstream, another } = await start({
      models: { first: { script: status(402), credentials: ['first'] }, second: { script: ANSWER } },
    });
    const other = another(open());
    await other.answer(call({ plan: (rig as Rig).planOf('second') }));
    await engine.answer(call());
    await until(() => other.credentialHealth().length === 1);
    await other.answer(call());
    expect(upstream('first').requests).toHaveLength(1);
    expect(await other.resetCredential('first')).toEqual({ cleared: 1, shared: true });
    await until(() => engine.credentialHealth().length === 0);
    await engine.answer(call());
    expect(upstream('first').requests).toHaveLength(2);
  });
});

describe('a Redis that goes away', () => {
  it('costs no request more than moments: each process goes on with what it knows, and shares again when it is back', async () => {
    const { engine, call, upstream, another, plan } = await start({
      ...OUTAGE,
      models: { ...OUTAGE.models, third: { script: status(402), credentials: ['third'] } },
    });
    const chain = { ...plan, models: (rig as Rig).planOf('first', 'second').models };
    const other = another(open());
    const engines = [engine, other];
    let slowest = 0;
    const ask = async (): Promise<void> => {
      for (const each of engines) {
        const started = performance.now();
        expect((await each.answer(call({ plan: chain }))).model.ref).toBe('second:m');
        slowest = Math.max(slowest, performance.now() - started);
      }
    };
    await ask();
    await server.kill();
    const before = upstream('first').requests.length;
    const end = performance.now() + 1_600;
    while (performance.now() < end) await ask();
    // Each on its own now: once in open_for each.
    expect(upstream('first').requests.length - before).toBeLessThanOrEqual(8);
    // What one learns meanwhile the other is told afterwards; a reset too.
    await failureOf(engine.answer(call({ plan: (rig as Rig).planOf('third') })));
    expect(engine.credentialHealth()).toHaveLength(1);
    expect(other.credentialHealth()).toHaveLength(0);
    await server.start();
    await until(() => other.credentialHealth().length === 1);
    await server.kill();
    expect(await engine.resetCredential('third')).toEqual({ cleared: 1, shared: false });
    await server.start();
    await until(() => other.credentialHealth().length === 0);
    expect(slowest).toBeLessThan(600);
  });

  it('hangs does not hold requests up', async () => {
    const { engine, call } = await start(OUTAGE);
    await engine.answer(call());
    server.freeze();
    try {
      const times: number[] = [];
      const end = performance.now() + 1_500;
      while (performance.now() < end) {
        const started = performance.now();
        await engine.answer(call());
        times.push(performance.now() - started);
      }
      expect(Math.max(...times)).toBeLessThan(500);
      // Only a probe asks the state while a request waits.
      expect(times.filter((time) => time > 90).length).toBeLessThanOrEqual(4);
    } finally {
      server.thaw();
    }
  });

  it('lets a rejected key be tried once in open_for all the same, whatever comes at once', async () => {
    const { engine, call, upstream } = await start({
      models: { first: { script: status(401), credentials: ['first'] } },
      settings: { breaker: { open_for: '300ms' } },
    });
    await failureOf(engine.answer(call()));
    await server.kill();
    try {
      await new Promise((resolve) => setTimeout(resolve, 320));
      await Promise.all(Array.from({ length: 50 }, async () => failureOf(engine.answer(call()))));
      expect(upstream('first').requests).toHaveLength(2);
    } finally {
      await server.start();
    }
  });
});
