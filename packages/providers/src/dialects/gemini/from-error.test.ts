import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { ProviderError } from '../../failure.js';
import { fromError } from './from-error.js';

function fixture(name: string): Buffer {
  return readFileSync(new URL(`./__fixtures__/${name}.json`, import.meta.url));
}

function errorOf(status: number, body: unknown, headers: Record<string, string> = {}): ProviderError {
  const bytes = Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body));
  return fromError({ status, headers, body: bytes, now: 0 });
}

describe('an error answer of Gemini', () => {
  it('takes a rejected key for what it is, though it comes as an invalid argument', () => {
    expect(errorOf(400, fixture('error-api-key-invalid'))).toMatchObject({
      kind: 'credential-rejected',
      status: 400,
      providerCode: 'API_KEY_INVALID',
      callerMessage: undefined,
    });
  });

  it('waits as long as RetryInfo says, in an error within a list too', () => {
    expect(errorOf(429, fixture('error-per-minute'))).toMatchObject({
      kind: 'rate-limited',
      providerCode: 'RESOURCE_EXHAUSTED',
      retryAfterMs: 34_075,
    });
  });

  it('takes a spent day for an empty account', () => {
    expect(errorOf(429, fixture('error-per-day'))).toMatchObject({ kind: 'quota-exhausted', retryAfterMs: 47_000 });
  });

  it("passes the provider's words on where the fault is the caller's", () => {
    expect(errorOf(400, fixture('error-invalid-argument'))).toMatchObject({
      kind: 'invalid-request',
      param: 'contents',
      callerMessage: '* GenerateContentRequest.contents: contents is not specified\n',
    });
  });

  it.each([
    [400, 'FAILED_PRECONDITION', 'credential-rejected'],
    [400, 'OUT_OF_RANGE', 'invalid-request'],
    [401, 'UNAUTHENTICATED', 'credential-rejected'],
    [403, 'PERMISSION_DENIED', 'credential-rejected'],
    [404, 'NOT_FOUND', 'model-not-found'],
    [409, 'ABORTED', 'server-error'],
    [429, 'RESOURCE_EXHAUSTED', 'rate-limited'],
    [499, 'CANCELLED', 'server-error'],
    [500, 'INTERNAL', 'server-error'],
    [503, 'UNAVAILABLE', 'overloaded'],
    [504, 'DEADLINE_EXCEEDED', 'overloaded'],
    [501, 'UNIMPLEMENTED', 'server-error'],
    [400, 'constructor', 'invalid-request'],
  ])('reads %d %s as %s', (status, code, kind) => {
    const error = errorOf(status, { error: { code: status, message: 'secret words', status: code } });
    expect(error).toMatchObject({ kind, status, providerCode: code });
    expect(error.message).not.toContain('secret words');
    expect(error.callerMessage).toBe(kind === 'invalid-request' ? 'secret words' : undefined);
  });

  it('takes billing that is off for an empty account', () => {
    const details = [{ '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason: 'BILLING_DISABLED' }];
    expect(errorOf(403, { error: { code: 403, status: 'PERMISSION_DENIED', details } }).kind).toBe('quota-exhausted');
  });

  it.each([
    ['a duration of an object', { seconds: '2', nanos: 500_000_000 }, 2_500],
    ['a whole second', '3s', 3_000],
    ['no duration', 'soon', 9_000],
  ])('reads a delay given as %s', (_, retryDelay, expected) => {
    const details = [{ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay }];
    const body = { error: { code: 429, status: 'RESOURCE_EXHAUSTED', details } };
    expect(errorOf(429, body, { 'retry-after': '9' }).retryAfterMs).toBe(expected);
  });

  it.each([
    [503, Buffer.from('<html>Bad gateway</html>'), 'overloaded'],
    [400, Buffer.from('{"error":{"code":400,"mess'), 'invalid-request'],
    [302, Buffer.alloc(0), 'server-error'],
    [401, Buffer.from('[]'), 'credential-rejected'],
  ])('goes by the status %d where the body says nothing', (status, body, kind) => {
    expect(errorOf(status, body)).toMatchObject({ kind, status, providerCode: undefined });
  });

  it('is total', () => {
    fc.assert(
      fc.property(fc.integer({ min: 300, max: 599 }), fc.jsonValue(), (status, value) => {
        expect(errorOf(status, { error: value }).status).toBe(status);
        expect(errorOf(status, Buffer.from(JSON.stringify(value) ?? '')).status).toBe(status);
      }),
    );
  });
});
