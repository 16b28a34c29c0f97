import type { RetryPolicy } from '@moltbot/config';
import { backoffMs } from './backoff.js';
import type { RetryBudget } from './retry-budget.js';

export interface RequestBudgetOptions {
  readonly policy: RetryPolicy;
  /** The whole request's time, in ms from `startedAt`. */
  readonly totalMs: number;
  /** On the clock of `elapsed`. */
  readonly startedAt: number;
  readonly elapsed: () => number;
  readonly random: () => number;
  readonly shared: RetryBudget;
}

/** Timers fire up to this much early: less time than this is none. */
const TIMER_SLACK_MS = 2;

/**
 * What one request may spend over its whole chain: one deadline, repeats (`max_attempts` minus one, each target's first try
 * is free), and one cap for all waits together.
 */
export class RequestBudget {
  readonly deadlineAt: number;
  readonly #options: RequestBudgetOptions;
  #repeatsLeft: number;
  #repeatsMade = 0;
  #waitLeft: number;

  constructor(options: RequestBudgetOptions) {
    this.#options = options;
    this.deadlineAt = options.startedAt + options.totalMs;
    this.#repeatsLeft = options.policy.max_attempts - 1;
    this.#waitLeft = options.policy.max_total_wait;
  }

  /** Milliseconds until the deadline; 0 or less after it. */
  get remainingMs(): number {
    return this.deadlineAt - this.#options.elapsed();
  }

  /** Whether the deadline has passed, as exactly as timers know it. */
  get over(): boolean {
    return this.remainingMs <= TIMER_SLACK_MS;
  }

  get repeatsLeft(): number {
    return this.#repeatsLeft;
  }

  /** Whether a wait of this length keeps within the wait cap and the deadline. */
  fits(waitMs: number): boolean {
    return waitMs <= this.#waitLeft && waitMs < this.remainingMs;
  }

  /** The next wait by back-off; a hint of the provider is never undercut. */
  nextBackoff(hintMs: number | undefined): number {
    const { policy, random } = this.#options;
    return hintMs ?? backoffMs({ policy, repeat: this.#repeatsMade, random });
  }

  /**
   * Takes one repeat with the wait before it.
   * @returns whether every budget allows it; nothing is spent where one does not
   */
  takeRepeat(waitMs: number): boolean {
    if (this.#repeatsLeft <= 0 || !this.fits(waitMs) || !this.#options.shared.take()) return false;
    this.#repeatsLeft -= 1;
    this.#repeatsMade += 1;
    this.#waitLeft -= waitMs;
    return true;
  }

  /** Takes a wait that no repeat follows: for a target that comes back in a moment. */
  takeWait(waitMs: number): boolean {
    if (!this.fits(waitMs)) return false;
    this.#waitLeft -= waitMs;
    return true;
  }
}
