import type { RetryPolicy } from '@moltbot/config';

export interface BackoffOptions {
  readonly policy: RetryPolicy;
  /** Repeats before this one in the same request: 0 for the first. */
  readonly repeat: number;
  /** In [0, 1). */
  readonly random: () => number;
}

/** How long to wait before a repeat, in ms: anywhere between 0 and a bound that grows with each repeat (full jitter). */
export function backoffMs({ policy, repeat, random }: BackoffOptions): number {
  return Math.floor(random() * backoffBoundMs(policy, repeat));
}

export function backoffBoundMs(policy: RetryPolicy, repeat: number): number {
  // 0 times an infinite growth is not a number.
  if (policy.initial_backoff === 0) return 0;
  return Math.min(policy.max_backoff, policy.initial_backoff * policy.backoff_factor ** repeat);
}
