import { ERRORS, type ErrorCode, JOBS, type JobName, type JobResult } from '@moltbot/contracts';
import type { Job } from 'bullmq';
import type { JobEnvelope } from './queue-backend.js';

export type JobState = 'waiting' | 'active' | 'delayed' | 'completed' | 'failed' | 'unknown';

/** A job as it stands now. Times are Unix times in ms. */
export interface JobSnapshot<N extends JobName = JobName> {
  readonly id: string;
  readonly name: N;
  readonly state: JobState;
  /** What the handler last reported; undefined before. */
  readonly progress: unknown;
  /** Attempts that ended. */
  readonly attemptsMade: number;
  readonly enqueuedAt: number;
  readonly startedAt?: number | undefined;
  readonly finishedAt?: number | undefined;
  readonly result?: JobResult<N> | undefined;
  /** Why the last attempt failed. */
  readonly error?: { readonly code: ErrorCode; readonly message: string } | undefined;
}

const STATES: Readonly<Record<string, JobState>> = {
  waiting: 'waiting',
  prioritized: 'waiting',
  'waiting-children': 'waiting',
  active: 'active',
  delayed: 'delayed',
  completed: 'completed',
  failed: 'failed',
};

export function toJobSnapshot<N extends JobName>(
  name: N,
  job: Job<JobEnvelope, unknown>,
  bullState: string,
): JobSnapshot<N> {
  const state = STATES[bullState] ?? 'unknown';
  const result = state === 'completed' ? JOBS[name].result.safeParse(job.returnvalue) : undefined;
  return {
    id: job.id ?? '',
    name,
    state,
    progress: job.progress === 0 ? undefined : job.progress,
    attemptsMade: job.attemptsMade,
    enqueuedAt: job.timestamp,
    startedAt: job.processedOn,
    finishedAt: job.finishedOn,
    result: result?.success === true ? (result.data as JobResult<N>) : undefined,
    error: state === 'completed' || !job.failedReason ? undefined : fromFailedReason(job.failedReason),
  };
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
