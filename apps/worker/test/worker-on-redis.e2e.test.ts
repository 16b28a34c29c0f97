import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { openQueues } from '@moltbot/queue';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startRedisServer } from '../../../packages/queue/test/redis-server.js';
import type { TestServer } from '../../../packages/queue/test/test-server.js';
import { active, job } from './job-state.js';
import { spawnWorker, type WorkerProcess } from './worker-process.js';

describe('a worker on Redis', () => {
  let redis: TestServer;
  let home: string;
  let workers: WorkerProcess[] = [];

  beforeAll(async () => {
    redis = await startRedisServer();
  }, 30_000);

  afterAll(async () => {
    await redis.remove();
  }, 30_000);

  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'moltbot-worker-'));
  });

  afterEach(async () => {
    for (const worker of workers) worker.kill('SIGKILL');
    await Promise.all(workers.map(async (worker) => worker.ended()));
    workers = [];
    await rm(home, { recursive: true, force: true });
  });

  function start(flags: Readonly<Record<string, unknown>>): WorkerProcess {
    const worker = spawnWorker({ home, flags });
    workers.push(worker);
    return worker;
  }

  it('needs no database, waits for a Redis that is away, and finishes what a killed one had begun', async () => {
    const { url } = redis.connection as { url: string };
    // Jobs that look after the database begin by themselves: they alone miss it.
    const flags = {
      'queue.url': url,
      'storage.url': 'postgres://127.0.0.1:1/nowhere',
      'worker.takeover_after': '1s',
    };
    await redis.down();
    const first = start(flags);
    expect(await first.logged('waiting for the queue')).toMatchObject({ level: 'warn' });
    await redis.up();
    const port = await first.ready();
    expect((await fetch(`http://127.0.0.1:${port}/ready`)).status).toBe(200);

    const queues = openQueues({ url, onError: () => {} });
    try {
      const { id } = await queues.enqueue('warmup', { models: ['demo:slow=800ms'] });
      await job(queues, id, active);
      first.kill('SIGKILL');
      start(flags);
      expect(await job(queues, id)).toMatchObject({ state: 'completed' });
    } finally {
      await queues.close();
    }
  });

  it('ends cleanly, and at once, while it still waits', async () => {
    const worker = start({ 'queue.url': 'redis://127.0.0.1:9' });
    await worker.logged('queue');
    const began = performance.now();
    worker.kill('SIGTERM');
    expect(await worker.ended()).toEqual({ code: 0, signal: null });
    expect(performance.now() - began).toBeLessThan(1_500);
  });
});
