import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { ENDED_JOB_STATES, type JobContract, JOBS, MoltbotError } from '@moltbot/contracts';
import {
  type JobAttempt,
  type JobEvent,
  type JobProcessor,
  type JobSnapshot,
  type JobWorker,
  openQueues,
  type Queues,
} from '../src/index.js';
import { describeJobChanges } from './job-changes-conformance.js';
import type { TestServer } from './test-server.js';

const WARM = { models: [] };
const PATIENCE_MS = 20_000;
/** The row's own first wait is a second: the tests follow a shorter one. */
const BACKOFF_MS = 200;

/** The same tests for every backend: what the product builds on must not depend on which one runs below. */
export function describeQueues<Server extends TestServer>(
  backend: string,
  startServer: () => Promise<Server>,
  more: (server: () => Server) => void = () => {},
): void {
  describe(`queues on ${backend}`, () => {
    let server: Server;
    let opened: Queues[] = [];
    let namespaces = 0;
    let namespace = '';

    beforeAll(async () => {
      server = await startServer();
    }, 60_000);

    afterAll(async () => {
      await server.remove();
    }, 60_000);

    beforeEach(() => {
      const row: { backoff: JobContract['backoff'] } = JOBS.warmup;
      jest.replaceProperty(row, 'backoff', { firstMs: BACKOFF_MS, jitter: 0.5 });
    });

    afterEach(async () => {
      jest.restoreAllMocks();
      await Promise.all(opened.map(async (queues) => queues.close()));
      opened = [];
      namespace = '';
    });

    function open(options: { readonly fresh?: boolean; readonly timeoutMs?: number } = {}): Queues {
      if (namespace === '' || options.fresh === true) {
        namespaces += 1;
        namespace = `test_${process.pid}_${namespaces}`;
      }
      const { timeoutMs = 3_000 } = options;
      const queues = openQueues({ connection: server.connection, namespace, onError: () => {}, timeoutMs });
      opened.push(queues);
      return queues;
    }

    async function work(
      queues: Queues,
      processor: JobProcessor,
      options: { readonly concurrency?: number; readonly takeoverAfterMs?: number } = {},
    ): Promise<{ readonly worker: JobWorker; readonly events: JobEvent[] }> {
      const events: JobEvent[] = [];
      const worker = await queues.createWorker(processor, {
        concurrency: options.concurrency ?? 1,
        takeoverAfterMs: options.takeoverAfterMs,
        onEvent: (event) => events.push(event),
      });
      return { worker, events };
    }

    it('carry a job with its defaults and its trace to a worker, and its result back', async () => {
      const queues = open();
      const attempts: JobAttempt[] = [];
      const result = { models: [{ model: 'demo:assistant', state: 'warm' as const, durationMs: 5 }] };
      const { events } = await work(queues, async (attempt) => {
        attempts.push(attempt);
        return result;
      });
      const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
      const caller = { name: 'anna@example.com', models: ['demo:*'], limits: { requests_per_minute: 5 } };
      const { id } = await queues.enqueue('warmup', {}, { traceparent, owner: 'person', caller });
      const job = await ended(queues, id);
      expect(job).toMatchObject({ id, name: 'warmup', state: 'completed', result, error: undefined });
      expect(attempts).toEqual([
        {
          id,
          name: 'warmup',
          queue: 'default',
          payload: WARM,
          traceparent,
          owner: 'person',
          caller,
          attempt: 1,
          attempts: 3,
          enqueuedAt: expect.any(Number),
          dueAt: expect.any(Number),
        },
      ]);
      expect(events.map((event) => event.type)).toEqual(['completed']);
      expect(job.finishedAt).toBeGreaterThanOrEqual(job.enqueuedAt);
    });

    it('refuse what its row does not allow, and then hold nothing', async () => {
      const queues = open();
      const refused = [
        queues.enqueue('warmup', { models: [1] } as never),
        queues.enqueue('warmup', { model: 'x' } as never),
        queues.enqueue('warmup', null as never),
        queues.enqueue('toString' as never, {} as never),
        queues.enqueue('warmup', {}, { idempotencyKey: '' }),
      ];
      for (const call of refused) await expect(call).rejects.toMatchObject({ code: 'invalid_request' });
      await expect(refused[0]).rejects.toMatchObject({ param: 'payload.models.0' });
      expect((await queues.counts())['default']).toEqual({
        waiting: 0,
        active: 0,
        delayed: 0,
        completed: 0,
        failed: 0,
      });
      expect(await queues.find('warmup', 'never-there')).toBeUndefined();
    });

    it('take two jobs of one key for one, also when they come at once', async () => {
      const queues = open();
      const options = { idempotencyKey: 'every night: 3' };
      const ids = await Promise.all([1, 2, 3].map(async () => (await queues.enqueue('warmup', {}, options)).id));
      expect(new Set(ids).size).toBe(1);
      let runs = 0;
      await work(queues, async () => {
        runs += 1;
        return { models: [] };
      });
      await ended(queues, ids[0] ?? '');
      await queues.enqueue('warmup', {}, options);
      expect((await queues.counts())['default']).toMatchObject({ waiting: 0, completed: 1 });
      expect(runs).toBe(1);
    });

    it('try a failed job again as its row says, and keep the code of its last error, not the words of strangers', async () => {
      const queues = open();
      const starts: number[] = [];
      const { events } = await work(queues, async () => {
        starts.push(performance.now());
        throw starts.length < 3 ? new Error('canary of a stranger') : new MoltbotError('upstream_timeout', 'too slow');
      });
      const { id } = await queues.enqueue('warmup', {});
      const job = await ended(queues, id);
      expect(job).toMatchObject({
        state: 'dead',
        attemptsMade: 3,
        error: { code: 'upstream_timeout', message: 'too slow' },
      });
      expect(events.map((event) => event.type)).toEqual(['failed', 'failed', 'dead']);
      expect((starts[1] ?? 0) - (starts[0] ?? 0)).toBeGreaterThanOrEqual(BACKOFF_MS / 2 - 10);
      expect((starts[2] ?? 0) - (starts[1] ?? 0)).toBeGreaterThanOrEqual(BACKOFF_MS - 10);
    });

    it('keep a stranger’s error out of the queue', async () => {
      const queues = open();
      await work(queues, async () => {
        throw new Error('canary of a stranger');
      });
      const { id } = await queues.enqueue('warmup', {});
      const job = await until(queues, id, ({ error }) => error !== undefined);
      expect(job.error).toEqual({ code: 'internal_error', message: 'A fault in MoltBot' });
      expect(JSON.stringify(job)).not.toContain('canary');
    });

    it('end a job at once when trying again is no use', async () => {
      const queues = open();
      const { events } = await work(queues, async () => {
        throw new MoltbotError('model_not_found', 'no such model');
      });
      const { id } = await queues.enqueue('warmup', {});
      expect(await ended(queues, id)).toMatchObject({
        state: 'dead',
        attemptsMade: 1,
        error: { code: 'model_not_found', message: 'no such model' },
      });
      expect(events).toMatchObject([{ type: 'dead', error: { code: 'model_not_found' } }]);
    });

    it('wait at least as long as an error asks for', async () => {
      const queues = open();
      const starts: number[] = [];
      await work(queues, async () => {
        starts.push(performance.now());
        if (starts.length === 1) throw new MoltbotError('rate_limited', undefined, { retryAfterMs: 600 });
        return { models: [] };
      });
      const { id } = await queues.enqueue('warmup', {});
      await ended(queues, id);
      expect((starts[1] ?? 0) - (starts[0] ?? 0)).toBeGreaterThanOrEqual(590);
    });

    it('show how far a job has come', async () => {
      const queues = open();
      const go = Promise.withResolvers<void>();
      await work(queues, async (_attempt, { progress }) => {
        await progress({ done: 1, of: 2 });
        await go.promise;
        return { models: [] };
      });
      const { id } = await queues.enqueue('warmup', {});
      const job = await until(queues, id, (snapshot) => snapshot.progress !== undefined);
      expect(job).toMatchObject({ state: 'active', progress: { done: 1, of: 2 } });
      go.resolve();
      await ended(queues, id);
    });

    it('do as many jobs at a time as allowed, and each of them once', async () => {
      const queues = open();
      let now = 0;
      let most = 0;
      const seen: string[] = [];
      await work(
        queues,
        async ({ id }) => {
          now += 1;
          most = Math.max(most, now);
          seen.push(id);
          await new Promise((resolve) => {
            setTimeout(resolve, 20);
          });
          now -= 1;
          return { models: [] };
        },
        { concurrency: 3 },
      );
      const ids = await Promise.all(Array.from({ length: 12 }, async () => (await queues.enqueue('warmup', {})).id));
      await Promise.all(ids.map(async (id) => ended(queues, id)));
      expect(most).toBe(3);
      expect(seen.toSorted()).toEqual(ids.toSorted());
    });

    it('let a running job end when a worker stops in time', async () => {
      const queues = open();
      const started = Promise.withResolvers<void>();
      const { worker, events } = await work(queues, async () => {
        started.resolve();
        await new Promise((resolve) => {
          setTimeout(resolve, 300);
        });
        return { models: [] };
      });
      const { id } = await queues.enqueue('warmup', {});
      await started.promise;
      const next = await queues.enqueue('warmup', {});
      await worker.stop({ graceMs: 5_000 });
      expect(events.map((event) => event.type)).toEqual(['completed']);
      expect(await queues.find('warmup', id)).toMatchObject({ state: 'completed' });
      expect(await queues.find('warmup', next.id)).toMatchObject({ state: 'waiting' });
      expect(worker.active).toBe(0);
    });

    it.each(['listens to', 'ignores'])(
      'hand a job back when its time is over, and another worker does it: a handler that %s the signal',
      async (manner) => {
        const queues = open();
        const started = Promise.withResolvers<void>();
        const reasons: unknown[] = [];
        const { worker, events } = await work(queues, async (_attempt, { signal }) => {
          started.resolve();
          return new Promise((_resolve, reject) => {
            signal.addEventListener('abort', () => {
              reasons.push((signal.reason as MoltbotError).code);
              if (manner === 'listens to') reject(signal.reason as Error);
            });
          });
        });
        const { id } = await queues.enqueue('warmup', {});
        await started.promise;
        const began = performance.now();
        await worker.stop({ graceMs: 100 });
        expect(performance.now() - began).toBeLessThan(4_000);
        expect(events.map((event) => event.type)).toEqual(['handed-back']);
        expect(reasons).toEqual(['shutting_down']);
        expect(await queues.find('warmup', id)).toMatchObject({ state: 'waiting', attemptsMade: 0 });

        const attempts: number[] = [];
        await work(queues, async ({ attempt }) => {
          attempts.push(attempt);
          return { models: [] };
        });
        expect(await ended(queues, id)).toMatchObject({ state: 'completed' });
        expect(attempts).toEqual([1]);
      },
    );

    it('keep installations apart', async () => {
      const one = open();
      const { id } = await one.enqueue('warmup', {});
      const two = open({ fresh: true });
      expect(await two.find('warmup', id)).toBeUndefined();
      expect((await two.counts())['default']).toMatchObject({ waiting: 0 });
    });

    it('say within their time that the server is away, cost little meanwhile, and go on with the work when it is back', async () => {
      const queues = open({ timeoutMs: 1_000 });
      const half = Promise.withResolvers<void>();
      let runs = 0;
      await work(
        queues,
        async () => {
          runs += 1;
          if (runs === 10) half.resolve();
          await new Promise((resolve) => {
            setTimeout(resolve, 20);
          });
          return { models: [] };
        },
        { concurrency: 2 },
      );
      const ids = await Promise.all(Array.from({ length: 20 }, async () => (await queues.enqueue('warmup', {})).id));
      await half.promise;

      await server.down();
      const began = performance.now();
      await expect(queues.enqueue('warmup', {})).rejects.toMatchObject({ code: 'queue_unavailable', http: 503 });
      await expect(queues.counts()).rejects.toMatchObject({ code: 'queue_unavailable' });
      expect(performance.now() - began).toBeLessThan(3_000);
      const cpu = process.cpuUsage();
      await new Promise((resolve) => {
        setTimeout(resolve, 1_000);
      });
      const spent = process.cpuUsage(cpu);
      expect(spent.user + spent.system).toBeLessThan(400_000);

      await server.up();
      ids.push((await eventually(async () => queues.enqueue('warmup', {}))).id);
      for (const id of ids) expect(await ended(queues, id)).toMatchObject({ state: 'completed' });
    }, 60_000);

    it('fail in time where no server ever was, can be asked again, and close', async () => {
      await server.down();
      const queues = open({ fresh: true, timeoutMs: 400 });
      await expect(queues.ready()).rejects.toMatchObject({ code: 'queue_unavailable' });
      await expect(queues.createWorker(async () => ({}), { concurrency: 1 })).rejects.toMatchObject({
        code: 'queue_unavailable',
      });
      const abandoned = open({ timeoutMs: 400 });
      await expect(abandoned.enqueue('warmup', {})).rejects.toMatchObject({ code: 'queue_unavailable' });
      const began = performance.now();
      await abandoned.close();
      expect(performance.now() - began).toBeLessThan(4_000);

      await server.up();
      await eventually(async () => queues.ready());
      const { id } = await eventually(async () => queues.enqueue('warmup', {}, { idempotencyKey: 'late' }));
      expect(await queues.find('warmup', id)).toMatchObject({ state: 'waiting' });
      // What was refused is not done behind the caller's back.
      expect((await queues.counts())['default']).toMatchObject({ waiting: 1 });
    }, 60_000);

    describeJobChanges({ open, work, until, ended });

    more(() => server);

    it('refuse work after their end', async () => {
      const queues = open();
      await queues.ready();
      await Promise.all([queues.close(), queues.close()]);
      await expect(queues.enqueue('warmup', {})).rejects.toMatchObject({ code: 'queue_unavailable' });
      await expect(queues.createWorker(async () => ({}), { concurrency: 1 })).rejects.toMatchObject({
        code: 'queue_unavailable',
      });
    });
  });
}

async function ended(queues: Queues, id: string): Promise<JobSnapshot> {
  return until(queues, id, ({ state }) => ENDED_JOB_STATES.has(state));
}

async function until(queues: Queues, id: string, reached: (job: JobSnapshot) => boolean): Promise<JobSnapshot> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    const job = await queues.get(id).catch(() => undefined);
    if (job !== undefined && reached(job)) return job;
    if (performance.now() > deadline) throw new Error(`job ${id} is still ${JSON.stringify(job)}`);
    await new Promise((resolve) => {
      setTimeout(resolve, 25);
    });
  }
}

/** Calls until it succeeds. */
export async function eventually<T>(call: () => Promise<T>): Promise<T> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (performance.now() > deadline) throw error;
    }
  }
}
