import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it, jest } from '@jest/globals';
import { type JobContract, JOBS, MoltbotError } from '@moltbot/contracts';
import {
  type JobAttempt,
  type JobEvent,
  type JobEventRow,
  JobLater,
  type JobProcessor,
  type JobSnapshot,
  type JobWorker,
  type Queues,
} from '../src/index.js';

const DONE = { models: [] };
const NONE = { waiting: 0, active: 0, delayed: 0 };

export interface ConformanceTools {
  readonly open: () => Queues;
  readonly work: (
    queues: Queues,
    processor: JobProcessor,
    options?: { readonly concurrency?: number },
  ) => Promise<{ readonly worker: JobWorker; readonly events: JobEvent[] }>;
  readonly until: (queues: Queues, id: string, reached: (job: JobSnapshot) => boolean) => Promise<JobSnapshot>;
  readonly ended: (queues: Queues, id: string) => Promise<JobSnapshot>;
}

/** What people do with jobs: look for them, cancel them, retry them, follow them. Same tests for every backend. */
export function describeJobChanges({ open, work, until, ended }: ConformanceTools): void {
  /** Runs until it is told to end, or aborted. */
  const endless: JobProcessor = async (_attempt, { signal }) =>
    new Promise<never>((_resolve, reject) => {
      signal.addEventListener('abort', () => {
        reject(signal.reason as Error);
      });
    });

  /** A worker has taken the cancelled job, and ended it. */
  const dropped = ({ state, startedAt }: JobSnapshot): boolean => state === 'cancelled' && startedAt !== undefined;

  describe('jobs that people look after', () => {
    it('are one job for one key and payload, a conflict for another payload, and apart for another owner', async () => {
      const queues = open();
      const first = await queues.enqueue('warmup', { models: ['a:b'] }, { idempotencyKey: 'k', owner: 'key_1' });
      const again = await queues.enqueue('warmup', { models: ['a:b'] }, { idempotencyKey: 'k', owner: 'key_1' });
      expect(first.existed).toBe(false);
      expect(again).toEqual({ id: first.id, existed: true });
      await expect(
        queues.enqueue('warmup', { models: ['c:d'] }, { idempotencyKey: 'k', owner: 'key_1' }),
      ).rejects.toMatchObject({ code: 'idempotency_conflict', http: 409 });
      const other = await queues.enqueue('warmup', { models: ['c:d'] }, { idempotencyKey: 'k', owner: 'key_2' });
      expect(other).toMatchObject({ existed: false });
      expect(other.id).not.toBe(first.id);
    });

    it('are listed newest first, by owner, type and state, page by page without gaps or repeats', async () => {
      const queues = open();
      const ids: string[] = [];
      for (let count = 0; count < 7; count += 1) {
        const options = { owner: 'key_1', ...(count % 3 === 0 ? { idempotencyKey: `k${count}` } : {}) };
        ids.push((await queues.enqueue('warmup', {}, options)).id);
        // Made within one ms they have no order.
        await new Promise((resolve) => {
          setTimeout(resolve, 3);
        });
      }
      await queues.enqueue('warmup', {}, { owner: 'key_2' });
      const delayed = await queues.enqueue('probe', {}, { owner: 'key_1', delayMs: 60_000 });

      const seen: string[] = [];
      let after: string | undefined;
      do {
        const page = await queues.list({ owner: 'key_1', types: ['warmup'], limit: 3, after });
        expect(page.jobs.length).toBeLessThanOrEqual(3);
        seen.push(...page.jobs.map(({ id }) => id));
        after = page.next;
      } while (after !== undefined);
      expect(seen).toEqual(ids.toReversed());
      expect((await queues.list({ limit: 100 })).jobs).toHaveLength(9);
      expect((await queues.list({ limit: 100, states: ['delayed'] })).jobs).toMatchObject([
        { id: delayed.id, state: 'delayed', owner: 'key_1' },
      ]);
      expect(await queues.list({ limit: 100, types: ['probe'], states: ['dead'] })).toEqual({
        jobs: [],
        next: undefined,
      });
      await expect(queues.list({ limit: 1, after: 'nonsense' })).rejects.toMatchObject({ param: 'after' });
    });

    it('are not begun any more once they are cancelled, whether they wait for a worker or for their time', async () => {
      const queues = open();
      const waiting = await queues.enqueue('warmup', {});
      const delayed = await queues.enqueue('warmup', {}, { delayMs: 60_000 });
      for (const { id } of [waiting, delayed]) {
        expect(await queues.cancel(id)).toMatchObject({ state: 'cancelled', error: { code: 'job_cancelled' } });
        expect(await queues.cancel(id)).toMatchObject({ state: 'cancelled' });
      }
      const begun: string[] = [];
      const { events } = await work(queues, async ({ id }) => {
        begun.push(id);
        return DONE;
      });
      const wanted = await queues.enqueue('warmup', {});
      await ended(queues, wanted.id);
      for (const { id } of [waiting, delayed]) {
        expect(await until(queues, id, dropped)).toMatchObject({
          state: 'cancelled',
        });
      }
      expect(begun).toEqual([wanted.id]);
      expect(events.map(({ type }) => type).toSorted()).toEqual(['cancelled', 'cancelled', 'completed']);
      expect((await queues.counts())['default']).toMatchObject(NONE);
      await expect(queues.cancel(wanted.id)).rejects.toMatchObject({ code: 'job_state_conflict' });
      expect(await queues.cancel('warmup-0-k00000000000000000000000000000000')).toBeUndefined();
    });

    it.each(['listens to', 'ignores'])(
      'end soon when they are cancelled by another process: a handler that %s the signal',
      async (manner) => {
        const queues = open();
        const elsewhere = open();
        const started = Promise.withResolvers<void>();
        const heard = Promise.withResolvers<number>();
        const { events } = await work(queues, async (attempt, context) => {
          started.resolve();
          context.signal.addEventListener('abort', () => {
            heard.resolve(performance.now());
          });
          return manner === 'ignores' ? new Promise(() => {}) : endless(attempt, context);
        });
        const { id } = await queues.enqueue('warmup', {});
        await started.promise;
        const began = performance.now();
        await elsewhere.cancel(id);
        expect((await heard.promise) - began).toBeLessThan(1_000);
        expect(await ended(queues, id)).toMatchObject({ state: 'cancelled', error: { code: 'job_cancelled' } });
        expect(events.map(({ type }) => type)).toEqual(['cancelled']);
      },
    );

    it('can be retried when they are dead or cancelled, with all their attempts, and by one caller only', async () => {
      const queues = open();
      let broken = true;
      const attempts: number[] = [];
      await work(queues, async ({ attempt }) => {
        attempts.push(attempt);
        if (broken) throw new MoltbotError('model_not_found', 'no such model');
        return DONE;
      });
      const { id } = await queues.enqueue('warmup', {});
      expect(await ended(queues, id)).toMatchObject({ state: 'dead', error: { code: 'model_not_found' } });
      expect(await queues.get(id)).toMatchObject({ state: 'dead' });
      broken = false;
      await Promise.allSettled([queues.retry(id), queues.retry(id)]);
      expect(await until(queues, id, ({ state }) => state === 'completed')).toMatchObject({ error: undefined });
      await expect(queues.retry(id)).rejects.toMatchObject({ code: 'job_state_conflict' });
      expect(attempts).toEqual([1, 1]);

      const cancelled = await queues.enqueue('warmup', {}, { delayMs: 60_000 });
      await queues.cancel(cancelled.id);
      await until(queues, cancelled.id, dropped);
      await queues.retry(cancelled.id);
      expect(await until(queues, cancelled.id, ({ state }) => state === 'completed')).toMatchObject({
        cancelledAt: undefined,
      });
    });

    it('keep what they reported in order, so that whoever follows can go on where they stopped', async () => {
      const queues = open();
      let runs = 0;
      await work(queues, async (_attempt, { progress }) => {
        runs += 1;
        for (let done = 1; done <= 50; done += 1) await progress({ done, of: 50 });
        if (runs === 1) throw new MoltbotError('upstream_timeout', 'too slow');
        return DONE;
      });
      const { id } = await queues.enqueue('warmup', {});
      await ended(queues, id);
      const all = await queues.follow(id, 0);
      const types = all?.rows.map(({ row }) => row.type);
      expect(types).toContain('attempt-failed');
      expect(all?.rows.map(({ number }) => number)).toEqual(Array.from({ length: all?.last ?? 0 }, (_, i) => i + 1));
      // A loop that reports at once is stored now and then, its last word always.
      expect(all?.last).toBeLessThan(20);
      expect(all?.rows.at(-1)?.row).toMatchObject({ type: 'progress', progress: { done: 50, of: 50 } });
      const failed = all?.rows.find(({ row }) => row.type === 'attempt-failed');
      expect(failed?.row satisfies JobEventRow | undefined).toMatchObject({
        attempt: 1,
        error: { code: 'upstream_timeout', message: 'too slow' },
      });
      const rest = await queues.follow(id, failed?.number ?? 0);
      expect(rest?.rows).toEqual(all?.rows.slice(failed?.number));
      expect(await queues.follow(id, 1_000)).toMatchObject({ rows: [] });
    });

    it('begin follow-ups once in effect, however often they are tried', async () => {
      const queues = open();
      const done: string[] = [];
      const followUps = new Set<string>();
      await work(queues, async (attempt, { followUp }) => {
        if (attempt.owner === undefined) throw new Error('the owner is missing');
        if (attempt.name === 'probe') {
          done.push(attempt.id);
          return { steps: 1, durationMs: 0 };
        }
        for (const key of ['a', 'b']) followUps.add((await followUp('probe', { steps: attempt.attempt }, { key })).id);
        if (attempt.attempt < 3) throw new MoltbotError('upstream_timeout');
        return DONE;
      });
      const { id } = await queues.enqueue('warmup', {}, { owner: 'key_1' });
      await ended(queues, id);
      expect(followUps.size).toBe(2);
      for (const followUp of followUps) await ended(queues, followUp);
      expect(done.toSorted()).toEqual([...followUps].toSorted());
    });

    it('begin by their schedule, each time once however many processes say so, and stop when it is taken away', async () => {
      const queues = open();
      const row: { readonly title: string; schedule?: JobContract['schedule'] } = JOBS.warmup;
      row.schedule = { everyMs: 300 };
      try {
        await Promise.all([queues.schedule(), queues.schedule()]);
        const begun: string[] = [];
        await work(queues, async ({ id }) => {
          begun.push(id);
          return DONE;
        });
        for (let tries = 0; begun.length < 3 && tries < 200; tries += 1) {
          await new Promise((resolve) => {
            setTimeout(resolve, 25);
          });
        }
        expect(begun.length).toBeGreaterThanOrEqual(3);
        expect(new Set(begun).size).toBe(begun.length);
        expect((await queues.list({ limit: 100, types: ['warmup'] })).jobs.length).toBeGreaterThanOrEqual(3);
      } finally {
        delete row.schedule;
      }
      const waiting = async () =>
        (await queues.list({ limit: 100, types: ['warmup'], states: ['delayed', 'waiting'] })).jobs;
      // By the settings, for a job that has none in the table.
      await queues.schedule({ warmup: { cron: '30 4 1 1 *' } });
      expect(await waiting()).toHaveLength(1);
      await queues.schedule();
      expect(await waiting()).toEqual([]);
    });

    it('are put off as often as they say, as the same job, without a place in the worker and without an attempt', async () => {
      const queues = open();
      const times: number[] = [];
      const { events } = await work(queues, async (_attempt, { progress }) => {
        times.push(Date.now());
        if (times.length > JOBS.warmup.attempts + 1) return DONE;
        await progress({ looked: times.length });
        throw new JobLater(300);
      });
      const { id } = await queues.enqueue('warmup', {});
      const waiting = await until(queues, id, ({ state }) => state === 'delayed');
      expect(waiting).toMatchObject({ attemptsMade: 0, error: undefined });
      const end = await ended(queues, id);
      expect(end).toMatchObject({ state: 'completed', result: DONE, progress: { looked: JOBS.warmup.attempts + 1 } });
      const waits = times.slice(1).map((at, index) => at - (times[index] ?? 0));
      expect(Math.min(...waits)).toBeGreaterThanOrEqual(290);
      const attempts = events.flatMap((event) => ('attempt' in event && event.attempt.id === id ? [event] : []));
      expect(attempts.map(({ attempt }) => attempt.dueAt === undefined)).toEqual([false, true, true, true, true]);
      const types = attempts.map(({ type }) => type);
      expect(types).toEqual([...Array.from({ length: JOBS.warmup.attempts + 1 }, () => 'put-off'), 'completed']);
    });

    it('end at once when they are cancelled while they are put off', async () => {
      const queues = open();
      await work(queues, async () => {
        throw new JobLater(3_600_000);
      });
      const { id } = await queues.enqueue('warmup', {});
      await until(queues, id, ({ state }) => state === 'delayed');
      await queues.cancel(id);
      expect(await until(queues, id, dropped)).toMatchObject({ state: 'cancelled' });
    });

    it('go by their priority', async () => {
      const queues = open();
      const row: { priority: number } = JOBS.warmup;
      const priority = jest.replaceProperty(row, 'priority', 5);
      const late = await queues.enqueue('warmup', {});
      priority.replaceValue(1);
      const first = await queues.enqueue('warmup', {});
      expect(await queues.get(late.id)).toMatchObject({ state: 'waiting' });
      const order: string[] = [];
      await work(queues, async ({ id }) => {
        order.push(id);
        return DONE;
      });
      await ended(queues, late.id);
      expect(order).toEqual([first.id, late.id]);
    });

    it('are counted as waiting whatever their priority, and tell how long the next one has been due', async () => {
      const queues = open();
      expect((await queues.ages())['default']).toBe(0);
      const row: { priority: number } = JOBS.warmup;
      jest.replaceProperty(row, 'priority', 5);
      const { id } = await queues.enqueue('warmup', {});
      // One whose time has not come is not due.
      await queues.enqueue('warmup', {}, { delayMs: 60_000 });
      await delay(30);
      expect((await queues.counts())['default']).toMatchObject({ waiting: 1, delayed: 1 });
      const age = (await queues.ages())['default'] ?? 0;
      expect(age).toBeGreaterThanOrEqual(30);
      expect(age).toBeLessThan(60_000);
      const attempts: JobAttempt[] = [];
      await work(queues, async (attempt) => {
        attempts.push(attempt);
        return DONE;
      });
      await ended(queues, id);
      expect(attempts[0]?.dueAt).toBe(attempts[0]?.enqueuedAt);
      expect((await queues.ages())['default']).toBe(0);
    });

    it('run as many at a time as their queue allows', async () => {
      const queues = open();
      let now = 0;
      let most = 0;
      const worker = await queues.createWorker(
        async () => {
          now += 1;
          most = Math.max(most, now);
          await new Promise((resolve) => {
            setTimeout(resolve, 20);
          });
          now -= 1;
          return DONE;
        },
        { concurrency: 1, queues: { default: { concurrency: 2 } } },
      );
      const ids = await Promise.all(Array.from({ length: 6 }, async () => (await queues.enqueue('warmup', {})).id));
      await Promise.all(ids.map(async (id) => ended(queues, id)));
      expect(most).toBe(2);
      await worker.stop({ graceMs: 0 });
    });
  });
}
