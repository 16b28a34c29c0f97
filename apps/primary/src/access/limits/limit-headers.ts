import type { Standing } from '@moltbot/auth';
import type { Dialect } from '@moltbot/contracts';

/** How a limited caller stands, as a flat list of names and values: OpenAI's names at every door, Anthropic's at its own too. */
export function limitHeaders(options: {
  readonly standing: Standing;
  readonly dialect: Dialect;
  /** Unix time in ms. */
  readonly now: number;
}): readonly string[] {
  const { standing, dialect, now } = options;
  const headers: string[] = [];
  for (const kind of ['requests', 'tokens'] as const) {
    const level = standing[kind];
    if (level === undefined) continue;
    const limit = String(level.limit);
    const remaining = String(Math.floor(level.remaining));
    headers.push(`x-ratelimit-limit-${kind}`, limit, `x-ratelimit-remaining-${kind}`, remaining);
    headers.push(`x-ratelimit-reset-${kind}`, durationText(level.resetMs));
    if (dialect !== 'anthropic-messages') continue;
    const name = `anthropic-ratelimit-${kind}`;
    const reset = new Date(now + level.resetMs).toISOString().replace(/\.\d+Z$/, 'Z');
    headers.push(`${name}-limit`, limit, `${name}-remaining`, remaining, `${name}-reset`, reset);
  }
  if (standing.budgetRemainingMicros !== undefined) {
    headers.push('x-moltbot-budget-remaining', moneyText(standing.budgetRemainingMicros));
  }
  return headers;
}

/** As OpenAI writes durations (Go's form): `0s`, `120ms`, `8.64s`, `6m0s`, `1h0m30s`. */
export function durationText(ms: number): string {
  if (ms <= 0) return '0s';
  if (ms < 1_000) return `${Math.ceil(ms)}ms`;
  const seconds = Math.ceil(ms) / 1_000;
  const hours = Math.floor(seconds / 3_600);
  const minutes = Math.floor((seconds % 3_600) / 60);
  const rest = Number((seconds % 60).toFixed(3));
  if (hours > 0) return `${hours}h${minutes}m${rest}s`;
  return minutes > 0 ? `${minutes}m${rest}s` : `${rest}s`;
}

/** Millionths as a decimal number: 1234n → `0.001234`. Exact, however large. */
export function moneyText(micros: bigint): string {
  const sign = micros < 0n ? '-' : '';
  const digits = String(micros < 0n ? -micros : micros).padStart(7, '0');
  return `${sign}${digits.slice(0, -6)}.${digits.slice(-6)}`;
}
