import type { OAuthFailure } from './oauth-error.js';

/**
 * What a row of the token store says about one OAuth credential, as JSON. Only `pair.sealed` is secret: status can be told
 * without the key. `record-steps.ts` says who may change it when.
 */
export type TokenRecord = NewRecord | SignedInRecord | RevokedRecord | SignedOutRecord;

interface AnyRecord {
  /** The client of auth.json it was made for: for another one it counts as not there. */
  readonly clientId: string;
  readonly claim?: RefreshClaim | undefined;
  /** Of the last refresh, where it failed. */
  readonly lastFailure?: RefreshFailure | undefined;
}

/** Nobody signed in yet; only a client that signs in by itself (client credentials) leaves such a record, with its claim. */
export interface NewRecord extends AnyRecord {
  readonly state: 'new';
}

export interface SignedInRecord extends AnyRecord {
  readonly state: 'signed-in';
  readonly pair: StoredPair;
}

/** The server refused the refresh token for good. The pair is kept: a late answer may still turn out to be its successor. */
export interface RevokedRecord extends AnyRecord {
  readonly state: 'revoked';
  readonly pair: StoredPair;
  readonly revokedAt: number;
  /**
   * `refused`: the server ended it. `lost-answer`: an earlier refresh was sent and its answer not stored in time (its process
   * was killed or stood still, or the network failed), so that the refresh token was used twice in the server's eyes.
   */
  readonly why: 'refused' | 'lost-answer';
}

export interface SignedOutRecord extends AnyRecord {
  readonly state: 'signed-out';
  readonly signedOutAt: number;
}

/** The tokens of one answer of the token endpoint. */
export interface StoredPair {
  /** Of the claim or sign-in that brought it: names the pair. */
  readonly fence: number;
  /** The pair whose refresh token it was got with; 0: none (a sign-in). */
  readonly base: number;
  /** Unix ms by the clock of the machine that got it. */
  readonly issuedAt: number;
  /** By the same clock; missing where the server did not say. */
  readonly expiresAt?: number | undefined;
  readonly scopes: readonly string[];
  readonly account?: { readonly subject?: string | undefined; readonly email?: string | undefined } | undefined;
  readonly hasRefreshToken: boolean;
  /** Got because a provider rejected the one before with a 401. */
  readonly forced: boolean;
  /**
   * The server may have ended it without our being told: its refresh token was sent and the answer never arrived, or the one
   * before was sent twice.
   */
  readonly inDoubt?: boolean | undefined;
  /** `SealedTokens`, sealed under the credential's id. */
  readonly sealed: string;
}

/** Inside `sealed`. */
export interface SealedTokens {
  readonly accessToken: string;
  readonly refreshToken?: string | undefined;
}

/** Somebody is getting a new pair. One claim at a time; a fence is never given twice. */
export interface RefreshClaim {
  /** The row's version with which it was first written: grows with every claim, sign-in and sign-out. */
  readonly fence: number;
  /** `fence` of the pair that is to be replaced; 0: there is none. */
  readonly base: number;
  /** A random name of the process. */
  readonly holder: string;
  /** Unix ms, for people: nobody decides by it. */
  readonly at: number;
  /** Whether the request may be on its way. Until then nothing is lost by taking over. */
  readonly sent: boolean;
  readonly forced: boolean;
}

export interface RefreshFailure {
  /** Of the claim that failed. */
  readonly fence: number;
  readonly at: number;
  /** How many in a row. */
  readonly count: number;
  /** `no-key`: the stored pair can't be opened. `not-started`: nothing could be sent. */
  readonly failure: OAuthFailure | 'no-key' | 'not-started';
  readonly code?: string | undefined;
  readonly status?: number | undefined;
  readonly retryAfterMs?: number | undefined;
}

/** The pair's fence; 0 where there is none. */
export function pairFence(record: TokenRecord | undefined): number {
  return record !== undefined && 'pair' in record ? record.pair.fence : 0;
}

export function sameClaim(one: RefreshClaim | undefined, other: RefreshClaim): boolean {
  return one !== undefined && one.fence === other.fence && one.holder === other.holder;
}

export function formatTokenRecord(record: TokenRecord): string {
  return JSON.stringify({ format: FORMAT, ...record });
}

const FORMAT = 1;

/** @returns `undefined` for what is no record that this version can read */
export function parseTokenRecord(value: string): TokenRecord | undefined {
  const row = objectOf(parseJson(value));
  if (row === undefined || row.format !== FORMAT || typeof row.clientId !== 'string') return undefined;
  const common = {
    clientId: row.clientId,
    ...present('claim', toClaim(row.claim)),
    ...present('lastFailure', toFailure(row.lastFailure)),
  };
  const pair = toPair(row.pair);
  switch (row.state) {
    case 'new':
      return { state: 'new', ...common };
    case 'signed-out':
      return { state: 'signed-out', ...common, signedOutAt: numberOr(row.signedOutAt, 0) };
    case 'signed-in':
      return pair && { state: 'signed-in', ...common, pair };
    case 'revoked': {
      const why = row.why === 'lost-answer' ? 'lost-answer' : 'refused';
      return pair && { state: 'revoked', ...common, pair, revokedAt: numberOr(row.revokedAt, 0), why };
    }
    default:
      return undefined;
  }
}

function toPair(value: unknown): StoredPair | undefined {
  const row = objectOf(value);
  if (row === undefined || typeof row.sealed !== 'string') return undefined;
  if (!isFence(row.fence) || typeof row.issuedAt !== 'number') return undefined;
  const account = objectOf(row.account);
  return {
    fence: row.fence,
    base: isFence(row.base) ? row.base : 0,
    issuedAt: row.issuedAt,
    ...present('expiresAt', numberOr(row.expiresAt, undefined)),
    scopes: Array.isArray(row.scopes) ? row.scopes.filter((scope) => typeof scope === 'string') : [],
    ...present(
      'account',
      account && { ...present('subject', textOf(account.subject)), ...present('email', textOf(account.email)) },
    ),
    hasRefreshToken: row.hasRefreshToken === true,
    forced: row.forced === true,
    ...(row.inDoubt === true ? { inDoubt: true } : {}),
    sealed: row.sealed,
  };
}

function toClaim(value: unknown): RefreshClaim | undefined {
  const row = objectOf(value);
  if (row === undefined || !isFence(row.fence) || typeof row.holder !== 'string') return undefined;
  return {
    fence: row.fence,
    base: isFence(row.base) ? row.base : 0,
    holder: row.holder,
    at: numberOr(row.at, 0),
    sent: row.sent === true,
    forced: row.forced === true,
  };
}

const FAILURES: ReadonlySet<string> = new Set<RefreshFailure['failure']>([
  'refused',
  'unreachable',
  'timeout',
  'unavailable',
  'bad-answer',
  'rejected-callback',
  'misconfigured',
  'no-key',
  'not-started',
]);

function toFailure(value: unknown): RefreshFailure | undefined {
  const row = objectOf(value);
  if (row === undefined || !isFence(row.fence)) return undefined;
  const failure = typeof row.failure === 'string' && FAILURES.has(row.failure) ? row.failure : 'bad-answer';
  return {
    fence: row.fence,
    at: numberOr(row.at, 0),
    count: Math.max(1, numberOr(row.count, 1)),
    failure: failure as RefreshFailure['failure'],
    ...present('code', textOf(row.code)),
    ...present('status', numberOr(row.status, undefined)),
    ...present('retryAfterMs', numberOr(row.retryAfterMs, undefined)),
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Readonly<Record<string, unknown>>)
    : undefined;
}

function isFence(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

function numberOr<Other>(value: unknown, other: Other): number | Other {
  return typeof value === 'number' && Number.isFinite(value) ? value : other;
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function present<Name extends string, Value>(name: Name, value: Value | undefined): { [Key in Name]?: Value } {
  return (value === undefined ? {} : { [name]: value }) as { [Key in Name]?: Value };
}
