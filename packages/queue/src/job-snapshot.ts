import { ERRORS, type ErrorCode, JOBS, type JobName, type JobResult, type JobState } from '@moltbot/contracts';
import type { Job } from 'bullmq';
import type { JobEnvelope } from './queue-backend.js';

/** A job as it stands now. Times are Unix times in ms. */
export interface JobSnapshot<N extends JobName = JobName> {
  readonly id: string;
  readonly name: N;
  readonly state: JobState;
  /** Who asked for it; `undefined`: MoltBot itself. */
  readonly owner: string | undefined;
  /** Nothing of it is checked: another version may have written it. */
  readonly payload: unknown;
  /** What the handler last reported; undefined before. */
  readonly progress: unknown;
  /** Attempts that ended. */
  readonly attemptsMade: number;
  readonly maxAttempts: number;
  readonly enqueuedAt: number;
  readonly startedAt?: number | undefined;
  readonly finishedAt?: number | undefined;
  /** Cancelling was asked for. */
  readonly cancelledAt?: number | undefined;
  readonly result?: JobResult<N> | undefined;
  /** Why the last attempt failed. */
  readonly error?: { readonly code: ErrorCode; readonly message: string } | undefined;
}

/** States of BullMQ in which a worker may still take the job. */
const TO_BE_DONE = new Set(['waiting', 'prioritized', 'waiting-children', 'delayed']);

export function toJobSnapshot<N extends JobName>(
  name: N,
  job: Job<JobEnvelope, unknown>,
  bullState: string,
): JobSnapshot<N> {
  const error = bullState === 'completed' || !job.failedReason ? undefined : fromFailedReason(job.failedReason);
  const { cancelledAt, owner } = job.data;
  const state = stateOf({ bullState, cancelled: cancelledAt !== undefined, errorCode: error?.code });
  const result = state === 'completed' ? JOBS[name].result.safeParse(job.returnvalue) : undefined;
  return {
    id: job.id ?? '',
    name,
    state,
    owner,
    payload: job.data.payload,
    progress: job.progress === 0 ? undefined : job.progress,
    attemptsMade: job.attemptsMade,
    maxAttempts: job.opts.attempts ?? 1,
    enqueuedAt: job.timestamp,
    startedAt: job.processedOn,
    finishedAt: job.finishedOn ?? (state === 'cancelled' ? cancelledAt : undefined),
    cancelledAt,
    result: result?.success === true ? (result.data as JobResult<N>) : undefined,
    error: state === 'cancelled' ? { code: 'job_cancelled', message: ERRORS.job_cancelled.title } : error,
  };
}

function stateOf(facts: {
  readonly bullState: string;
  readonly cancelled: boolean;
  readonly errorCode: ErrorCode | undefined;
}): JobState {
  const { bullState, cancelled, errorCode } = facts;
  if (bullState === 'completed' || bullState === 'active') return bullState;
  if (bullState === 'failed') return errorCode === 'job_cancelled' ? 'cancelled' : 'dead';
  // Whoever takes it next ends it: nothing of it is done any more.
  if (cancelled && TO_BE_DONE.has(bullState)) return 'cancelled';
  if (bullState === 'delayed') return errorCode === undefined ? 'delayed' : 'failed';
  return 'waiting';
}

/** How a failure is kept in the queue: `code: message`. */
export function toFailedReason(code: ErrorCode, message: string): string {
  return `${code}: ${message}`;
}

function fromFailedReason(reason: string): { code: ErrorCode; message: string } {
  const colon = reason.indexOf(': ');
  const code = reason.slice(0, Math.max(colon, 0));
  if (Object.hasOwn(ERRORS, code)) return { code: code as ErrorCode, message: reason.slice(colon + 2) };
  return { code: 'internal_error', message: reason };
}
