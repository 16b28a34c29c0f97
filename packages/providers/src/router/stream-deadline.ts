/** What a stream that is waited for looks at to know whether it is late. */
export interface Waiting {
  /** When to give up, on the clock of `elapsed`; `undefined` while nothing is waited for. */
  dueAt(): number | undefined;
  /** The moment has passed. */
  late(): void;
}

/**
 * One timer for a whole stream. The moment to give up moves on with every event, the timer does not: when it fires too early
 * it is set again for what is left.
 */
export class StreamDeadline {
  readonly #elapsed: () => number;
  readonly #waiting: Waiting;
  #timer: NodeJS.Timeout | undefined;
  #firesAt = 0;

  constructor(elapsed: () => number, waiting: Waiting) {
    this.#elapsed = elapsed;
    this.#waiting = waiting;
  }

  /** Makes sure that the timer fires no later than this. */
  expect(dueAt: number, now: number): void {
    if (this.#timer !== undefined) {
      if (this.#firesAt <= dueAt) return;
      clearTimeout(this.#timer);
    }
    this.#set(dueAt, now);
  }

  clear(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #set(dueAt: number, now: number): void {
    this.#firesAt = dueAt;
    this.#timer = setTimeout(fire, Math.max(1, Math.ceil(dueAt - now)), this);
  }

  fire(): void {
    this.#timer = undefined;
    const dueAt = this.#waiting.dueAt();
    if (dueAt === undefined) return;
    const now = this.#elapsed();
    if (now >= dueAt) this.#waiting.late();
    else this.#set(dueAt, now);
  }
}

function fire(deadline: StreamDeadline): void {
  deadline.fire();
}
