import type { Logger } from '@moltbot/observability';
import type { FollowUp, JobAttempt, JobCaller, JobContext as QueueContext } from '@moltbot/queue';
import type { JobContext } from './deps.js';

/** What a handler is given; its signal and logger are made when it asks. A class, for the reason that the queue's context is one. */
export class HandlerContext implements JobContext {
  readonly jobId: string;
  readonly owner: string | undefined;
  readonly caller: JobCaller | undefined;
  readonly #signal: () => AbortSignal;
  readonly #logger: () => Logger;
  readonly #outer: QueueContext;

  constructor(options: {
    readonly attempt: JobAttempt;
    readonly signal: () => AbortSignal;
    readonly logger: () => Logger;
    readonly outer: QueueContext;
  }) {
    const { id, owner, caller } = options.attempt;
    this.jobId = id;
    this.owner = owner;
    this.caller = caller;
    this.#signal = options.signal;
    this.#logger = options.logger;
    this.#outer = options.outer;
  }

  get signal(): AbortSignal {
    return this.#signal();
  }

  get logger(): Logger {
    return this.#logger();
  }

  get progress(): (value: object) => Promise<void> {
    return this.#outer.progress;
  }

  get followUp(): FollowUp {
    return this.#outer.followUp;
  }
}
