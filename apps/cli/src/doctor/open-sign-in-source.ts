import {
  createSealer,
  createVault,
  type CredentialStatus,
  type Sealer,
  type SecretResolver,
  type TokenBackend,
  type TokenStore,
} from '@moltbot/auth';
import type { LoadedConfig, MoltbotPaths } from '@moltbot/config';
import { MoltbotError, Secret } from '@moltbot/contracts';
import { openTokenStore, type SealingKeys, tokenStoreKind } from '@moltbot/credentials';
import { createCredentialTokens } from '@moltbot/storage';
import { secretKeyFiles } from './measure/secret-key-files.js';
import { shownUrl } from './checks/services.js';
import type { SignInSource } from './sign-in-source.js';

export interface SignInSourceOptions {
  readonly config: LoadedConfig | undefined;
  readonly paths: MoltbotPaths;
  /** Resolves references of auth.json. */
  readonly secrets: SecretResolver;
  /** The key that seals tokens, where there is one: none is made. @throws MoltbotError `secret_key_unavailable` */
  readonly secretKey: () => Promise<SealingKeys>;
}

/** A token that ends sooner than this is not tried: a call with it could find it expired. */
const LIVES_AT_LEAST_MS = 5_000;

/** Reads the store that the settings name, with the vault's own eyes, and lets nothing of it refresh or write. */
export function openSignInSource(options: SignInSourceOptions): SignInSource {
  const { config, paths, secrets } = options;
  const credentials = config?.credentials ?? [];
  let store: Promise<OpenStore> | undefined;
  let statuses: Promise<readonly CredentialStatus[]> | undefined;
  let key: ReturnType<typeof openSealer> | undefined;

  async function openKey() {
    key ??= openSealer(options.secretKey);
    return key;
  }

  async function backend(): Promise<TokenBackend> {
    if (config === undefined) throw new MoltbotError('token_store_unavailable');
    store ??= openStore(config, paths);
    return { store: (await store).tokens, sealer: async () => (await openKey()).sealer };
  }

  const vault = createVault({
    credentials: () => credentials,
    secrets,
    oauth: {
      backend,
      prepareRefresh: () =>
        Promise.reject(new MoltbotError('credential_refresh_failed', 'The doctor refreshes nothing.')),
      // A token is due at its end, not before: it is only ever asked for while it lives.
      timing: () => ({ marginMs: 0, timeoutMs: 1_000 }),
    },
    keepAlive: false,
  });

  const needsRunningDatabase =
    config !== undefined && tokenStoreKind(config.settings) === 'storage' && config.settings.storage.url === 'embedded';

  return {
    where: config === undefined ? '' : placeOf(config, paths),
    async statuses() {
      if (needsRunningDatabase) return undefined;
      statuses ??= vault.status();
      return statuses;
    },
    async tokenFor(id) {
      const entry = credentials.find((credential) => credential.id === id)?.entry;
      if (entry?.type === 'oauth') {
        if (needsRunningDatabase) return undefined;
        const status = (await (statuses ??= vault.status())).find((one) => one.id === id);
        if (status?.issuedAt === undefined || status.state === 'revoked' || status.state === 'signed-out')
          return undefined;
        if ((status.expiresAt ?? Number.POSITIVE_INFINITY) - Date.now() < LIVES_AT_LEAST_MS) return undefined;
      }
      return vault.tokenFor(id);
    },
    keyProblem: async () => (await openKey()).problem,
    resolve: async (source) => (source instanceof Secret ? source : secrets.resolve(source)),
    async close() {
      await vault.close();
      const opened = await store?.catch(() => undefined);
      await opened?.close();
    },
  };
}

interface OpenStore {
  readonly tokens: TokenStore;
  close(): Promise<void>;
}

/** Without migrations: a database without the table has no tokens. */
async function openStore(config: LoadedConfig, paths: MoltbotPaths): Promise<OpenStore> {
  const { settings } = config;
  if (tokenStoreKind(settings) !== 'storage') {
    const tokens = openTokenStore({ settings, paths });
    return { tokens, close: async () => tokens.close() };
  }
  const credentialTokens = createCredentialTokens({ connection: { url: new Secret(settings.storage.url) } });
  const tokens = openTokenStore({ settings, paths, storage: { credentialTokens } });
  return {
    tokens: { ...tokens, list: async () => tokens.list().catch(noTable) },
    async close() {
      await tokens.close();
      await credentialTokens.close();
    },
  };
}

const UNDEFINED_TABLE = '42P01';

function noTable(error: unknown): ReadonlyMap<string, never> {
  for (let current = error, depth = 0; current instanceof Error && depth < 5; current = current.cause, depth += 1) {
    if ('code' in current && current.code === UNDEFINED_TABLE) return new Map<string, never>();
  }
  throw error;
}

/** Statuses need no key: where it can't be had, opening a token says so. */
async function openSealer(
  secretKey: () => Promise<SealingKeys>,
): Promise<{ sealer: Sealer; problem: string | undefined }> {
  try {
    const { key, olderKeys = [] } = await secretKey();
    return { sealer: createSealer({ key, olderKeys }), problem: undefined };
  } catch (error) {
    const told =
      error instanceof MoltbotError ? error : new MoltbotError('secret_key_unavailable', undefined, { cause: error });
    const fail = (): never => {
      throw told;
    };
    return { sealer: { keyId: '', seal: fail, open: fail }, problem: told.message };
  }
}

function placeOf({ settings }: LoadedConfig, paths: MoltbotPaths): string {
  switch (tokenStoreKind(settings)) {
    case 'file':
      return secretKeyFiles(paths).tokenFolder;
    case 'redis':
      return shownUrl(settings.credentials.store);
    case 'storage':
      return settings.storage.url === 'embedded' ? 'embedded' : shownUrl(settings.storage.url);
  }
}
