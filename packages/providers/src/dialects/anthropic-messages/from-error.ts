import type { JsonObject } from '../../caller-request.js';
import { type FailureKind, ProviderError } from '../../failure.js';
import { failureOfStatus } from '../../http/failure-of-status.js';
import { parseRetryAfter } from '../../http/retry-after.js';
import { parseJson, readObject, readText } from '../../read-json.js';
import type { ErrorResponse } from '../../wire.js';

/** `error.details.error_code`, where it says more than the type; the type of all of them is a broad one. */
const KIND_OF_CODE: Readonly<Record<string, FailureKind>> = {
  contract_spend_limit_reached: 'quota-exhausted',
  enforced_spend_limit_reached: 'quota-exhausted',
  linked_organization_billing_unavailable: 'quota-exhausted',
  linked_organization_spend_limit_reached: 'quota-exhausted',
  user_profile_billing_not_authorized: 'quota-exhausted',
  user_profile_not_billable: 'quota-exhausted',
  ramp_limit_exceeded: 'rate-limited',
  organization_on_hold: 'credential-rejected',
  claude_code_key_creator_not_member: 'credential-rejected',
  cmek_key_disabled: 'credential-rejected',
  cmek_key_network_blocked: 'overloaded',
  cmek_key_unreachable: 'overloaded',
  cmek_context_unavailable: 'overloaded',
  compaction_unavailable: 'overloaded',
};

/**
 * `error.type`. `invalid_request_error` is not here: it comes with other statuses too, and then the status says more; so it does
 * with `api_error`, which counts only within a stream.
 */
const KIND_OF_TYPE: Readonly<Record<string, FailureKind>> = {
  authentication_error: 'credential-rejected',
  permission_error: 'credential-rejected',
  billing_error: 'quota-exhausted',
  not_found_error: 'model-not-found',
  request_too_large: 'context-too-long',
  rate_limit_error: 'rate-limited',
  conflict_error: 'server-error',
  api_error: 'server-error',
  timeout_error: 'overloaded',
  overloaded_error: 'overloaded',
};

const CALLER_FAULTS: ReadonlySet<FailureKind> = new Set(['invalid-request', 'context-too-long', 'content-filtered']);

/**
 * Any non-2xx response of the Messages API: the code in its details, else its type, else the status. A prompt that is too
 * long has no code there and stays `invalid-request`.
 * @see https://platform.claude.com/docs/en/api/errors
 */
export function fromError(response: ErrorResponse): ProviderError {
  const { status, headers, body, now } = response;
  const error = readError(parseJson(body.toString('utf8')));
  const vague = detailOf(error) === undefined && readText(error?.['type']) === 'api_error';
  const kind = (vague ? undefined : kindOf(error)) ?? failureOfStatus(status);
  return new ProviderError(kind, `The provider answered with status ${status}.`, {
    status,
    providerCode: codeOf(error),
    retryAfterMs: parseRetryAfter(headers, now),
    callerMessage: CALLER_FAULTS.has(kind) ? readText(error?.['message']) : undefined,
  });
}

/** An error object inside of a 200: an `error` event of a stream, or a whole body. */
export function fromErrorObject(value: unknown): ProviderError {
  const error = readError(value);
  const invalid = readText(error?.['type']) === 'invalid_request_error';
  const kind = kindOf(error) ?? (invalid ? 'invalid-request' : 'stream-error');
  return new ProviderError(kind, 'The provider sent an error in its answer.', {
    providerCode: codeOf(error),
    callerMessage: CALLER_FAULTS.has(kind) ? readText(error?.['message']) : undefined,
  });
}

/** `{"type":"error","error":{…}}`; some servers leave the outer type out. */
function readError(value: unknown): JsonObject | undefined {
  return readObject(readObject(value)?.['error']);
}

function detailOf(error: JsonObject | undefined): string | undefined {
  return readText(readObject(error?.['details'])?.['error_code']);
}

function codeOf(error: JsonObject | undefined): string | undefined {
  return detailOf(error) ?? readText(error?.['type']) ?? readText(error?.['code']);
}

function kindOf(error: JsonObject | undefined): FailureKind | undefined {
  return lookUp(KIND_OF_CODE, detailOf(error)) ?? lookUp(KIND_OF_TYPE, readText(error?.['type']));
}

function lookUp(table: Readonly<Record<string, FailureKind>>, key: string | undefined): FailureKind | undefined {
  return key !== undefined && Object.hasOwn(table, key) ? table[key] : undefined;
}
