import { LOCAL_PROVIDER } from '@moltbot/contracts';
import type { LocalModelSettings, ProviderModelSettings, ProviderSettings, Settings } from '../schema.js';

/** Where local models are served. */
export interface LocalAddress {
  readonly baseUrl: string;
  readonly token: string;
}

/** The settings with a provider `local` in them, where local models are configured; to everybody else it is a provider like any other. */
export function withLocalProvider(settings: Settings, { baseUrl, token }: LocalAddress): Settings {
  const models = Object.entries(settings.local_models.models);
  if (models.length === 0) return settings;
  const local: ProviderSettings = {
    kind: 'openai-compatible',
    base_url: baseUrl,
    api: 'chat',
    headers: { authorization: `Bearer ${token}` },
    query: {},
    credential_order: 'ordered',
    // Never leaves the machine.
    proxy: 'direct',
    requires_credential: false,
    stream_usage: true,
    max_connections: 512,
    models: Object.fromEntries(models.map(([name, model]) => [name, toModel(model)])),
  };
  return { ...settings, providers: { ...settings.providers, [LOCAL_PROVIDER]: local } };
}

function toModel({ context, max_output_tokens }: LocalModelSettings): ProviderModelSettings {
  return {
    context_window: context,
    ...(max_output_tokens === undefined ? {} : { max_output_tokens }),
    images: false,
    tools: false,
    prefill: true,
    price: { input: 0, output: 0 },
  };
}
