import { resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { EmbeddedPostgres, EmbeddedPostgresEvent } from './embedded-postgres.js';
import { platformBinaries } from './platform-binaries.js';
import { isRunning } from './process-identity.js';
import { ensureServer, findServer, type RunningServer } from './running-server.js';
import { makeBaseDirectory, serverDirectories } from './server-directories.js';
import { stopServer } from './server-process.js';
import { countUses, registerUse } from './server-uses.js';
import { serverUser } from './server-user.js';
import { acquireStartLock } from './start-lock.js';

export interface EmbeddedPostgresOptions {
  /** Made where it is missing. */
  readonly dataDirectory: string;
  readonly onEvent?: (event: EmbeddedPostgresEvent) => void;
  /** For the server to start and answer. */
  readonly readyTimeoutMs?: number;
  /** A server that lives but answers nothing for this long is replaced. */
  readonly silentTimeoutMs?: number;
  /** How often a server that another process started is looked at. */
  readonly watchIntervalMs?: number;
}

const LOCK_TIMEOUT_MS = 240_000;
const STOP_LOCK_TIMEOUT_MS = 15_000;
const FAST_STOP_TIMEOUT_MS = 10_000;
const MAX_RESTART_WAIT_MS = 5_000;

/**
 * Starts PostgreSQL on this folder, or joins the one that runs there: whoever comes first starts it, whoever leaves last
 * stops it, and when it ends unasked, one of those who use it starts it again at the same place. On Windows it listens on
 * 127.0.0.1 with a password instead of a socket (that part has never been run).
 * @throws MoltbotError `storage_unavailable` with the end of the server's own log
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const began = performance.now();
  const base = resolve(options.dataDirectory);
  const onEvent = options.onEvent ?? (() => {});
  const readyTimeoutMs = options.readyTimeoutMs ?? 30_000;
  const stopped = new AbortController();
  let restarting: Promise<void> | undefined;
  let endUse: () => void = () => {};
  let watch: NodeJS.Timeout | undefined;

  const ensure = async (): Promise<RunningServer> => {
    const user = serverUser({ dataDirectory: serverDirectories(base).data, uid: process.getuid?.() });
    makeBaseDirectory(base, user);
    const lock = await acquireStartLock({ path: serverDirectories(base).lock, timeoutMs: LOCK_TIMEOUT_MS });
    try {
      const running = await ensureServer({
        base,
        user,
        readyTimeoutMs,
        silentTimeoutMs: options.silentTimeoutMs ?? 10_000,
        onPreparing: (directory) => onEvent({ type: 'database-preparing', directory }),
        onElsewhere: (directory) => onEvent({ type: 'database-elsewhere', directory }),
        onExit: () => watch !== undefined && lookAfter(),
      });
      endUse();
      endUse = registerUse(serverDirectories(base).uses);
      return running;
    } finally {
      lock.release();
    }
  };

  let server = await ensure();
  onEvent({
    type: 'database-ready',
    pid: server.identity.pid,
    owned: server.started,
    durationMs: performance.now() - began,
  });
  watch = setInterval(lookAfter, options.watchIntervalMs ?? 1_000);
  watch.unref();

  /** Starts the server again when it is gone; also one that another process started and took with it. */
  function lookAfter(): void {
    if (stopped.signal.aborted || restarting !== undefined || isRunning(server.identity)) return;
    onEvent({ type: 'database-lost', pid: server.identity.pid });
    restarting = restart().finally(() => {
      restarting = undefined;
    });
  }

  async function restart(): Promise<void> {
    for (let wait = 100; !stopped.signal.aborted; wait = Math.min(wait * 2, MAX_RESTART_WAIT_MS)) {
      const since = performance.now();
      try {
        server = await ensure();
        const { identity, started } = server;
        onEvent({ type: 'database-ready', pid: identity.pid, owned: started, durationMs: performance.now() - since });
        return;
      } catch (error) {
        onEvent({ type: 'database-restart-failed', error });
        await delay(wait, undefined, { ref: false, signal: stopped.signal }).catch(() => {});
      }
    }
  }

  async function stop(): Promise<void> {
    stopped.abort();
    clearInterval(watch);
    await restarting;
    let lock: { release(): void } | undefined;
    try {
      lock = await acquireStartLock({ path: serverDirectories(base).lock, timeoutMs: STOP_LOCK_TIMEOUT_MS });
      endUse();
      const directories = serverDirectories(base);
      if (countUses(directories.uses) > 0) return;
      const found = findServer(directories);
      if (found === undefined) return;
      const binaries = process.platform === 'win32' ? platformBinaries().directory : undefined;
      const gone = await stopServer({
        server: found.identity,
        data: directories.data,
        binaries,
        fastTimeoutMs: FAST_STOP_TIMEOUT_MS,
      });
      if (gone) onEvent({ type: 'database-stopped', pid: found.identity.pid });
    } catch (error) {
      // The next start joins the server, or replaces it.
      endUse();
      onEvent({ type: 'database-stop-failed', error });
    } finally {
      lock?.release();
    }
  }

  let stopping: Promise<void> | undefined;
  return {
    connection: server.connection,
    get owned() {
      return server.started;
    },
    get pid() {
      return server.identity.pid;
    },
    stop() {
      stopping ??= stop();
      return stopping;
    },
  };
}
