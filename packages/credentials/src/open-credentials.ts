import {
  createSealer,
  createVault,
  type OAuthCredentialEntry,
  type Sealer,
  type SecretResolver,
  type Vault,
  type VaultEvent,
} from '@moltbot/auth';
import type { LoadedConfig, MoltbotPaths } from '@moltbot/config';
import { MoltbotError, Secret } from '@moltbot/contracts';
import type { NetworkOptions } from '@moltbot/network';
import type { Storage } from '@moltbot/storage';
import { createRefresher, type OpenBackend, type OpenOAuthClient } from './create-refresher.js';
import { trustFlags } from './spawn-refresh.js';
import { openTokenStore, tokenStoreKind } from './stores/open-token-store.js';
import { tokenStoreAddress } from './token-store-address.js';

export type CredentialsStorage = Pick<Storage, 'connection' | 'credentialTokens'>;

export interface OpenCredentialsOptions {
  /** As it is now: edits of both files are followed. `credentials.store` counts as it was when the store was opened. */
  readonly config: () => Pick<LoadedConfig, 'settings' | 'credentials'>;
  readonly paths: Pick<MoltbotPaths, 'home'>;
  /** Resolves references of auth.json. */
  readonly secrets: SecretResolver;
  /** Opens the key that seals tokens; asked when the first token is needed. */
  readonly secretKey: () => Promise<SealingKeys>;
  /** The system's proxies. */
  readonly system: NetworkOptions['system'];
  /** The variables of this process: a few that concern Node's trust are handed to the refresh process. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The database; asked for only where it keeps the tokens. It has to be closed after the credentials. */
  readonly storage?: (() => Promise<CredentialsStorage>) | undefined;
  /** Refresh ahead of expiry without being asked; false for a command that ends soon. Default true. */
  readonly keepAlive?: boolean | undefined;
  readonly onEvent?: ((event: CredentialsEvent) => void) | undefined;
  /** The program that refreshes. Default: the one that is built with this package. */
  readonly refreshProgram?: string | undefined;
}

export interface SealingKeys {
  /** 32 bytes, or their text. */
  readonly key: Secret | Uint8Array;
  readonly olderKeys?: readonly (Secret | Uint8Array)[] | undefined;
}

export type CredentialsEvent =
  | VaultEvent
  /** The Redis of `credentials.store` keeps nothing on its disk. */
  | { readonly type: 'token-store-not-durable' };

export interface Credentials {
  readonly vault: Vault;
  /** The OAuth client of an entry of auth.json, for sign-in, sign-out and tests. @throws MoltbotError `credential_missing`, `config_invalid` */
  openClient(id: string): Promise<OpenOAuthClient>;
  /** Seals what has to survive until a browser comes back. @throws MoltbotError `secret_key_unavailable` */
  sealer(): Promise<Sealer>;
  /** Waits for refreshes of this process, as long as one may take. */
  close(): Promise<void>;
}

/** What Node itself looks at when it connects; none is secret. */
const HANDED_ON = [
  'NODE_EXTRA_CA_CERTS',
  'NODE_USE_SYSTEM_CA',
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
  'OPENSSL_CONF',
  'TZ',
  'SystemRoot',
];

const NO_KEYS_MS = 5_000;

/**
 * Everything of providers' credentials for one process: tokens in their store, sealed, refreshed once over all processes.
 * Nothing is opened, and no key is made, before an entry of auth.json needs it.
 */
export function openCredentials(options: OpenCredentialsOptions): Credentials {
  const { config, paths, secrets, system, keepAlive } = options;
  const onEvent = options.onEvent ?? (() => {});
  const settings = () => config().settings;
  let keys: Promise<OpenKeys> | undefined;
  let noKeys: { readonly error: unknown; readonly until: number } | undefined;
  let backend: Promise<OpenBackend> | undefined;
  let closing: Promise<void> | undefined;
  let lookAgainAt = 0;

  function openKeys(): Promise<OpenKeys> {
    // A keyring that hangs must not be asked for each token.
    if (noKeys !== undefined && performance.now() < noKeys.until) return Promise.reject(noKeys.error);
    keys ??= forgetting(
      options.secretKey().then((found) => toOpenKeys(found, forgetKeys)),
      (error) => {
        keys = undefined;
        noKeys = { error, until: performance.now() + NO_KEYS_MS };
      },
    );
    return keys;
  }

  /** Somebody may have made another key since (the first was lost): what can't be opened has it looked for again. */
  function forgetKeys(): void {
    if (performance.now() < lookAgainAt) return;
    lookAgainAt = performance.now() + NO_KEYS_MS;
    keys = undefined;
  }

  function openBackend(): Promise<OpenBackend> {
    if (closing !== undefined) return Promise.reject(new MoltbotError('shutting_down'));
    backend ??= forgetting(connect(), () => {
      backend = undefined;
    });
    return backend;
  }

  async function connect(): Promise<OpenBackend> {
    const storage = tokenStoreKind(settings()) === 'storage' ? await options.storage?.() : undefined;
    const place = { settings: settings(), paths, storage };
    const address = tokenStoreAddress(place);
    const store = openTokenStore({ ...place, onNotDurable: () => onEvent({ type: 'token-store-not-durable' }) });
    const sealer = async () => (await openKeys()).sealer;
    return { store, sealer, address, keys: async () => (await openKeys()).texts };
  }

  const refresher = createRefresher({
    settings,
    secrets,
    system,
    backend: openBackend,
    program: options.refreshProgram,
    environment: {
      ...Object.fromEntries(HANDED_ON.map((name) => [name, options.environment[name]])),
      NODE_OPTIONS: trustFlags((options.environment['NODE_OPTIONS'] ?? '').split(/\s+/)).join(' '),
    },
  });

  const vault = createVault({
    credentials: () => config().credentials,
    secrets,
    oauth: {
      backend: openBackend,
      prepareRefresh: (credential) => refresher.prepare(credential),
      timing: () => ({
        marginMs: settings().credentials.refresh_margin,
        timeoutMs: settings().credentials.refresh_timeout,
      }),
    },
    keepAlive,
    onEvent,
  });

  function entryOf(id: string): OAuthCredentialEntry {
    const stored = config().credentials.find((credential) => credential.id === id);
    if (stored === undefined) {
      throw new MoltbotError('credential_missing', `There is no credential \`${id}\` in auth.json.`);
    }
    const { entry, provider } = stored;
    if (entry.type === 'oauth') return { id, provider, entry };
    throw new MoltbotError(
      'credential_missing',
      `The credential \`${id}\` is of type \`api_key\`: there is no sign-in.`,
    );
  }

  async function close(): Promise<void> {
    await vault.close();
    await (await backend?.catch(() => undefined))?.store.close();
  }

  return {
    vault,
    openClient: async (id) => refresher.openClient(entryOf(id)),
    sealer: async () => (await openKeys()).sealer,
    close() {
      closing ??= close();
      return closing;
    },
  };
}

interface OpenKeys {
  readonly sealer: Sealer;
  /** base64; the newest first. */
  readonly texts: readonly Secret[];
}

function toOpenKeys({ key, olderKeys = [] }: SealingKeys, onUnknownKey: () => void): OpenKeys {
  const sealer = createSealer({ key, olderKeys });
  const open = (sealed: string, context: string): string => {
    try {
      return sealer.open(sealed, context);
    } catch (error) {
      onUnknownKey();
      throw error;
    }
  };
  return { sealer: { ...sealer, open }, texts: [key, ...olderKeys].map(toText) };
}

function toText(key: Secret | Uint8Array): Secret {
  return key instanceof Secret ? key : new Secret(Buffer.from(key).toString('base64'));
}

/** What could not be opened is tried again the next time. */
function forgetting<Value>(opening: Promise<Value>, forget: (error: unknown) => void): Promise<Value> {
  return opening.catch((error: unknown) => {
    forget(error);
    throw error;
  });
}
