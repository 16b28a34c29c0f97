import type { CredentialStatus } from '@moltbot/auth';
import type { SecretSource } from '@moltbot/config';
import type { Secret } from '@moltbot/contracts';

/** Where the doctor learns of credentials. Only reads: nothing is refreshed, claimed or written. */
export interface SignInSource {
  /** Where tokens are kept, without a login: a folder, `the database`, or `redis://host:port`. */
  readonly where: string;
  /**
   * Every credential of auth.json; `undefined`: the store can only be asked while a server runs.
   * @throws MoltbotError `token_store_unavailable`
   */
  statuses(): Promise<readonly CredentialStatus[] | undefined>;
  /**
   * The API key, or the token that lives now; `undefined`: there is none.
   * @throws MoltbotError `credential_missing`, `secret_key_unavailable`, `token_store_unavailable`
   */
  tokenFor(id: string): Promise<Secret | undefined>;
  /** Why the key that seals tokens can't be had; `undefined`: it is there. */
  keyProblem(): Promise<string | undefined>;
  /** What auth.json refers to. @throws MoltbotError `credential_missing` */
  resolve(source: SecretSource): Promise<Secret>;
  close(): Promise<void>;
}
