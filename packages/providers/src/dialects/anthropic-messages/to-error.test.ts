import Anthropic, {
  APIError,
  AuthenticationError,
  BadRequestError,
  InternalServerError,
  NotFoundError,
  PermissionDeniedError,
  RateLimitError,
} from '@anthropic-ai/sdk';
import { describe, expect, it } from '@jest/globals';
import { ERRORS, type ErrorCode } from '@moltbot/contracts';
import { toError } from './to-error.js';

async function raised(code: ErrorCode): Promise<unknown> {
  const body = toError({
    code,
    http: ERRORS[code].http,
    message: 'Why.',
    param: 'messages.0',
    requestId: 'req_1',
    attempts: [],
  });
  const client = new Anthropic({
    apiKey: 'k',
    baseURL: 'http://127.0.0.1:9',
    maxRetries: 0,
    fetch: () =>
      Promise.resolve(
        new Response(JSON.stringify(body), {
          status: ERRORS[code].http,
          headers: { 'content-type': 'application/json', 'request-id': 'req_1' },
        }),
      ),
  });
  return await client.messages
    .create({ model: 'm', max_tokens: 1, messages: [{ role: 'user', content: 'a' }] })
    .catch((error: unknown) => error);
}

describe('an error body in Anthropic’s dialect', () => {
  it.each([
    ['invalid_request', BadRequestError, 'invalid_request_error'],
    ['context_length_exceeded', BadRequestError, 'invalid_request_error'],
    ['invalid_api_key', AuthenticationError, 'authentication_error'],
    ['permission_denied', PermissionDeniedError, 'permission_error'],
    ['model_not_found', NotFoundError, 'not_found_error'],
    ['payload_too_large', APIError, 'request_too_large'],
    ['rate_limited', RateLimitError, 'rate_limit_error'],
    ['upstream_error', InternalServerError, 'api_error'],
    ['overloaded', InternalServerError, 'overloaded_error'],
    ['deadline_exceeded', InternalServerError, 'timeout_error'],
    ['credential_rejected', InternalServerError, 'api_error'],
  ] as const)('makes the client raise its own exception for %s', async (code, exception, type) => {
    const error = await raised(code);
    expect(error).toBeInstanceOf(exception);
    expect(error).toMatchObject({
      status: ERRORS[code].http,
      type,
      errorCode: code,
      apiMessage: 'Why.',
      requestID: 'req_1',
      details: { param: 'messages.0' },
    });
  });

  it('has the type of the API for every code', () => {
    for (const code of Object.keys(ERRORS) as ErrorCode[]) {
      const body = toError({ code, http: 500, message: 'm', requestId: 'r', attempts: [] });
      expect(body).toMatchObject({
        type: 'error',
        request_id: 'r',
        error: { type: expect.stringMatching(/^[a-z_]+$/) },
      });
    }
  });
});
