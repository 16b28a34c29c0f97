import { randomUUID } from 'node:crypto';
import type { SecretSource, StoredCredential } from '@moltbot/config';
import { MoltbotError, Secret } from '@moltbot/contracts';
import { type Clock, SYSTEM_CLOCK } from './clock.js';
import type { TokenBackend } from './credential-row.js';
import { apiKeyStatus, type CredentialStatus, oauthStatus } from './credential-status.js';
import { OAuthCredential, type OAuthCredentialEntry } from './oauth-credential.js';
import type { TokenSet } from './oauth-client.js';
import type { PreparedRefresh } from './refresh-turn.js';
import { type SignInParts, signInRecord, signOutRecord } from './sign-in-record.js';
import type { RefreshTiming } from './token-life.js';
import { parseTokenRecord } from './token-record.js';
import type { Credential, CredentialVault } from './vault.js';
import type { VaultEvent } from './vault-event.js';

/** What API keys that are references resolve to. */
export interface SecretResolver {
  resolve(source: SecretSource): Secret | Promise<Secret>;
  /** What it refers to was rejected: the next `resolve` looks again. */
  forget(source: SecretSource): void;
}

export interface VaultOptions {
  /** The list as it is now. A change comes as another array; the same array is taken for unchanged. */
  readonly credentials: () => readonly StoredCredential[];
  /** Without it API keys that are references have no token. */
  readonly secrets?: SecretResolver | undefined;
  /** Without it OAuth credentials have no token. */
  readonly oauth?: OAuthParts | undefined;
  /** Refresh ahead of expiry without being asked; false for a command that ends soon. Default true. */
  readonly keepAlive?: boolean | undefined;
  readonly onEvent?: ((event: VaultEvent) => void) | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: (() => number) | undefined;
}

export interface OAuthParts {
  /** Opened when the first OAuth credential needs it, and again after a failure. The vault does not close it. */
  readonly backend: () => Promise<TokenBackend>;
  readonly prepareRefresh: (credential: OAuthCredentialEntry) => Promise<PreparedRefresh>;
  readonly timing: () => RefreshTiming;
}

/** The vault with what commands and pages need beyond calls to providers. */
export interface Vault extends CredentialVault {
  /** What the store says, in the order of auth.json. @throws MoltbotError `token_store_unavailable` */
  status(): Promise<readonly CredentialStatus[]>;
  /**
   * Keeps what a sign-in brought; whatever was there, or is on its way, counts no more.
   * @throws MoltbotError `credential_missing` (no such entry), `sign_in_failed` (another account than the entry demands),
   * `token_store_unavailable`, `secret_key_unavailable`
   */
  signedIn(id: string, tokens: TokenSet): Promise<void>;
  /** @returns what was there, to be revoked; `undefined` where it can't be opened or there was nothing */
  signedOut(id: string): Promise<TokenSet | undefined>;
  /**
   * Refreshes now, whatever was known: asks the server. `failed`: see `status().lastFailure`; `not-possible`: no refresh token.
   * @throws MoltbotError where the server could not be asked
   */
  refreshNow(id: string): Promise<'refreshed' | 'failed' | 'not-possible'>;
  /** Stops timers and waits for refreshes of this process, as long as one may take. */
  close(): Promise<void>;
}

interface View {
  readonly list: readonly StoredCredential[];
  readonly byId: ReadonlyMap<string, StoredCredential>;
  readonly byProvider: ReadonlyMap<string, readonly Credential[]>;
}

const NONE: readonly Credential[] = [];

const NO_REFERENCES: SecretResolver = {
  resolve(source) {
    if (source instanceof Secret) return source;
    throw new MoltbotError('credential_missing', 'References to secrets are not resolved here.');
  },
  forget: () => {},
};

const NO_OAUTH: OAuthParts = {
  backend: () => Promise.reject(new MoltbotError('credential_missing', 'Accounts of type `oauth` can’t be used here.')),
  prepareRefresh: () => Promise.reject(new MoltbotError('credential_missing')),
  timing: () => ({ marginMs: 0, timeoutMs: 1_000 }),
};

/** A vault over the entries of auth.json: API keys, references to them, and OAuth credentials that refresh themselves. */
export function createVault(options: VaultOptions): Vault {
  const {
    clock = SYSTEM_CLOCK,
    random = Math.random,
    keepAlive = true,
    secrets = NO_REFERENCES,
    oauth = NO_OAUTH,
  } = options;
  const { timing } = oauth;
  const onEvent = options.onEvent ?? (() => {});
  const holder = randomUUID();
  const accounts = new Map<string, OAuthCredential>();
  const closing = new Set<Promise<void>>();
  let backend: Promise<TokenBackend> | undefined;
  let unwatch: (() => void) | undefined;
  let storeFails = false;
  let closed: Promise<void> | undefined;
  let view = toView([]);

  function current(): View {
    const list = options.credentials();
    if (list !== view.list) {
      view = toView(list);
      followEntries();
    }
    return view;
  }

  function followEntries(): void {
    if (closed !== undefined) return;
    for (const [id, account] of accounts) {
      const entry = view.byId.get(id)?.entry;
      const { entry: before } = account.credential;
      if (entry?.type === 'oauth' && entry.client_id === before.client_id && entry.grant === before.grant) {
        account.update({ ...account.credential, entry });
        continue;
      }
      accounts.delete(id);
      const ended = account.close().finally(() => closing.delete(ended));
      closing.add(ended);
    }
    for (const { id, provider, entry } of view.byId.values()) {
      if (entry.type !== 'oauth' || accounts.has(id)) continue;
      const account = openAccount({ id, provider, entry });
      accounts.set(id, account);
      if (keepAlive) account.changed();
    }
  }

  function openAccount(credential: OAuthCredentialEntry): OAuthCredential {
    const account: OAuthCredential = new OAuthCredential({
      credential,
      backend: openBackend,
      prepare: oauth.prepareRefresh,
      timing,
      keepAlive,
      holder,
      clock,
      random,
      isCurrent: () => current() !== undefined && accounts.get(credential.id) === account,
      onEvent,
      onStoreError(error) {
        if (!storeFails) onEvent({ type: 'token-store-failed', error });
        storeFails = true;
      },
      onStoreAnswer() {
        if (storeFails) onEvent({ type: 'token-store-recovered' });
        storeFails = false;
      },
    });
    return account;
  }

  function openBackend(): Promise<TokenBackend> {
    backend ??= oauth.backend().then(
      (opened) => {
        if (closed === undefined) unwatch = opened.store.watch((id) => accounts.get(id)?.changed());
        return opened;
      },
      (error: unknown) => {
        backend = undefined;
        throw error;
      },
    );
    return backend;
  }

  function storedOf(id: string): StoredCredential {
    const stored = current().byId.get(id);
    if (stored === undefined) {
      throw new MoltbotError('credential_missing', `There is no credential \`${id}\` in auth.json.`);
    }
    return stored;
  }

  function tokenFor(id: string): Secret | Promise<Secret> {
    const { entry } = storedOf(id);
    if (entry.type === 'api_key') return entry.key instanceof Secret ? entry.key : secrets.resolve(entry.key);
    return accountOf(id).token();
  }

  function accountOf(id: string): OAuthCredential {
    const { entry } = storedOf(id);
    const account = accounts.get(id);
    if (account !== undefined) return account;
    throw closed === undefined
      ? new MoltbotError(
          'credential_missing',
          `The credential \`${id}\` is of type \`${entry.type}\`: there is no sign-in.`,
        )
      : new MoltbotError('shutting_down');
  }

  async function refreshAfterRejection(id: string, rejected: Secret): Promise<boolean> {
    const entry = current().byId.get(id)?.entry;
    if (entry?.type === 'oauth') return accounts.get(id)?.refreshAfterRejection(rejected) ?? false;
    if (entry === undefined) return false;
    try {
      if (!(entry.key instanceof Secret) && (await secrets.resolve(entry.key)).reveal() === rejected.reveal()) {
        secrets.forget(entry.key);
      }
      return (await secrets.resolve(entry.key)).reveal() !== rejected.reveal();
    } catch {
      return false;
    }
  }

  async function partsOf(id: string): Promise<SignInParts> {
    const { entry, provider } = storedOf(id);
    if (entry.type !== 'oauth') {
      throw new MoltbotError(
        'credential_missing',
        `The credential \`${id}\` is of type \`api_key\`: there is no sign-in.`,
      );
    }
    return { backend: await openBackend(), credential: { id, provider, entry }, now: () => clock.now() };
  }

  async function status(): Promise<readonly CredentialStatus[]> {
    const list = [...current().byId.values()];
    const hasAccounts = list.some(({ entry }) => entry.type === 'oauth');
    const rows = hasAccounts ? await (await openBackend()).store.list() : new Map<string, never>();
    const { marginMs } = timing();
    return Promise.all(
      list.map(async ({ id, provider, entry }) => {
        if (entry.type === 'api_key') return apiKeyStatus({ id, provider, entry }, await problemOf(entry.key));
        const record = parseTokenRecord(rows.get(id)?.value ?? '');
        return oauthStatus({ credential: { id, provider, entry }, record, now: clock.now(), marginMs });
      }),
    );
  }

  async function problemOf(source: SecretSource): Promise<string | undefined> {
    try {
      await secrets.resolve(source);
      return undefined;
    } catch (error) {
      return error instanceof MoltbotError ? error.message : 'It can’t be resolved.';
    }
  }

  async function close(): Promise<void> {
    await Promise.all([...[...accounts.values()].map((account) => account.close()), ...closing]);
    accounts.clear();
    unwatch?.();
  }

  current();
  return {
    credentialsFor: (provider) => current().byProvider.get(provider) ?? NONE,
    tokenFor,
    refreshAfterRejection,
    status,
    async signedIn(id, tokens) {
      await signInRecord(await partsOf(id), tokens);
      await accounts.get(id)?.look();
    },
    async signedOut(id) {
      const tokens = await signOutRecord(await partsOf(id));
      await accounts.get(id)?.look();
      return tokens;
    },
    async refreshNow(id) {
      return accountOf(id).refreshNow();
    },
    close() {
      closed ??= close();
      return closed;
    },
  };
}

function toView(list: readonly StoredCredential[]): View {
  const byId = new Map<string, StoredCredential>();
  const byProvider = new Map<string, Credential[]>();
  for (const stored of list) {
    if (byId.has(stored.id)) continue;
    byId.set(stored.id, stored);
    const credential: Credential = { id: stored.id, provider: stored.provider, type: stored.entry.type };
    const siblings = byProvider.get(stored.provider);
    if (siblings === undefined) byProvider.set(stored.provider, [credential]);
    else siblings.push(credential);
  }
  return { list, byId, byProvider };
}
