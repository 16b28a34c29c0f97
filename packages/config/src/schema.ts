import { z } from 'zod';
import {
  modelsSettings,
  timeoutsSettings,
  breakerSettings,
  retryBudgetSettings,
} from './settings/schema/model-settings.js';
import { providersSettings } from './settings/schema/provider-settings.js';
import { keyLimits, limitsSettings, modelPermissions, serverSettings } from './settings/schema/server-settings.js';
import {
  workerSettings,
  warmupSettings,
  drillSettings,
  logAnalysisSettings,
} from './settings/schema/worker-settings.js';
import { logsSettings, tracingSettings } from './settings/schema/log-settings.js';
import {
  storageSettings,
  objectsSettings,
  queueSettings,
  credentialsSettings,
  stateSettings,
} from './settings/schema/storage-settings.js';
import { localModelsSettings } from './settings/schema/local-model-settings.js';
import { duration } from './settings/setting-values.js';

export { keyLimits, modelPermissions };

/** The whole of `config.yml`. Defaults are the product's; `docs/configuration.md` is generated from this. */
export const settingsSchema = z.strictObject({
  models: modelsSettings,
  model_load_timeout: duration('2m', { min: 100, max: 3_600_000 }).describe(
    'How long one model may take to load and answer in a warm-up.',
  ),
  providers: providersSettings,
  timeouts: timeoutsSettings,
  breaker: breakerSettings,
  retry_budget: retryBudgetSettings,
  server: serverSettings,
  worker: workerSettings,
  logs: logsSettings,
  tracing: tracingSettings,
  storage: storageSettings,
  objects: objectsSettings,
  queue: queueSettings,
  limits: limitsSettings,
  credentials: credentialsSettings,
  state: stateSettings,
  drill: drillSettings,
  warmup: warmupSettings,
  local_models: localModelsSettings,
  log_analysis: logAnalysisSettings,
  discovery: z
    .strictObject({
      local_servers: z
        .boolean()
        .default(true)
        .describe(
          'Look for model servers on this machine’s usual ports at start and offer them; they are never used unasked.',
        ),
    })
    .prefault({})
    .describe('What is looked for at start.'),
});

export type Settings = z.output<typeof settingsSchema>;
export type ProviderSettings = Settings['providers'][string];
export type ProviderModelSettings = ProviderSettings['models'][string];
export type OAuthEndpoints = NonNullable<ProviderSettings['oauth']>;
export type OidcSettings = NonNullable<Settings['server']['oidc']>;
/** Limits of one caller; what is not set is not limited. */
export type KeyLimits = z.output<typeof keyLimits>;
export type WarmupPrompt = Settings['warmup']['prompts'][string];
export type LocalModelsSettings = Settings['local_models'];
export type LocalModelSettings = LocalModelsSettings['models'][string];
export type RetryPolicy = Settings['models']['retry_policy'];
export type Timeouts = Settings['timeouts'];
