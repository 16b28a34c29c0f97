import type { CredentialVault } from '@moltbot/auth';
import { type ListedModel, listProviderModels, type Provider } from '@moltbot/providers';
import type { ClientPool } from './client-pool.js';
import type { Telemetry } from './telemetry.js';

const REFRESH_EVERY_MS = 3_600_000;
const ASK_TIMEOUT_MS = 10_000;
const NONE: readonly string[] = [];

/**
 * What each configured provider says it serves, asked in the background: lets a bare name (`gpt-4-turbo`) find its provider.
 * A provider that doesn't answer has an empty list, and nothing waits for it.
 */
export class ModelLists {
  readonly #lists = new Map<string, readonly string[]>();
  readonly #clients: ClientPool;
  readonly #vault: CredentialVault;
  readonly #telemetry: Telemetry;
  readonly #abort = new AbortController();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: {
    readonly clients: ClientPool;
    readonly vault: CredentialVault;
    readonly telemetry: Telemetry;
  }) {
    this.#clients = options.clients;
    this.#vault = options.vault;
    this.#telemetry = options.telemetry;
  }

  of(provider: string): readonly string[] {
    return this.#lists.get(provider) ?? NONE;
  }

  /** Asks every provider that the catalogue names, now and each hour. */
  refresh(listed: readonly ListedModel[]): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.refresh(listed), REFRESH_EVERY_MS).unref();
    const providers = new Map<string, Provider>();
    for (const { model } of listed) if (model !== undefined) providers.set(model.provider.name, model.provider);
    for (const provider of providers.values()) void this.#ask(provider);
  }

  async #ask(provider: Provider): Promise<void> {
    if (provider.kind === 'demo') return;
    const credential = this.#vault.credentialsFor(provider.name)[0];
    if (credential === undefined && provider.requiresCredential) return;
    try {
      const token = credential === undefined ? undefined : await this.#vault.tokenFor(credential.id);
      const models = await listProviderModels({
        provider,
        client: this.#clients.of(provider),
        token,
        credentialType: credential?.type,
        timeoutMs: ASK_TIMEOUT_MS,
        signal: this.#abort.signal,
      });
      this.#lists.set(provider.name, models);
    } catch (error) {
      if (!this.#abort.signal.aborted) this.#telemetry.modelListFailed(provider.name, error);
    }
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#abort.abort();
  }
}
