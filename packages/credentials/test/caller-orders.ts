import type { VaultEvent } from '@moltbot/auth';
import type { StorePlace } from '../src/testing/store-place.js';

/** What a process that calls a provider is told at its start. */
export interface CallerOptions {
  readonly issuer: string;
  /** `GET` with the token: 200 while it lives. */
  readonly api: string;
  readonly clientId: string;
  readonly home: string;
  readonly place: StorePlace;
  /** base64 */
  readonly key: string;
  readonly refreshTimeoutMs: number;
  readonly refreshMarginMs: number;
}

export type CallerOrder =
  | { readonly type: 'start'; readonly options: CallerOptions }
  /** Calls, `gapMs` apart on average; at the same time where it is 0. */
  | { readonly type: 'call'; readonly order: number; readonly count: number; readonly gapMs: number }
  | { readonly type: 'refresh'; readonly order: number }
  | { readonly type: 'close' };

export type CallerReport =
  | { readonly type: 'started' }
  | { readonly type: 'event'; readonly event: VaultEvent | { readonly type: 'token-store-not-durable' } }
  | { readonly type: 'done'; readonly order: number; readonly outcomes: Readonly<Record<string, number>> };

export const CREDENTIAL = 'acme';
