/**
 * Where what is known of each credential is kept between restarts: one row a credential, changed only by compare-and-swap.
 * What the rows hold, and who may change them when, is the business of the vault; a store knows only versions.
 */
export interface TokenStore {
  /** @throws MoltbotError `token_store_unavailable`, as every method here */
  read(id: string): Promise<TokenRow | undefined>;

  /** All rows by credential id. */
  list(): Promise<ReadonlyMap<string, TokenRow>>;

  /**
   * Writes `value` where the row still has `version` (0: there is none). Once it resolves the row outlives a crash. Where it
   * rejects, the write may have happened: read before you write again.
   * @returns the new row, or `undefined` where another writer was first
   */
  compareAndSwap(id: string, version: number, value: string): Promise<TokenRow | undefined>;

  /** Calls `listener` soon after a row was changed by anybody (within about a second where the store can't push). @returns unsubscribe */
  watch(listener: (id: string) => void): () => void;

  close(): Promise<void>;
}

export interface TokenRow {
  /** From 1, one more with each write. */
  readonly version: number;
  /** JSON; secrets in it are sealed. */
  readonly value: string;
}
