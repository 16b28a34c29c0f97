import type { DeviceAuthorization } from '../oauth-client.js';
import { OAuthError, type OAuthFailure } from '../oauth-error.js';
import { isAborted } from './exchange.js';

/** RFC 8628, 3.5. */
const SLOW_DOWN_MS = 5_000;
const MOST_FAILURES_IN_A_ROW = 5;
const PASSING: ReadonlySet<OAuthFailure> = new Set(['unreachable', 'timeout', 'unavailable']);

/** Asks until the person has decided; a network that fails for a moment does not end it. Rejects with `OAuthError`. */
export async function pollDevice<T>(options: {
  readonly device: DeviceAuthorization;
  readonly ask: () => Promise<T>;
  readonly now: () => number;
  readonly sleep: (ms: number, signal: AbortSignal | undefined) => Promise<void>;
  readonly signal: AbortSignal | undefined;
}): Promise<T> {
  const { device, ask, now, sleep, signal } = options;
  let intervalMs = device.intervalMs;
  for (let failures = 0; ; ) {
    await sleep(intervalMs, signal).catch(() => undefined);
    if (isAborted(signal)) throw givenUp(signal?.reason);
    if (now() >= device.expiresAt) throw outOfTime();
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof OAuthError) || isAborted(signal)) throw error;
      if (error.code === 'authorization_pending') {
        failures = 0;
      } else if (error.code === 'slow_down') {
        failures = 0;
        intervalMs += SLOW_DOWN_MS;
      } else if (PASSING.has(error.failure) && failures + 1 < MOST_FAILURES_IN_A_ROW) {
        failures += 1;
        intervalMs = Math.max(intervalMs + SLOW_DOWN_MS, error.retryAfterMs ?? 0);
      } else {
        throw error;
      }
    }
  }
}

function outOfTime(): OAuthError {
  return new OAuthError('The code was not confirmed in time.', {
    failure: 'refused',
    code: 'expired_token',
    maybeApplied: false,
  });
}

function givenUp(cause: unknown): OAuthError {
  return new OAuthError('The sign-in was given up.', { failure: 'timeout', maybeApplied: false, cause });
}
