import type { RefreshFailure } from './token-record.js';

/** What happens to credentials; raised only by the process that did it. No secrets. */
export type VaultEvent =
  | {
      readonly type: 'credential-refreshed';
      readonly id: string;
      readonly expiresAt: number | undefined;
      readonly durationMs: number;
      /** Because a provider rejected the token before. */
      readonly forced: boolean;
    }
  | {
      readonly type: 'credential-refresh-failed';
      readonly id: string;
      readonly failure: RefreshFailure['failure'];
      readonly code: string | undefined;
      readonly status: number | undefined;
      /** Until the next try of this process. */
      readonly retryAfterMs: number;
    }
  /** The server refused the refresh token: somebody has to sign in again. */
  | { readonly type: 'credential-revoked'; readonly id: string; readonly why: 'refused' | 'lost-answer' }
  /** A refresh that another process began was not heard of again. */
  | { readonly type: 'credential-taken-over'; readonly id: string; readonly sent: boolean; readonly claimedAt: number }
  /** The store did not answer; raised once until it does again. */
  | { readonly type: 'token-store-failed'; readonly error: unknown }
  | { readonly type: 'token-store-recovered' }
  /** What is needed before a refresh can be sent is missing: a reference, a file, a key. */
  | { readonly type: 'credential-unresolved'; readonly id: string; readonly error: unknown };
