import type { JobAttempt, JobContext, FollowUp } from './job-worker.js';
import type { LateAbort } from './late-abort.js';

/** A class, because an object literal with getters gets a hidden class of its own each time: garbage of 15 µs a job. */
export class AttemptContext implements JobContext {
  readonly progress: JobContext['progress'];
  readonly #attempt: JobAttempt;
  readonly #aborting: LateAbort;
  readonly #followUpOf: (attempt: JobAttempt) => FollowUp;

  constructor(options: {
    readonly attempt: JobAttempt;
    readonly aborting: LateAbort;
    readonly progress: JobContext['progress'];
    readonly followUpOf: (attempt: JobAttempt) => FollowUp;
  }) {
    this.#attempt = options.attempt;
    this.#aborting = options.aborting;
    this.progress = options.progress;
    this.#followUpOf = options.followUpOf;
  }

  get signal(): AbortSignal {
    return this.#aborting.signal;
  }

  get followUp(): FollowUp {
    return this.#followUpOf(this.#attempt);
  }
}
