import { within } from './within.js';

export interface ChangeWatchOptions {
  /** Another value after each change. */
  readonly version: () => Promise<unknown>;
  /** Milliseconds that only grow. */
  readonly elapsed: () => number;
  readonly lagMs: number;
  readonly onChange: () => void;
  readonly onError: (error: unknown) => void;
}

/**
 * Whether what is cached still holds, by one cheap question for all of it: asked at most every half `lagMs`, by those who use
 * the cache (a server without callers asks nothing), and in the background as long as the last answer is younger than `lagMs`.
 * While storage is away nobody waits for it.
 */
export class ChangeWatch {
  readonly #options: ChangeWatchOptions;
  #version: unknown;
  /** When the last question that was answered was asked. */
  #knownAt = Number.NEGATIVE_INFINITY;
  #failedAt: number | undefined;
  #asking: Promise<void> | undefined;

  constructor(options: ChangeWatchOptions) {
    this.#options = options;
  }

  /** `undefined`: go on. A promise, which never rejects: wait for it, then look whether what was cached is still there. */
  look(now: number): Promise<void> | undefined {
    const { lagMs } = this.#options;
    const age = now - this.#knownAt;
    if (age < lagMs / 2) return undefined;
    if (this.#failedAt !== undefined) {
      if (now - this.#failedAt >= lagMs) void this.#ask(now);
      return undefined;
    }
    const asking = this.#ask(now);
    return age < lagMs ? undefined : asking;
  }

  /** Before the first answer, what was cached meanwhile could be older than it. */
  first(now: number): Promise<void> | undefined {
    const unknown = this.#knownAt === Number.NEGATIVE_INFINITY && this.#failedAt === undefined;
    return unknown ? this.#ask(now) : undefined;
  }

  #ask(now: number): Promise<void> {
    this.#asking ??= this.#compare(now).finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  async #compare(askedAt: number): Promise<void> {
    const { version, elapsed, lagMs, onChange, onError } = this.#options;
    try {
      const current = await within(version(), lagMs);
      this.#knownAt = askedAt;
      this.#failedAt = undefined;
      if (current === this.#version) return;
      this.#version = current;
      onChange();
    } catch (error) {
      this.#failedAt = elapsed();
      onError(error);
    }
  }
}
