import { createLimiter } from '@moltbot/auth';
import {
  type Environment,
  type LoadedConfig,
  type MoltbotPaths,
  type ProxyEnvironment,
  type Settings,
  type StoredCredential,
  systemProxies,
} from '@moltbot/config';
import { MoltbotError, type RequestRecord } from '@moltbot/contracts';
import { type Credentials, openHomeCredentials } from '@moltbot/credentials';
import { type LocalModels, openLocalModels } from '@moltbot/local-models';
import { createNetwork } from '@moltbot/network';
import { createRequestIds, type RequestIds, type RequestTraces } from '@moltbot/observability';
import {
  createFailoverEngine,
  createModelRouter,
  createProviderClient,
  type ModelRouter,
  type RunningFailoverEngine,
  startDemoUpstream,
} from '@moltbot/providers';
import { openQuotas, openSharedState, type SharedState } from '@moltbot/state';
import {
  createObjectAccess,
  followRegisteredModels,
  listRegisteredModels,
  type ObjectAccess,
  openStorage,
  type RegisteredModels,
  type Storage,
} from '@moltbot/storage';
import type { Access } from '../access/access.js';
import { type AccessControl, createAccessControl } from '../access/access-control.js';
import type { AuditTrail } from '../access/audit-trail.js';
import { type CallerLimits, createCallerLimits } from '../access/limits/caller-limits.js';
import type { Exchange } from '../chat/exchange.js';
import { KeepAlive } from '../chat/keep-alive.js';
import { createQueueAccess, type QueueAccess } from '../jobs/queue-access.js';
import { ClientPool } from './client-pool.js';
import { endLost, LOOK_FOR_LOST_MS } from './end-lost.js';
import { KnownModels } from './known-models.js';
import { ModelLists } from './model-lists.js';
import { SlotList } from './slot-list.js';
import { isDenial, type Telemetry } from './telemetry.js';

/** One check of `/ready`; those not required only inform. */
export interface ReadinessCheck {
  readonly ok: boolean;
  readonly required: boolean;
  readonly detail?: string | undefined;
}

/** What the process is made of, built once from the configuration and handed to every feature. */
export interface Core {
  readonly version: string;
  /** Unix seconds. */
  readonly startedAt: number;
  readonly settings: () => Settings;
  readonly router: ModelRouter;
  readonly engine: RunningFailoverEngine;
  readonly access: Access;
  /** Verifiers of keys and tokens, for those who have to do with more than a request's headers. */
  readonly accessControl: AccessControl;
  readonly audit: AuditTrail;
  readonly limits: CallerLimits;
  readonly requestIds: RequestIds;
  /** Where traces are wanted. */
  readonly traces: RequestTraces | undefined;
  readonly keepAlive: KeepAlive;
  readonly storage: Storage;
  /** Bytes of files; opened when first needed. */
  readonly objects: ObjectAccess;
  readonly state: SharedState;
  /** Of jobs; opened when first needed. */
  readonly queues: QueueAccess;
  /** What providers are paid with. */
  readonly credentials: Credentials;
  /** auth.json as it is now, in its order. */
  readonly storedCredentials: () => readonly StoredCredential[];
  readonly clients: ClientPool;
  /** Models that were trained at providers from here. */
  readonly registeredModels: RegisteredModels;
  /** Models that this process runs itself. */
  readonly localModels: LocalModels;
  /** Begins to load those of the default chain. */
  warmLocalModels(): void;
  /** @throws MoltbotError `overloaded`, `shutting_down` */
  requestBegan(exchange: Exchange): void;
  requestEnded(exchange: Exchange, record: RequestRecord): void;
  reportFault(requestId: string, error: MoltbotError): void;
  readiness(): Readonly<Record<string, ReadinessCheck>>;
  /** From now on new requests are refused, and `/ready` says so. */
  drain(): void;
  inFlight(): number;
  /** Ends what is still being answered, and tells its callers so. */
  interrupt(): void;
  close(): Promise<void>;
}

export interface CoreOptions {
  readonly version: string;
  readonly paths: MoltbotPaths;
  /** The configuration as it is now: follows edits of the files. */
  readonly config: () => LoadedConfig;
  readonly telemetry: Telemetry;
  readonly traces?: RequestTraces | undefined;
  /** The system's proxies, for calls to providers. */
  readonly proxy: ProxyEnvironment;
  /** For what auth.json refers to, and the key that seals tokens. */
  readonly env: Environment;
  readonly homeDirectory: string;
}

export async function buildCore(options: CoreOptions): Promise<Core> {
  const { telemetry, config } = options;
  const localModels = await openLocalModels({
    settings: () => config().settings,
    paths: options.paths,
    role: 'host',
    objects: () => objects.open(),
    env: options.env,
    onEvent: (event) => telemetry.localModelEvent(event),
  });
  const settings = (): Settings => localModels.settings(config().settings);
  const storage = await openStorage({
    settings: settings(),
    paths: options.paths,
    applicationName: 'moltbot-primary',
    onEvent: (event) => telemetry.storageEvent(event),
  });
  const demo = await startDemoUpstream();
  const state = openSharedState({
    url: settings().state.url,
    queueUrl: settings().queue.url,
    onEvent: (event) => telemetry.stateEvent(event),
  });
  const credentials = openHomeCredentials({
    config,
    paths: options.paths,
    env: options.env,
    homeDirectory: options.homeDirectory,
    storage: () => Promise.resolve(storage),
    onEvent: (event) => telemetry.credentialsEvent(event),
    onWarning: (warning) => telemetry.logger.warn(warning.message),
  });
  const { vault } = credentials;
  const system = systemProxies(options.proxy);
  const network = createNetwork({ ...(system && { system }) });
  const objects = createObjectAccess({ settings: settings(), paths: options.paths, fetch: network.fetch });
  const clients = new ClientPool({ create: (provider) => createProviderClient({ provider, system }) });
  const lists = new ModelLists({ clients, vault, telemetry });
  const registeredModels = followRegisteredModels({
    list: () => listRegisteredModels(storage),
    everyMs: LOOK_FOR_MODELS_MS,
    onError: (error) => telemetry.logger.warn('list of fine-tuned models', { error }),
  });
  await registeredModels.refresh();
  const known = new KnownModels({ lists, registered: registeredModels });
  const router = createModelRouter({
    settings,
    vault,
    demoBaseUrl: () => demo.baseUrl,
    knownModels: (provider) => known.of(provider),
  });
  const quotas = openQuotas({
    url: settings().state.url,
    queueUrl: settings().queue.url,
    onEvent: (event) => telemetry.quotasEvent(event),
  });
  const limits = createCallerLimits({
    limiter: createLimiter({ quotas, budgets: storage.budgets, onEvent: telemetry.limiterObserver(storage.budgets) }),
    settings,
    onUnpriced: () => telemetry.unpriced(),
  });
  const observer = telemetry.routerObserver(storage.usage);
  const engine = createFailoverEngine({
    clientFor: (provider) => clients.of(provider),
    vault,
    state,
    settings,
    loader: localModels,
    observer: limits.observe(options.traces?.observe(observer) ?? observer),
  });
  const accessControl = createAccessControl({ settings, storage, telemetry, system });
  const queues = createQueueAccess({
    settings,
    storage,
    onError: (error) => telemetry.logger.warn('queue', { error: error.message }),
  });
  const stopWatching = telemetry.follow({ router, engine, credentials: () => vault.status() });
  const { access, audit } = accessControl;
  const requestIds = createRequestIds();
  const keepAlive = new KeepAlive();
  const running = new SlotList<Exchange>();
  const lost = setInterval(() => endLost(running.all(), (id) => telemetry.requestLost(id)), LOOK_FOR_LOST_MS).unref();
  let draining = false;

  const core: Core = {
    version: options.version,
    startedAt: Math.floor(Date.now() / 1_000),
    settings,
    router,
    engine,
    access,
    accessControl,
    audit,
    limits,
    requestIds,
    traces: options.traces,
    keepAlive,
    storage,
    objects,
    state,
    queues,
    credentials,
    storedCredentials: () => config().credentials,
    clients,
    registeredModels,
    localModels,
    warmLocalModels() {
      const withinMs = settings().model_load_timeout;
      for (const { ref } of router.plan({}).models) {
        void localModels.load(ref, { withinMs, signal: AbortSignal.timeout(withinMs) }).catch(() => undefined);
      }
    },
    requestBegan(exchange) {
      running.add(exchange);
      telemetry.requestBegan();
      if (draining) throw new MoltbotError('shutting_down', undefined, { retryAfterMs: 1_000 });
      if (running.size > settings().server.max_in_flight) {
        throw new MoltbotError('overloaded', undefined, { retryAfterMs: 1_000 });
      }
    },
    requestEnded(exchange, record) {
      running.delete(exchange);
      limits.ended(exchange);
      telemetry.requestEnded(record);
      options.traces?.ended(record);
      if (record.apiKeyId !== undefined) storage.apiKeys.touch(record.apiKeyId);
      // A list of models is no use of a model, nor is a request that was refused at the door: they are counted, not accounted.
      if (isDenial(record)) return;
      const { operation } = record;
      if (operation === 'chat' || operation === 'embeddings') storage.usage.recordRequest(record);
    },
    reportFault: (requestId, error) => telemetry.fault(requestId, error),
    readiness: () => ({
      process: { ok: !draining, required: true, detail: draining ? 'draining' : undefined },
      models: { ...defaultChain(router), required: true },
      // Without it each process goes on with what it knows itself.
      state: stateCheck(state),
    }),
    drain() {
      draining = true;
    },
    inFlight: () => running.size,
    interrupt() {
      for (const exchange of running.all()) exchange.interrupt(new MoltbotError('shutting_down'));
    },
    async close() {
      lists.close();
      registeredModels.close();
      keepAlive.close();
      engine.close();
      stopWatching();
      clearInterval(lost);
      await credentials.close();
      await clients.close();
      await demo.close();
      await localModels.close();
      await quotas.close();
      await state.close();
      await accessControl.close();
      await queues.close();
      await objects.close();
      await network.close();
      await storage.close();
    },
  };

  try {
    await accessControl.assertSafe();
  } catch (error) {
    await core.close();
    throw error;
  }
  lists.refresh(router.list());
  return core;
}

const LOOK_FOR_MODELS_MS = 5_000;

function stateCheck({ kind, trouble }: SharedState): ReadinessCheck {
  return { ok: trouble === undefined, required: false, detail: trouble === undefined ? kind : `${kind}: ${trouble}` };
}

function defaultChain(router: ModelRouter): { ok: boolean; detail: string | undefined } {
  try {
    const plan = router.plan({});
    return { ok: plan.models.length > 0, detail: plan.models.map((model) => model.ref).join(', ') };
  } catch (error) {
    return { ok: false, detail: error instanceof Error ? error.message : String(error) };
  }
}
