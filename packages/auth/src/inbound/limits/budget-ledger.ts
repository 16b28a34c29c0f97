/**
 * Money of callers, durable and shared by all processes: reserved before a call, settled after it. Amounts are whole
 * millionths of the price currency (micros). `packages/storage` implements it.
 */
export interface BudgetLedger {
  /**
   * Sets an amount aside where every limit still has room for it: never more than the limit is spent and reserved together.
   * @throws MoltbotError `storage_unavailable`: nobody knows what is left, so nothing is given
   */
  reserve(ask: BudgetAsk): Promise<BudgetAnswer>;
  /**
   * What a reserved call cost in the end: frees the rest, or takes what was spent above it. Written behind the answer and
   * tried again until the database has it; a second word about the same reservation changes nothing.
   */
  settle(reservationId: string, spentMicros: bigint): void;
  /** Figures of the process, for metrics. */
  stats(): BudgetLedgerStats;
}

export interface BudgetAsk {
  readonly keyId: string;
  /** Above 0. */
  readonly amountMicros: bigint;
  readonly dayLimitMicros: bigint | undefined;
  readonly monthLimitMicros: bigint | undefined;
  /** A reservation that nobody has settled by then counts as spent in full: its process died in the middle of the call. */
  readonly lapseAfterMs: number;
}

export type BudgetAnswer =
  | { readonly state: 'reserved'; readonly reservationId: string; readonly standing: BudgetStanding }
  | { readonly state: 'refused'; readonly standing: BudgetStanding };

/** One key's money in the day and the month that are running (UTC). */
export interface BudgetStanding {
  readonly day: BudgetPeriod;
  readonly month: BudgetPeriod;
}

export interface BudgetPeriod {
  readonly spentMicros: bigint;
  readonly reservedMicros: bigint;
  /** Until the next day or month begins, by the database's clock. */
  readonly resetsInMs: number;
}

export interface BudgetLedgerStats {
  /** Reservations of this process that are not settled yet. */
  readonly open: number;
  /** Settlements that the database does not have yet. */
  readonly unwritten: number;
}
