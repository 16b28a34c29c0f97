import { MoltbotError } from '@moltbot/contracts';

/** Requests that may wait for one model. */
const MAX_WAITING = 64;

/** So many at the same time; the others wait in order. */
export class Turns {
  readonly #limit: number;
  readonly #waiting: { readonly take: () => void }[] = [];
  #active = 0;
  readonly #idle: (() => void)[] = [];

  constructor(limit: number) {
    this.#limit = limit;
  }

  get isIdle(): boolean {
    return this.#active === 0 && this.#waiting.length === 0;
  }

  /** @throws MoltbotError `overloaded` where too many wait; the signal's reason */
  async take(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#active < this.#limit) {
      this.#active += 1;
      return;
    }
    if (this.#waiting.length >= MAX_WAITING) {
      throw new MoltbotError('overloaded', `${MAX_WAITING} requests wait for this local model already.`, {
        retryAfterMs: 1_000,
      });
    }
    await new Promise<void>((resolve, reject) => {
      const onAbort = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
        reject(signal.reason);
      };
      const waiter = {
        take: () => {
          signal.removeEventListener('abort', onAbort);
          resolve();
        },
      };
      signal.addEventListener('abort', onAbort, { once: true });
      this.#waiting.push(waiter);
    });
  }

  give(): void {
    const next = this.#waiting.shift();
    // The turn goes on to whoever waits.
    if (next === undefined) this.#active -= 1;
    else next.take();
    if (this.isIdle) for (const resolve of this.#idle.splice(0)) resolve();
  }

  /** Resolves when nobody is being answered or waits. */
  async idle(): Promise<void> {
    if (this.isIdle) return;
    await new Promise<void>((resolve) => {
      this.#idle.push(resolve);
    });
  }
}
