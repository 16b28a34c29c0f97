import { CertificateError, createNetwork, type NetworkOptions, readCertificates } from '@moltbot/network';
import type { Provider } from '../target.js';
import { failureOfSocket } from './failure-of-socket.js';
import type { UpstreamClient } from './upstream.js';
import { createUpstreamClient } from './upstream-client.js';

export interface ProviderClientOptions {
  readonly provider: Pick<Provider, 'settings'>;
  readonly system: NetworkOptions['system'];
}

/**
 * The client of a provider as configured: its proxy, its further certificate authorities, its number of connections. Where
 * `ca_file` can't be read, calls fail as `unreachable` with that fact, until it can.
 */
export function createProviderClient(options: ProviderClientOptions): UpstreamClient {
  try {
    return open(options);
  } catch (error) {
    if (error instanceof CertificateError) return new Untrusting(options);
    throw error;
  }
}

/** What of a provider's settings its client is made of: a provider where it differs needs another client. */
export function connectionKey({ baseUrl, settings }: Pick<Provider, 'baseUrl' | 'settings'>): string {
  const { proxy, ca_file, max_connections } = settings;
  return JSON.stringify([baseUrl, proxy, ca_file, max_connections]);
}

function open({ provider, system }: ProviderClientOptions): UpstreamClient {
  const { proxy, ca_file, max_connections } = provider.settings;
  const extraCa = ca_file === undefined ? undefined : readCertificates(ca_file);
  return createUpstreamClient({ network: createNetwork({ system, proxy, extraCa, maxConnections: max_connections }) });
}

/** Looks for the file with each call; sends nothing without it. */
class Untrusting implements UpstreamClient {
  readonly #options: ProviderClientOptions;
  #client: UpstreamClient | undefined;

  constructor(options: ProviderClientOptions) {
    this.#options = options;
  }

  async post(options: Parameters<UpstreamClient['post']>[0]): ReturnType<UpstreamClient['post']> {
    return await this.#opened().post(options);
  }

  async get(options: Parameters<UpstreamClient['get']>[0]): ReturnType<UpstreamClient['get']> {
    return await this.#opened().get(options);
  }

  async close(): Promise<void> {
    await this.#client?.close();
  }

  #opened(): UpstreamClient {
    try {
      this.#client ??= open(this.#options);
      return this.#client;
    } catch (error) {
      throw failureOfSocket(error, 'connecting');
    }
  }
}
