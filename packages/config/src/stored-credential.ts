import type { Secret } from '@moltbot/contracts';

export interface ApiKeyEntry {
  readonly type: 'api_key';
  readonly key: Secret;
}

export interface OAuthEntry {
  readonly type: 'oauth';
  readonly client_id: string;
  readonly scopes: readonly string[];
  readonly client_secret?: Secret;
}

/** One entry of auth.json, in its order. The tokens of an `oauth` entry are kept elsewhere, by the vault. */
export interface StoredCredential {
  /** Its name in the file: `openai`, `openai:team-b`. Safe to log. */
  readonly id: string;
  /** The part before the colon. */
  readonly provider: string;
  readonly entry: ApiKeyEntry | OAuthEntry;
}
