import type { CredentialVault } from '@moltbot/auth';
import type { Settings } from '@moltbot/config';
import { MoltbotError } from '@moltbot/contracts';
import type { ChainPlan, Model } from '../target.js';
import { ModelNames } from './model-names.js';
import type { ListedModel, ModelRouter, Selection } from './model-router.js';

export interface ModelRouterOptions {
  /** The settings in force: another object after a change. */
  readonly settings: () => Settings;
  readonly vault: CredentialVault;
  /** Where the built-in demo model listens. */
  readonly demoBaseUrl: () => string;
  /** Models that a provider is known to serve besides the configured ones (found by asking it). */
  readonly knownModels?: ((provider: string) => readonly string[]) | undefined;
}

/** Finds the models that may answer a request. Follows the settings as they are replaced; plans are kept between requests. */
export function createModelRouter(options: ModelRouterOptions): ModelRouter {
  return new Router(options);
}

/** Callers choose the names: what is kept for them is bounded. */
const MOST_PLANS = 1_000;
const MOST_NAMES_OF_A_REQUEST = 32;

interface Kept {
  readonly plan: ChainPlan;
  /** Bare names that the plan was resolved from: they depend on credentials and known models, not on the settings alone. */
  readonly bare: readonly (readonly [name: string, model: Model])[];
}

class Router implements ModelRouter {
  readonly #options: ModelRouterOptions;
  #settings: Settings | undefined;
  #demoBaseUrl = '';
  #names: ModelNames | undefined;
  readonly #plans = new Map<string, Kept>();

  constructor(options: ModelRouterOptions) {
    this.#options = options;
  }

  plan(selection: Selection): ChainPlan {
    const names = this.#follow();
    const { model, models } = selection;
    if (models !== undefined && models.length > 0) return this.#listPlan(names, model, models);
    return model === undefined || model === '' || model === 'default'
      ? this.#chainPlan(names, 'default')
      : this.#modelPlan(names, model);
  }

  chains(): readonly { readonly name: string; readonly models: readonly Model[] }[] {
    const names = this.#follow();
    return ['default', ...names.chainNames].map((name) => ({ name, models: this.#membersOf(names, name) }));
  }

  list(): readonly ListedModel[] {
    const names = this.#follow();
    const chains = ['default', ...names.chainNames].map((id): ListedModel => {
      const members = this.#membersOf(names, id);
      return {
        id,
        kind: 'chain',
        provider: undefined,
        members: members.map(({ ref }) => ref),
        model: undefined,
        ready: members.some((model) => names.isReady(model.provider)),
      };
    });
    const models = names.knownRefs().map((ref): ListedModel => {
      const model = names.explicit(ref);
      return {
        id: ref,
        kind: 'model',
        provider: ref.slice(0, ref.indexOf(':')),
        members: [],
        model,
        ready: model !== undefined && names.isReady(model.provider),
      };
    });
    return [...chains, ...models];
  }

  #follow(): ModelNames {
    const settings = this.#options.settings();
    const demoBaseUrl = this.#options.demoBaseUrl();
    if (this.#names !== undefined && settings === this.#settings && demoBaseUrl === this.#demoBaseUrl)
      return this.#names;
    const { vault, knownModels = () => [] } = this.#options;
    this.#settings = settings;
    this.#demoBaseUrl = demoBaseUrl;
    this.#plans.clear();
    this.#names = new ModelNames({ settings, vault, demoBaseUrl, knownModels });
    return this.#names;
  }

  #modelPlan(names: ModelNames, model: string): ChainPlan {
    if (names.isChain(model)) return this.#chainPlan(names, model);
    return this.#keep(names, `model ${model}`, () => {
      const resolved = names.resolve(model);
      const followers = names.settings.models.fallback_for_explicit ? this.#chainPlan(names, 'default') : undefined;
      return {
        plan: explicitPlan(names.settings, unique([resolved, ...(followers?.models ?? [])]), followers),
        bare: names.explicit(model) === undefined ? [[model, resolved]] : [],
      };
    });
  }

  #listPlan(names: ModelNames, first: string | undefined, others: readonly string[]): ChainPlan {
    const asked = first === undefined || first === '' ? others : [first, ...others];
    if (asked.length > MOST_NAMES_OF_A_REQUEST) {
      throw new MoltbotError('invalid_request', `At most ${MOST_NAMES_OF_A_REQUEST} models can be named`, {
        param: 'models',
      });
    }
    return this.#keep(names, `list ${JSON.stringify(asked)}`, () => {
      const bare: [string, Model][] = [];
      const models = asked.flatMap((name) => this.#expand(names, name, bare));
      return { plan: explicitPlan(names.settings, unique(models)), bare };
    });
  }

  #chainPlan(names: ModelNames, name: string): ChainPlan {
    return this.#keep(names, `chain ${name}`, () => {
      const bare: [string, Model][] = [];
      const models = unique(this.#expandChain(names, name, bare));
      const { settings } = names;
      const chain = name === 'default' ? undefined : settings.models.chains[name];
      const policyChain = chain === undefined ? settings.models.policy_chain : chain.policy_chain;
      const plan: ChainPlan = {
        name,
        models,
        retryPolicy: { ...settings.models.retry_policy, ...chain?.retry_policy },
        timeouts: { ...settings.timeouts, ...chain?.timeouts },
        policyChain,
        policyPlan: this.#policyPlan(names, policyChain),
      };
      return { plan, bare };
    });
  }

  #policyPlan(names: ModelNames, name: string | undefined): ChainPlan['policyPlan'] {
    if (name === undefined) return undefined;
    return () => {
      if (name !== 'default' && !names.isChain(name)) return undefined;
      try {
        return this.#chainPlan(names, name);
      } catch {
        // Its models mean nothing at present: the refusal itself is what the caller has to know.
        return undefined;
      }
    };
  }

  #membersOf(names: ModelNames, chain: string): readonly Model[] {
    try {
      return this.#chainPlan(names, chain).models;
    } catch {
      return [];
    }
  }

  /** A chain's members in order. Those that mean no model at present are left out, as long as one is left. */
  #expandChain(names: ModelNames, name: string, bare: [string, Model][]): readonly Model[] {
    const chain = name === 'default' ? names.settings.models : names.settings.models.chains[name];
    if (chain === undefined) return [];
    let firstError: unknown;
    const models = [chain.primary, ...chain.fallbacks].flatMap((member) => {
      try {
        return this.#expand(names, member, bare);
      } catch (error) {
        firstError ??= error;
        return [];
      }
    });
    if (models.length > 0) return models;
    throw firstError ?? new MoltbotError('model_not_found', `The chain ${name} has no model`);
  }

  #expand(names: ModelNames, name: string, bare: [string, Model][]): readonly Model[] {
    // A name that holds itself is refused when the settings are read.
    if (name === 'default' || names.isChain(name)) return this.#expandChain(names, name, bare);
    const model = names.resolve(name);
    if (names.explicit(name) === undefined) bare.push([name, model]);
    return [model];
  }

  #keep(names: ModelNames, key: string, make: () => Kept): ChainPlan {
    const kept = this.#plans.get(key);
    if (kept !== undefined && kept.bare.every(([name, model]) => names.means(name, model))) return kept.plan;
    const made = make();
    if (this.#plans.size >= MOST_PLANS) this.#plans.clear();
    this.#plans.set(key, made);
    return made.plan;
  }
}

/** Models that the caller named, under the general limits. */
function explicitPlan(settings: Settings, models: readonly Model[], followers?: ChainPlan): ChainPlan {
  return {
    name: 'explicit',
    models,
    retryPolicy: settings.models.retry_policy,
    timeouts: settings.timeouts,
    policyChain: followers?.policyChain,
    policyPlan: followers?.policyPlan,
  };
}

function unique(models: readonly Model[]): readonly Model[] {
  return [...new Set(models)];
}
