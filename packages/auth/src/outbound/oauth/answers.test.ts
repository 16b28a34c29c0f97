import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Secret } from '@moltbot/contracts';
import { OAuthError } from '../oauth-error.js';
import { toDeviceAuthorization } from './device-answer.js';
import { toTokenSet } from './token-answer.js';

const answer = (json: Record<string, unknown>) => ({ json, receivedAt: 1_000_000, serverAheadMs: undefined });
const tokens = (json: Record<string, unknown>) =>
  toTokenSet({ answer: answer({ access_token: 'token', token_type: 'Bearer', ...json }), host: 'h', asked: ['asked'] });

describe('an answer with tokens', () => {
  it.each([
    [60, 1_060_000],
    ['60', 1_060_000],
    [0, undefined],
    ['0', undefined],
    [0.001, undefined],
    [1.5, 1_001_500],
    [1e12, 1_000_000 + 315_360_000_000],
    [undefined, undefined],
    [null, undefined],
    [-1, undefined],
    ['-1', undefined],
    ['soon', undefined],
    ['1e9', undefined],
    [{}, undefined],
    [Number.NaN, undefined],
  ])('with expires_in %p expires at %p', (value, expected) => {
    expect(tokens({ expires_in: value }).expiresAt).toBe(expected);
  });

  it.each([
    [undefined, ['asked']],
    ['', ['asked']],
    ['a b  a', ['a', 'b']],
    ['a,b', ['a', 'b']],
    [
      ['a', 5, 'b'],
      ['a', 'b'],
    ],
    [{ a: 1 }, ['asked']],
  ])('with scope %p grants %p', (value, expected) => {
    expect(tokens({ scope: value }).scopes).toEqual(expected);
  });

  it('keeps the refresh token where there is one, and shows none', () => {
    const found = tokens({ refresh_token: 'next-refresh-token', expires_in: 'garbage' });
    expect(found.refreshToken?.reveal()).toBe('next-refresh-token');
    expect(JSON.stringify(found)).not.toContain('next-refresh-token');
    expect(tokens({ refresh_token: '' }).refreshToken).toBeUndefined();
    expect(tokens({ refresh_token: null }).refreshToken).toBeUndefined();
  });

  it('is read or refused whatever is in it', () => {
    fc.assert(
      fc.property(
        fc.dictionary(
          fc.constantFrom('access_token', 'token_type', 'expires_in', 'refresh_token', 'scope', 'id_token', 'error'),
          fc.oneof<fc.Arbitrary<unknown>[]>(fc.jsonValue(), fc.constantFrom('bearer', 'token', 3_600)),
        ),
        (json) => {
          try {
            const found = toTokenSet({ answer: answer(json), host: 'h', asked: ['asked'] });
            expect(found.accessToken).toBeInstanceOf(Secret);
            expect(found.scopes.length).toBeGreaterThan(0);
            expect(found.expiresAt ?? 1_000_000).toBeGreaterThanOrEqual(1_000_000);
          } catch (error) {
            expect(error).toBeInstanceOf(OAuthError);
          }
        },
      ),
    );
  });
});

describe('an answer with a device code', () => {
  const whole = { device_code: 'd', user_code: 'ABCD-EFGH', verification_uri: 'https://x.example.com/device' };
  const read = (json: Record<string, unknown>) => toDeviceAuthorization({ answer: answer(json), host: 'h' });

  it('has limits of its own', () => {
    expect(read(whole)).toMatchObject({ expiresAt: 1_600_000, intervalMs: 5_000, verificationUriComplete: undefined });
    expect(read({ ...whole, expires_in: 1e12, interval: 1e9 })).toMatchObject({
      expiresAt: 1_000_000 + 86_400_000,
      intervalMs: 60_000,
    });
    expect(read({ ...whole, expires_in: -1, interval: 0 })).toMatchObject({ expiresAt: 1_600_000, intervalMs: 5_000 });
    expect(read({ ...whole, user_code: '\u001b[31mAB' }).userCode).toBe('[31mAB');
    expect(read({ ...whole, verification_uri_complete: 'javascript:x' }).verificationUriComplete).toBeUndefined();
  });

  it.each([
    { ...whole, device_code: '' },
    { ...whole, user_code: 5 },
    { ...whole, verification_uri: 'file:///etc/passwd' },
    { ...whole, verification_uri: 'javascript:alert(1)' },
    {},
  ])('is refused without a code or a page: %j', (json) => {
    expect(() => read(json)).toThrow(expect.objectContaining({ failure: 'bad-answer' }));
  });
});
