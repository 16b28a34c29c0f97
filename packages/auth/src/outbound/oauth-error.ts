/**
 * - `refused`: the server answered with an OAuth error; `code` says which (RFC 6749 section 5.2, RFC 8628 section 3.5)
 * - `unreachable`: no answer; `cause` has the socket's error
 * - `timeout`: no answer in time
 * - `unavailable`: 429 or 5xx: later it may work
 * - `bad-answer`: an answer that is no OAuth answer (HTML of a proxy, another content type, JSON without a token)
 * - `rejected-callback`: the browser came back with an error, another `state` or another `iss`
 * - `misconfigured`: an endpoint or a secret that is needed is not configured
 */
export type OAuthFailure =
  | 'refused'
  | 'unreachable'
  | 'timeout'
  | 'unavailable'
  | 'bad-answer'
  | 'rejected-callback'
  | 'misconfigured';

export interface OAuthErrorFacts {
  readonly failure: OAuthFailure;
  /** `invalid_grant`, `invalid_client`, `access_denied` …: from a fixed list, else `other`. */
  readonly code?: string | undefined;
  /** `error_description` in printable ASCII, at most 200 characters: for a person; nothing may match on it. */
  readonly description?: string | undefined;
  readonly status?: number | undefined;
  readonly retryAfterMs?: number | undefined;
  /** Whether the server may have acted on the request: `false` where it surely never got it. */
  readonly maybeApplied: boolean;
  readonly cause?: unknown;
}

/** A sign-in or a refresh failed. `message` holds no secret. */
export class OAuthError extends Error {
  override readonly name = 'OAuthError';
  readonly failure: OAuthFailure;
  readonly code: string | undefined;
  readonly description: string | undefined;
  readonly status: number | undefined;
  readonly retryAfterMs: number | undefined;
  readonly maybeApplied: boolean;

  constructor(message: string, facts: OAuthErrorFacts) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.failure = facts.failure;
    this.code = facts.code;
    this.description = facts.description;
    this.status = facts.status;
    this.retryAfterMs = facts.retryAfterMs;
    this.maybeApplied = facts.maybeApplied;
  }
}
