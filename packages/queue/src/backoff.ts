/** What is thrown into BullMQ for an attempt that may be repeated; of ours it knows the message only. */
export class AttemptFailure extends Error {
  readonly retryAfterMs: number | undefined;

  constructor(reason: string, retryAfterMs?: number) {
    super(reason);
    this.retryAfterMs = retryAfterMs;
  }
}

/** As it is written in a job's options: BullMQ keeps those with the job. */
export interface BackoffOptions {
  readonly type: 'moltbot';
  /** First wait in ms. */
  readonly delay: number;
  readonly jitter: number;
}

const LONGEST_BACKOFF_MS = 300_000;
const LONGEST_RETRY_AFTER_MS = 3_600_000;
const USUAL_FIRST_MS = 1_000;
const USUAL_JITTER = 0.5;

export function failedForNow(reason: string, retryAfterMs: number | undefined): AttemptFailure {
  return new AttemptFailure(reason, retryAfterMs);
}

/** Exponential with jitter: jobs that failed together must not come back together. @returns ms until the next attempt */
export function backoff(
  attemptsMade: number,
  _type?: string,
  error?: Error,
  job?: { readonly opts: { backoff?: unknown } },
): number {
  const row = (job?.opts.backoff ?? {}) as Partial<BackoffOptions>;
  const bound = Math.min((row.delay ?? USUAL_FIRST_MS) * 2 ** Math.max(0, attemptsMade - 1), LONGEST_BACKOFF_MS);
  const wait = bound * (1 - (row.jitter ?? USUAL_JITTER) * Math.random());
  const asked = error instanceof AttemptFailure ? (error.retryAfterMs ?? 0) : 0;
  return Math.round(Math.max(wait, Math.min(asked, LONGEST_RETRY_AFTER_MS)));
}
