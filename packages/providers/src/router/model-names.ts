import type { CredentialVault } from '@moltbot/auth';
import type { ProviderSettings, Settings } from '@moltbot/config';
import { MoltbotError, parseModelRef } from '@moltbot/contracts';
import { createModel, createProvider, VENDOR_ADDRESSES } from '../catalogue.js';
import type { Model, Provider } from '../target.js';
import { nearestNames } from './nearest-names.js';

export interface ModelNamesOptions {
  readonly settings: Settings;
  readonly vault: CredentialVault;
  readonly demoBaseUrl: string;
  readonly knownModels: (provider: string) => readonly string[];
}

/** Callers choose the names: what is kept for them is bounded. */
const MOST_MODELS = 2_000;
/** Providers that can be named without settings. */
const BUILT_IN: readonly string[] = ['demo', ...Object.keys(VENDOR_ADDRESSES)];
/** A built-in provider that config.yml says nothing about. */
const NO_SETTINGS: ProviderSettings = {
  api: 'chat',
  headers: {},
  query: {},
  stream_usage: true,
  credential_order: 'ordered',
  max_connections: 512,
  models: {},
};

/** What names mean under one version of the settings. A model is one object as long as they stand. */
export class ModelNames {
  readonly settings: Settings;
  readonly chainNames: readonly string[];
  readonly #options: ModelNamesOptions;
  readonly #providers = new Map<string, Provider>();
  readonly #models = new Map<string, Model>();

  constructor(options: ModelNamesOptions) {
    this.#options = options;
    this.settings = options.settings;
    this.chainNames = Object.keys(options.settings.models.chains);
  }

  isChain(name: string): boolean {
    return Object.hasOwn(this.settings.models.chains, name);
  }

  /** `provider:model`, where the provider is one that is known. */
  explicit(name: string): Model | undefined {
    const kept = this.#models.get(name);
    if (kept !== undefined) return kept;
    const ref = parseModelRef(name);
    const provider = ref === undefined ? undefined : this.#provider(ref.provider);
    if (ref === undefined || provider === undefined) return undefined;
    const model = createModel(provider, ref.model);
    if (this.#models.size >= MOST_MODELS) this.#models.clear();
    this.#models.set(name, model);
    return model;
  }

  /**
   * The one model that a name means.
   * @throws MoltbotError `model_not_found`, `model_ambiguous`
   */
  resolve(name: string): Model {
    const explicit = this.explicit(name);
    if (explicit !== undefined) return explicit;
    const candidates = this.#servedBy(name);
    const only = candidates[0];
    if (only !== undefined && candidates.length === 1) return only;
    if (only === undefined) throw this.#notFound(name);
    const refs = candidates.map(({ ref }) => ref).join(', ');
    throw new MoltbotError('model_ambiguous', `More than one provider serves ${quoted(name)}: ${refs}`, {
      param: 'model',
    });
  }

  /** Whether a bare name still means this model. */
  means(name: string, model: Model): boolean {
    const candidates = this.#servedBy(name);
    return candidates.length === 1 && candidates[0] === model;
  }

  /** Whether a call could be paid for. */
  isReady(provider: Provider): boolean {
    return !provider.requiresCredential || this.#options.vault.credentialsFor(provider.name).length > 0;
  }

  /** `provider:model` of all models that are configured or known, by provider. */
  knownRefs(): readonly string[] {
    return this.#configured().flatMap((provider) => this.#served(provider).map((name) => `${provider}:${name}`));
  }

  #servedBy(name: string): readonly Model[] {
    return this.#configured()
      .filter((provider) => this.#serves(provider, name))
      .flatMap((provider) => this.explicit(`${provider}:${name}`) ?? []);
  }

  #serves(provider: string, name: string): boolean {
    const models = this.settings.providers[provider]?.models;
    return (models !== undefined && Object.hasOwn(models, name)) || this.#options.knownModels(provider).includes(name);
  }

  #served(provider: string): readonly string[] {
    const configured = Object.keys(this.settings.providers[provider]?.models ?? {});
    return [...new Set([...configured, ...this.#options.knownModels(provider)])];
  }

  /** In the settings, with a credential, or in need of neither. */
  #configured(): readonly string[] {
    const { vault } = this.#options;
    const names = new Set(Object.keys(this.settings.providers));
    for (const name of BUILT_IN) {
      if (name === 'demo' || vault.credentialsFor(name).length > 0) names.add(name);
    }
    return [...names];
  }

  #provider(name: string): Provider | undefined {
    const kept = this.#providers.get(name);
    if (kept !== undefined) return kept;
    const { providers } = this.settings;
    const settings = Object.hasOwn(providers, name) ? providers[name] : undefined;
    // Other names are the caller's: not known, and not kept.
    if (settings === undefined && !BUILT_IN.includes(name)) return undefined;
    const provider = createProvider(name, settings ?? NO_SETTINGS, { demoBaseUrl: this.#options.demoBaseUrl });
    this.#providers.set(name, provider);
    return provider;
  }

  #notFound(name: string): MoltbotError {
    const near = nearestNames(name, ['default', ...this.chainNames, ...this.knownRefs()]);
    const hint = near.length === 0 ? '' : `; near to it: ${near.join(', ')}`;
    return new MoltbotError('model_not_found', `There is no model or chain ${quoted(name)}${hint}`, { param: 'model' });
  }
}

/** A caller's text in a message: short, and visible where it ends. */
function quoted(name: string): string {
  return JSON.stringify(name.length > 100 ? `${name.slice(0, 100)}…` : name);
}
