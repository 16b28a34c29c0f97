import { connectionKey, type Provider, type UpstreamClient } from '@moltbot/providers';

/** How long a client whose provider was changed may finish what it is doing. */
const RETIRE_AFTER_MS = 900_000;

/** One HTTP client per provider; a provider whose settings changed gets a new one, and the old one ends when its calls have. */
export class ClientPool {
  readonly #clients = new Map<string, { readonly provider: Provider; readonly client: UpstreamClient }>();
  readonly #retired = new Set<UpstreamClient>();
  readonly #create: (provider: Provider) => UpstreamClient;

  constructor(options: { readonly create: (provider: Provider) => UpstreamClient }) {
    this.#create = options.create;
  }

  of(provider: Provider): UpstreamClient {
    const known = this.#clients.get(provider.name);
    if (known !== undefined) {
      if (known.provider === provider) return known.client;
      if (connectionKey(known.provider) === connectionKey(provider)) {
        this.#clients.set(provider.name, { provider, client: known.client });
        return known.client;
      }
      this.#retire(known.client);
    }
    const client = this.#create(provider);
    this.#clients.set(provider.name, { provider, client });
    return client;
  }

  #retire(client: UpstreamClient): void {
    this.#retired.add(client);
    setTimeout(() => {
      if (this.#retired.delete(client)) void client.close();
    }, RETIRE_AFTER_MS).unref();
  }

  async close(): Promise<void> {
    const all = [...this.#retired, ...[...this.#clients.values()].map(({ client }) => client)];
    this.#retired.clear();
    this.#clients.clear();
    await Promise.all(all.map((client) => client.close()));
  }
}
