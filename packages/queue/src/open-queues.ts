import { randomUUID } from 'node:crypto';
import { type JobName, jobQueues, JOBS, MoltbotError, type Secret } from '@moltbot/contracts';
import { cancelJob, type FoundJob, retryJob } from './change-job.js';
import { addJob, type EnqueueOptions, type Enqueued, type JobInput, jobRow, prepareJob } from './enqueue-job.js';
import { type JobEventRow, readJobEventRow } from './job-events.js';
import { parseJobId } from './job-id.js';
import { type JobSnapshot, toJobSnapshot } from './job-snapshot.js';
import {
  type FollowUp,
  type JobAttempt,
  type JobProcessor,
  type JobWorker,
  type JobWorkerOptions,
  startJobWorker,
} from './job-worker.js';
import { JobLister, type JobListOptions, type JobPage } from './list-jobs.js';
import { oldestWait } from './oldest-wait.js';
import { createPostgresBackend } from './postgres-backend.js';
import type { BullQueue, QueueBackend } from './queue-backend.js';
import { type QueueConnection, toQueueTarget } from './queue-connection.js';
import { errorGate, settledWithin, withinTime } from './queue-error.js';
import { createRedisBackend } from './redis-backend.js';
import { type JobSchedules, scheduleJobs } from './schedule-jobs.js';

/** Where: `url` (`redis://`, `rediss://`, `postgres://`), or `connection` for a PostgreSQL that has none. */
export type OpenQueuesOptions = QueuesOptions &
  ({ readonly url: string | Secret } | { readonly connection: QueueConnection });

export interface QueuesOptions {
  /** Lost connections and the like, each message at most once per 10 s: for the log, nothing has to be done. */
  readonly onError: (error: Error) => void;
  /** For a producer's call, from the connection to the answer. Default 5 s. */
  readonly timeoutMs?: number | undefined;
  /** Keeps installations apart that share a server: lower-case letters, digits, `_`. Default `moltbot`. */
  readonly namespace?: string | undefined;
  /** Milliseconds that only grow. */
  readonly now?: (() => number) | undefined;
}

export type JobCounts = Readonly<Record<'waiting' | 'active' | 'delayed' | 'completed' | 'failed', number>>;

/** Where a job stands, and what happened to it since. */
export interface JobProgress {
  readonly job: JobSnapshot;
  /** In order; the number of a row counts from 1. */
  readonly rows: readonly { readonly number: number; readonly row: JobEventRow }[];
  /** The number of the last row that was read, `after` where none was. */
  readonly last: number;
  /** There are more rows already. */
  readonly more: boolean;
}

export interface Queues {
  readonly kind: 'redis' | 'postgres';
  /** Connects, and brings the tables up to date. May be called again. @throws MoltbotError `queue_unavailable` */
  ready(): Promise<void>;
  /**
   * Takes a job in charge. Where `queue_unavailable` comes after the server took it, it is done all the same.
   * @throws MoltbotError `invalid_request` with `param`, `payload_too_large`, `idempotency_conflict`, `queue_unavailable`
   */
  enqueue<N extends JobName>(name: N, payload: JobInput<N>, options?: EnqueueOptions): Promise<Enqueued>;
  /** `undefined` where there is no such job, or no longer. @throws MoltbotError `queue_unavailable` */
  find<N extends JobName>(name: N, id: string): Promise<JobSnapshot<N> | undefined>;
  /** The same where only the id is known. */
  get(id: string): Promise<JobSnapshot | undefined>;
  /** Newest first. @throws MoltbotError `invalid_request` (`after`), `queue_unavailable` */
  list(options: JobListOptions): Promise<JobPage>;
  /** The job and what happened to it behind row `after` (0: from the beginning). */
  follow(id: string, after: number): Promise<JobProgress | undefined>;
  /**
   * One that waits is never begun, a running one ends within a second; again it changes nothing. @returns how it stands then
   * @throws MoltbotError `job_state_conflict` where it has ended otherwise, `queue_unavailable`
   */
  cancel(id: string): Promise<JobSnapshot | undefined>;
  /** Puts a dead or cancelled job back, with all its attempts. @throws MoltbotError `job_state_conflict`, `queue_unavailable` */
  retry(id: string): Promise<JobSnapshot | undefined>;
  /**
   * Lets the jobs that have a schedule, in the table or in `more`, begin by it from now on, and no others.
   * @throws MoltbotError `queue_unavailable`
   */
  schedule(more?: JobSchedules): Promise<void>;
  /** Jobs by queue and state. @throws MoltbotError `queue_unavailable` */
  counts(): Promise<Readonly<Record<string, JobCounts>>>;
  /** For how many ms the next job of each queue has been due; 0 where none waits. @throws MoltbotError `queue_unavailable` */
  ages(): Promise<Readonly<Record<string, number>>>;
  /** Starts taking jobs of all queues. @throws MoltbotError `queue_unavailable` */
  createWorker(processor: JobProcessor, options: JobWorkerOptions): Promise<JobWorker>;
  /** BullMQ's own queues, for tools that show them. @throws MoltbotError `queue_unavailable` */
  bullQueues(): Promise<readonly BullQueue[]>;
  /** Stops workers without grace and cuts the connections; bounded in time. */
  close(): Promise<void>;
}

const COUNTED = ['waiting', 'prioritized', 'active', 'delayed', 'completed', 'failed'] as const;
const ENDED = new Set(['completed', 'failed']);
/** Reading a list takes some time where there are many jobs. */
const LIST_WITHIN_MS = 15_000;
const MAX_ROWS_AT_ONCE = 200;
const PREPARE_WITHIN_MS = 60_000;
const CLOSE_WITHIN_MS = 2_000;
const SAME_ERROR_EVERY_MS = 10_000;
const NAMESPACE = /^[a-z][a-z0-9_]{0,40}$/;

/** Queues on Redis or PostgreSQL. Connects when first used; a server that is away is an error now and no error later. */
export function openQueues(options: OpenQueuesOptions): Queues {
  const onError = errorGate(options.onError, {
    everyMs: SAME_ERROR_EVERY_MS,
    now: options.now ?? (() => performance.now()),
  });
  const timeoutMs = options.timeoutMs ?? 5_000;
  const backend = openBackend(options, onError);
  const queues = new Map<string, BullQueue>();
  const workers = new Set<JobWorker>();
  const starts = new Set<Promise<JobWorker>>();
  let prepared: Promise<void> | undefined;
  let closing: Promise<void> | undefined;

  async function prepare(): Promise<void> {
    prepared ??= withinTime(backend.prepare(), PREPARE_WITHIN_MS).catch((error: unknown) => {
      prepared = undefined;
      throw error;
    });
    return prepared;
  }

  /** One that is connected. BullMQ never tries again where the first connection failed: such a one is replaced. */
  async function connectedQueue(name: string): Promise<BullQueue> {
    await prepare();
    if (closing !== undefined) throw closed();
    const queue = queues.get(name) ?? openQueue(name);
    try {
      await queue.waitUntilReady();
    } catch (error) {
      if (queues.get(name) === queue) queues.delete(name);
      queue.close().catch(onError);
      throw error;
    }
    return queue;
  }

  function openQueue(name: string): BullQueue {
    const queue = backend.openQueue(name);
    queue.on('error', onError);
    queues.set(name, queue);
    return queue;
  }

  /** `work` is not begun where connecting took all the time. */
  async function onQueue<T>(
    name: string,
    work: (queue: BullQueue) => Promise<T>,
    withinMs: number = timeoutMs,
  ): Promise<T> {
    if (closing !== undefined) throw closed();
    let givenUp = false;
    const call = async (): Promise<T> => {
      const queue = await connectedQueue(name);
      if (givenUp) throw new MoltbotError('queue_unavailable');
      return work(queue);
    };
    try {
      return await withinTime(call(), withinMs);
    } finally {
      givenUp = true;
    }
  }

  async function close(): Promise<void> {
    // One that is just starting is stopped too: nobody else would do it.
    await Promise.all([...starts].map(async (start) => settledWithin(start, CLOSE_WITHIN_MS)));
    await Promise.all([...workers].map(async (worker) => worker.stop({ graceMs: 0 })));
    await Promise.all([...queues.values()].map(async (queue) => settledWithin(queue.close(), CLOSE_WITHIN_MS)));
    queues.clear();
    await backend.close();
  }

  async function ready(): Promise<void> {
    await onQueue(JOBS.warmup.queue, async (queue) => queue.getJobCounts('waiting'));
  }

  async function readJob(queue: BullQueue, name: JobName, id: string): Promise<FoundJob | undefined> {
    const job = await queue.getJob(id);
    if (job === undefined || job.name !== name) return undefined;
    const bullState = await job.getState();
    // It may have ended between the two reads: then the first one knows no result yet.
    const current = job.finishedOn === undefined && ENDED.has(bullState) ? await queue.getJob(id) : job;
    if (current === undefined) return undefined;
    return { job: current, bullState, snapshot: toJobSnapshot(name, current, bullState) };
  }

  async function onJob<T>(id: string, work: (found: FoundJob, queue: BullQueue) => Promise<T>): Promise<T | undefined> {
    const parts = parseJobId(id);
    if (parts === undefined) return undefined;
    return onQueue(JOBS[parts.name].queue, async (queue) => {
      const found = await readJob(queue, parts.name, id);
      return found === undefined ? undefined : work(found, queue);
    });
  }

  const get = async (id: string): Promise<JobSnapshot | undefined> => onJob(id, async ({ snapshot }) => snapshot);

  const lister = new JobLister(async (name, id) => {
    const queue = await connectedQueue(JOBS[name].queue);
    return (await readJob(queue, name, id))?.snapshot;
  });

  async function enqueue(
    name: JobName,
    payload: unknown,
    enqueueOptions: EnqueueOptions,
    { takeFirst = false }: { readonly takeFirst?: boolean } = {},
  ): Promise<Enqueued> {
    const job = prepareJob({ name, payload, enqueue: enqueueOptions, now: Date.now(), random });
    return onQueue(job.queue, async (queue) => {
      const added = await addJob(queue, job, { takeFirst });
      await backend.secured?.();
      return added;
    });
  }

  function followUpOf({ id, owner, traceparent }: JobAttempt): FollowUp {
    return async (name, payload, { key = '', delayMs } = {}) => {
      const idempotencyKey = key === '' ? `after ${id}` : `after ${id} ${key}`;
      const followUp = { idempotencyKey, owner, traceparent, delayMs };
      return enqueue(name, payload, followUp, { takeFirst: true });
    };
  }

  return {
    kind: backend.kind,
    ready,
    enqueue: async (name, payload, enqueueOptions = {}) => enqueue(name, payload, enqueueOptions),
    find: async <N extends JobName>(name: N, id: string) => {
      const { row } = jobRow(name);
      const found = await onQueue(row.queue, async (queue) => readJob(queue, name, id));
      return found?.snapshot as JobSnapshot<N> | undefined;
    },
    get,
    list: async (listOptions) => {
      const queuesOfAll = await onQueue(JOBS.warmup.queue, async () => Promise.all(jobQueues().map(connectedQueue)));
      return withinTime(lister.list(queuesOfAll, listOptions), LIST_WITHIN_MS);
    },
    follow: async (id, after) =>
      onJob(id, async ({ snapshot }, queue) => {
        // Behind the job: what it had told when it ended is among the rows.
        const { logs, count } = await queue.getJobLogs(id, after, after + MAX_ROWS_AT_ONCE - 1);
        const rows = logs.flatMap((text, index) => {
          const row = readJobEventRow(text);
          return row === undefined ? [] : [{ number: after + index + 1, row }];
        });
        const last = after + logs.length;
        return { job: snapshot, rows, last, more: last < count };
      }),
    cancel: async (id) => {
      await onJob(id, async (found) => cancelJob(found, Date.now()));
      return get(id);
    },
    retry: async (id) => {
      await onJob(id, async (found) => retryJob(found, Date.now()));
      return get(id);
    },
    schedule: async (more) => {
      await Promise.all(jobQueues().map(async (name) => onQueue(name, async (queue) => scheduleJobs(queue, more))));
    },
    bullQueues: async () => onQueue(JOBS.warmup.queue, async () => Promise.all(jobQueues().map(connectedQueue))),
    counts: async () => {
      const names = jobQueues();
      const counts = await Promise.all(
        names.map(async (name) => onQueue(name, async (queue) => queue.getJobCounts(...COUNTED))),
      );
      return Object.fromEntries(names.map((name, index) => [name, toCounts(counts[index] ?? {})]));
    },
    ages: async () => {
      const names = jobQueues();
      const ages = await Promise.all(names.map(async (name) => onQueue(name, async (queue) => oldestWait(queue))));
      return Object.fromEntries(names.map((name, index) => [name, ages[index] ?? 0]));
    },
    createWorker: async (processor, workerOptions) => {
      // A worker waits for its server without end: whether there is one is found out by a producer.
      await ready();
      if (closing !== undefined) throw closed();
      const start = startJobWorker({
        ...workerOptions,
        backend,
        queueNames: jobQueues(),
        processor,
        onError,
        isCancelled: async (name, id) =>
          onQueue(name, async (queue) => (await queue.getJob(id))?.data.cancelledAt !== undefined),
        followUpOf,
      });
      starts.add(start);
      const worker = await start.finally(() => starts.delete(start));
      workers.add(worker);
      if (closing !== undefined) throw closed();
      return worker;
    },
    close: async () => {
      closing ??= close();
      return closing;
    },
  };
}

/** Node makes UUIDs ahead; bytes cost a call each. The 14th digit is always a 4. */
function random(): string {
  const uuid = randomUUID();
  return uuid.slice(19, 23) + uuid.slice(24);
}

function openBackend(options: OpenQueuesOptions, onError: (error: unknown) => void): QueueBackend {
  const namespace = options.namespace ?? 'moltbot';
  if (!NAMESPACE.test(namespace))
    throw new MoltbotError('config_invalid', `${namespace} is no name for a set of queues`);
  const target = toQueueTarget('url' in options ? { url: options.url } : options.connection);
  return target.kind === 'redis'
    ? createRedisBackend({ target, namespace, onError })
    : createPostgresBackend({ target, namespace: `${namespace}_queue`, onError });
}

function closed(): MoltbotError {
  return new MoltbotError('queue_unavailable', 'The queue is closed');
}

function toCounts(counts: Readonly<Record<string, number>>): JobCounts {
  return {
    // Those with a priority stand in a list of their own.
    waiting: (counts['waiting'] ?? 0) + (counts['prioritized'] ?? 0),
    active: counts['active'] ?? 0,
    delayed: counts['delayed'] ?? 0,
    completed: counts['completed'] ?? 0,
    failed: counts['failed'] ?? 0,
  };
}
