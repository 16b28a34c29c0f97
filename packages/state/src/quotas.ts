/**
 * How much of something a caller may have: requests and tokens in any 60 seconds, and requests at the same time. Nothing here
 * is a ledger: lost counts let a caller begin anew.
 */
export interface Quotas {
  /**
   * Takes one request with its tokens where every limit has room for it, or nothing at all. Synchronous in the process itself.
   * More tokens than the whole limit are taken as the limit: such a request waits for an empty minute, not for ever.
   */
  take(ask: QuotaAsk): QuotaAnswer | Promise<QuotaAnswer>;
  close(): Promise<void>;
}

/** What is not set is not limited. Limits may differ from one ask of a key to the next; what was taken stays taken. */
export interface QuotaAsk {
  readonly key: string;
  readonly requestsPerMinute: number | undefined;
  readonly tokensPerMinute: number | undefined;
  readonly parallel: number | undefined;
  /** What the request is expected to use at most. */
  readonly tokens: number;
}

export type QuotaAnswer = QuotaGrant | QuotaRefusal;

export interface QuotaGrant extends QuotaLevels {
  readonly granted: true;
  /** The request is over, and has used so many tokens. The first call counts, further ones do nothing. */
  end(tokens: number): void;
}

export interface QuotaRefusal extends QuotaLevels {
  readonly granted: false;
  readonly by: 'requests' | 'tokens' | 'parallel';
  /** When the request would be let in if nobody else came; unknown for `parallel`, and then a guess. */
  readonly retryAfterMs: number;
}

/** Undefined where it is not limited. */
export interface QuotaLevels {
  readonly requests: QuotaLevel | undefined;
  readonly tokens: QuotaLevel | undefined;
}

export interface QuotaLevel {
  readonly limit: number;
  readonly remaining: number;
  /** Until all of the limit is there again. */
  readonly resetMs: number;
}

/** When a caller that has too much under way may ask again: nobody knows when an answer ends. */
export const PARALLEL_RETRY_MS = 1_000;

/** More tokens than any model writes; keeps sums exact. */
const MOST_TOKENS = 1e12;

/** Providers report half tokens, and what is no number. */
export function countable(tokens: number): number {
  return tokens > 0 ? Math.min(Math.ceil(tokens), MOST_TOKENS) : 0;
}
