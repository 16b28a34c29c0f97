import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { formatTokenRecord, parseTokenRecord, type TokenRecord } from './token-record.js';

const claim = { fence: 8, base: 7, holder: 'a', at: 5, sent: true, forced: false };
const pair = {
  fence: 7,
  base: 3,
  issuedAt: 1_000,
  expiresAt: 2_000,
  scopes: ['model:read'],
  account: { subject: 'ann', email: 'ann@example.com' },
  hasRefreshToken: true,
  forced: true,
  inDoubt: true,
  sealed: 'mbs1.x',
};
const lastFailure = {
  fence: 6,
  at: 4,
  count: 2,
  failure: 'unavailable',
  code: 'other',
  status: 503,
  retryAfterMs: 1,
} as const;

describe('a token record', () => {
  it.each<TokenRecord>([
    { state: 'new', clientId: 'app', claim },
    { state: 'signed-in', clientId: 'app', pair, claim, lastFailure },
    { state: 'signed-in', clientId: 'app', pair: { ...pair, account: { subject: 'ann' } } },
    { state: 'revoked', clientId: 'app', pair, revokedAt: 9, why: 'lost-answer', lastFailure },
    { state: 'signed-out', clientId: 'app', signedOutAt: 9 },
  ])('is read as it was written (%#)', (record) => {
    expect(parseTokenRecord(formatTokenRecord(record))).toEqual(record);
  });

  it.each([
    '',
    'null',
    '[]',
    '{}',
    '{"format":2,"state":"new","clientId":"app"}',
    '{"format":1,"state":"signed-in","clientId":"app"}',
    '{"format":1,"state":"signed-in","clientId":"app","pair":{"fence":-1,"issuedAt":1,"sealed":""}}',
    '{"format":1,"state":"other","clientId":"app"}',
  ])('that is none is none: %s', (value) => {
    expect(parseTokenRecord(value)).toBeUndefined();
  });

  it('reads any junk as nothing, or as a record whose parts can be relied on', () => {
    const junk = fc.oneof(
      fc.jsonValue(),
      fc.constantFrom(...Object.values(pair), ...Object.values(claim), claim, pair),
    );
    const fields = [...Object.keys(pair), ...Object.keys(claim), ...Object.keys(lastFailure)];
    const part = fc.dictionary(fc.constantFrom(...fields), junk);
    const row = fc.record({
      format: fc.constant(1),
      state: fc.constantFrom('new', 'signed-in', 'revoked', 'signed-out'),
      clientId: fc.oneof(fc.constant('app'), junk),
      pair: fc.oneof(
        part,
        part.map((fields) => ({ ...pair, ...fields })),
        junk,
      ),
      claim: fc.oneof(part, junk),
      lastFailure: fc.oneof(part, junk),
      why: junk,
    });
    fc.assert(
      fc.property(row, (value) => {
        const record = parseTokenRecord(JSON.stringify(value));
        if (record === undefined) return;
        expect(parseTokenRecord(formatTokenRecord(record))).toEqual(record);
        if (record.claim !== undefined) expect(Number.isSafeInteger(record.claim.fence)).toBe(true);
        if ('pair' in record) expect(typeof record.pair.sealed).toBe('string');
      }),
    );
  });
});
