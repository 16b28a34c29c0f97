import type { Secret } from '@moltbot/contracts';

/** One way to pay for calls to a provider: an entry of auth.json. */
export interface Credential {
  /** Its name in auth.json: `openai`, `openai:team-b`. Safe to log. */
  readonly id: string;
  /** The part before the colon: a provider's name. */
  readonly provider: string;
  readonly type: 'api_key' | 'oauth';
}

/** Where outbound credentials come from. Follows changes of auth.json without a restart. */
export interface CredentialVault {
  /** In the order of auth.json; empty where the provider has none. */
  credentialsFor(provider: string): readonly Credential[];

  /**
   * What to send now. Synchronous while nothing has to be fetched (an API key, a token that lives).
   * @throws MoltbotError (thrown or rejected) `credential_missing`, `credential_expired`, `credential_refresh_failed`,
   * `token_store_unavailable`, `secret_key_unavailable`
   */
  tokenFor(id: string): Secret | Promise<Secret>;

  /**
   * Asks for a new token after the provider rejected `rejected` with a 401; does nothing where the stored one is newer.
   * @returns whether another token is there now (false for an API key, unless auth.json or what it refers to changed meanwhile)
   */
  refreshAfterRejection(id: string, rejected: Secret): Promise<boolean>;
}
