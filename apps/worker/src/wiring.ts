import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import {
  type Environment,
  type LoadedConfig,
  type MoltbotPaths,
  type ProxyEnvironment,
  type Settings,
  systemProxies,
} from '@moltbot/config';
import { JOBS, MoltbotError } from '@moltbot/contracts';
import { openHomeCredentials } from '@moltbot/credentials';
import { createNetwork } from '@moltbot/network';
import type { JobTraces, Logger, Metrics } from '@moltbot/observability';
import { type JobCounts, type JobWorker, openQueues, type Queues } from '@moltbot/queue';
import {
  createObjectAccess,
  followRegisteredModels,
  listRegisteredModels,
  openStorage,
  type RegisteredModels,
  type Storage,
} from '@moltbot/storage';
import { createArtifactKeeper } from './artifact-keeper.js';
import { createSlots } from './batch/slots.js';
import { handlers } from './handlers/index.js';
import { createLimiterAccess } from './open-limiter.js';
import { openModels } from './open-models.js';
import { createRunner } from './runner.js';
import { createStorageAccess } from './storage-access.js';
import type { Telemetry } from './telemetry.js';
import { createThreadPool } from './threads/thread-pool.js';

export interface WorkerOptions {
  readonly paths: MoltbotPaths;
  /** As it is now: follows edits of the files. */
  readonly config: () => LoadedConfig;
  readonly proxy: ProxyEnvironment;
  /** For what auth.json refers to, and the key that seals tokens. */
  readonly env: Environment;
  readonly homeDirectory: string;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly telemetry: Telemetry;
  /** Where traces are wanted. */
  readonly traces?: JobTraces | undefined;
  /** Ends the waiting for a queue or database that is away. */
  readonly signal: AbortSignal;
}

/** What takes jobs, from the database to the handlers. */
export interface RunningWorker {
  /** Jobs that are being done. */
  readonly active: number;
  /** For `moltbot worker --warmup`. */
  requestWarmup(): Promise<string>;
  /** @throws MoltbotError `queue_unavailable` */
  counts(): Promise<Readonly<Record<string, JobCounts>>>;
  /** For how many ms the next job of each queue has been due. @throws MoltbotError `queue_unavailable` */
  ages(): Promise<Readonly<Record<string, number>>>;
  /** Takes no more jobs; running ones may end within the grace, then they are handed back. */
  drain(graceMs: number): Promise<void>;
  close(): Promise<void>;
}

/** The database or the queue is asked again after this. */
const RETRY_MS = 1_000;
const DATABASE_CONNECTIONS = 4;
const LOOK_FOR_MODELS_MS = 5_000;
const ANSWER_WITHIN_MS = 3_000;
const THREAD_ENTRY = new URL('./threads/thread-main.js', import.meta.url);

/**
 * Builds everything and starts taking jobs; waits for a database or a queue that is away.
 * @throws MoltbotError for what waiting does not mend (`storage_too_new`, `config_invalid`); the signal's reason
 */
export async function startWorker(options: WorkerOptions): Promise<RunningWorker> {
  const { config, logger, metrics, telemetry, signal } = options;
  const { settings } = config();
  const closers: (() => Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    for (const closer of closers.splice(0).reverse()) {
      await closer().catch((error: unknown) => {
        logger.warn('not closed in order', { error });
      });
    }
  };
  try {
    let registered: RegisteredModels | undefined;
    const database = createStorageAccess(async () => {
      const opened = await openDatabase(options);
      registered = followRegisteredModels({
        list: async () => listRegisteredModels(opened),
        everyMs: LOOK_FOR_MODELS_MS,
        onError: (error) => {
          logger.warn('list of fine-tuned models', { error });
        },
      });
      closers.push(async () => registered?.close());
      await registered.refresh();
      return opened;
    });
    // First, and so closed last.
    closers.push(async () => database.close());
    const storage =
      settings.queue.url === 'storage' ? await patiently(options, 'the database', database.open) : undefined;
    metrics.onRender(() => {
      metrics.usageRowsBuffered.set(database.current()?.usage.stats().buffered ?? 0);
    });
    const credentials = openHomeCredentials({
      config,
      paths: options.paths,
      env: options.env,
      homeDirectory: options.homeDirectory,
      // The queue may be elsewhere, the tokens in the database all the same.
      storage: database.open,
      onEvent: (event) => {
        telemetry.credentialsEvent(event);
      },
    });
    closers.push(async () => credentials.close());
    const observer = telemetry.routerObserver(() => database.current()?.usage);
    const models = await openModels({
      config,
      paths: options.paths,
      env: options.env,
      proxy: options.proxy,
      vault: credentials.vault,
      observer: options.traces?.requests.observe(observer) ?? observer,
      onLocalModel: (event) => {
        telemetry.localModelEvent(event);
      },
      knownModels: (provider) => registered?.of(provider) ?? [],
    });
    closers.push(async () => models.close());
    const stopWatching = telemetry.follow({ models, credentials: async () => credentials.vault.status() });
    closers.push(async () => stopWatching());
    const queues = openQueues({
      ...(storage === undefined ? { url: settings.queue.url } : { connection: storage.connection }),
      timeoutMs: ANSWER_WITHIN_MS,
      onError: (error) => {
        logger.warn('queue', { error });
      },
    });
    closers.push(async () => queues.close());
    const network = createNetwork({ system: systemProxies(options.proxy) });
    closers.push(async () => network.close());
    const objects = createObjectAccess({ settings, paths: options.paths, fetch: network.fetch });
    closers.push(async () => objects.close());
    const limiter = createLimiterAccess({ settings: () => config().settings, storage: database.open });
    closers.push(async () => limiter.close());
    const threads = createThreadPool({
      size: settings.worker.threads,
      memoryBytes: settings.worker.thread_memory,
      entry: THREAD_ENTRY,
    });
    closers.push(async () => threads.close());
    const stopping = new AbortController();
    const runner = createRunner({
      traces: options.traces,
      handlers,
      deps: {
        models: models.warmer,
        settings: () => config().settings,
        credentials: () => config().credentials.map(({ id, provider, entry }) => ({ id, provider, type: entry.type })),
        metrics,
        traces: options.traces?.requests,
        requests: models.requests,
        training: models.training,
        storage: database.open,
        objects: objects.open,
        limiter: limiter.open,
        batchSlots: createSlots(() => config().settings.worker.batch.concurrency),
        threads,
        keepArtifact: createArtifactKeeper(objects.open),
        keepsJob: async (jobId) => (await queues.get(jobId)) !== undefined,
        stopping: stopping.signal,
        elapsed: () => performance.now(),
      },
      logger,
      randomBytes,
    });
    const worker = await patiently(options, 'the queue', async () =>
      // What is given up here ends with `queues.close`.
      untilAborted(
        queues.createWorker(runner, {
          concurrency: settings.worker.concurrency,
          // More of these would only wait for a thread.
          queues: { [JOBS.probe.queue]: { concurrency: settings.worker.threads }, ...settings.worker.queues },
          takeoverAfterMs: settings.worker.takeover_after,
          onEvent: (event) => {
            telemetry.jobEvent(event);
          },
        }),
        signal,
      ),
    );
    signal.throwIfAborted();
    await patiently(options, 'the queue', async () => untilAborted(queues.schedule(schedulesOf(settings)), signal));
    return running({ worker, queues, stopping, close });
  } catch (error) {
    await close();
    throw error;
  }
}

/** What begins by itself because the operator wants it. */
function schedulesOf({ drill }: Settings): Parameters<Queues['schedule']>[0] {
  return drill.schedule === undefined ? {} : { drill: { cron: drill.schedule } };
}

function running(parts: {
  readonly worker: JobWorker;
  readonly queues: Queues;
  readonly stopping: AbortController;
  readonly close: () => Promise<void>;
}): RunningWorker {
  const { worker, queues, stopping, close } = parts;
  return {
    get active() {
      return worker.active;
    },
    requestWarmup: async () => (await queues.enqueue('warmup', {})).id,
    counts: async () => queues.counts(),
    ages: async () => queues.ages(),
    drain: async (graceMs) => {
      stopping.abort();
      await worker.stop({ graceMs });
    },
    close,
  };
}

async function openDatabase({ config, paths, telemetry }: WorkerOptions): Promise<Storage> {
  return openStorage({
    settings: config().settings,
    paths,
    poolSize: DATABASE_CONNECTIONS,
    applicationName: 'moltbot-worker',
    onEvent: (event) => {
      telemetry.storageEvent(event);
    },
  });
}

/** Tries until it works: what is away at the start comes back like what goes away later. */
async function patiently<T>({ logger, signal }: WorkerOptions, what: string, start: () => Promise<T>): Promise<T> {
  for (;;) {
    signal.throwIfAborted();
    try {
      return await start();
    } catch (error) {
      if (!(error instanceof MoltbotError) || !error.retryable) throw error;
      logger.warn(`waiting for ${what}`, { reason: error.message, action: error.action });
      await delay(RETRY_MS, undefined, { signal }).catch(() => {});
    }
  }
}

/** @throws the signal's reason, however long the work would still take */
async function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => {
    aborted.reject(signal.reason);
  };
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
