import type { CredentialVault } from '@moltbot/auth';
import {
  type Environment,
  type LoadedConfig,
  type MoltbotPaths,
  type ProxyEnvironment,
  type Settings,
  systemProxies,
} from '@moltbot/config';
import type { AttemptRecord } from '@moltbot/contracts';
import { type LocalModelEvent, openLocalModels } from '@moltbot/local-models';
import { createRequestIds } from '@moltbot/observability';
import {
  type ChainStanding,
  connectionKey,
  createFailoverEngine,
  createModelRouter,
  createProviderClient,
  type Provider,
  type RouterObserver,
  type RunningFailoverEngine,
  standingOf,
  startDemoUpstream,
  type UpstreamClient,
} from '@moltbot/providers';
import { openSharedState } from '@moltbot/state';
import { createObjectAccess } from '@moltbot/storage';
import type { ModelRequests, ModelWarmer } from './deps.js';
import { createModelWarmer } from './model-warmer.js';
import { createTrainingProviders, type TrainingProviders } from './training/training-providers.js';

export interface OpenModelsOptions {
  /** As it is now: follows edits of the files. */
  readonly config: () => LoadedConfig;
  readonly paths: MoltbotPaths;
  readonly env: Environment;
  readonly proxy: ProxyEnvironment;
  readonly vault: CredentialVault;
  readonly observer: RouterObserver;
  readonly onLocalModel: (event: LocalModelEvent) => void;
  /** Of a provider, besides those that are configured. */
  readonly knownModels: (provider: string) => readonly string[];
}

export interface OpenModels {
  readonly warmer: ModelWarmer;
  readonly requests: ModelRequests;
  readonly training: TrainingProviders;
  /** How the targets of all chains stand now, for whoever watches. */
  readonly standing: (unusable: ReadonlySet<string>) => readonly ChainStanding[];
  readonly engine: Pick<RunningFailoverEngine, 'retriesLeft' | 'clocks'>;
  close(): Promise<void>;
}

/** Router, engine and connections to providers, the built-in demo model included. */
export async function openModels(options: OpenModelsOptions): Promise<OpenModels> {
  const { config, paths, proxy, vault, observer } = options;
  const objects = createObjectAccess({ settings: config().settings, paths });
  const local = await openLocalModels({
    settings: () => config().settings,
    paths,
    // The primary's, where there is one on this machine: a model warmed up elsewhere is of no use to its callers.
    role: 'guest',
    objects: async () => objects.open(),
    env: options.env,
    onEvent: options.onLocalModel,
  });
  const settings = (): Settings => local.settings(config().settings);
  const demo = await startDemoUpstream({ unref: true });
  const state = openSharedState({ url: settings().state.url, queueUrl: settings().queue.url });
  const system = systemProxies(proxy);
  /** By provider and what its connections are made of: one whose settings change gets another client, the old one lives to the end. */
  const clients = new Map<string, UpstreamClient>();
  const { knownModels } = options;
  const router = createModelRouter({ settings, vault, demoBaseUrl: () => demo.baseUrl, knownModels });
  const listeners = new Map<string, (record: AttemptRecord) => void>();
  const clientFor = (provider: Provider): UpstreamClient => {
    const key = `${provider.name} ${connectionKey(provider)}`;
    const client = clients.get(key) ?? createProviderClient({ provider, system });
    clients.set(key, client);
    return client;
  };
  const engine = createFailoverEngine({
    clientFor,
    vault,
    state,
    settings,
    loader: local,
    observer: {
      ...observer,
      attempt: (record) => {
        observer.attempt?.(record);
        listeners.get(record.requestId)?.(record);
      },
    },
  });
  const requestIds = createRequestIds();
  return {
    standing: (unusable) => standingOf(router, engine, unusable),
    engine,
    requests: {
      router,
      engine,
      newRequestId: () => requestIds.next(),
      onAttempt: (requestId, listener) => {
        listeners.set(requestId, listener);
        return () => listeners.delete(requestId);
      },
    },
    training: createTrainingProviders({ router, vault, clientFor }),
    warmer: createModelWarmer({ router, engine, newRequestId: () => requestIds.next(), home: paths.home }),
    close: async () => {
      engine.close();
      await Promise.all([...clients.values()].map(async (client) => client.close()));
      await demo.close();
      await local.close();
      await objects.close();
      await state.close();
    },
  };
}
