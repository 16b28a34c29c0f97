import { MoltbotError, Secret } from '@moltbot/contracts';
import type { Sealer } from '../seal/sealer.js';
import { type Clock, sleep } from './clock.js';
import type { OAuthClient, TokenSet } from './oauth-client.js';
import { OAuthError } from './oauth-error.js';
import { markedSent, type PairOptions, withFailure, withPair } from './record-steps.js';
import {
  formatTokenRecord,
  parseTokenRecord,
  type RefreshClaim,
  type SealedTokens,
  sameClaim,
  type TokenRecord,
} from './token-record.js';
import type { TokenStore } from './token-store.js';

export interface RefreshOptions {
  readonly store: TokenStore;
  readonly sealer: Sealer;
  /** Made when it is sure that the request is wanted. */
  readonly client: () => OAuthClient | Promise<OAuthClient>;
  readonly credentialId: string;
  readonly clientId: string;
  /** As it stands in the record, not sent yet. */
  readonly claim: RefreshClaim;
  /** `client_credentials`: the client signs in anew; `refresh_token`: the stored one is used. */
  readonly grant: 'refresh_token' | 'client_credentials';
  /** For the request. */
  readonly timeoutMs: number;
  /** How long a new pair is held on to while the store does not take it. */
  readonly keepTryingMs: number;
  readonly clock: Clock;
}

/** `superseded`: another claim, sign-in or sign-out came before; nothing of ours was stored. */
export type RefreshOutcome = 'stored' | 'failed' | 'superseded' | 'lost';

const FIRST_PAUSE_MS = 50;
/** Short against `takeoverAfter`: when the store is back, the pair is stored before anybody may take the claim over. */
const LONGEST_PAUSE_MS = 500;
/** Short against `takeoverAfter`: what was read longer ago is read again before the request. */
const STALE_MS = 1_000;

/**
 * Does what a claim was made for: marks it as sent, asks for a new pair, and stores what came. Never sends twice. Rejects only
 * where the claim could not be marked: then nothing was sent.
 * @throws MoltbotError `token_store_unavailable`
 */
export async function runRefresh(options: RefreshOptions): Promise<RefreshOutcome> {
  const { clock, claim, timeoutMs } = options;
  const startBy = clock.monotonic() + timeoutMs;
  const current = parseTokenRecord((await options.store.read(options.credentialId))?.value ?? '');
  if (current === undefined || !sameClaim(current.claim, claim)) return 'superseded';

  const failed = (error: unknown, until: number) => {
    const failure = factsOf(error);
    const step = (record: TokenRecord | undefined) => withFailure({ record, claim, failure, now: clock.now() });
    return settle(options, { step, until, outcome: 'failed' });
  };

  let request: () => Promise<TokenSet>;
  try {
    request = await toRequest(options, current);
  } catch (error) {
    return failed(error, startBy);
  }
  if (!(await markSent(options, startBy))) return 'superseded';
  let pair: PairOptions['pair'];
  try {
    const askedAt = clock.now();
    pair = notAfter(askedAt, toPair(options, await request(), current));
  } catch (error) {
    return failed(error, clock.monotonic() + timeoutMs);
  }
  const step = (record: TokenRecord | undefined) => withPair({ record, clientId: options.clientId, claim, pair });
  return settle(options, { step, until: clock.monotonic() + options.keepTryingMs, outcome: 'stored' });
}

/** All that can fail before the request, so that the mark is followed by the request at once. */
async function toRequest(options: RefreshOptions, record: TokenRecord): Promise<() => Promise<TokenSet>> {
  const refreshToken = options.grant === 'refresh_token' ? refreshTokenOf(options, record) : undefined;
  const client = await options.client();
  return async () => {
    const timeout = new AbortController();
    const cancel = options.clock.after(options.timeoutMs, () => timeout.abort());
    const { signal } = timeout;
    try {
      return await (refreshToken === undefined
        ? client.clientCredentials({ signal })
        : client.refresh({ refreshToken, signal }));
    } finally {
      cancel();
    }
  };
}

function refreshTokenOf({ sealer, credentialId }: RefreshOptions, record: TokenRecord): Secret {
  const text =
    'pair' in record ? openTokens({ sealer, credentialId, sealed: record.pair.sealed }).refreshToken : undefined;
  if (text === undefined)
    throw new OAuthError('There is no refresh token.', { failure: 'misconfigured', maybeApplied: false });
  return new Secret(text);
}

/** @throws MoltbotError as the sealer */
export function openTokens(options: { sealer: Sealer; credentialId: string; sealed: string }): SealedTokens {
  return JSON.parse(options.sealer.open(options.sealed, options.credentialId)) as SealedTokens;
}

/** What is written of an answer; what it leaves out is taken from the pair before (RFC 6749 section 6). */
export function toPair(
  { sealer, credentialId }: Pick<RefreshOptions, 'sealer' | 'credentialId'>,
  tokens: TokenSet,
  before: TokenRecord | undefined,
): PairOptions['pair'] {
  const old = before !== undefined && 'pair' in before ? before.pair : undefined;
  const refreshToken =
    tokens.refreshToken?.reveal() ??
    (old?.hasRefreshToken === true ? openTokens({ sealer, credentialId, sealed: old.sealed }).refreshToken : undefined);
  const sealed: SealedTokens = {
    accessToken: tokens.accessToken.reveal(),
    ...(refreshToken === undefined ? {} : { refreshToken }),
  };
  const account = tokens.account ?? old?.account;
  return {
    issuedAt: tokens.issuedAt,
    ...(tokens.expiresAt === undefined ? {} : { expiresAt: tokens.expiresAt }),
    scopes: tokens.scopes,
    ...(account === undefined ? {} : { account }),
    hasRefreshToken: refreshToken !== undefined,
    sealed: sealer.seal(JSON.stringify(sealed), credentialId),
  };
}

/** It may have been issued as soon as it was asked for: the way of the answer is no part of its life. */
function notAfter(askedAt: number, pair: PairOptions['pair']): PairOptions['pair'] {
  const late = Math.max(0, pair.issuedAt - askedAt);
  return {
    ...pair,
    issuedAt: pair.issuedAt - late,
    ...(pair.expiresAt === undefined ? {} : { expiresAt: pair.expiresAt - late }),
  };
}

/** @returns whether the claim is marked as sent, by us, for sure, and not long ago */
async function markSent(options: RefreshOptions, until: number): Promise<boolean> {
  const { store, credentialId, claim, clock } = options;
  for (let pause = FIRST_PAUSE_MS; ; ) {
    const isFresh = stopwatch(clock);
    try {
      const row = await store.read(credentialId);
      const record = parseTokenRecord(row?.value ?? '');
      // A write whose outcome was not told had happened, or this process stood still after it.
      if (record?.claim?.sent === true && sameClaim(record.claim, claim)) {
        if (isFresh()) return true;
        continue;
      }
      const next = markedSent(record, claim);
      if (row === undefined || next === undefined) return false;
      const written = await store.compareAndSwap(credentialId, row.version, formatTokenRecord(next));
      if (written !== undefined && isFresh()) return true;
    } catch (error) {
      if (clock.monotonic() + pause >= until) throw error;
      await sleep(clock, pause);
      pause = Math.min(LONGEST_PAUSE_MS, pause * 2);
    }
  }
}

/** A process that stood still (a machine that slept) must not take for granted what it read before. By both clocks. */
function stopwatch(clock: Clock): () => boolean {
  const monotonic = clock.monotonic();
  const now = clock.now();
  return () => clock.monotonic() - monotonic < STALE_MS && Math.abs(clock.now() - now) < STALE_MS;
}

interface Settling {
  readonly step: (record: TokenRecord | undefined) => TokenRecord | undefined;
  /** By the monotonic clock. */
  readonly until: number;
  readonly outcome: RefreshOutcome;
}

/** Takes a step until it is written, or until it may not be taken any more. */
async function settle(
  { store, credentialId, clock }: RefreshOptions,
  { step, until, outcome }: Settling,
): Promise<RefreshOutcome> {
  let written: string | undefined;
  for (let pause = FIRST_PAUSE_MS; ; ) {
    try {
      const row = await store.read(credentialId);
      // A write whose outcome was not told had happened: no two records of one credential are the same.
      if (row !== undefined && row.value === written) return outcome;
      const next = step(parseTokenRecord(row?.value ?? ''));
      if (row === undefined || next === undefined) return 'superseded';
      written = formatTokenRecord(next);
      if ((await store.compareAndSwap(credentialId, row.version, written)) !== undefined) return outcome;
    } catch {
      if (clock.monotonic() + pause >= until) return 'lost';
      await sleep(clock, pause);
      pause = Math.min(LONGEST_PAUSE_MS, pause * 2);
    }
  }
}

function factsOf(error: unknown): Parameters<typeof withFailure>[0]['failure'] {
  if (error instanceof OAuthError) {
    const { failure, code, status, retryAfterMs, maybeApplied } = error;
    return { failure, code, status, retryAfterMs, maybeApplied };
  }
  if (error instanceof MoltbotError) {
    return { failure: error.code === 'secret_key_unavailable' ? 'no-key' : 'not-started', maybeApplied: false };
  }
  // Whatever it was: it may have come after the request.
  return { failure: 'bad-answer', maybeApplied: true };
}
