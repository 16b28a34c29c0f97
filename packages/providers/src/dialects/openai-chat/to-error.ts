import type { ErrorCode } from '@moltbot/contracts';
import type { JsonObject } from '../../caller-request.js';
import type { DoorError } from '../../dialect-door.js';

/** OpenAI's types by our codes, where the status alone does not say it. */
const TYPES: Readonly<Partial<Record<ErrorCode, string>>> = {
  authentication_required: 'authentication_error',
  invalid_api_key: 'authentication_error',
  invalid_token: 'authentication_error',
  permission_denied: 'permission_error',
  forbidden_origin: 'permission_error',
  rate_limited: 'rate_limit_error',
  key_rate_limited: 'rate_limit_error',
  budget_exhausted: 'insufficient_quota',
};

/** OpenAI's error body; its SDK chooses the exception by the status and shows `code`, `param` and `type`. */
export function toError(error: DoorError): JsonObject {
  const { code, message, param, attempts } = error;
  return {
    error: {
      message,
      type: TYPES[code] ?? (error.http < 500 ? 'invalid_request_error' : 'server_error'),
      param: param ?? null,
      code,
      ...(attempts.length === 0 ? {} : { attempts }),
    },
  };
}
