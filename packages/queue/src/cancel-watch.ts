/** A running job as the watch sees it. */
export interface WatchedJob {
  readonly queue: string;
  readonly id: string;
  /** By the clock of `performance.now`. */
  readonly since: number;
  cancel(): void;
}

/** With the time to abort, a cancelled job ends within a second. */
const LOOK_EVERY_MS = 350;
/** Jobs that end sooner are never asked for. */
const YOUNG_MS = 200;

/**
 * Asks the queue whether somebody cancelled a running job: whoever cancels is another process, and BullMQ carries no word
 * between them but the job itself. A queue that is away is asked again.
 */
export class CancelWatch {
  readonly #running: () => Iterable<WatchedJob>;
  readonly #isCancelled: (queue: string, id: string) => Promise<boolean>;
  readonly #timer: NodeJS.Timeout;
  #looking = false;

  constructor(options: {
    readonly running: () => Iterable<WatchedJob>;
    readonly isCancelled: (queue: string, id: string) => Promise<boolean>;
  }) {
    this.#running = options.running;
    this.#isCancelled = options.isCancelled;
    this.#timer = setInterval(() => void this.#look(), LOOK_EVERY_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async #look(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    const grown = performance.now() - YOUNG_MS;
    try {
      await Promise.all(
        [...this.#running()]
          .filter(({ since }) => since <= grown)
          .map(async (job) => {
            if (await this.#isCancelled(job.queue, job.id).catch(() => false)) job.cancel();
          }),
      );
    } finally {
      this.#looking = false;
    }
  }
}
