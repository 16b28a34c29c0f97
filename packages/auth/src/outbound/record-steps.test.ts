import { describe, expect, it } from '@jest/globals';
import { claimed, markedSent, recordFor, signedIn, signedOut, withFailure, withPair } from './record-steps.js';
import type { RefreshClaim, SignedInRecord, TokenRecord } from './token-record.js';

const NOW = 1_700_000_000_000;
const CLIENT = 'app';
const pair = (sealed: string) => ({ issuedAt: NOW, scopes: ['model:read'], hasRefreshToken: true, sealed });
const signIn = signedIn({ version: 4, clientId: CLIENT, pair: pair('first') });
const INVALID_GRANT = { failure: 'refused', code: 'invalid_grant', status: 400, maybeApplied: false } as const;
const TIMEOUT = { failure: 'timeout', maybeApplied: true } as const;

function claim(record: TokenRecord | undefined, version: number, holder = 'a', over?: RefreshClaim) {
  const next = claimed({ record, version, clientId: CLIENT, holder, now: NOW, forced: false, over });
  if (next === undefined) throw new Error('not claimed');
  return next;
}

function sent(record: TokenRecord, its: RefreshClaim): TokenRecord {
  const next = markedSent(record, its);
  if (next === undefined) throw new Error('not sent');
  return next;
}

describe('a claim', () => {
  it('is given to one, with a fence that names the row’s next version', () => {
    const record = claim(signIn, 5);
    expect(record.claim).toEqual({ fence: 6, base: 5, holder: 'a', at: NOW, sent: false, forced: false });
    expect(claimed({ record, version: 6, clientId: CLIENT, holder: 'b', now: NOW, forced: false })).toBeUndefined();
  });

  it('is not given where somebody signed out, and is the first record of a client that signs in by itself', () => {
    expect(
      claimed({
        record: signedOut({ clientId: CLIENT, now: NOW }),
        version: 1,
        clientId: CLIENT,
        holder: 'a',
        now: NOW,
        forced: false,
      }),
    ).toBeUndefined();
    expect(claim(undefined, 0)).toMatchObject({ state: 'new', clientId: CLIENT, claim: { fence: 1, base: 0 } });
    expect(claim({ ...signIn, clientId: 'another' }, 7)).toMatchObject({ state: 'new', claim: { fence: 8, base: 0 } });
  });

  it('is taken over only as it was watched', () => {
    const watched = claim(signIn, 5);
    const moved = sent(watched, watched.claim);
    expect(
      claimed({
        record: moved,
        version: 7,
        clientId: CLIENT,
        holder: 'b',
        now: NOW,
        forced: false,
        over: watched.claim,
      }),
    ).toBeUndefined();
    expect(claim(watched, 6, 'b', watched.claim).claim).toMatchObject({ fence: 7, holder: 'b', base: 5 });
  });

  it('that was sent and is taken over leaves its pair in doubt, one that was not sent does not', () => {
    const unsent = claim(signIn, 5);
    expect(claim(unsent, 6, 'b', unsent.claim)).not.toHaveProperty('pair.inDoubt');
    const record = sent(unsent, unsent.claim);
    const standing = record.claim as RefreshClaim;
    expect(claim(record, 7, 'b', standing)).toMatchObject({ pair: { inDoubt: true } });
  });
});

describe('a request', () => {
  it('may be sent once, by the holder, for the pair that is still there', () => {
    const record = claim(signIn, 5);
    const marked = sent(record, record.claim);
    expect(markedSent(marked, record.claim)).toBeUndefined();
    expect(markedSent(claim(record, 6, 'b', record.claim), record.claim)).toBeUndefined();
    expect(
      markedSent({ ...record, pair: { ...signIn.pair, fence: 9 } } as SignedInRecord, record.claim),
    ).toBeUndefined();
    expect(markedSent(undefined, record.claim)).toBeUndefined();
  });
});

describe('a new pair', () => {
  const first = claim(signIn, 5, 'a');
  const firstSent = sent(first, first.claim);
  const over = claim(firstSent, 7, 'b', firstSent.claim);
  const overSent = sent(over, over.claim);
  const store = (record: TokenRecord | undefined, its: RefreshClaim, sealed: string) =>
    withPair({ record, clientId: CLIENT, claim: its, pair: pair(sealed) });

  it('is stored, and ends its claim', () => {
    const failed = { ...firstSent, lastFailure: { fence: 3, at: 1, count: 2, failure: 'timeout' } } as const;
    expect(store(failed, first.claim, 'second')).toEqual({
      state: 'signed-in',
      clientId: CLIENT,
      pair: { ...pair('second'), fence: 6, base: 5, forced: false },
    });
  });

  it('that comes late is stored where the token it was got with is still there, though its claim was taken over', () => {
    const stored = store(overSent, first.claim, 'late');
    expect(stored).toMatchObject({ pair: { sealed: 'late', fence: 6 }, claim: { holder: 'b' } });
    // The server refuses the taker-over: it says nothing against the pair that came meanwhile.
    const after = withFailure({ record: stored, claim: over.claim, failure: INVALID_GRANT, now: NOW });
    expect(after).toMatchObject({ state: 'signed-in', pair: { sealed: 'late', inDoubt: true } });
    expect(after).not.toHaveProperty('claim');
    expect(after).not.toHaveProperty('lastFailure');
  });

  it('of whoever asked last wins over a late one, where the server answered both', () => {
    const late = store(overSent, first.claim, 'late');
    expect(store(late, over.claim, 'later')).toMatchObject({ pair: { sealed: 'later', fence: 8, base: 5 } });
    const later = store(overSent, over.claim, 'later');
    expect(store(later, first.claim, 'late')).toBeUndefined();
  });

  it('revives a credential that the taker-over found refused', () => {
    const revoked = withFailure({ record: overSent, claim: over.claim, failure: INVALID_GRANT, now: NOW });
    expect(revoked).toMatchObject({ state: 'revoked', why: 'lost-answer' });
    expect(store(revoked, first.claim, 'late')).toMatchObject({
      state: 'signed-in',
      pair: { sealed: 'late', inDoubt: true },
    });
  });

  it('is dropped after a new sign-in, a sign-out, for another client, and where there is no row', () => {
    const again = signedIn({ version: 9, clientId: CLIENT, pair: pair('again') });
    expect(store(again, first.claim, 'late')).toBeUndefined();
    expect(store(signedOut({ clientId: CLIENT, now: NOW }), first.claim, 'late')).toBeUndefined();
    expect(store({ ...firstSent, clientId: 'another' }, first.claim, 'late')).toBeUndefined();
    expect(store(undefined, first.claim, 'late')).toBeUndefined();
    // Nor does the first token of a client that signed in by itself replace a sign-in.
    const own = claim(undefined, 0);
    expect(store(again, own.claim, 'own')).toBeUndefined();
  });
});

describe('a failure', () => {
  const record = claim(signIn, 5);
  const marked = sent(record, record.claim);

  it('is counted, and ends the claim', () => {
    const once = withFailure({ record: marked, claim: record.claim, failure: TIMEOUT, now: NOW });
    expect(once).toMatchObject({
      state: 'signed-in',
      lastFailure: { fence: 6, at: NOW, count: 1, failure: 'timeout' },
      pair: { sealed: 'first', inDoubt: true },
    });
    expect(once).not.toHaveProperty('claim');
    const again = claim(once, 8);
    const twice = withFailure({ record: again, claim: again.claim, failure: TIMEOUT, now: NOW });
    expect(twice?.lastFailure?.count).toBe(2);
  });

  it('of the refresh token revokes: refused, or used by a refresh whose answer was lost', () => {
    expect(withFailure({ record: marked, claim: record.claim, failure: INVALID_GRANT, now: NOW })).toMatchObject({
      state: 'revoked',
      why: 'refused',
      revokedAt: NOW,
      lastFailure: { code: 'invalid_grant' },
    });
    const doubtful = { ...marked, pair: { ...signIn.pair, inDoubt: true } } as SignedInRecord;
    expect(withFailure({ record: doubtful, claim: record.claim, failure: INVALID_GRANT, now: NOW })).toMatchObject({
      why: 'lost-answer',
    });
  });

  it('of a client without a refresh token, or of another kind, revokes nothing', () => {
    const own = { ...marked, pair: { ...signIn.pair, hasRefreshToken: false } } as SignedInRecord;
    expect(withFailure({ record: own, claim: record.claim, failure: INVALID_GRANT, now: NOW })?.state).toBe(
      'signed-in',
    );
    const wrongClient = { ...INVALID_GRANT, code: 'invalid_client' };
    expect(withFailure({ record: marked, claim: record.claim, failure: wrongClient, now: NOW })?.state).toBe(
      'signed-in',
    );
  });

  it('of a claim that stands no more says nothing', () => {
    const over = claim(marked, 7, 'b', marked.claim);
    expect(withFailure({ record: over, claim: record.claim, failure: INVALID_GRANT, now: NOW })).toBeUndefined();
    expect(withFailure({ record: signIn, claim: record.claim, failure: INVALID_GRANT, now: NOW })).toBeUndefined();
  });
});

describe('a record', () => {
  it('of another client counts as not there', () => {
    expect(recordFor('another', signIn)).toBeUndefined();
    expect(recordFor(CLIENT, signIn)).toBe(signIn);
  });
});
