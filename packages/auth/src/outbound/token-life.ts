import type { RefreshFailure, StoredPair } from './token-record.js';

/*
 * How long a stored pair is good for here. The machine that wrote it may have another clock: what is sure is the length of its
 * life, and, where this process saw the row change, that the pair is no older than that.
 */

/** @param options.atMost how old the pair can be by this process's own observation; Infinity on the first reading */
export function ageOf(options: { pair: Pick<StoredPair, 'issuedAt'>; now: number; atMost: number }): number {
  return Math.min(options.atMost, Math.max(0, options.now - options.pair.issuedAt));
}

/** Ms from issue to expiry; Infinity where the server did not say. */
export function lifeOf(pair: Pick<StoredPair, 'issuedAt' | 'expiresAt'>): number {
  return pair.expiresAt === undefined ? Number.POSITIVE_INFINITY : Math.max(0, pair.expiresAt - pair.issuedAt);
}

/** Share of the margin by which processes spread their refreshes. */
const JITTER = 0.2;

/**
 * The age at which a pair is due: `marginMs` before its end, never before half of its life, up to a fifth of the margin later
 * by chance, so that the processes don't all come at once.
 */
export function dueAge(options: { life: number; marginMs: number; random: number }): number {
  const { life, marginMs, random } = options;
  if (life === Number.POSITIVE_INFINITY) return life;
  const margin = Math.min(marginMs, life / 2);
  return life - margin * (1 - JITTER * random);
}

const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 60_000;
/** A refusal other than `invalid_grant` ends when somebody mends the client's registration or its secret. */
const FIRST_WAIT_REFUSED_MS = 30_000;
const LONGEST_WAIT_REFUSED_MS = 600_000;
const LONGEST_RETRY_AFTER_MS = 3_600_000;

/** Until the next try after a failure: doubling, half of it random; `Retry-After` is obeyed, up to an hour. */
export function waitAfter(failure: Pick<RefreshFailure, 'failure' | 'count' | 'retryAfterMs'>, random: number): number {
  const slow = failure.failure === 'refused' || failure.failure === 'misconfigured' || failure.failure === 'no-key';
  const [first, longest] = slow ? [FIRST_WAIT_REFUSED_MS, LONGEST_WAIT_REFUSED_MS] : [FIRST_WAIT_MS, LONGEST_WAIT_MS];
  const bound = Math.min(longest, first * 2 ** Math.min(failure.count - 1, 20));
  const asked = Math.min(Math.max(0, failure.retryAfterMs ?? 0), LONGEST_RETRY_AFTER_MS);
  return Math.max(bound * (0.5 + random / 2), asked);
}

export interface RefreshTiming {
  /** `credentials.refresh_margin` */
  readonly marginMs: number;
  /** `credentials.refresh_timeout` */
  readonly timeoutMs: number;
}

/** How long a claim must have been watched, unchanged and without a break, before another may take it over. */
export function takeoverAfter(sent: boolean, { timeoutMs }: Pick<RefreshTiming, 'timeoutMs'>): number {
  const slack = Math.min(5_000, Math.max(1_000, timeoutMs / 2));
  // What is sent may be answered until its time is up, and then has to be stored. What is not sent can't do harm.
  return sent ? timeoutMs + slack : slack;
}
