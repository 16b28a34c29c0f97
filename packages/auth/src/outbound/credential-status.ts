import type { StoredCredential } from '@moltbot/config';
import { recordFor } from './record-steps.js';
import { dueAge, lifeOf } from './token-life.js';
import type { RefreshFailure, TokenRecord } from './token-record.js';

/** What is known of one credential without asking its provider. No secrets. */
export interface CredentialStatus {
  readonly id: string;
  readonly provider: string;
  readonly type: 'api_key' | 'oauth';
  /**
   * `expiring`: little of its life is left, and it can't be refreshed, or that failed. `unresolved`: what auth.json refers to
   * can't be had; `problem` says why.
   */
  readonly state: 'ok' | 'expiring' | 'expired' | 'revoked' | 'signed-out' | 'unresolved';
  /** Unix ms, as all times here. */
  readonly issuedAt: number | undefined;
  readonly expiresAt: number | undefined;
  readonly scopes: readonly string[];
  readonly account: { readonly subject: string | undefined; readonly email: string | undefined } | undefined;
  /** Whether it gets new tokens without a person. */
  readonly refreshable: boolean;
  readonly lastFailure: Omit<RefreshFailure, 'fence'> | undefined;
  /** A refresh is under way, or was when its process was killed. */
  readonly claimPending: { readonly since: number; readonly sent: boolean } | undefined;
  /** Where revoked: as `RevokedRecord.why`. */
  readonly revokedWhy: 'refused' | 'lost-answer' | undefined;
  /** Where unresolved; safe to show. */
  readonly problem: string | undefined;
}

type OAuthCredential = Pick<StoredCredential, 'id' | 'provider'> & {
  readonly entry: Extract<StoredCredential['entry'], { type: 'oauth' }>;
};

export function oauthStatus(options: {
  readonly credential: OAuthCredential;
  readonly record: TokenRecord | undefined;
  readonly now: number;
  readonly marginMs: number;
}): CredentialStatus {
  const { credential, now, marginMs } = options;
  const { id, provider, entry } = credential;
  const record = recordFor(entry.client_id, options.record);
  const pair = record !== undefined && 'pair' in record ? record.pair : undefined;
  const signsInItself = entry.grant === 'client_credentials';
  const refreshable = record?.state !== 'revoked' && (signsInItself || pair?.hasRefreshToken === true);
  const failure = record?.lastFailure;
  const { fence: _fence, ...lastFailure } = failure ?? { fence: 0 };
  return {
    id,
    provider,
    type: 'oauth',
    state: stateOf({ record, refreshable, signsInItself, now, marginMs }),
    issuedAt: pair?.issuedAt,
    expiresAt: pair?.expiresAt,
    scopes: pair?.scopes ?? [],
    account: pair?.account && { subject: pair.account.subject, email: pair.account.email },
    refreshable,
    lastFailure: failure === undefined ? undefined : (lastFailure as Omit<RefreshFailure, 'fence'>),
    claimPending: record?.claim && { since: record.claim.at, sent: record.claim.sent },
    revokedWhy: record?.state === 'revoked' ? record.why : undefined,
    problem: undefined,
  };
}

function stateOf(options: {
  readonly record: TokenRecord | undefined;
  readonly refreshable: boolean;
  readonly signsInItself: boolean;
  readonly now: number;
  readonly marginMs: number;
}): CredentialStatus['state'] {
  const { record, refreshable, signsInItself, now, marginMs } = options;
  const isFailing = record?.lastFailure !== undefined;
  switch (record?.state) {
    case undefined:
    case 'new':
      if (!signsInItself) return 'signed-out';
      return isFailing ? 'expired' : 'ok';
    case 'signed-out':
    case 'revoked':
      return record.state;
    case 'signed-in': {
      const { pair } = record;
      if (pair.expiresAt === undefined) return 'ok';
      // An idle server's client signs in again when it is asked for; a token is only gone where that failed.
      if (now >= pair.expiresAt) return signsInItself && !isFailing ? 'ok' : 'expired';
      const isDue = now >= pair.issuedAt + dueAge({ life: lifeOf(pair), marginMs, random: 1 });
      return isDue && (!refreshable || isFailing) ? 'expiring' : 'ok';
    }
  }
}

export function apiKeyStatus(credential: StoredCredential, problem: string | undefined): CredentialStatus {
  return {
    id: credential.id,
    provider: credential.provider,
    type: 'api_key',
    state: problem === undefined ? 'ok' : 'unresolved',
    issuedAt: undefined,
    expiresAt: undefined,
    scopes: [],
    account: undefined,
    refreshable: false,
    lastFailure: undefined,
    claimPending: undefined,
    revokedWhy: undefined,
    problem,
  };
}
