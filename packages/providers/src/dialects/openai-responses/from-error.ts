import type { JsonObject } from '../../caller-request.js';
import { type FailureKind, ProviderError } from '../../failure.js';
import { failureOfStatus } from '../../http/failure-of-status.js';
import { parseRetryAfter } from '../../http/retry-after.js';
import { parseJson, readObject, readText } from '../../read-json.js';
import type { ErrorResponse } from '../../wire.js';

/** `code`, or `type` where there is no code; what is missing goes by the HTTP status. */
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
  // The project's data must stay in another region: another key may do.
  ['data_residency_mismatch', 'credential-rejected'],
  ['DeploymentNotFound', 'model-not-found'],
  ['empty_image_file', 'invalid-request'],
  ['failed_to_download_image', 'invalid-request'],
  ['image_content_policy_violation', 'content-filtered'],
  ['image_file_not_found', 'invalid-request'],
  ['image_file_too_large', 'invalid-request'],
  ['image_parse_error', 'invalid-request'],
  ['image_too_large', 'invalid-request'],
  ['image_too_small', 'invalid-request'],
  ['insufficient_quota', 'quota-exhausted'],
  ['internal_error', 'server-error'],
  ['invalid_api_key', 'credential-rejected'],
  ['invalid_base64_image', 'invalid-request'],
  ['invalid_image', 'invalid-request'],
  ['invalid_image_format', 'invalid-request'],
  ['invalid_image_mode', 'invalid-request'],
  ['invalid_image_url', 'invalid-request'],
  // Not a prompt of a wrong form, but one that may break the usage policy.
  ['invalid_prompt', 'content-filtered'],
  ['invalid_request_error', 'invalid-request'],
  ['misalignment_policy_violation', 'content-filtered'],
  ['model_not_found', 'model-not-found'],
  ['overloaded', 'overloaded'],
  ['rate_limit_error', 'rate-limited'],
  ['rate_limit_exceeded', 'rate-limited'],
  ['server_error', 'server-error'],
  ['server_is_overloaded', 'overloaded'],
  ['slow_down', 'overloaded'],
  ['too_many_requests', 'rate-limited'],
  ['unsupported_image_media_type', 'invalid-request'],
  ['vector_store_timeout', 'server-error'],
]);

/**
 * `invalid_request_error` is the type of a rejected key and of an unknown model too, `server_error` that of a 503: there the
 * status says more.
 */
const VAGUE = new Set(['invalid_request_error', 'server_error', 'internal_error']);

const CALLERS_FAULTS: ReadonlySet<FailureKind> = new Set(['invalid-request', 'context-too-long', 'content-filtered']);

/** A response that is no 2xx. */
export function fromError(response: ErrorResponse): ProviderError {
  const body = readObject(parseJson(response.body.toString('utf8')));
  return toProviderError(readObject(body?.['error']), {
    status: response.status,
    retryAfterMs: parseRetryAfter(response.headers, response.now),
  });
}

export interface ErrorContext {
  readonly status: number;
  readonly retryAfterMs?: number | undefined;
  /** What an error is that says nothing known, where the HTTP status was good. */
  readonly unknown?: FailureKind | undefined;
}

/** An error object: of an error answer, of a failed response, of an `error` event. */
export function toProviderError(error: JsonObject | undefined, context: ErrorContext): ProviderError {
  const { status, retryAfterMs } = context;
  const code = readText(error?.['code']);
  const type = readText(error?.['type']);
  const kind = isUnknownItem(error, status) ? 'invalid-request' : kindOf(code, type, context);
  const callersFault = CALLERS_FAULTS.has(kind);
  return new ProviderError(kind, `The provider answered with status ${status}.`, {
    status,
    providerCode: code ?? type,
    param: callersFault ? readText(error?.['param']) : undefined,
    retryAfterMs,
    callerMessage: callersFault ? readText(error?.['message']) : undefined,
  });
}

/**
 * A 404 for what the request names besides the model: an item, a conversation, a file. It has no code, an unknown model has one.
 * The model is not to blame, and no other has it. An address that is not there (`Invalid URL (POST /v1/responses)`) has no code
 * either, and is no caller's fault.
 */
function isUnknownItem(error: JsonObject | undefined, status: number): boolean {
  if (status !== 404 || error === undefined) return false;
  const { code, message, param, type } = error;
  if (readText(message)?.startsWith('Invalid URL') === true) return false;
  return type === 'invalid_request_error' && (code ?? undefined) === undefined && param !== 'model';
}

function kindOf(code: string | undefined, type: string | undefined, context: ErrorContext): FailureKind {
  const failed = context.status >= 300;
  for (const word of [code, type]) {
    const kind = word === undefined || (failed && VAGUE.has(word)) ? undefined : KINDS.get(word);
    if (kind !== undefined) return kind;
  }
  return failed ? failureOfStatus(context.status) : (context.unknown ?? 'server-error');
}
