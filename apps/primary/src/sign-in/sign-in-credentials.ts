import type { OAuthClient, TokenSet } from '@moltbot/auth';
import type { OAuthEntry, StoredCredential } from '@moltbot/config';
import type { PageTexts } from './pages/page-texts.js';
import type { CookieSealer } from './sealed-cookie.js';
import { SignInProblem } from './sign-in-problem.js';

/** What is known of a credential, without its secrets. Times are Unix ms. */
export interface SignInStatus {
  readonly id: string;
  readonly type: 'api_key' | 'oauth';
  readonly state: keyof PageTexts['states'];
  readonly account?: TokenSet['account'];
  readonly expiresAt?: number | undefined;
  readonly scopes?: readonly string[] | undefined;
}

/** What the pages need of the process's credentials. */
export interface SignInCredentials {
  sealer(): CookieSealer | Promise<CookieSealer>;
  /** auth.json as it is now. */
  entries(): readonly StoredCredential[];
  /** `providers.NAME.oauth.redirect_uri` */
  redirectUriOf(provider: string): string | undefined;
  status(): Promise<readonly SignInStatus[]>;
  /** Uses the OAuth client of an entry. @throws MoltbotError `credential_missing`, `config_invalid`; what `use` throws */
  withClient<Result>(id: string, use: (client: OAuthClient) => Promise<Result>): Promise<Result>;
  /** @throws MoltbotError `sign_in_failed` (another account than auth.json demands), `token_store_unavailable`, `secret_key_unavailable` */
  signedIn(id: string, tokens: TokenSet): Promise<void>;
  /** Forgets the tokens. @returns those that were there */
  signedOut(id: string): Promise<TokenSet | undefined>;
  /** Gets a new token now: the way of clients that sign in by themselves. @throws MoltbotError where the server could not be asked */
  refreshNow(id: string): Promise<'refreshed' | 'failed' | 'not-possible'>;
}

export interface OAuthAccount {
  readonly id: string;
  readonly provider: string;
  readonly entry: OAuthEntry;
}

/** @throws SignInProblem `unknown-account`, `not-oauth` */
export function oauthAccount(credentials: SignInCredentials, id: string): OAuthAccount {
  const stored = credentials.entries().find((stored) => stored.id === id);
  if (stored === undefined) throw new SignInProblem('unknown-account', (texts) => texts.errors['unknown-account'](id));
  const { provider, entry } = stored;
  if (entry.type !== 'oauth') throw new SignInProblem('not-oauth', (texts) => texts.errors['not-oauth'](id));
  return { id, provider, entry };
}

/**
 * Keeps what a sign-in brought, if auth.json still has that client.
 * @throws SignInProblem `changed-entry`; MoltbotError of `signedIn`
 */
export async function acceptTokens(options: {
  readonly credentials: SignInCredentials;
  readonly id: string;
  /** Who asked for them. */
  readonly clientId: string;
  readonly tokens: TokenSet;
}): Promise<void> {
  const { credentials, id, clientId, tokens } = options;
  const { entry } = oauthAccount(credentials, id);
  if (entry.client_id !== clientId) {
    throw new SignInProblem('changed-entry', (texts) => texts.errors['changed-entry'](id));
  }
  await credentials.signedIn(id, tokens);
}
