import type { KeyLimits } from '@moltbot/config';
import type { QuotaLevel } from '@moltbot/state';

/** Lets requests of limited callers in, or says why not. One per process. */
export interface Limiter {
  /**
   * Synchronous where the quotas are this process's own and no money is set aside.
   * @throws MoltbotError `storage_unavailable` where a budget can't be looked up: money is never given unseen
   */
  admit(ask: AdmissionAsk): AdmissionAnswer | Promise<AdmissionAnswer>;
}

export type LimiterEvent =
  | { readonly type: 'refused'; readonly by: RefusedBy }
  | { readonly type: 'reserved'; readonly durationMs: number }
  | { readonly type: 'settled'; readonly reservedMicros: bigint; readonly costMicros: bigint };

export interface AdmissionAsk {
  readonly keyId: string;
  readonly limits: KeyLimits;
  /** Tokens that the request is expected to use, in and out. */
  readonly tokens: number;
  /** The most that it can cost, in millionths; 0 where it costs nothing, and then no budget is asked. */
  readonly worstCaseMicros: bigint;
  /** When whoever has not settled it is taken to be dead. */
  readonly lapseAfterMs: number;
}

export type AdmissionAnswer = Admission | Refusal;

/** A request that was let in. It ends exactly once: by `settle`. */
export interface Admission {
  readonly admitted: true;
  readonly standing: Standing;
  /** Set aside so far, in millionths. */
  readonly reservedMicros: bigint;
  /** Sets more aside, for a further attempt after one that was paid. @returns the refusal where there is no room for it */
  reserveMore(micros: bigint): Promise<Refusal | undefined>;
  /** What it used and cost in the end, all attempts together. The first call counts, further ones do nothing. */
  settle(used: { readonly tokens: number; readonly costMicros: bigint }): void;
}

export type RefusedBy = 'requests' | 'tokens' | 'parallel' | 'day' | 'month';

export interface Refusal {
  readonly admitted: false;
  readonly code: 'key_rate_limited' | 'budget_exhausted';
  readonly by: RefusedBy;
  /** Undefined where waiting does not help: the request may cost more than the whole budget. */
  readonly retryAfterMs: number | undefined;
  /** Whether other requests of the caller, still under way, hold what is missing. */
  readonly held: boolean;
  readonly standing: Standing;
}

/** How the caller stands after the request was let in or refused; undefined where it is not limited. */
export interface Standing {
  readonly requests: QuotaLevel | undefined;
  readonly tokens: QuotaLevel | undefined;
  /** The tighter of day and month, in millionths, without what is set aside. */
  readonly budgetRemainingMicros: bigint | undefined;
}
