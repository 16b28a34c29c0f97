import { homedir } from 'node:os';
import { parseArgs } from 'node:util';
import {
  type Flags,
  homeTag,
  loadConfig,
  type MoltbotPaths,
  moltbotPaths,
  needsRestart,
  processEnvironment,
  readProxyEnvironment,
  type Settings,
  watchConfig,
} from '@moltbot/config';
import { MoltbotError } from '@moltbot/contracts';
import {
  createMetrics,
  JobTraces,
  type Logger,
  type Metrics,
  openConfiguredLogger,
  openConfiguredTracing,
  type OpsServer,
  startOpsServer,
} from '@moltbot/observability';
import { drainOnSignal } from './drain.js';
import { createReadiness, type Phase, type Readiness } from './readiness.js';
import { createTelemetry } from './telemetry.js';
import { VERSION } from './version.js';
import { type RunningWorker, startWorker } from './wiring.js';

/** One worker process, from its configuration to its end: config → telemetry → build → serve → drain. */
export async function serve({ argv }: { readonly argv: readonly string[] }): Promise<void> {
  const { flags, warmup } = readArguments(argv);
  const env = processEnvironment();
  const paths = moltbotPaths({ env, homeDirectory: homedir() });
  const initial = await loadConfig({ paths, env, flags });
  const { settings } = initial;
  const proxy = readProxyEnvironment(env);

  const metrics = createMetrics({ role: 'worker', version: VERSION });
  const logger = openConfiguredLogger({ role: 'worker', logs: settings.logs, metrics });
  const tracing = await openConfiguredTracing({
    role: 'worker',
    version: VERSION,
    tracing: settings.tracing,
    logger,
    metrics,
  });
  const propagateTo = (): readonly string[] => settings.tracing.propagate_to;
  const traces = tracing === undefined ? undefined : new JobTraces({ tracing, propagateTo });
  const telemetry = createTelemetry({ logger, metrics });
  for (const warning of initial.warnings) logger.warn(warning.message);
  const watch = watchConfig({
    paths,
    env,
    flags,
    initial,
    onChange: (next, keys) => {
      logger.setLevel(next.settings.logs.level);
      telemetry.configChanged(
        keys,
        keys.filter((key) => needsRestart(key)),
      );
    },
    onRefused: (error) => {
      telemetry.configRefused(error);
    },
  });

  let phase: Phase = 'starting';
  let worker: RunningWorker | undefined;
  let starting: Promise<RunningWorker> | undefined;
  let ops: OpsServer | undefined;
  const stopStarting = new AbortController();
  const close = async (): Promise<void> => {
    await worker?.close();
    await ops?.close();
    await watch.close();
    metrics.close();
    // Each waits a few seconds at most for whoever is to have the rest.
    await Promise.all([tracing?.close(), logger.close()]);
  };
  endOnFault(logger);
  const drain = drainOnSignal({
    logger,
    graceMs: () => watch.current().settings.worker.drain_grace,
    active: () => worker?.active ?? 0,
    drain: async (graceMs) => {
      phase = 'draining';
      stopStarting.abort();
      worker ??= await starting?.catch(() => undefined);
      await worker?.drain(graceMs);
    },
    close,
  });
  try {
    const readiness = createReadiness({
      phase: () => phase,
      active: () => worker?.active ?? 0,
      counts: async () => worker?.counts() ?? {},
      ages: async () => worker?.ages() ?? {},
      metrics,
      elapsed: () => performance.now(),
    });
    metrics.onRender(async () => readiness.refresh());
    ops = await openOps({ settings, metrics, readiness, paths });
    starting = startWorker({
      paths,
      config: () => watch.current(),
      proxy,
      env,
      homeDirectory: homedir(),
      logger,
      metrics,
      telemetry,
      traces,
      signal: stopStarting.signal,
    });
    worker = await starting;
  } catch (error) {
    // Whoever drains closes too.
    if (stopStarting.signal.aborted) return;
    drain.cancel();
    await close();
    throw error;
  }
  if (stopStarting.signal.aborted) return;
  phase = 'working';
  // The channel may be gone though `send` is not.
  if (process.connected) process.send?.({ type: 'ready', metricsPort: ops.port });
  logger.info('worker ready', {
    metricsPort: ops.port,
    concurrency: settings.worker.concurrency,
    version: VERSION,
    pid: process.pid,
  });
  if (warmup) await requestWarmup(worker, logger);
}

/** The command hands its flags over as one JSON object of dotted keys. */
function readArguments(argv: readonly string[]): { readonly flags: Flags; readonly warmup: boolean } {
  const { values } = parseArgs({
    args: [...argv],
    options: { flags: { type: 'string', default: '{}' }, warmup: { type: 'boolean', default: false } },
  });
  return { flags: JSON.parse(values.flags) as Flags, warmup: values.warmup };
}

async function openOps(options: {
  readonly settings: Settings;
  readonly metrics: Metrics;
  readonly readiness: Readiness;
  readonly paths: MoltbotPaths;
}): Promise<OpsServer> {
  const { settings, metrics, readiness, paths } = options;
  const port = settings.worker.metrics_port;
  try {
    return await startOpsServer({
      host: settings.server.metrics_host,
      port,
      metrics,
      about: { home: homeTag(paths) },
      health: () => readiness.health(),
      ready: async () => readiness.ready(),
    });
  } catch (error) {
    throw portProblem(error, { host: settings.server.metrics_host, port });
  }
}

/** Under `moltbot start` the flag of this name is the primary's: what is told works in every case. */
function portProblem(error: unknown, { host, port }: { readonly host: string; readonly port: number }): unknown {
  const choose =
    '`worker.metrics_port` in config.yml, MOLTBOT_WORKER_METRICS_PORT, or `moltbot worker --metrics-port N` chooses another';
  switch ((error as NodeJS.ErrnoException).code) {
    case 'EADDRINUSE':
      return new MoltbotError(
        'port_in_use',
        `Port ${port} is taken (the worker's metrics): ${choose}; or stop what holds it.`,
        { cause: error },
      );
    case 'EACCES':
      return new MoltbotError(
        'port_in_use',
        `This user may not open port ${port} (the worker's metrics): ${choose}, above 1023.`,
        { cause: error },
      );
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return new MoltbotError('config_invalid', `\`server.metrics_host\`: this machine has no address ${host}.`, {
        cause: error,
      });
    default:
      return error;
  }
}

/** A fault is in the log, file included, before the process ends; its jobs go to another worker. */
function endOnFault(logger: Logger): void {
  const end = async (error: unknown): Promise<never> => {
    logger.error('fault', { error });
    await logger.close();
    process.exit(1);
  };
  process.once('uncaughtException', (error) => void end(error));
}

async function requestWarmup(worker: RunningWorker, logger: Logger): Promise<void> {
  try {
    logger.info('warm-up requested', { jobId: await worker.requestWarmup() });
  } catch (error) {
    logger.warn('no warm-up: the queue does not answer', { error });
  }
}
