import {
  createOAuthClient,
  type OAuthClient,
  type OAuthCredentialEntry,
  type PreparedRefresh,
  runRefresh,
  type SecretResolver,
  SYSTEM_CLOCK,
  type TokenBackend,
} from '@moltbot/auth';
import type { LoadedConfig, SecretSource } from '@moltbot/config';
import { MoltbotError, type Secret } from '@moltbot/contracts';
import { CertificateError, createNetwork, type Network, type NetworkOptions, readCertificates } from '@moltbot/network';
import type { OAuthClientSettings, RefreshOrder, TokenStoreAddress } from './refresh-order.js';
import { spawnRefresh, type SpawnRefreshOptions } from './spawn-refresh.js';

export interface RefresherOptions {
  readonly settings: () => LoadedConfig['settings'];
  readonly secrets: SecretResolver;
  /** The system's proxies. */
  readonly system: NetworkOptions['system'];
  readonly backend: () => Promise<OpenBackend>;
  /** Of the refresh process. */
  readonly environment: SpawnRefreshOptions['environment'];
  readonly program?: string | undefined;
}

/** The store and the sealer, and how another process comes by them. */
export interface OpenBackend extends TokenBackend {
  readonly address: TokenStoreAddress;
  /** Of the sealer; the newest first. @throws as `sealer` */
  readonly keys: () => Promise<readonly Secret[]>;
}

export interface Refresher {
  /** @throws MoltbotError `credential_missing` (a reference that can't be resolved), `config_invalid` (no endpoints, `ca_file`) */
  prepare(credential: OAuthCredentialEntry): Promise<PreparedRefresh>;
  /** The OAuth client of an entry, by its provider's route. @throws as `prepare` */
  openClient(credential: OAuthCredentialEntry): Promise<OpenOAuthClient>;
}

export interface OpenOAuthClient {
  readonly client: OAuthClient;
  readonly network: Network;
  close(): Promise<void>;
}

/** The store may be away for a while just when the answer has come: what is held then is the only copy. */
const KEEP_TRYING_MS = 600_000;

/** Refreshes credentials of auth.json by the providers' settings, each in a process of its own. */
export function createRefresher(options: RefresherOptions): Refresher {
  const { settings, secrets, system, backend, environment, program } = options;

  async function resolved(source: SecretSource | undefined): Promise<Secret | undefined> {
    return source === undefined ? undefined : secrets.resolve(source);
  }

  async function clientOf({ id, provider, entry }: OAuthCredentialEntry): Promise<OAuthClientSettings> {
    const endpoints = settings().providers[provider]?.oauth;
    if (endpoints === undefined) {
      throw new MoltbotError(
        'config_invalid',
        `providers.${provider}.oauth is not set: \`${id}\` can’t sign in anywhere.`,
      );
    }
    const [clientSecret, privateKey] = await Promise.all([resolved(entry.client_secret), resolved(entry.private_key)]);
    const { client_id: clientId, scopes, private_key_id: privateKeyId } = entry;
    return { clientId, scopes, endpoints, clientSecret, privateKey, privateKeyId };
  }

  function routeOf(provider: string): NetworkOptions {
    const { proxy, ca_file } = settings().providers[provider] ?? {};
    try {
      return { system, proxy, extraCa: ca_file === undefined ? undefined : readCertificates(ca_file) };
    } catch (error) {
      if (!(error instanceof CertificateError)) throw error;
      throw new MoltbotError('config_invalid', `providers.${provider}.ca_file: ${error.message}`, { cause: error });
    }
  }

  async function prepare(credential: OAuthCredentialEntry): Promise<PreparedRefresh> {
    const { id, provider, entry } = credential;
    const [client, { store, address, ...seal }] = await Promise.all([clientOf(credential), backend()]);
    const [sealer, keys] = await Promise.all([seal.sealer(), seal.keys()]);
    const network = routeOf(provider);
    const grant = entry.grant === 'client_credentials' ? 'client_credentials' : 'refresh_token';
    const common = {
      credentialId: id,
      grant,
      timeoutMs: settings().credentials.refresh_timeout,
      keepTryingMs: KEEP_TRYING_MS,
    } as const;

    async function here(claim: RefreshOrder['claim']): Promise<void> {
      const way = createNetwork(network);
      try {
        const open = () => createOAuthClient({ ...client, fetch: way.fetch, timeoutMs: common.timeoutMs });
        const { clientId } = client;
        await runRefresh({ ...common, store, sealer, client: open, clientId, claim, clock: SYSTEM_CLOCK });
      } finally {
        await way.close();
      }
    }

    return {
      async run({ claim, attempt }) {
        if (attempt > 1) return here(claim);
        try {
          await spawnRefresh({
            order: { ...common, claim, client, network, store: address, keys },
            environment,
            program,
          });
        } catch {
          await here(claim);
        }
      },
    };
  }

  return {
    prepare,
    async openClient(credential) {
      const client = await clientOf(credential);
      const network = createNetwork(routeOf(credential.provider));
      const timeoutMs = settings().credentials.refresh_timeout;
      return {
        client: createOAuthClient({ ...client, fetch: network.fetch, timeoutMs }),
        network,
        close: () => network.close(),
      };
    },
  };
}
