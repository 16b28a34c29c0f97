import type { Secret } from '@moltbot/contracts';

/** Where a secret is, instead of the secret itself: `env:NAME`, `file:PATH`, `exec:COMMAND` in auth.json. */
export interface SecretReference {
  readonly from: 'env' | 'file' | 'exec';
  /** A variable, a path (`~` and relative ones from the home folder of MoltBot) or a command line for /bin/sh. */
  readonly name: string;
}

export type SecretSource = Secret | SecretReference;

export interface ApiKeyEntry {
  readonly type: 'api_key';
  readonly key: SecretSource;
}

export interface OAuthEntry {
  readonly type: 'oauth';
  readonly client_id: string;
  readonly scopes: readonly string[];
  /** Where not set: `authorization_code`. */
  readonly grant?: 'authorization_code' | 'device_code' | 'client_credentials' | undefined;
  readonly client_secret?: SecretSource | undefined;
  /** PEM, PKCS #8. */
  readonly private_key?: SecretSource | undefined;
  readonly private_key_id?: string | undefined;
  /** `sub` or `email` of who must have signed in. */
  readonly account?: string | undefined;
}

/** One entry of auth.json, in its order. The tokens of an `oauth` entry are kept elsewhere, by the vault. */
export interface StoredCredential {
  /** Its name in the file: `openai`, `openai:team-b`. Safe to log. */
  readonly id: string;
  /** The part before the colon. */
  readonly provider: string;
  readonly entry: ApiKeyEntry | OAuthEntry;
}
