import { MoltbotError } from '@moltbot/contracts';
import { type Job, UnrecoverableError, WaitingError } from 'bullmq';
import { toFailedReason } from './job-snapshot.js';
import type { BullWorker, JobEnvelope, QueueBackend } from './queue-backend.js';
import { settledWithin, toError, withinTime } from './queue-error.js';

/** One attempt at a job, as the processor gets it. Nothing of it is checked: another version may have written it. */
export interface JobAttempt {
  readonly id: string;
  readonly name: string;
  readonly queue: string;
  readonly payload: unknown;
  readonly traceparent?: string | undefined;
  /** 1, 2, 3 … */
  readonly attempt: number;
  readonly attempts: number;
  /** Unix time in ms. */
  readonly enqueuedAt: number;
}

export interface JobContext {
  /** Aborted when the process stops, or when another worker was given the job. */
  readonly signal: AbortSignal;
  /** Shown with the job; failures to store it are reported and otherwise ignored. */
  readonly progress: (value: object) => Promise<void>;
}

/**
 * Does a job and returns its result as JSON. A MoltbotError that is not retryable ends the job; any other error lets it be
 * tried again, as often and as late as its row says (or later, where the error has `retryAfterMs`).
 */
export type JobProcessor = (attempt: JobAttempt, context: JobContext) => Promise<unknown>;

export type JobEvent =
  | { readonly type: 'completed'; readonly attempt: JobAttempt; readonly durationMs: number }
  /** `dead`: it will not be tried again. `error` is what the processor threw. */
  | {
      readonly type: 'failed' | 'dead';
      readonly attempt: JobAttempt;
      readonly durationMs: number;
      readonly error: Error;
    }
  /** This process stops; another one takes the job at once. It does not count as an attempt. */
  | { readonly type: 'handed-back'; readonly attempt: JobAttempt; readonly durationMs: number }
  /** The worker that had it is gone or too busy; it is done again. */
  | { readonly type: 'stalled'; readonly id: string; readonly queue: string };

export interface JobWorkerOptions {
  /** Jobs at the same time, per queue. */
  readonly concurrency: number;
  /** A job whose worker has not been heard of for this long is given to another. Default 15 s. */
  readonly takeoverAfterMs?: number | undefined;
  readonly onEvent?: ((event: JobEvent) => void) | undefined;
}

export interface JobWorker {
  readonly active: number;
  /** Takes no more jobs, lets running ones end for `graceMs`, then aborts them and hands them back. Never rejects. */
  stop(options: { readonly graceMs: number }): Promise<void>;
}

interface StartOptions extends JobWorkerOptions {
  readonly backend: QueueBackend;
  readonly queueNames: readonly string[];
  readonly processor: JobProcessor;
  readonly onError: (error: unknown) => void;
}

const START_WITHIN_MS = 10_000;
const CLOSE_WITHIN_MS = 3_000;
/** How long an aborted handler may take to notice before its job is handed back under its hands. */
const ABORT_WITHIN_MS = 1_000;
/** As often as a row allows attempts, a worker may die over a job before the job is taken for the cause. */
const MAX_STALLED = 3;
const RETRY_CONNECTION_MS = 1_000;
const LONGEST_BACKOFF_MS = 300_000;
const LONGEST_RETRY_AFTER_MS = 3_600_000;

interface Running {
  readonly controller: AbortController;
  readonly ended: Promise<void>;
}

/** What is thrown into BullMQ; it knows the two names only. */
class AttemptFailure extends Error {
  readonly retryAfterMs: number | undefined;

  constructor(reason: string, retryAfterMs?: number) {
    super(reason);
    this.retryAfterMs = retryAfterMs;
  }
}

/** @throws MoltbotError `queue_unavailable` */
export async function startJobWorker(options: StartOptions): Promise<JobWorker> {
  const { backend, processor, onError } = options;
  const takeoverAfterMs = options.takeoverAfterMs ?? 15_000;
  const onEvent = options.onEvent ?? (() => {});
  const running = new Map<string, Running>();
  const ours = new WeakSet<Error>();
  let stopping: Promise<void> | undefined;

  async function process(job: Job<JobEnvelope, unknown>, token: string | undefined): Promise<unknown> {
    const attempt = toAttempt(job);
    const key = `${attempt.queue}/${attempt.id}`;
    const began = performance.now();
    if (stopping !== undefined) return handBack(job, token, attempt, began);
    const controller = new AbortController();
    const ended = Promise.withResolvers<void>();
    running.set(key, { controller, ended: ended.promise });
    try {
      const result = await untilAborted(
        processor(attempt, { signal: controller.signal, progress: async (value) => report(job, value) }),
        controller.signal,
      );
      onEvent({ type: 'completed', attempt, durationMs: performance.now() - began });
      return result;
    } catch (error) {
      if (stopping !== undefined && controller.signal.aborted) return await handBack(job, token, attempt, began);
      throw failure(error, attempt, performance.now() - began);
    } finally {
      running.delete(key);
      ended.resolve();
    }
  }

  async function handBack(
    job: Job<JobEnvelope, unknown>,
    token: string | undefined,
    attempt: JobAttempt,
    began: number,
  ): Promise<never> {
    await job.moveToWait(token);
    onEvent({ type: 'handed-back', attempt, durationMs: performance.now() - began });
    throw new WaitingError();
  }

  async function report(job: Job<JobEnvelope, unknown>, value: object): Promise<void> {
    await job.updateProgress(value).catch(onError);
  }

  function failure(thrown: unknown, attempt: JobAttempt, durationMs: number): Error {
    const error = toError(thrown);
    const known =
      thrown instanceof MoltbotError ? thrown : new MoltbotError('internal_error', undefined, { cause: thrown });
    const reason = toFailedReason(known.code, known.message);
    const dead = !known.retryable || attempt.attempt >= attempt.attempts;
    onEvent({ type: dead ? 'dead' : 'failed', attempt, durationMs, error });
    const failed = known.retryable ? new AttemptFailure(reason, known.retryAfterMs) : new UnrecoverableError(reason);
    ours.add(failed);
    return failed;
  }

  function openWorker(name: string): BullWorker {
    const worker = backend.openWorker(name, async (job, token) => process(job, token), {
      concurrency: options.concurrency,
      lockDuration: takeoverAfterMs,
      stalledInterval: Math.max(500, takeoverAfterMs / 2),
      maxStalledCount: MAX_STALLED,
      runRetryDelay: RETRY_CONNECTION_MS,
      settings: { backoffStrategy: backoff },
    });
    worker.on('error', onError);
    worker.on('stalled', (id) => {
      onEvent({ type: 'stalled', id, queue: name });
    });
    worker.on('lockRenewalFailed', (ids) => {
      for (const id of ids) {
        running
          .get(`${name}/${id}`)
          ?.controller.abort(new MoltbotError('queue_unavailable', 'The job was given to another worker'));
      }
    });
    // BullMQ ends a job that stalled too often without asking the processor.
    worker.on('failed', (job, error) => {
      if (job !== undefined && !ours.has(error))
        onEvent({ type: 'dead', attempt: toAttempt(job), durationMs: 0, error });
    });
    return worker;
  }

  async function stop(workers: readonly BullWorker[], graceMs: number): Promise<void> {
    await Promise.all(workers.map(async (worker) => settledWithin(worker.pause(true), CLOSE_WITHIN_MS)));
    await settledWithin(Promise.all([...running.values()].map(async ({ ended }) => ended)), graceMs);
    const left = [...running.values()];
    for (const { controller } of left) controller.abort(new MoltbotError('shutting_down'));
    await settledWithin(Promise.all(left.map(async ({ ended }) => ended)), ABORT_WITHIN_MS + CLOSE_WITHIN_MS);
    await Promise.all(workers.map(async (worker) => closeWorker(worker)));
  }

  async function closeWorker(worker: BullWorker): Promise<void> {
    if (await settledWithin(worker.close(), CLOSE_WITHIN_MS)) return;
    // The server is away: nothing can be said to it, its connections are cut.
    await settledWithin(worker.getBackend().disconnect(), CLOSE_WITHIN_MS);
  }

  const workers = options.queueNames.map((name) => openWorker(name));
  try {
    await withinTime(Promise.all(workers.map(async (worker) => worker.waitUntilReady())), START_WITHIN_MS);
  } catch (error) {
    stopping = stop(workers, 0);
    await stopping;
    throw error;
  }
  return {
    get active() {
      return running.size;
    },
    stop: async ({ graceMs }) => {
      stopping ??= stop(workers, graceMs);
      return stopping;
    },
  };
}

function toAttempt(job: Job<JobEnvelope, unknown>): JobAttempt {
  return {
    id: job.id ?? '',
    name: job.name,
    queue: job.queueName,
    payload: job.data.payload,
    traceparent: typeof job.data.traceparent === 'string' ? job.data.traceparent : undefined,
    attempt: job.attemptsMade + 1,
    attempts: job.opts.attempts ?? 1,
    enqueuedAt: job.timestamp,
  };
}

/** Ends with the work, or a while after the signal where the work does not listen to it. */
async function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  let onAbort = (): void => {};
  const ignored = new Promise<never>((_resolve, reject) => {
    onAbort = () => {
      timer = setTimeout(() => {
        reject(toError(signal.reason));
      }, ABORT_WITHIN_MS);
    };
    signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([work, ignored]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
  }
}

/** Exponential with equal jitter: jobs that failed together must not come back together. */
function backoff(
  attemptsMade: number,
  _type?: string,
  error?: Error,
  job?: { readonly opts: { backoff?: unknown } },
): number {
  const row = job?.opts.backoff as { readonly delay?: number } | undefined;
  const bound = Math.min((row?.delay ?? RETRY_CONNECTION_MS) * 2 ** Math.max(0, attemptsMade - 1), LONGEST_BACKOFF_MS);
  const wait = bound / 2 + (Math.random() * bound) / 2;
  const asked = error instanceof AttemptFailure ? (error.retryAfterMs ?? 0) : 0;
  return Math.round(Math.max(wait, Math.min(asked, LONGEST_RETRY_AFTER_MS)));
}
