import { MoltbotError } from '@moltbot/contracts';
import { type FailureKind, ProviderError } from '@moltbot/providers';
import type { FineTuningFault } from '@moltbot/storage';

/** What a failed call to a provider means for a training. */
export type Trouble =
  /** Later it may go. */
  | { readonly type: 'wait'; readonly code: string; readonly retryAfterMs: number | undefined }
  /** The provider does not know what was asked for. */
  | { readonly type: 'unknown'; readonly code: string }
  /** It never goes. */
  | { readonly type: 'refused'; readonly fault: FineTuningFault }
  /** Nothing to do with the provider. */
  | { readonly type: 'ours'; readonly error: unknown };

/** What mends itself. */
const PASSING: ReadonlySet<FailureKind> = new Set<FailureKind>([
  'connect-timeout',
  'response-timeout',
  'unreachable',
  'server-error',
  'overloaded',
  'rate-limited',
  'reset',
  'not-an-answer',
  'stream-cut',
  'unfit',
]);
const UNTAKEN: ReadonlySet<FailureKind> = new Set<FailureKind>([
  'rate-limited',
  'quota-exhausted',
  'connect-timeout',
  'unreachable',
  'unfit',
]);
/** Of the provider's own errors: the address or the way of asking is not known there. */
const NO_SUCH_ADDRESS = new Set([404, 405, 501]);
/** Of our vault: what somebody has to mend, and then it goes on. */
const CREDENTIALS: ReadonlySet<string> = new Set([
  'credential_missing',
  'credential_expired',
  'credential_rejected',
  'credential_refresh_failed',
  'token_store_unavailable',
  'secret_key_unavailable',
]);
/** In the error codes of the product; what is not here is told by its kind. */
const CODES: Readonly<Partial<Record<FailureKind, string>>> = {
  'credential-rejected': 'credential_rejected',
  'quota-exhausted': 'quota_exhausted',
  'rate-limited': 'rate_limited',
  overloaded: 'upstream_overloaded',
  unreachable: 'upstream_unreachable',
  'connect-timeout': 'upstream_timeout',
  'response-timeout': 'upstream_timeout',
};

/**
 * `begun`: the provider has the job. Then nothing but its own word ends it, and what somebody can mend (a key, an empty
 * account) is waited for; before that it is told at once.
 */
export function readTrouble(error: unknown, { begun }: { readonly begun: boolean }): Trouble {
  if (error instanceof MoltbotError && CREDENTIALS.has(error.code)) {
    if (begun || error.retryable) return { type: 'wait', code: error.code, retryAfterMs: error.retryAfterMs };
    return { type: 'refused', fault: { code: error.code, message: `${error.message} ${error.action}` } };
  }
  if (!(error instanceof ProviderError)) return { type: 'ours', error };
  const { kind, status, retryAfterMs } = error;
  const code = CODES[kind] ?? (PASSING.has(kind) ? 'upstream_error' : kind.replaceAll('-', '_'));
  if (kind === 'cancelled') return { type: 'ours', error };
  if (status !== undefined && NO_SUCH_ADDRESS.has(status)) return { type: 'unknown', code };
  if (begun || PASSING.has(kind)) return { type: 'wait', code, retryAfterMs };
  return { type: 'refused', fault: faultOf(error, code) };
}

/** Whether it is certain that the provider did nothing: it said so, or nothing was sent. */
export function isUntaken(error: unknown): boolean {
  return error instanceof ProviderError ? UNTAKEN.has(error.kind) : error instanceof MoltbotError;
}

/** The provider's own words where they are about the caller's request, else ours. */
export function faultOf(error: ProviderError, code: string): FineTuningFault {
  const { callerMessage, providerCode, param, status } = error;
  const where = status === undefined ? '' : ` (HTTP ${status})`;
  return {
    code: callerMessage === undefined ? code : (providerCode ?? code),
    message: `The provider refused it${where}: ${callerMessage ?? error.message}`,
    ...(param !== undefined && { param }),
  };
}
