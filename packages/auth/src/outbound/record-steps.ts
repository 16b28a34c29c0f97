import type { OAuthErrorFacts } from './oauth-error.js';
import {
  pairFence,
  type RefreshClaim,
  type RefreshFailure,
  sameClaim,
  type SignedInRecord,
  type SignedOutRecord,
  type StoredPair,
  type TokenRecord,
} from './token-record.js';

/*
 * The steps that a token record may take. Each is a pure function; whoever takes one writes its result by compare-and-swap over
 * the row it was computed from, and begins again with the row's new content where another writer was first.
 *
 *   claim        nobody holds a claim, or the one that does was watched for too long     → a claim with a new fence
 *   mark sent    right before the request: the claim stands, is not sent, and the pair is still the one to be replaced.
 *                Nobody sends without it: a claim that is not marked has done nothing, and may be taken over soon.
 *   store pair   the answer is a new pair, and
 *                (a) the record still has the pair whose refresh token was used: whoever holds the claim now, ours is its
 *                    successor, and the token that the taker-over would send is used up; or
 *                (b) it has another answer to the same refresh token, got by an earlier claim, and our claim stands: the server
 *                    answered us later (it allows a second use for a while), so ours is the one it holds valid.
 *                Otherwise (a newer pair, a new sign-in, a sign-out) the answer is dropped.
 *   store failure  the claim stands. `invalid_grant` revokes, unless the record has another pair by now: then an earlier,
 *                late answer used the token up, and its pair is good.
 *   sign in, sign out  always; every claim before ends with it.
 *
 * So: one request at a time for one refresh token, unless its holder was silent for longer than a request can take; no answer is
 * dropped whose base is still there; no older answer replaces a newer one.
 */

export interface ClaimOptions {
  readonly record: TokenRecord | undefined;
  /** Of the row that `record` was read from; 0 without one. */
  readonly version: number;
  readonly clientId: string;
  readonly holder: string;
  readonly now: number;
  readonly forced: boolean;
  /** The claim to take over: watched unchanged for long enough. */
  readonly over?: RefreshClaim | undefined;
}

/** @returns the record with our claim; `undefined` where another claim stands or nothing can be refreshed. */
export function claimed(options: ClaimOptions): (TokenRecord & { readonly claim: RefreshClaim }) | undefined {
  const { record, version, clientId, holder, now, forced, over } = options;
  const mine = record?.clientId === clientId ? record : undefined;
  const standing = mine?.claim;
  if (standing !== undefined && (over === undefined || !sameClaim(standing, over) || standing.sent !== over.sent)) {
    return undefined;
  }
  const claim = { fence: version + 1, base: pairFence(mine), holder, at: now, sent: false, forced };
  if (mine === undefined) return { state: 'new', clientId, claim };
  switch (mine.state) {
    case 'signed-out':
      return undefined;
    case 'new':
      return { ...mine, claim };
    case 'signed-in':
    case 'revoked':
      return { ...mine, claim, pair: standing?.sent === true ? doubted(mine.pair, standing) : mine.pair };
  }
}

/** @returns the record with the claim marked as sent; `undefined` where nothing may be sent any more. */
export function markedSent(record: TokenRecord | undefined, claim: RefreshClaim): TokenRecord | undefined {
  if (record?.claim === undefined || !sameClaim(record.claim, claim) || record.claim.sent) return undefined;
  if (pairFence(record) !== claim.base) return undefined;
  return { ...record, claim: { ...record.claim, sent: true } };
}

export interface PairOptions {
  readonly record: TokenRecord | undefined;
  readonly clientId: string;
  readonly claim: RefreshClaim;
  readonly pair: Omit<StoredPair, 'fence' | 'base' | 'forced' | 'inDoubt'>;
}

/** @returns the record with the new pair; `undefined` where it is to be dropped. */
export function withPair({ record, clientId, claim, pair }: PairOptions): SignedInRecord | undefined {
  if (record === undefined || record.clientId !== clientId || record.state === 'signed-out') return undefined;
  const isOurs = sameClaim(record.claim, claim);
  const succeeds = pairFence(record) === claim.base;
  const isLater = isOurs && 'pair' in record && record.pair.base === claim.base && record.pair.fence < claim.fence;
  if (!succeeds && !isLater) return undefined;
  return {
    state: 'signed-in',
    clientId,
    // A claim that took ours over ends by itself: it finds its pair replaced.
    ...(isOurs || record.claim === undefined ? {} : { claim: record.claim }),
    pair: {
      ...pair,
      fence: claim.fence,
      base: claim.base,
      forced: claim.forced,
      // Whoever had it revoked had sent the same refresh token.
      ...(record.state === 'revoked' ? { inDoubt: true } : {}),
    },
  };
}

/** After a request with the claim's refresh token of which nobody knows, or that came second. */
function doubted(pair: StoredPair, claim: RefreshClaim): StoredPair {
  const isTouched = pair.hasRefreshToken && (pair.fence === claim.base || (claim.base > 0 && pair.base === claim.base));
  return isTouched ? { ...pair, inDoubt: true } : pair;
}

export interface FailureOptions {
  readonly record: TokenRecord | undefined;
  readonly claim: RefreshClaim;
  readonly failure: Pick<OAuthErrorFacts, 'code' | 'status' | 'retryAfterMs' | 'maybeApplied'> &
    Pick<RefreshFailure, 'failure'>;
  readonly now: number;
}

/** @returns the record without the claim, saying what went wrong; `undefined` where the claim stands no more. */
export function withFailure({ record, claim, failure, now }: FailureOptions): TokenRecord | undefined {
  if (record === undefined || !sameClaim(record.claim, claim)) return undefined;
  const { claim: _ended, ...rest } = record;
  const { maybeApplied, ...facts } = failure;
  const isRefused = failure.code === 'invalid_grant';
  if (pairFence(record) !== claim.base) {
    return 'pair' in rest && (maybeApplied || isRefused) ? { ...rest, pair: doubted(rest.pair, claim) } : rest;
  }
  const count = (record.lastFailure?.count ?? 0) + 1;
  const lastFailure: RefreshFailure = { fence: claim.fence, at: now, count, ...facts };
  if (!('pair' in rest)) return { ...rest, lastFailure };
  const { pair } = rest;
  // A client without a refresh token signs in anew with each request: nothing of it can be revoked.
  if (isRefused && pair.hasRefreshToken) {
    const why = pair.inDoubt === true ? 'lost-answer' : 'refused';
    return { state: 'revoked', clientId: rest.clientId, pair, lastFailure, revokedAt: now, why };
  }
  return { ...rest, lastFailure, pair: maybeApplied ? doubted(pair, claim) : pair };
}

export function signedIn(options: {
  readonly version: number;
  readonly clientId: string;
  readonly pair: PairOptions['pair'];
}): SignedInRecord {
  const { version, clientId, pair } = options;
  return { state: 'signed-in', clientId, pair: { ...pair, fence: version + 1, base: 0, forced: false } };
}

export function signedOut({ clientId, now }: { clientId: string; now: number }): SignedOutRecord {
  return { state: 'signed-out', clientId, signedOutAt: now };
}

/** A record of another client than the one in auth.json counts as not there. */
export function recordFor(clientId: string, record: TokenRecord | undefined): TokenRecord | undefined {
  return record?.clientId === clientId ? record : undefined;
}
