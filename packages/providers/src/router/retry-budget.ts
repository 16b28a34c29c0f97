const SLOT_MS = 1_000;
const SLOTS = 10;

interface RetryBudgetSettings {
  /** Repeats allowed per request of the last ten seconds. */
  readonly ratio: number;
  /** Repeats allowed in ten seconds besides. */
  readonly burst: number;
}

export interface RetryBudgetOptions {
  readonly settings: () => RetryBudgetSettings;
  /** Milliseconds that only grow. */
  readonly elapsed: () => number;
}

/**
 * Keeps repeats of the whole process a share of its recent traffic, so that an outage does not become a storm: in any ten
 * seconds at most `burst` repeats and `ratio` for each request.
 */
export class RetryBudget {
  readonly #options: RetryBudgetOptions;
  readonly #requests = new Float64Array(SLOTS);
  readonly #repeats = new Float64Array(SLOTS);
  #slot: number;

  constructor(options: RetryBudgetOptions) {
    this.#options = options;
    this.#slot = Math.floor(options.elapsed() / SLOT_MS);
  }

  /** One request came in. */
  request(): void {
    const index = this.#turn();
    this.#requests[index] = (this.#requests[index] ?? 0) + 1;
  }

  /** @returns whether a repeat is allowed; it is counted then */
  take(): boolean {
    const index = this.#turn();
    if (this.#left() < 1) return false;
    this.#repeats[index] = (this.#repeats[index] ?? 0) + 1;
    return true;
  }

  /** Repeats that may be made now. */
  get remaining(): number {
    this.#turn();
    return Math.max(0, Math.floor(this.#left()));
  }

  #left(): number {
    const { ratio, burst } = this.#options.settings();
    return burst + ratio * sum(this.#requests) - sum(this.#repeats);
  }

  /** Empties the slots that time has passed over. @returns the index of the one that runs */
  #turn(): number {
    const slot = Math.floor(this.#options.elapsed() / SLOT_MS);
    const passed = Math.min(SLOTS, slot - this.#slot);
    for (let step = 1; step <= passed; step += 1) {
      const index = (this.#slot + step) % SLOTS;
      this.#requests[index] = 0;
      this.#repeats[index] = 0;
    }
    if (slot > this.#slot) this.#slot = slot;
    return this.#slot % SLOTS;
  }
}

function sum(slots: Float64Array): number {
  let total = 0;
  for (const value of slots) total += value;
  return total;
}
