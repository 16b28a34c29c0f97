import type { ConnectionFault } from '@moltbot/network';

/**
 * What went wrong with one attempt. The kind is decided where the fault is born (a status, a socket error, a code in the
 * provider's error body) and never from the text of a message; `router/classify` has one row for each kind.
 */
export const FAILURE_KINDS = [
  /** 400, 422: the caller's fault. */
  'invalid-request',
  /** 400 with the provider's code for a prompt that is too long. */
  'context-too-long',
  /** 400/403 with the provider's code for refused content. */
  'content-filtered',
  /** 404, or the provider's code for an unknown or retired model. */
  'model-not-found',
  /** 401, 403. */
  'credential-rejected',
  /** 402, or the provider's code for an empty account. */
  'quota-exhausted',
  /** The connection did not open in time. */
  'connect-timeout',
  /** 408, or the headers (streamed) or the whole answer (not streamed) did not come in time. */
  'response-timeout',
  /** Name not resolved, connection refused, TLS failed: nothing was sent. */
  'unreachable',
  /** 409, 425, 500, 502 and unknown errors. */
  'server-error',
  /** 503, 504, 529. */
  'overloaded',
  'rate-limited',
  /** The connection broke after the request was sent and before headers came. */
  'reset',
  /** A 200 that is no answer: HTML, an empty body, an error object, another content type, cut JSON. Counts as a 502. */
  'not-an-answer',
  /** The first content of a stream took longer than `timeouts.first_content`. */
  'first-content-late',
  /** The connection broke in the stream. */
  'stream-cut',
  /** No content for longer than `timeouts.gap`. */
  'stream-stalled',
  /** An event that is no valid event of the dialect. */
  'stream-malformed',
  /** The stream ended without the dialect's finish marker. */
  'stream-unfinished',
  /** An error event in the stream whose code says nothing more exact. */
  'stream-error',
  /** The target can't take this call at all (no credential, no room, a capability that is missing): nothing was sent. */
  'unfit',
  /** It is being loaded and was not there in time: nothing was sent. */
  'loading',
  /** We cancelled it: the caller left, or the deadline passed. */
  'cancelled',
] as const;

export type FailureKind = (typeof FAILURE_KINDS)[number];

export interface ProviderErrorOptions {
  /** The upstream's HTTP status, where one came. */
  readonly status?: number | undefined;
  /** The provider's own machine-readable code or type (`insufficient_quota`, `overloaded_error`), at most 100 characters. */
  readonly providerCode?: string | undefined;
  /** The field the provider complains of, where it names one; at most 256 characters. */
  readonly param?: string | undefined;
  /** From Retry-After (seconds or a date), `retry-after-ms` or `x-ms-retry-after-ms`. */
  readonly retryAfterMs?: number | undefined;
  /**
   * The provider's words for a caller's own fault (invalid-request, context-too-long, content-filtered) only: they are passed
   * on, bounded to 2,000 characters. Never set for other kinds.
   */
  readonly callerMessage?: string | undefined;
  /** Why no connection came about (the proxy, TLS, the name …), where that is known. */
  readonly connection?: ConnectionFault | undefined;
  readonly cause?: unknown;
}

/** One attempt's failure, as facts. `message` is ours, never the upstream's text. */
export class ProviderError extends Error {
  override readonly name = 'ProviderError';
  readonly kind: FailureKind;
  readonly status: number | undefined;
  readonly providerCode: string | undefined;
  readonly param: string | undefined;
  readonly retryAfterMs: number | undefined;
  readonly callerMessage: string | undefined;
  readonly connection: ConnectionFault | undefined;

  constructor(kind: FailureKind, message: string, options: ProviderErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.kind = kind;
    this.status = options.status;
    this.providerCode = options.providerCode?.slice(0, 100);
    this.param = options.param?.slice(0, 256);
    this.retryAfterMs = options.retryAfterMs;
    this.callerMessage = options.callerMessage?.slice(0, 2_000);
    this.connection = options.connection;
  }
}
