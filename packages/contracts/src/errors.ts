/**
 * The one table of errors. A code is stable and never used again for something else; `http` is the status at the
 * HTTP door; `retryable` says whether the same request may succeed later without a change; `action` tells the
 * reader what to do. `docs/errors.md` is generated from it.
 */
export const ERRORS = {
  invalid_json: {
    http: 400,
    retryable: false,
    title: 'The body is not valid JSON',
    action: 'Send one JSON object in UTF-8.',
  },
  invalid_request: {
    http: 400,
    retryable: false,
    title: 'A field of the request is missing or wrong',
    action: 'Correct the field that the message names.',
  },
  context_length_exceeded: {
    http: 400,
    retryable: false,
    title: 'The conversation does not fit the context of any model in the chain',
    action: 'Shorten the conversation, or add a model with a larger context to the chain.',
  },
  content_filtered: {
    http: 400,
    retryable: false,
    title: 'The provider refused the content',
    action: 'Change the content, or configure `policy_chain` for this chain.',
  },
  model_ambiguous: {
    http: 400,
    retryable: false,
    title: 'More than one provider serves a model of this name',
    action: 'Name it as `provider:model`; the message lists the candidates.',
  },
  authentication_required: {
    http: 401,
    retryable: false,
    title: 'No API key was sent',
    action:
      'Send `Authorization: Bearer KEY` or `x-api-key: KEY` (the command: `--key KEY` or MOLTBOT_API_KEY); create one with `moltbot keys create NAME`.',
  },
  invalid_api_key: {
    http: 401,
    retryable: false,
    title: 'The API key is wrong, revoked or expired',
    action: 'Check the key with `moltbot keys list`; create another with `moltbot keys create NAME`.',
  },
  invalid_token: {
    http: 401,
    retryable: false,
    title: 'The sign-in token is wrong, expired or meant for another server',
    action:
      'Get a new token from your organisation’s sign-in; the operator checks `server.oidc` with `moltbot doctor`.',
  },
  budget_exhausted: {
    http: 402,
    retryable: false,
    title: 'The key has spent its budget',
    action: 'Wait for the next day or month, or have the budget raised with `moltbot keys update NAME`.',
  },
  permission_denied: {
    http: 403,
    retryable: false,
    title: 'The caller may not do this',
    action: 'Use a key that may do what the message names.',
  },
  forbidden_origin: {
    http: 403,
    retryable: false,
    title: 'A browser page of another origin called a server without authentication',
    action: 'Turn on `server.access: api_key`, or call from the same origin.',
  },
  model_not_found: {
    http: 404,
    retryable: false,
    title: 'No such model or chain',
    action: 'See `GET /v1/models` or `moltbot models list` for what is configured.',
  },
  not_found: {
    http: 404,
    retryable: false,
    title: 'No such resource',
    action: 'See `/docs` for the routes of this server.',
  },
  method_not_allowed: {
    http: 405,
    retryable: false,
    title: 'The route does not take this method',
    action: 'See `/docs` for the methods of this route.',
  },
  request_timeout: {
    http: 408,
    retryable: true,
    title: 'The request did not arrive in time',
    action: 'Send the whole request within `server.request_timeout`.',
  },
  idempotency_conflict: {
    http: 409,
    retryable: false,
    title: 'The idempotency key was used for something else',
    action: 'Send another `Idempotency-Key`, or the same payload as the first time.',
  },
  job_state_conflict: {
    http: 409,
    retryable: false,
    title: 'The job’s state does not allow this',
    action: 'Look at the job: `moltbot jobs list`, or `GET /v1/jobs/{id}`.',
  },
  job_cancelled: {
    http: 409,
    retryable: false,
    title: 'The job was cancelled',
    action: 'Retry it with `moltbot jobs retry ID` where it is wanted after all.',
  },
  payload_too_large: {
    http: 413,
    retryable: false,
    title: 'The body is larger than the limit',
    action: 'Send less, or raise `server.body_limit`.',
  },
  unsupported_media_type: {
    http: 415,
    retryable: false,
    title: 'The body is not JSON',
    action: 'Send `content-type: application/json`.',
  },
  rate_limited: {
    http: 429,
    retryable: true,
    title: 'Every model of the chain is rate limited',
    action: 'Wait as long as `retry-after` says.',
  },
  key_rate_limited: {
    http: 429,
    retryable: true,
    title: 'The key has reached its own limit',
    action: 'Wait as long as `retry-after` says, or have the limit raised with `moltbot keys update NAME`.',
  },
  headers_too_large: {
    http: 431,
    retryable: false,
    title: 'The headers are larger than the limit',
    action: 'Send fewer or shorter headers.',
  },
  client_closed: {
    http: 499,
    retryable: false,
    title: 'The caller went away before the answer',
    action: 'Nothing to do: the upstream call was cancelled.',
  },
  internal_error: {
    http: 500,
    retryable: true,
    title: 'A fault in MoltBot',
    action: 'Report it with the request id; the log has the details.',
  },
  upstream_error: {
    http: 502,
    retryable: true,
    title: 'The model service failed',
    action: 'Try again; add fallbacks to the chain so that another model answers.',
  },
  upstream_unreachable: {
    http: 502,
    retryable: true,
    title: 'The model service could not be reached',
    action: 'Check the network and `base_url` of the provider.',
  },
  stream_interrupted: {
    http: 502,
    retryable: true,
    title: 'The answer broke off and no model could go on',
    action: 'What was sent is incomplete: ask again.',
  },
  credential_missing: {
    http: 503,
    retryable: false,
    title: 'There is no usable credential for the provider',
    action: 'Add a key with `moltbot auth login NAME --key`, or sign in (see docs/credentials.md).',
  },
  credential_rejected: {
    http: 503,
    retryable: false,
    title: 'The provider rejected the credential',
    action: 'Replace the key in `auth.json`, or sign in again; `moltbot auth status` says which.',
  },
  credential_expired: {
    http: 503,
    retryable: false,
    title: 'The sign-in at the provider has ended',
    action: 'Sign in again with `moltbot auth login NAME`; `moltbot auth status` lists what is signed in.',
  },
  credential_refresh_failed: {
    http: 503,
    retryable: true,
    title: 'The provider’s token has expired and could not be refreshed',
    action: 'Run `moltbot doctor`: it measures why. The server keeps trying.',
  },
  token_store_unavailable: {
    http: 503,
    retryable: true,
    title: 'The store of the providers’ tokens does not answer',
    action: 'Check `credentials.store`; the server keeps trying.',
  },
  issuer_unavailable: {
    http: 503,
    retryable: true,
    title: 'The organisation’s sign-in does not answer, so that tokens can’t be checked',
    action: 'Check `server.oidc` and the network to the issuer; the server keeps trying.',
  },
  secret_key_unavailable: {
    http: 500,
    retryable: false,
    title: 'The key that opens the stored tokens is missing, or is another one',
    action: 'Bring back the key the tokens were sealed with (see docs/credentials.md), or sign in again.',
  },
  sign_in_failed: {
    http: 400,
    retryable: false,
    title: 'The sign-in at the provider did not succeed',
    action: 'Run `moltbot doctor`: it measures why. Then `moltbot auth login NAME` again.',
  },
  quota_exhausted: {
    http: 503,
    retryable: true,
    title: 'The account at the provider has no quota left',
    action: 'Top the account up, or add another credential or a fallback.',
  },
  upstream_overloaded: {
    http: 503,
    retryable: true,
    title: 'The model service is overloaded',
    action: 'Try again later; add fallbacks to the chain.',
  },
  storage_unavailable: {
    http: 503,
    retryable: true,
    title: 'The database does not answer',
    action: 'Check `storage.url`; the server keeps trying.',
  },
  object_store_unavailable: {
    http: 503,
    retryable: true,
    title: 'The store of files does not answer, or gives other bytes than were stored',
    action: 'Check `objects.url` and the free space of its folder or bucket.',
  },
  fine_tuning_unsupported: {
    http: 400,
    retryable: false,
    title: 'The provider trains no models for us',
    action:
      'Name a model of a provider with OpenAI’s fine-tuning API: kind `openai`, or `openai-compatible` that has it.',
  },
  job_too_large: {
    http: 500,
    retryable: false,
    title: 'The job needs more memory than it may have',
    action: 'Give it less to do at once, or raise `worker.thread_memory`.',
  },
  log_input_invalid: {
    http: 422,
    retryable: false,
    title: 'A log can’t be analysed',
    action:
      'See what the message names: binary data, an archive that is damaged or unpacks to far too much, a file that is too large or can’t be read.',
  },
  storage_too_new: {
    http: 500,
    retryable: false,
    title: 'The database was changed by a newer version of MoltBot',
    action: 'Start that version or a later one, or set `storage.url` to another database.',
  },
  queue_unavailable: {
    http: 503,
    retryable: true,
    title: 'The job queue does not answer',
    action: 'Check `queue.url`; the server keeps trying.',
  },
  shutting_down: {
    http: 503,
    retryable: true,
    title: 'The server is stopping',
    action: 'Try again: another process or the restarted one answers.',
  },
  overloaded: {
    http: 503,
    retryable: true,
    title: 'The server has as many requests in flight as it may',
    action: 'Try again; raise `server.max_in_flight` or add a process.',
  },
  upstream_timeout: {
    http: 504,
    retryable: true,
    title: 'The model service did not answer in time',
    action: 'Try again; raise the limit under `timeouts`, or add fallbacks.',
  },
  model_loading: {
    http: 503,
    retryable: true,
    title: 'The model is still being loaded',
    action: 'Try again after `retry-after`, add fallbacks to the chain, or load it ahead with `--warmup`.',
  },
  model_load_failed: {
    http: 503,
    retryable: true,
    title: 'The engine of local models could not load the model, or broke down',
    action: 'See the log; the engine is started again by itself. Add fallbacks to the chain.',
  },
  model_load_timeout: {
    http: 504,
    retryable: true,
    title: 'The model did not load in time',
    action: 'Raise `model_load_timeout`, or use a smaller model file.',
  },
  model_file_missing: {
    http: 503,
    retryable: false,
    title: 'There is no such model file',
    action: 'Check `file` of the model under `local_models.models`.',
  },
  model_file_invalid: {
    http: 503,
    retryable: false,
    title: 'The model file is no whole GGUF file, or not the one that was meant',
    action: 'Fetch the file again; the message names what is wrong with it.',
  },
  model_file_too_large: {
    http: 503,
    retryable: false,
    title: 'The model is larger than it may be',
    action: 'Raise `local_models.max_file_size` or `max_memory`, or use a smaller file or `context`.',
  },
  local_memory_full: {
    http: 503,
    retryable: true,
    title: 'Other local models are in use and leave no room for this one',
    action: 'Try again later, or raise `local_models.max_memory`.',
  },
  local_engine_missing: {
    http: 503,
    retryable: false,
    title: 'The engine of local models is not installed',
    action: 'Install the optional package `node-llama-cpp` of the version that the message names, beside MoltBot.',
  },
  deadline_exceeded: {
    http: 504,
    retryable: true,
    title: 'No model of the chain answered before the deadline',
    action: 'Try again; raise `timeouts.total`.',
  },
  config_invalid: {
    http: 500,
    retryable: false,
    title: 'The configuration has a mistake',
    action: 'Mend what the message names; `moltbot config validate` checks it.',
  },
  unsafe_bind: {
    http: 500,
    retryable: false,
    title: 'The address is open to others and no authentication is set',
    action: 'Create a key with `moltbot keys create NAME`, or bind to 127.0.0.1.',
  },
  port_in_use: {
    http: 500,
    retryable: false,
    title: 'The port is taken by another process',
    action: 'Choose another with `--port` or `--metrics-port`, or stop the other process.',
  },
} as const satisfies Record<string, ErrorRow>;

export interface ErrorRow {
  readonly http: number;
  readonly retryable: boolean;
  readonly title: string;
  readonly action: string;
}

export type ErrorCode = keyof typeof ERRORS;

/** One call to one target, as a caller may see it: codes only, never upstream text. */
export interface AttemptSummary {
  /** `provider:model` */
  readonly target: string;
  /** A `FailureKind` of `providers/failure`, `ok`, or the code of the error for which nothing was sent (`credential_expired`). */
  readonly outcome: string;
  /** The upstream's HTTP status, where one came. */
  readonly status?: number;
  readonly durationMs: number;
}

export interface MoltbotErrorOptions {
  /** Path of the field at fault, as `messages.0.content`. */
  readonly param?: string | undefined;
  readonly retryAfterMs?: number | undefined;
  readonly attempts?: readonly AttemptSummary[] | undefined;
  /** Overrides the row's status: a caller's fault that the upstream found keeps the upstream's own 4xx. */
  readonly http?: number | undefined;
  readonly cause?: unknown;
}

/** The only error that crosses a package border on purpose. `message` is safe to show: no secret, no raw upstream text. */
export class MoltbotError extends Error {
  override readonly name = 'MoltbotError';
  readonly code: ErrorCode;
  readonly http: number;
  readonly retryable: boolean;
  readonly param: string | undefined;
  readonly retryAfterMs: number | undefined;
  readonly attempts: readonly AttemptSummary[];

  constructor(code: ErrorCode, message: string = ERRORS[code].title, options: MoltbotErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.http = options.http ?? ERRORS[code].http;
    this.retryable = ERRORS[code].retryable;
    this.param = options.param;
    this.retryAfterMs = options.retryAfterMs;
    this.attempts = options.attempts ?? [];
  }

  /** What the reader can do about it. */
  get action(): string {
    return ERRORS[this.code].action;
  }
}
