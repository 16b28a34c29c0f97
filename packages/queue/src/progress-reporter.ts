/** How often a job's progress is stored at most. */
const EVERY_MS = 100;

/** Stores what a handler reports, the first at once, then the latest of each moment: a loop may report as often as it likes. */
export class ProgressReporter {
  readonly #write: (value: object) => Promise<void>;
  #writing: Promise<void> = Promise.resolve();
  #waiting: object | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** @param write never rejects */
  constructor(write: (value: object) => Promise<void>) {
    this.#write = write;
  }

  /** Resolves when it is stored, or at once where it waits for its turn. */
  async report(value: object): Promise<void> {
    if (this.#timer !== undefined) {
      this.#waiting = value;
      return;
    }
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      const next = this.#waiting;
      this.#waiting = undefined;
      if (next !== undefined) void this.report(next);
    }, EVERY_MS);
    await this.#store(value);
  }

  /** Stores what still waits; nothing is reported any more. */
  async end(): Promise<void> {
    clearTimeout(this.#timer);
    const last = this.#waiting;
    this.#waiting = undefined;
    if (last !== undefined) await this.#store(last);
    await this.#writing;
  }

  async #store(value: object): Promise<void> {
    this.#writing = this.#writing.then(async () => this.#write(value));
    await this.#writing;
  }
}
