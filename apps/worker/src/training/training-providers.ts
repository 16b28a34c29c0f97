import type { CredentialVault } from '@moltbot/auth';
import { MoltbotError } from '@moltbot/contracts';
import {
  createFineTuningApi,
  type FineTuningApi,
  hasFineTuning,
  type ModelRouter,
  type Provider,
  type UpstreamClient,
} from '@moltbot/providers';

/** Providers as those that train models there need them. */
export interface TrainingProviders {
  /**
   * The account that a new training is done with: the first one in auth.json; `undefined` where the provider needs none.
   * @throws MoltbotError `credential_missing`
   */
  accountFor(model: string): string | undefined;
  /** @throws MoltbotError `fine_tuning_unsupported`, `model_not_found`, `credential_missing` where the account is gone */
  api(model: string, account: string | undefined): FineTuningApi;
  /** What a million trained tokens cost, where it is configured. */
  price(model: string): number | undefined;
}

export function createTrainingProviders(options: {
  readonly router: Pick<ModelRouter, 'plan'>;
  readonly vault: CredentialVault;
  readonly clientFor: (provider: Provider) => UpstreamClient;
}): TrainingProviders {
  const { router, vault, clientFor } = options;

  function modelOf(ref: string) {
    const [model] = router.plan({ model: ref }).models;
    if (model === undefined) throw new MoltbotError('model_not_found');
    return model;
  }

  return {
    accountFor(ref) {
      const { provider } = modelOf(ref);
      const [first] = vault.credentialsFor(provider.name);
      if (first === undefined && provider.requiresCredential) throw missing(provider.name);
      return first?.id;
    },
    api(ref, account) {
      const { provider } = modelOf(ref);
      if (!hasFineTuning(provider)) throw new MoltbotError('fine_tuning_unsupported');
      const credential = vault.credentialsFor(provider.name).find(({ id }) => id === account);
      if (credential === undefined && account !== undefined) throw missing(account);
      return createFineTuningApi({ provider, client: clientFor(provider), vault, credential });
    },
    price(ref) {
      const { provider, name } = modelOf(ref);
      const { models } = provider.settings;
      return Object.hasOwn(models, name) ? models[name]?.price?.training : undefined;
    },
  };
}

function missing(what: string): MoltbotError {
  return new MoltbotError('credential_missing', `There is no credential \`${what}\` in auth.json.`);
}
