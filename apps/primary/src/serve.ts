import { homedir } from 'node:os';
import { parseArgs } from 'node:util';
import {
  type Flags,
  homeTag,
  loadConfig,
  type MoltbotPaths,
  moltbotPaths,
  processEnvironment,
  needsRestart,
  readProxyEnvironment,
  type Settings,
  watchConfig,
} from '@moltbot/config';
import { MoltbotError } from '@moltbot/contracts';
import {
  createMetrics,
  openConfiguredLogger,
  openConfiguredTracing,
  type OpsServer,
  RequestTraces,
  startOpsServer,
} from '@moltbot/observability';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { leaveBodiesUnread } from './access/json-body.js';
import { AppModule } from './app.module.js';
import { registerChatRoutes } from './chat/chat-routes.js';
import { buildCore, type Core } from './core/core.js';
import { createTelemetry } from './core/telemetry.js';
import { drainOnSignal } from './drain.js';
import { leaveUploadsUnread } from './jobs/read-upload.js';
import { registerQueueBoard } from './jobs/queue-board.js';
import { requestWarmup } from './jobs/request-warmup.js';
import { traceRoutes } from './ops/trace-routes.js';
import { serverOptions } from './server-options.js';
import { openSignIn, type SignIn } from './sign-in/sign-in.js';
import { VERSION } from './version.js';

/** One primary process, from its configuration to its end: config → telemetry → build → serve → drain. */
export async function serve(options: { readonly argv: readonly string[] }): Promise<void> {
  const { flags, warmup } = readArguments(options.argv);
  const env = processEnvironment();
  const paths = moltbotPaths({ env, homeDirectory: homedir() });
  const initial = await loadConfig({ paths, env, flags });
  const { settings } = initial;

  const metrics = createMetrics({ role: 'primary', version: VERSION });
  const logger = openConfiguredLogger({ role: 'primary', logs: settings.logs, metrics });
  const tracing = await openConfiguredTracing({
    role: 'primary',
    version: VERSION,
    tracing: settings.tracing,
    logger,
    metrics,
  });
  const propagateTo = () => settings.tracing.propagate_to;
  const traces = tracing === undefined ? undefined : new RequestTraces({ tracing, propagateTo });
  const telemetry = createTelemetry({ logger, metrics });
  for (const warning of initial.warnings) logger.warn(warning.message);
  const watcher = watchConfig({
    paths,
    env,
    flags,
    initial,
    onChange(next, changedKeys) {
      logger.setLevel(next.settings.logs.level);
      telemetry.configChanged(
        changedKeys,
        changedKeys.filter((key) => needsRestart(key)),
      );
    },
    onRefused: (error) => telemetry.configRefused(error),
  });

  const parts: { core?: Core; app?: NestFastifyApplication; signIn?: SignIn; ops?: OpsServer } = {};
  const close = async (): Promise<void> => {
    if (parts.app !== undefined) await closeServer(parts.app);
    parts.signIn?.close();
    await parts.ops?.close();
    await parts.core?.close();
    await watcher.close();
    metrics.close();
    // Each waits a few seconds at most for whoever is to have the rest.
    await Promise.all([tracing?.close(), logger.close()]);
  };
  try {
    const core = await buildCore({
      version: VERSION,
      paths,
      config: () => watcher.current(),
      telemetry,
      traces,
      proxy: readProxyEnvironment(env),
      env,
      homeDirectory: homedir(),
    });
    parts.core = core;
    const adapter = new FastifyAdapter({
      ...serverOptions({ server: settings.server, newRequestId: () => core.requestIds.next() }),
      skipMiddie: true,
    });
    parts.app = await NestFactory.create<NestFastifyApplication>(AppModule.with(core), adapter, {
      logger: false,
      bodyParser: false,
      abortOnError: false,
    });
    // No route of ours wants a body parsed for it, least of all a path that nobody serves.
    adapter.getInstance().removeAllContentTypeParsers();
    leaveBodiesUnread(adapter.getInstance());
    leaveUploadsUnread(adapter.getInstance());
    await registerChatRoutes(adapter.getInstance(), core);
    if (tracing !== undefined) traceRoutes(adapter.getInstance(), tracing);
    parts.signIn = await openSignIn({ fastify: adapter.getInstance(), core, logger });
    await registerQueueBoard(adapter.getInstance(), { core, sessions: parts.signIn.sessions });
    // Node would bid every caller that asks first to go on; a route does so once the caller is let in.
    const server = parts.app.getHttpServer();
    server.on('checkContinue', (request, response) => server.emit('request', request, response));
    await listen(parts.app, settings.server);
    parts.ops = await startOps({ core, metrics, server: settings.server, paths });
    const address = parts.app.getHttpServer().address() as { readonly port: number };
    drainOnSignal({
      logger,
      graceMs: () => core.settings().server.drain_grace,
      inFlight: () => core.inFlight(),
      refuse: () => {
        core.drain();
        if (core.settings().server.drain_new === 'close') server.close();
      },
      interrupt: () => core.interrupt(),
      close,
    });
    // The channel may be gone though `send` is not.
    if (process.connected) process.send?.({ type: 'ready', port: address.port, metricsPort: parts.ops.port });
    logger.info('primary ready', {
      host: settings.server.host,
      port: address.port,
      metricsPort: parts.ops.port,
      version: VERSION,
    });
    if (warmup) core.warmLocalModels();
    if (warmup) await requestWarmup({ core, settings: core.settings(), logger });
  } catch (error) {
    await close().catch(() => undefined);
    throw error;
  }
}

/** The command hands its flags over as one JSON object of dotted keys. */
function readArguments(argv: readonly string[]): { flags: Flags; warmup: boolean } {
  const { values } = parseArgs({
    args: [...argv],
    options: { flags: { type: 'string', default: '{}' }, warmup: { type: 'boolean', default: false } },
  });
  return { flags: JSON.parse(values.flags) as Flags, warmup: values.warmup };
}

/** What connections may take to end by themselves: answers are over by then, but a caller may not have read its own. */
const CONNECTIONS_END_WITHIN_MS = 2_000;

async function closeServer(app: NestFastifyApplication): Promise<void> {
  const server = app.getHttpServer();
  const timer = setTimeout(() => server.closeAllConnections(), CONNECTIONS_END_WITHIN_MS);
  try {
    await app.close();
  } finally {
    clearTimeout(timer);
  }
}

async function listen(app: NestFastifyApplication, server: Settings['server']): Promise<void> {
  try {
    await app.listen(server.port, server.host);
  } catch (error) {
    throw toListenError(error, { host: server.host, port: server.port, flag: '--port' });
  }
}

async function startOps(options: {
  readonly core: Core;
  readonly metrics: ReturnType<typeof createMetrics>;
  readonly server: Settings['server'];
  readonly paths: MoltbotPaths;
}): Promise<OpsServer> {
  const { core, metrics, server, paths } = options;
  try {
    return await startOpsServer({
      host: server.metrics_host,
      port: server.metrics_port,
      metrics,
      about: { home: homeTag(paths) },
      health: () => ({ ok: true }),
      ready: () => {
        const checks = core.readiness();
        return { ok: Object.values(checks).every(({ ok, required }) => ok || !required), checks };
      },
    });
  } catch (error) {
    throw toListenError(error, { host: server.metrics_host, port: server.metrics_port, flag: '--metrics-port' });
  }
}

function toListenError(error: unknown, { host, port, flag }: { host: string; port: number; flag: string }): unknown {
  switch ((error as { readonly code?: unknown } | null)?.code) {
    case 'EADDRINUSE':
      return new MoltbotError(
        'port_in_use',
        `Port ${port} is taken. Choose another with \`${flag} N\`, or stop what holds it.`,
        { cause: error },
      );
    case 'EACCES':
      return new MoltbotError(
        'port_in_use',
        `This user may not open port ${port}. Choose one above 1023 with \`${flag} N\`.`,
        { cause: error },
      );
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return new MoltbotError(
        'config_invalid',
        `This machine has no address ${host}. Choose another with \`--host ADDRESS\`, \`server.host\` or \`server.metrics_host\`.`,
        { cause: error },
      );
    default:
      return error;
  }
}
