/**
 * Short-lived state that several processes share: breaker, limiter, retry budget, credential cool-downs. Nothing here is a
 * ledger: all of it may be lost without losing an answer. Where it is kept elsewhere, every call ends in bounded time and may
 * reject with a `StateError`: whoever asked goes on with what it knows itself.
 */
export interface SharedState {
  readonly kind: 'memory' | 'redis';
  /** Why calls would be refused now, as a code (`ECONNREFUSED`, `no answer`); `undefined`: they would not. For diagnosis. */
  readonly trouble: string | undefined;

  /**
   * Adds `amount` to the counter and returns the sum over the window that is running. Windows of one key are aligned to
   * multiples of `windowMs` since the epoch.
   */
  add(key: string, amount: number, windowMs: number): Promise<number>;

  read(key: string): Promise<StateRecord | undefined>;

  /**
   * Writes `value` if the record still has `version` (0: it does not exist). The record is forgotten `ttlMs` later.
   * @returns the new record, or `undefined` where another writer was first.
   */
  compareAndSwap(key: string, version: number, value: string, ttlMs: number): Promise<StateRecord | undefined>;

  /**
   * Calls `listener` on each change of a record whose key starts with `prefix` (`undefined`: gone), in order, one's own
   * changes included. At the beginning and after a gap it may be told of records as they stand. @returns unsubscribe
   */
  watch(prefix: string, listener: (key: string, record: StateRecord | undefined) => void): () => void;

  /** @returns the lease, or `undefined` while another holder has it. `fence` grows with each grant of the key. */
  acquireLease(key: string, holder: string, ttlMs: number): Promise<Lease | undefined>;

  /** Makes the lease end `ttlMs` from now. @returns whether it was still this one's */
  renewLease(lease: Lease, ttlMs: number): Promise<boolean>;

  /** Ends the lease early; does nothing where it is no longer this one. */
  releaseLease(lease: Lease): Promise<void>;

  close(): Promise<void>;
}

export interface StateRecord {
  /** From one sequence for all keys: what was written later has the larger one, also after it was forgotten in between. */
  readonly version: number;
  readonly value: string;
}

export interface Lease {
  readonly key: string;
  readonly holder: string;
  /** A fencing number: a later grant has a larger one. */
  readonly fence: number;
}
