import type { ErrorCode } from '@moltbot/contracts';
import type { JsonObject } from '../../caller-request.js';
import type { DoorError } from '../../dialect-door.js';

/**
 * Our codes as Anthropic's types; all others are `api_error`, also what is wrong with our own credentials at a provider: it is
 * no fault of the caller's.
 */
const TYPES: Readonly<Partial<Record<ErrorCode, string>>> = {
  invalid_json: 'invalid_request_error',
  invalid_request: 'invalid_request_error',
  context_length_exceeded: 'invalid_request_error',
  content_filtered: 'invalid_request_error',
  model_ambiguous: 'invalid_request_error',
  authentication_required: 'authentication_error',
  invalid_api_key: 'authentication_error',
  invalid_token: 'authentication_error',
  permission_denied: 'permission_error',
  forbidden_origin: 'permission_error',
  model_not_found: 'not_found_error',
  not_found: 'not_found_error',
  method_not_allowed: 'invalid_request_error',
  request_timeout: 'timeout_error',
  payload_too_large: 'request_too_large',
  unsupported_media_type: 'invalid_request_error',
  rate_limited: 'rate_limit_error',
  key_rate_limited: 'rate_limit_error',
  budget_exhausted: 'billing_error',
  headers_too_large: 'invalid_request_error',
  upstream_overloaded: 'overloaded_error',
  shutting_down: 'overloaded_error',
  overloaded: 'overloaded_error',
  upstream_timeout: 'timeout_error',
  deadline_exceeded: 'timeout_error',
};

/** Anthropic's error body. Our own code, the field and the attempts stand in `details`, which its SDK shows as `errorCode` and `details`. */
export function toError(error: DoorError): JsonObject {
  const { code, message, param, attempts, requestId } = error;
  return {
    type: 'error',
    error: {
      type: TYPES[code] ?? 'api_error',
      message,
      details: {
        error_code: code,
        ...(param === undefined ? {} : { param }),
        ...(attempts.length === 0 ? {} : { attempts }),
      },
    },
    request_id: requestId,
  };
}
