import { createHash, randomBytes } from 'node:crypto';
import { JOBS, type JobContract, type JobName, type JobPayload, MoltbotError, type Secret } from '@moltbot/contracts';
import { type JobSnapshot, toJobSnapshot } from './job-snapshot.js';
import { type JobProcessor, type JobWorker, type JobWorkerOptions, startJobWorker } from './job-worker.js';
import { createPostgresBackend } from './postgres-backend.js';
import type { BullQueue, JobEnvelope, QueueBackend } from './queue-backend.js';
import { type QueueConnection, toQueueTarget } from './queue-connection.js';
import { errorGate, settledWithin, withinTime } from './queue-error.js';
import { createRedisBackend } from './redis-backend.js';

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

export interface EnqueueOptions {
  /** Two jobs of one name and key are one job, as long as the first is kept. Any text up to 256 characters. */
  readonly idempotencyKey?: string | undefined;
  /** Within which trace the job is done: a W3C `traceparent`. */
  readonly traceparent?: string | undefined;
}

export type JobCounts = Readonly<Record<'waiting' | 'active' | 'delayed' | 'completed' | 'failed', number>>;

/** Defaults need not be given. */
export type JobInput<N extends JobName> = Partial<JobPayload<N>>;

export interface Queues {
  readonly kind: 'redis' | 'postgres';
  /** Connects, and brings the tables up to date. May be called again. @throws MoltbotError `queue_unavailable` */
  ready(): Promise<void>;
  /**
   * Takes a job in charge. Where `queue_unavailable` comes after the server took it, it is done all the same.
   * @throws MoltbotError `invalid_request` with `param`, `payload_too_large`, `queue_unavailable`
   */
  enqueue<N extends JobName>(name: N, payload: JobInput<N>, options?: EnqueueOptions): Promise<{ readonly id: string }>;
  /** `undefined` where there is no such job, or no longer. @throws MoltbotError `queue_unavailable` */
  find<N extends JobName>(name: N, id: string): Promise<JobSnapshot<N> | undefined>;
  /** Jobs by queue and state. @throws MoltbotError `queue_unavailable` */
  counts(): Promise<Readonly<Record<string, JobCounts>>>;
  /** Starts taking jobs of all queues. @throws MoltbotError `queue_unavailable` */
  createWorker(processor: JobProcessor, options: JobWorkerOptions): Promise<JobWorker>;
  /** Stops workers without grace and cuts the connections; bounded in time. */
  close(): Promise<void>;
}

const COUNTED = ['waiting', 'active', 'delayed', 'completed', 'failed'] as const;
const ENDED = new Set(['completed', 'failed']);
const PREPARE_WITHIN_MS = 60_000;
const CLOSE_WITHIN_MS = 2_000;
const SAME_ERROR_EVERY_MS = 10_000;
const MAX_PAYLOAD_BYTES = 1_048_576;
const MAX_KEY = 256;
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
  async function onQueue<T>(name: string, work: (queue: BullQueue) => Promise<T>): Promise<T> {
    if (closing !== undefined) throw closed();
    let givenUp = false;
    const call = async (): Promise<T> => {
      const queue = await connectedQueue(name);
      if (givenUp) throw new MoltbotError('queue_unavailable');
      return work(queue);
    };
    try {
      return await withinTime(call(), timeoutMs);
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

  return {
    kind: backend.kind,
    ready,
    enqueue: async (name, payload, enqueueOptions = {}) => {
      const row = rowOf(name);
      const envelope = toEnvelope(row, payload, enqueueOptions);
      const jobId = toJobId(name, enqueueOptions.idempotencyKey);
      await onQueue(row.queue, async (queue) => queue.add(name, envelope, { jobId, ...toJobOptions(row) }));
      return { id: jobId };
    },
    find: async (name, id) => {
      const row = rowOf(name);
      return onQueue(row.queue, async (queue) => {
        const job = await queue.getJob(id);
        if (job === undefined || job.name !== name) return undefined;
        const state = await job.getState();
        // It may have ended between the two reads: then the first one knows no result yet.
        const current = job.finishedOn === undefined && ENDED.has(state) ? await queue.getJob(id) : job;
        return current === undefined ? undefined : toJobSnapshot(name, current, state);
      });
    },
    counts: async () => {
      const names = queueNames();
      const counts = await Promise.all(
        names.map(async (name) => onQueue(name, async (queue) => queue.getJobCounts(...COUNTED))),
      );
      return Object.fromEntries(names.map((name, index) => [name, toCounts(counts[index] ?? {})]));
    },
    createWorker: async (processor, workerOptions) => {
      // A worker waits for its server without end: whether there is one is found out by a producer.
      await ready();
      if (closing !== undefined) throw closed();
      const start = startJobWorker({ backend, queueNames: queueNames(), processor, onError, ...workerOptions });
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

function queueNames(): readonly string[] {
  return [...new Set(Object.values<JobContract>(JOBS).map((row) => row.queue))];
}

function rowOf(name: string): JobContract {
  const row: JobContract | undefined = Object.hasOwn(JOBS, name) ? JOBS[name as JobName] : undefined;
  if (row === undefined) throw new MoltbotError('invalid_request', 'There is no job of this name', { param: 'name' });
  return row;
}

function toEnvelope(row: JobContract, payload: unknown, { traceparent }: EnqueueOptions): JobEnvelope {
  const parsed = row.payload.safeParse(payload);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const path = ['payload', ...(issue?.path ?? [])].join('.');
    throw new MoltbotError('invalid_request', `${path}: ${issue?.message ?? 'not valid'}`, { param: path });
  }
  if (Buffer.byteLength(JSON.stringify(parsed.data)) > MAX_PAYLOAD_BYTES) {
    throw new MoltbotError('payload_too_large', `A job may carry ${MAX_PAYLOAD_BYTES} bytes`, { param: 'payload' });
  }
  return { payload: parsed.data, ...(traceparent === undefined ? {} : { traceparent }) };
}

/** Always our own, so that a command that is sent again after a broken connection adds nothing. */
function toJobId(name: string, idempotencyKey: string | undefined): string {
  if (idempotencyKey === undefined) return `${name}-${randomBytes(12).toString('hex')}`;
  if (idempotencyKey === '' || idempotencyKey.length > MAX_KEY) {
    throw new MoltbotError('invalid_request', `idempotency_key: expected 1 to ${MAX_KEY} characters`, {
      param: 'idempotency_key',
    });
  }
  // Hashed, because BullMQ refuses some texts (a colon, a number) as an id.
  return `${name}-k${createHash('sha256').update(idempotencyKey).digest('hex').slice(0, 32)}`;
}

function toJobOptions(row: JobContract) {
  return {
    attempts: row.attempts,
    backoff: { type: 'moltbot', delay: row.backoffMs },
    removeOnComplete: { count: row.keep.completed },
    removeOnFail: { count: row.keep.failed },
    // What is kept of a failure is its code and message; a stack may hold more than others should read.
    stackTraceLimit: 0,
  };
}

function toCounts(counts: Readonly<Record<string, number>>): JobCounts {
  return {
    waiting: counts['waiting'] ?? 0,
    active: counts['active'] ?? 0,
    delayed: counts['delayed'] ?? 0,
    completed: counts['completed'] ?? 0,
    failed: counts['failed'] ?? 0,
  };
}
