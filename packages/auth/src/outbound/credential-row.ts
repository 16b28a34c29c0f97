import { MoltbotError } from '@moltbot/contracts';
import type { Sealer } from '../seal/sealer.js';
import type { Clock } from './clock.js';
import { recordFor } from './record-steps.js';
import { formatTokenRecord, parseTokenRecord, type TokenRecord } from './token-record.js';
import type { TokenRow, TokenStore } from './token-store.js';

/** Where tokens are kept, and what opens them. */
export interface TokenBackend {
  readonly store: TokenStore;
  /** Asked when there is something to open or to seal. @throws MoltbotError `secret_key_unavailable` */
  readonly sealer: () => Promise<Sealer>;
}

/** The row as it was read last. */
export interface SeenRow {
  /** 0: there is none. */
  readonly version: number;
  /** Of our client; `undefined` where there is none, or none that can be read. */
  readonly record: TokenRecord | undefined;
  /** When the reading of it began, by the monotonic clock. */
  readonly readAt: number;
  /** Opens its pair; or why there is none that could. `undefined` where there is no pair. */
  readonly sealer: Sealer | MoltbotError | undefined;
}

export interface CredentialRowOptions {
  readonly id: string;
  readonly clientId: string;
  /** Opens the store at the first use. */
  readonly backend: () => Promise<TokenBackend>;
  readonly clock: Clock;
  /** For each version once, in their order; and once more where its tokens can be opened only later. */
  readonly onSeen: (seen: SeenRow, before: SeenRow | undefined) => void;
  readonly onStoreError: (error: unknown) => void;
  readonly onStoreAnswer: () => void;
}

/** One credential's row, as this process sees it. */
export class CredentialRow {
  readonly #options: CredentialRowOptions;
  readonly #waiting = new Set<() => void>();
  #seen: SeenRow | undefined;
  #lookedUntil = 0;
  #looking = false;
  #again = false;

  constructor(options: CredentialRowOptions) {
    this.#options = options;
  }

  get seen(): SeenRow | undefined {
    return this.#seen;
  }

  /** Reads the row now. @throws MoltbotError `token_store_unavailable` */
  look(): Promise<SeenRow> {
    return this.#ask((backend) => backend.store.read(this.#options.id));
  }

  /** Somebody says that the row was changed. */
  async changed(): Promise<void> {
    if (this.#looking) {
      this.#again = true;
      return;
    }
    this.#looking = true;
    try {
      do {
        this.#again = false;
        await this.look();
      } while (this.#again);
    } catch {
      // Whoever needs the row reads it, and is told.
    } finally {
      this.#looking = false;
    }
  }

  /**
   * Writes `next` where the row is still as it was `seen`.
   * @returns the row then; `undefined` where somebody else was first
   * @throws MoltbotError `token_store_unavailable`: it may have been written
   */
  async swap(seen: SeenRow, next: TokenRecord): Promise<SeenRow | undefined> {
    let lost = false;
    const now = await this.#ask(async (backend) => {
      const row = await backend.store.compareAndSwap(this.#options.id, seen.version, formatTokenRecord(next));
      lost = row === undefined;
      return row ?? (await backend.store.read(this.#options.id));
    });
    return lost ? undefined : now;
  }

  /** Until another version was seen, `wake` was called, or the time is up. */
  change(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        cancel();
        this.#waiting.delete(done);
        resolve();
      };
      const cancel = this.#options.clock.after(ms, done);
      this.#waiting.add(done);
    });
  }

  wake(): void {
    for (const done of this.#waiting) done();
  }

  async #ask(question: (backend: TokenBackend) => Promise<TokenRow | undefined>): Promise<SeenRow> {
    const { clock } = this.#options;
    const readAt = clock.monotonic();
    let row: TokenRow | undefined;
    let backend: TokenBackend;
    try {
      backend = await this.#options.backend();
      row = await question(backend);
    } catch (error) {
      const told =
        error instanceof MoltbotError
          ? error
          : new MoltbotError('token_store_unavailable', undefined, { cause: error });
      if (told.code === 'token_store_unavailable') this.#options.onStoreError(told);
      throw told;
    }
    this.#options.onStoreAnswer();
    const record = recordFor(this.#options.clientId, parseTokenRecord(row?.value ?? ''));
    const sealer = record?.state === 'signed-in' ? await this.#sealerOf(backend) : undefined;
    return this.#take({ version: row?.version ?? 0, record, readAt, sealer });
  }

  async #sealerOf(backend: TokenBackend): Promise<Sealer | MoltbotError> {
    try {
      return await backend.sealer();
    } catch (error) {
      return error instanceof MoltbotError
        ? error
        : new MoltbotError('secret_key_unavailable', undefined, { cause: error });
    }
  }

  #take(seen: SeenRow): SeenRow {
    const before = this.#seen;
    // Two readings at the same time may end in the other order; a store that was restored begins lower, for all readings after.
    if (before !== undefined && seen.version < before.version && seen.readAt < this.#lookedUntil) return before;
    this.#lookedUntil = this.#options.clock.monotonic();
    if (before !== undefined && before.version === seen.version) {
      const isOpenable = before.sealer instanceof MoltbotError && !(seen.sealer instanceof MoltbotError);
      this.#seen = {
        ...before,
        readAt: Math.max(seen.readAt, before.readAt),
        sealer: isOpenable ? seen.sealer : before.sealer,
      };
      if (isOpenable) this.#options.onSeen(this.#seen, before);
      return this.#seen;
    }
    this.#seen = seen;
    this.#options.onSeen(seen, before);
    this.wake();
    return seen;
  }
}
