import type { CredentialVault } from '@moltbot/auth';
import { type LoadedConfig, type ProxyEnvironment, type Settings, systemProxies } from '@moltbot/config';
import { createRequestIds } from '@moltbot/observability';
import {
  connectionKey,
  createFailoverEngine,
  createModelRouter,
  createProviderClient,
  type RouterObserver,
  startDemoUpstream,
  type UpstreamClient,
} from '@moltbot/providers';
import { openSharedState } from '@moltbot/state';
import type { ModelWarmer } from './deps.js';
import { createModelWarmer } from './model-warmer.js';

export interface OpenModelsOptions {
  /** As it is now: follows edits of the files. */
  readonly config: () => LoadedConfig;
  readonly proxy: ProxyEnvironment;
  readonly vault: CredentialVault;
  readonly observer: RouterObserver;
}

export interface OpenModels {
  readonly warmer: ModelWarmer;
  close(): Promise<void>;
}

/** Router, engine and connections to providers, the built-in demo model included. */
export async function openModels({ config, proxy, vault, observer }: OpenModelsOptions): Promise<OpenModels> {
  const settings = (): Settings => config().settings;
  const demo = await startDemoUpstream({ unref: true });
  const state = openSharedState({ url: settings().state.url, queueUrl: settings().queue.url });
  const system = systemProxies(proxy);
  /** By provider and what its connections are made of: one whose settings change gets another client, the old one lives to the end. */
  const clients = new Map<string, UpstreamClient>();
  const router = createModelRouter({ settings, vault, demoBaseUrl: () => demo.baseUrl });
  const engine = createFailoverEngine({
    clientFor: (provider) => {
      const key = `${provider.name} ${connectionKey(provider)}`;
      const client = clients.get(key) ?? createProviderClient({ provider, system });
      clients.set(key, client);
      return client;
    },
    vault,
    state,
    settings,
    observer,
  });
  const requestIds = createRequestIds();
  return {
    warmer: createModelWarmer({ router, engine, newRequestId: () => requestIds.next() }),
    close: async () => {
      engine.close();
      await Promise.all([...clients.values()].map(async (client) => client.close()));
      await demo.close();
      await state.close();
    },
  };
}
