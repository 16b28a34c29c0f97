import { MoltbotError, Secret } from '@moltbot/contracts';
import type { TokenBackend } from './credential-row.js';
import type { OAuthCredentialEntry } from './oauth-credential.js';
import type { TokenSet } from './oauth-client.js';
import { recordFor, signedIn, signedOut } from './record-steps.js';
import { openTokens, toPair } from './run-refresh.js';
import { formatTokenRecord, parseTokenRecord, type StoredPair, type TokenRecord } from './token-record.js';
import type { TokenRow } from './token-store.js';

export interface SignInParts {
  readonly backend: TokenBackend;
  readonly credential: OAuthCredentialEntry;
  readonly now: () => number;
}

/** A new sign-in: it counts from now on, whatever is on its way. @throws MoltbotError `sign_in_failed`, `token_store_unavailable` */
export async function signInRecord(parts: SignInParts, tokens: TokenSet): Promise<void> {
  const { credential, backend } = parts;
  const { id, entry } = credential;
  assertAccount(credential, tokens);
  // Nothing is taken over from the sign-in before: it may have been another account's.
  const pair = toPair({ sealer: await backend.sealer(), credentialId: id }, tokens, undefined);
  await write(parts, (row) => signedIn({ version: row?.version ?? 0, clientId: entry.client_id, pair }));
}

/** @returns what was there, where it can be opened */
export async function signOutRecord(parts: SignInParts): Promise<TokenSet | undefined> {
  const { client_id } = parts.credential.entry;
  const before = await write(parts, (row) => {
    const record = recordFor(client_id, parseTokenRecord(row?.value ?? ''));
    return record?.state === 'signed-out' ? undefined : signedOut({ clientId: client_id, now: parts.now() });
  });
  const record = recordFor(client_id, parseTokenRecord(before?.value ?? ''));
  return record !== undefined && 'pair' in record ? tokensOf(parts, record.pair) : undefined;
}

/** @returns the row before */
async function write(
  { backend: { store }, credential: { id } }: SignInParts,
  step: (row: TokenRow | undefined) => TokenRecord | undefined,
): Promise<TokenRow | undefined> {
  for (;;) {
    const row = await store.read(id);
    const next = step(row);
    if (next === undefined) return row;
    if ((await store.compareAndSwap(id, row?.version ?? 0, formatTokenRecord(next))) !== undefined) return row;
  }
}

function assertAccount({ id, entry }: OAuthCredentialEntry, { account }: TokenSet): void {
  if (entry.account === undefined) return;
  const { subject, email } = account ?? {};
  if (entry.account === subject || entry.account.toLowerCase() === email?.toLowerCase()) return;
  const who = email ?? subject;
  throw new MoltbotError(
    'sign_in_failed',
    who === undefined
      ? `\`${id}\` wants the account ${entry.account}, but the provider did not say who signed in: add the scopes \`openid\` and \`email\`.`
      : `\`${id}\` wants the account ${entry.account}, but ${who} signed in.`,
  );
}

async function tokensOf({ backend, credential: { id } }: SignInParts, pair: StoredPair): Promise<TokenSet | undefined> {
  try {
    const sealer = await backend.sealer();
    const { accessToken, refreshToken } = openTokens({ sealer, credentialId: id, sealed: pair.sealed });
    return {
      accessToken: new Secret(accessToken),
      refreshToken: refreshToken === undefined ? undefined : new Secret(refreshToken),
      expiresAt: pair.expiresAt,
      issuedAt: pair.issuedAt,
      scopes: pair.scopes,
      account: pair.account && { subject: pair.account.subject, email: pair.account.email },
    };
  } catch {
    // Without the key it can't be given back, but it can be forgotten.
    return undefined;
  }
}
