import type { JsonObject } from '../../caller-request.js';
import { type FailureKind, ProviderError } from '../../failure.js';
import { failureOfStatus } from '../../http/failure-of-status.js';
import { parseRetryAfter } from '../../http/retry-after.js';
import { parseJson, readObject, readText } from '../../read-json.js';
import type { ErrorResponse } from '../../wire.js';

/** `code`, or `type` where there is no code; what is missing goes by the status. OpenAI, Azure, and what others add. */
const KINDS: ReadonlyMap<string, FailureKind> = new Map([
  ['access_terminated', 'credential-rejected'],
  ['account_deactivated', 'credential-rejected'],
  ['authentication_error', 'credential-rejected'],
  ['billing_hard_limit_reached', 'quota-exhausted'],
  ['billing_not_active', 'quota-exhausted'],
  ['bio_policy', 'content-filtered'],
  ['content_filter', 'content-filtered'],
  ['content_policy_violation', 'content-filtered'],
  ['context_length_exceeded', 'context-too-long'],
  ['cyber_policy', 'content-filtered'],
  ['DeploymentNotFound', 'model-not-found'],
  // llama.cpp
  ['exceed_context_size_error', 'context-too-long'],
  ['insufficient_quota', 'quota-exhausted'],
  ['internal_error', 'server-error'],
  ['internal_server_error', 'server-error'],
  ['invalid_api_key', 'credential-rejected'],
  ['invalid_request_error', 'invalid-request'],
  // Mistral
  ['invalid_model', 'model-not-found'],
  ['model_decommissioned', 'model-not-found'],
  ['model_not_found', 'model-not-found'],
  ['not_found_error', 'model-not-found'],
  ['overloaded', 'overloaded'],
  ['overloaded_error', 'overloaded'],
  ['permission_error', 'credential-rejected'],
  ['rate_limit_error', 'rate-limited'],
  ['rate_limit_exceeded', 'rate-limited'],
  ['ResponsibleAIPolicyViolation', 'content-filtered'],
  ['server_error', 'server-error'],
  ['server_is_overloaded', 'overloaded'],
  ['service_unavailable', 'overloaded'],
  ['slow_down', 'overloaded'],
  // GitHub Models
  ['tokens_limit_reached', 'context-too-long'],
  ['too_many_requests', 'rate-limited'],
  ['unavailable_error', 'overloaded'],
]);

/** Types so broad that the status says more: a rejected key and an unknown model are `invalid_request_error` too. */
const VAGUE = new Set(['invalid_request_error', 'server_error', 'internal_error', 'internal_server_error']);

const CALLERS_FAULTS: ReadonlySet<FailureKind> = new Set(['invalid-request', 'context-too-long', 'content-filtered']);

/** A response that is no 2xx. */
export function fromError(response: ErrorResponse): ProviderError {
  const body = readObject(parseJson(response.body.toString('utf8')));
  return toProviderError(errorOf(body) ?? body, {
    status: response.status,
    retryAfterMs: parseRetryAfter(response.headers, response.now),
  });
}

/**
 * The error in a body or an event: under `error`, as a bare text there (Ollama), or the object itself (vLLM, Mistral); undefined
 * where it holds none.
 */
export function errorOf(value: JsonObject | undefined): JsonObject | undefined {
  if (value === undefined) return undefined;
  const { error } = value;
  if (typeof error === 'string') return { message: error };
  const object = readObject(error);
  if (object !== undefined) return object;
  return value['object'] === 'error' ? value : undefined;
}

export interface ErrorContext {
  /** The HTTP status; 200 for an error in a good response. */
  readonly status: number;
  readonly retryAfterMs?: number | undefined;
  /** What an error is that says nothing known, where the HTTP status was good. */
  readonly unknown?: FailureKind | undefined;
}

/** An error object: of an error answer, of a 200, of an event. */
export function toProviderError(error: JsonObject | undefined, context: ErrorContext): ProviderError {
  const code = readText(error?.['code']);
  const type = readText(error?.['type']);
  // OpenRouter and vLLM give the status that a good response could not have as a number.
  const inner = statusOf(error?.['code']) ?? statusOf(error?.['status']);
  const status = context.status < 300 ? (inner ?? context.status) : context.status;
  const innerCode = readText(readObject(error?.['innererror'])?.['code']);
  // OpenRouter's moderation.
  const moderated = Array.isArray(readObject(error?.['metadata'])?.['reasons']);
  const kind = moderated ? 'content-filtered' : kindOf([innerCode, code, type], status, context.unknown);
  const callersFault = CALLERS_FAULTS.has(kind);
  return new ProviderError(kind, `The provider answered with status ${status}.`, {
    status,
    providerCode: code ?? type,
    param: callersFault ? readText(error?.['param'])?.slice(0, 256) : undefined,
    retryAfterMs: context.retryAfterMs,
    callerMessage: callersFault ? readText(error?.['message']) : undefined,
  });
}

function kindOf(words: readonly (string | undefined)[], status: number, unknown: FailureKind | undefined): FailureKind {
  const failed = status >= 300;
  for (const word of words) {
    const kind = word === undefined || (failed && VAGUE.has(word)) ? undefined : KINDS.get(word);
    if (kind !== undefined) return kind;
  }
  return failed ? failureOfStatus(status) : (unknown ?? 'server-error');
}

function statusOf(value: unknown): number | undefined {
  const status = typeof value === 'string' && /^\d{3}$/.test(value) ? Number(value) : value;
  return Number.isInteger(status) && (status as number) >= 400 && (status as number) < 600
    ? (status as number)
    : undefined;
}
