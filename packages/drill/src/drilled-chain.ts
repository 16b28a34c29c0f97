import type { Credential } from '@moltbot/auth';
import { type Settings, withLocalProvider } from '@moltbot/config';
import { MoltbotError } from '@moltbot/contracts';
import { type ChainPlan, createModelRouter, type Model } from '@moltbot/providers';
import { createPlaceholderVault } from './placeholder-vault.js';

/** One member of the operator's chain. */
export interface ChainTarget {
  readonly model: Model;
  readonly credentials: readonly Credential[];
  readonly ready: boolean;
}

export interface DrilledChain {
  readonly name: string;
  /** With the operator's own limits. */
  readonly plan: ChainPlan;
  readonly targets: readonly ChainTarget[];
  readonly settings: Settings;
  readonly credentials: readonly Credential[];
}

export interface ReadChainOptions {
  readonly settings: Settings;
  readonly credentials: readonly Credential[];
  /** `default`, or a name under `models.chains`. */
  readonly chain: string;
}

/** Nobody calls them here: they only have to differ from every other address. */
const LOCAL_MODELS = 'http://local-models.invalid/v1';
const DEMO = 'http://demo.invalid/v1';

/** The operator's chain as it stands in the settings. Asks nobody. @throws MoltbotError `model_not_found`, `config_invalid` */
export function readChain({ settings: own, credentials, chain }: ReadChainOptions): DrilledChain {
  if (chain !== 'default' && !Object.hasOwn(own.models.chains, chain)) {
    const known = ['default', ...Object.keys(own.models.chains)].join(', ');
    throw new MoltbotError('model_not_found', `There is no chain \`${chain}\`; there are: ${known}`);
  }
  const settings = withLocalProvider(own, { baseUrl: LOCAL_MODELS, token: '' });
  const vault = createPlaceholderVault({ credentials });
  const router = createModelRouter({ settings: () => settings, vault, demoBaseUrl: () => DEMO });
  const plan = router.plan({ model: chain });
  const targets = plan.models.map((model): ChainTarget => {
    const paying = vault.credentialsFor(model.provider.name);
    return { model, credentials: paying, ready: paying.length > 0 || !model.provider.requiresCredential };
  });
  return { name: chain, plan, targets, settings, credentials };
}
