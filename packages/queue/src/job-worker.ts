import { type JobName, MoltbotError } from '@moltbot/contracts';
import { DelayedError, type Job, UnrecoverableError, WaitingError } from 'bullmq';
import { AttemptContext } from './attempt-context.js';
import { type AttemptFailure, backoff, failedForNow } from './backoff.js';
import { CancelWatch } from './cancel-watch.js';
import type { JobCaller, JobInput } from './enqueue-job.js';
import { type JobEventRow, MAX_EVENT_ROWS, writeJobEventRow } from './job-events.js';
import { JobLater } from './job-later.js';
import { parseJobId } from './job-id.js';
import { toFailedReason } from './job-snapshot.js';
import { LateAbort } from './late-abort.js';
import { ProgressReporter } from './progress-reporter.js';
import type { BullWorker, JobEnvelope, QueueBackend } from './queue-backend.js';
import { settledWithin, toError, withinTime } from './queue-error.js';

/** One attempt at a job, as the processor gets it. Nothing of it is checked: another version may have written it. */
export interface JobAttempt {
  readonly id: string;
  readonly name: string;
  readonly queue: string;
  readonly payload: unknown;
  readonly traceparent?: string | undefined;
  /** Who asked for it. */
  readonly owner?: string | undefined;
  /** What they were allowed then. */
  readonly caller?: JobCaller | undefined;
  /** 1, 2, 3 … */
  readonly attempt: number;
  readonly attempts: number;
  /** Unix time in ms. */
  readonly enqueuedAt: number;
  /** When it was to begin at the earliest (Unix time in ms); `undefined` where it had begun before. */
  readonly dueAt: number | undefined;
}

export interface JobContext {
  /** Aborted when the process stops, when somebody cancels the job, or when another worker was given it. */
  readonly signal: AbortSignal;
  /** Shown with the job and kept as an event; failures to store it are reported and otherwise ignored. */
  readonly progress: (value: object) => Promise<void>;
  readonly followUp: FollowUp;
}

/**
 * Begins another job, of the same owner and within the same trace: once, however often this one is tried. `key` tells several
 * apart that have one name. @throws MoltbotError `invalid_request`, `queue_unavailable`
 */
export type FollowUp = <N extends JobName>(
  name: N,
  payload: JobInput<N>,
  options?: { readonly key?: string; readonly delayMs?: number },
) => Promise<{ readonly id: string }>;

/**
 * Does a job and returns its result as JSON. A MoltbotError that is not retryable ends the job; any other error lets it be
 * tried again, as often and as late as its row says (or later, where the error has `retryAfterMs`). A JobLater puts it off.
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
  | { readonly type: 'cancelled'; readonly attempt: JobAttempt; readonly durationMs: number }
  /** This process stops; another one takes the job at once. It does not count as an attempt. */
  | { readonly type: 'handed-back'; readonly attempt: JobAttempt; readonly durationMs: number }
  /** It waits for something outside (JobLater). It does not count as an attempt. */
  | { readonly type: 'put-off'; readonly attempt: JobAttempt; readonly durationMs: number }
  /** The worker that had it is gone or too busy; it is done again. */
  | { readonly type: 'stalled'; readonly id: string; readonly name: JobName | 'other'; readonly queue: string };

export interface JobWorkerOptions {
  /** Jobs at the same time, per queue. */
  readonly concurrency: number;
  /** What differs for a queue. */
  readonly queues?: Readonly<Record<string, { readonly concurrency: number }>> | undefined;
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
  readonly isCancelled: (queue: string, id: string) => Promise<boolean>;
  readonly followUpOf: (attempt: JobAttempt) => FollowUp;
}

const START_WITHIN_MS = 10_000;
const CLOSE_WITHIN_MS = 3_000;
/** How long an aborted handler may take to notice before its job is handed back under its hands. */
const ABORT_WITHIN_MS = 1_000;
/** As often as a row allows attempts, a worker may die over a job before the job is taken for the cause. */
const MAX_STALLED = 3;
const RETRY_CONNECTION_MS = 1_000;
/** For what is only told besides: a row of a job's events. */
const NOTE_WITHIN_MS = 2_000;

interface Running {
  readonly queue: string;
  readonly id: string;
  readonly since: number;
  /** Tells the job, and waits for it a moment only. */
  readonly abort: (reason: MoltbotError) => void;
  readonly ended: Promise<void>;
}

/** @throws MoltbotError `queue_unavailable` */
export async function startJobWorker(options: StartOptions): Promise<JobWorker> {
  const { backend, processor, onError } = options;
  const takeoverAfterMs = options.takeoverAfterMs ?? 15_000;
  const onEvent = options.onEvent ?? (() => {});
  const running = new Map<string, Running>();
  const ours = new WeakSet<Error>();
  const eventRows = new WeakMap<Job<JobEnvelope, unknown>, number>();
  let stopping: Promise<void> | undefined;

  async function process(job: Job<JobEnvelope, unknown>, token: string | undefined): Promise<unknown> {
    const attempt = toAttempt(job);
    const key = `${attempt.queue}/${attempt.id}`;
    const began = performance.now();
    if (stopping !== undefined) return handBack(job, token, attempt, began);
    if (job.data.cancelledAt !== undefined) throw failure(new MoltbotError('job_cancelled'), attempt, 0);
    const aborting = new LateAbort();
    const cut = Promise.withResolvers<never>();
    let timer: NodeJS.Timeout | undefined;
    const abort = (reason: MoltbotError): void => {
      if (aborting.aborted) return;
      aborting.abort(reason);
      timer = setTimeout(cut.reject, ABORT_WITHIN_MS, reason);
    };
    const ended = Promise.withResolvers<void>();
    running.set(key, { queue: attempt.queue, id: attempt.id, since: began, abort, ended: ended.promise });
    let reporter: ProgressReporter | undefined;
    const progress = async (value: object): Promise<void> => {
      reporter ??= new ProgressReporter(async (latest) => report(job, latest));
      await reporter.report(value);
    };
    try {
      const result = await Promise.race([
        processor(attempt, new AttemptContext({ attempt, aborting, progress, followUpOf: options.followUpOf })),
        cut.promise,
      ]);
      await reporter?.end();
      onEvent({ type: 'completed', attempt, durationMs: performance.now() - began });
      return result;
    } catch (error) {
      if (reporter !== undefined) await settledWithin(reporter.end(), NOTE_WITHIN_MS);
      const cancelled = isCancellation(aborting.reason);
      const handsOn = aborting.aborted || isShutdown(error);
      if (stopping !== undefined && handsOn && !cancelled) {
        return await handBack(job, token, attempt, began);
      }
      if (error instanceof JobLater && !cancelled) return await putOff(job, token, { attempt, began, error });
      const failed = failure(cancelled ? aborting.reason : error, attempt, performance.now() - began);
      await settledWithin(note(job, attempt, failed), NOTE_WITHIN_MS);
      throw failed;
    } finally {
      clearTimeout(timer);
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

  async function putOff(
    job: Job<JobEnvelope, unknown>,
    token: string | undefined,
    { attempt, began, error }: { readonly attempt: JobAttempt; readonly began: number; readonly error: JobLater },
  ): Promise<never> {
    await job.moveToDelayed(Date.now() + error.delayMs, token);
    onEvent({ type: 'put-off', attempt, durationMs: performance.now() - began });
    // Somebody may have cancelled it while it still ran: then it is ended now, not at its time.
    if (await options.isCancelled(attempt.queue, attempt.id).catch(() => false)) {
      await job.promote().catch(() => undefined);
    }
    throw new DelayedError();
  }

  async function report(job: Job<JobEnvelope, unknown>, progress: object): Promise<void> {
    const row: JobEventRow = { type: 'progress', at: Date.now(), progress };
    const rows = eventRows.get(job) ?? 0;
    eventRows.set(job, rows + 1);
    try {
      if (rows < MAX_EVENT_ROWS) await job.log(writeJobEventRow(row));
      await job.updateProgress(progress);
    } catch (error) {
      onError(error);
    }
  }

  async function note(job: Job<JobEnvelope, unknown>, attempt: JobAttempt, failed: FailedAttempt): Promise<void> {
    const { code, message } = failed.known;
    const row = { type: 'attempt-failed', at: Date.now(), attempt: attempt.attempt, error: { code, message } } as const;
    await job.log(writeJobEventRow(row)).catch(onError);
  }

  function failure(thrown: unknown, attempt: JobAttempt, durationMs: number): FailedAttempt {
    const error = toError(thrown);
    const known =
      thrown instanceof MoltbotError ? thrown : new MoltbotError('internal_error', undefined, { cause: thrown });
    const reason = toFailedReason(known.code, known.message);
    const dead = !known.retryable || attempt.attempt >= attempt.attempts;
    if (known.code === 'job_cancelled') onEvent({ type: 'cancelled', attempt, durationMs });
    else onEvent({ type: dead ? 'dead' : 'failed', attempt, durationMs, error });
    const failed = known.retryable ? failedForNow(reason, known.retryAfterMs) : new UnrecoverableError(reason);
    ours.add(failed);
    return Object.assign(failed, { known });
  }

  function openWorker(name: string): BullWorker {
    const worker = backend.openWorker(name, async (job, token) => process(job, token), {
      concurrency: options.queues?.[name]?.concurrency ?? options.concurrency,
      lockDuration: takeoverAfterMs,
      stalledInterval: Math.max(500, takeoverAfterMs / 2),
      maxStalledCount: MAX_STALLED,
      runRetryDelay: RETRY_CONNECTION_MS,
      settings: { backoffStrategy: backoff },
    });
    worker.on('error', onError);
    worker.on('stalled', (id) => {
      onEvent({ type: 'stalled', id, name: parseJobId(id)?.name ?? 'other', queue: name });
    });
    worker.on('lockRenewalFailed', (ids) => {
      for (const id of ids) {
        running
          .get(`${name}/${id}`)
          ?.abort(new MoltbotError('queue_unavailable', 'The job was given to another worker'));
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
    watch.stop();
    const left = [...running.values()];
    for (const { abort } of left) abort(new MoltbotError('shutting_down'));
    await settledWithin(Promise.all(left.map(async ({ ended }) => ended)), ABORT_WITHIN_MS + CLOSE_WITHIN_MS);
    await Promise.all(workers.map(async (worker) => closeWorker(worker)));
  }

  async function closeWorker(worker: BullWorker): Promise<void> {
    if (await settledWithin(worker.close(), CLOSE_WITHIN_MS)) return;
    // The server is away: nothing can be said to it, its connections are cut.
    await settledWithin(worker.getBackend().disconnect(), CLOSE_WITHIN_MS);
  }

  const watch = new CancelWatch({
    running: () =>
      [...running.values()].map(({ queue, id, since, abort }) => ({
        queue,
        id,
        since,
        cancel: () => {
          abort(new MoltbotError('job_cancelled'));
        },
      })),
    isCancelled: options.isCancelled,
  });
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

/** As BullMQ gets it, with what we know. */
type FailedAttempt = (AttemptFailure | UnrecoverableError) & { readonly known: MoltbotError };

function isCancellation(reason: unknown): boolean {
  return reason instanceof MoltbotError && reason.code === 'job_cancelled';
}

/** A long job that has noticed that the process stops. */
function isShutdown(error: unknown): boolean {
  return error instanceof MoltbotError && error.code === 'shutting_down';
}

function toAttempt(job: Job<JobEnvelope, unknown>): JobAttempt {
  return {
    id: job.id ?? '',
    name: job.name,
    queue: job.queueName,
    payload: job.data.payload,
    traceparent: typeof job.data.traceparent === 'string' ? job.data.traceparent : undefined,
    owner: typeof job.data.owner === 'string' ? job.data.owner : undefined,
    caller: job.data.caller,
    attempt: job.attemptsMade + 1,
    attempts: job.opts.attempts ?? 1,
    enqueuedAt: job.timestamp,
    dueAt: job.attemptsStarted > 1 ? undefined : job.timestamp + (job.opts.delay ?? 0),
  };
}
