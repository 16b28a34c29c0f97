import type { FailureKind } from '../failure.js';
import { isFailureKind } from './circuit.js';

/** What is held against a credential (as a whole, or at one model). */
export interface Sickness {
  /** `reset`: whatever was held against the credential, at any model, is void. */
  readonly state: 'out' | 'cooling' | 'ok' | 'reset';
  readonly reason: FailureKind;
  /** Unix time in ms. */
  readonly sinceMs: number;
  readonly untilMs: number;
  /** How often in a row; the time out doubles with each. */
  readonly strikes: number;
  /** Fingerprint of the secret that was in use. */
  readonly secret?: string | undefined;
}

/** Written under `RESET_MARK` and the credential's name, which begins with a letter; what is older does not hold any more. */
export const RESET: Sickness = { state: 'reset', reason: 'cancelled', sinceMs: 0, untilMs: 0, strikes: 0 };
export const RESET_MARK = '!reset:';

export const HEALTHY: Sickness = { state: 'ok', reason: 'cancelled', sinceMs: 0, untilMs: 0, strikes: 0 };

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
/** How long after its end a sickness still counts as the one before. */
export const REMEMBERED_MS = 24 * HOUR;
/** As long as any record of a sickness is kept. */
export const RESET_KEPT_MS = 2 * REMEMBERED_MS;

/** First length and longest length of each effect; each strike doubles it. */
const LENGTHS = {
  /** A rejected key stays out until it is replaced; a try now and then finds a provider that had rejected all keys by mistake. */
  out: { first: 5 * MINUTE, longest: 5 * HOUR },
  'out-for-hours': { first: 5 * HOUR, longest: 24 * HOUR },
  /** Only where the provider gave no hint. */
  cooling: { first: 1_000, longest: MINUTE },
} as const;

export function nextSickness(options: {
  readonly before: Sickness | undefined;
  readonly effect: keyof typeof LENGTHS;
  readonly reason: FailureKind;
  readonly retryAfterMs: number | undefined;
  readonly now: number;
  readonly secret: string | undefined;
}): Sickness {
  const { before, effect, reason, retryAfterMs, now, secret } = options;
  const state = effect === 'cooling' ? 'cooling' : 'out';
  const again = before !== undefined && before.reason === reason && before.secret === secret;
  // Several calls may be told to wait at the same time: that is one strike.
  const strikes = again ? before.strikes + (now >= before.untilMs ? 1 : 0) : 0;
  const { first, longest } = LENGTHS[effect];
  const hint = effect === 'cooling' ? retryAfterMs : undefined;
  const length = hint === undefined ? Math.min(first * 2 ** strikes, longest) : Math.min(hint, REMEMBERED_MS);
  const untilMs = Math.max(now + length, again && effect === 'cooling' ? before.untilMs : 0);
  return { state, reason, sinceMs: now, untilMs, strikes, secret };
}

/** A sickness as another process wrote it; `undefined` where it is none. */
export function parseSickness(value: unknown): Sickness | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const read: { readonly [key: string]: unknown } = { ...value };
  const { state, reason, sinceMs, untilMs, strikes, secret } = read;
  if (!isState(state) || !isFailureKind(reason)) return undefined;
  if (typeof sinceMs !== 'number' || typeof untilMs !== 'number' || typeof strikes !== 'number') return undefined;
  return { state, reason, sinceMs, untilMs, strikes, secret: typeof secret === 'string' ? secret : undefined };
}

function isState(value: unknown): value is Sickness['state'] {
  return value === 'out' || value === 'cooling' || value === 'ok' || value === 'reset';
}
