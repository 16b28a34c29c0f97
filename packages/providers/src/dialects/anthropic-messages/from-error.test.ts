import { describe, expect, it } from '@jest/globals';
import { fromError } from './from-error.js';

function read(status: number, body: unknown, headers: Record<string, string> = {}): ReturnType<typeof fromError> {
  const bytes = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
  return fromError({ status, headers, body: bytes, now: 1_000_000 });
}

function error(type: string, code?: string): unknown {
  const details = code === undefined ? null : { error_code: code };
  return { type: 'error', error: { type, message: 'Why.', details }, request_id: 'req_1' };
}

describe('an error of the Messages API', () => {
  it.each([
    [400, 'invalid_request_error', 'invalid-request'],
    [401, 'authentication_error', 'credential-rejected'],
    [402, 'billing_error', 'quota-exhausted'],
    [403, 'permission_error', 'credential-rejected'],
    [404, 'not_found_error', 'model-not-found'],
    [409, 'conflict_error', 'server-error'],
    [413, 'request_too_large', 'context-too-long'],
    [429, 'rate_limit_error', 'rate-limited'],
    [500, 'api_error', 'server-error'],
    [504, 'timeout_error', 'overloaded'],
    [529, 'overloaded_error', 'overloaded'],
    [503, 'invalid_request_error', 'overloaded'],
    [429, 'invalid_request_error', 'rate-limited'],
    [418, 'something_new', 'server-error'],
  ])('is at %d %s %s', (status, type, kind) => {
    expect(read(status, error(type))).toMatchObject({ kind, status, providerCode: type });
  });

  it.each([
    ['enforced_spend_limit_reached', 'quota-exhausted'],
    ['ramp_limit_exceeded', 'rate-limited'],
    ['organization_on_hold', 'credential-rejected'],
    ['cmek_key_unreachable', 'overloaded'],
    ['image_dimensions_too_large', 'invalid-request'],
  ])('is told more exactly by the code %s', (code, kind) => {
    expect(read(400, error('invalid_request_error', code))).toMatchObject({ kind, providerCode: code });
  });

  it('passes the words of the API on for a fault of the caller only', () => {
    expect(read(400, error('invalid_request_error')).callerMessage).toBe('Why.');
    expect(read(401, error('authentication_error')).callerMessage).toBeUndefined();
    expect(read(401, error('authentication_error')).message).not.toContain('Why.');
  });

  it('says how long to wait', () => {
    expect(read(429, error('rate_limit_error'), { 'retry-after': '7' }).retryAfterMs).toBe(7_000);
    expect(read(529, error('overloaded_error')).retryAfterMs).toBeUndefined();
  });

  it.each(['', '<html>Bad gateway</html>', '{"type":"error","err', '[]', '{"error":"text"}', '{"error":{"type":7}}'])(
    'is told by the status alone where the body is %j',
    (body) => {
      expect(read(502, body)).toMatchObject({ kind: 'server-error', providerCode: undefined });
      expect(read(401, body).kind).toBe('credential-rejected');
    },
  );
});
