import { existsSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { MoltbotError, type Secret } from '@moltbot/contracts';
import type { EmbeddedConnection } from './embedded-postgres.js';
import { initialiseData, isInitialised, SUPERUSER, serverPassword, syncInBackground } from './initialise-data.js';
import { finishReturn } from './kept-data.js';
import { platformBinaries } from './platform-binaries.js';
import { type PostmasterFile, postmasterFilePath, readPostmasterFile } from './postmaster-file.js';
import { createDatabase, isListening, probeServer } from './probe-server.js';
import { commandLineOf, isRunning, type ProcessIdentity, processIdentity } from './process-identity.js';
import { reachableBinaries } from './reachable-binaries.js';
import { placeServer, type ServerDirectories, socketDirectory } from './server-directories.js';
import { choosePort, type Listening, launchServer, logTail, stopServer, untilReady } from './server-process.js';
import type { ServerUser } from './server-user.js';

export interface RunningServer {
  readonly identity: ProcessIdentity;
  readonly connection: EmbeddedConnection;
  /** Whether it was started by this call. */
  readonly started: boolean;
}

export interface EnsureServerOptions {
  readonly base: string;
  readonly user: ServerUser | undefined;
  readonly readyTimeoutMs: number;
  /** A living server that answers nothing for this long is replaced. */
  readonly silentTimeoutMs: number;
  readonly onPreparing: (directory: string) => void;
  readonly onElsewhere: (directory: string) => void;
  /** A server started here ended. */
  readonly onExit: () => void;
}

const DATABASE = 'moltbot';
const PROBE_TIMEOUT_MS = 2_000;
const ORPHANS_TIMEOUT_MS = 5_000;

/** Joins the server that runs on this folder, or starts one. Called under the start lock. @throws MoltbotError `storage_unavailable` */
export async function ensureServer(options: EnsureServerOptions): Promise<RunningServer> {
  const { base, user } = options;
  const { directories, movedElsewhere } = placeServer({ base, user });
  if (movedElsewhere) options.onElsewhere(directories.server);
  const password = process.platform === 'win32' ? serverPassword(directories) : undefined;
  const running = await joinServer({ ...options, directories, password });
  if (running !== undefined) return running;

  const binaries = await reachableBinaries({ binaries: platformBinaries(), directories, user });
  finishReturn({ dataDirectory: base });
  if (!isInitialised(directories)) {
    options.onPreparing(directories.data);
    await initialiseData({ directories, binaries, user, password });
  }
  const listening = await choosePlace(directories, user);
  const identity = await launchUntilReady({ ...options, directories, binaries, listening });
  const connection = connectionTo(listening, password);
  try {
    if ((await probeServer(connection, PROBE_TIMEOUT_MS)) === 'no-database') {
      await createDatabase(connection, options.readyTimeoutMs);
    }
  } catch (cause) {
    await stopServer({ server: identity, data: directories.data, binaries, fastTimeoutMs: 3_000 });
    throw new MoltbotError('storage_unavailable', 'The embedded database could not be set up.', { cause });
  }
  syncInBackground({ directories, binaries, user });
  return { identity, connection, started: true };
}

async function launchUntilReady(
  options: EnsureServerOptions & {
    readonly directories: ServerDirectories;
    readonly binaries: string;
    readonly listening: Listening;
  },
): Promise<ProcessIdentity> {
  const { binaries, listening, user, onExit, readyTimeoutMs } = options;
  const { data, log } = options.directories;
  // After a main process that was killed, its last children may hold the shared memory for a moment: try again.
  const orphansUntil = readPostmasterFile(data) === undefined ? 0 : performance.now() + ORPHANS_TIMEOUT_MS;
  for (;;) {
    let ready = false;
    const identity = await launchServer({ binaries, data, log, listening, user, onExit: () => ready && onExit() });
    ready = await untilReady({ server: identity, data, timeoutMs: readyTimeoutMs });
    if (ready) return identity;
    const ended = !isRunning(identity);
    await stopServer({ server: identity, data, binaries, fastTimeoutMs: 1_000 });
    if (ended && performance.now() < orphansUntil) {
      await delay(200);
      continue;
    }
    const what = ended ? 'ended at its start' : `was not ready within ${readyTimeoutMs / 1_000} s`;
    throw new MoltbotError('storage_unavailable', `The embedded database ${what}. The end of ${log}:\n${logTail(log)}`);
  }
}

/** What runs there according to its own file; `undefined` where nothing does. Changes nothing. */
export function findServer(
  directories: ServerDirectories,
): { readonly identity: ProcessIdentity; readonly listening: Listening } | undefined {
  const file = readPostmasterFile(directories.data);
  if (file === undefined) return undefined;
  const identity = processIdentity(file.pid);
  if (!isRunning(identity) || ownership(directories.data, file.pid) === 'another') return undefined;
  return { identity, listening: { host: file.socketDirectory || file.listenAddress, port: file.port } };
}

async function joinServer(
  options: EnsureServerOptions & {
    readonly directories: ServerDirectories;
    readonly password: Secret | undefined;
  },
): Promise<RunningServer | undefined> {
  const { directories, password, silentTimeoutMs, readyTimeoutMs } = options;
  const probeTimeoutMs = Math.min(PROBE_TIMEOUT_MS, silentTimeoutMs);
  const deadline = performance.now() + readyTimeoutMs;
  let silentSince = performance.now();
  for (;;) {
    const found = findServer(directories);
    if (found === undefined) {
      const file = readPostmasterFile(directories.data);
      if (file !== undefined) await refuseUnseenServer(directories, file);
      // PostgreSQL would take a process that has got the number since for its predecessor. Else the file stays: with it
      // the new server finds children of the old one that are still at work.
      if (file !== undefined && isRunning({ pid: file.pid })) rmSync(postmasterFilePath(directories.data));
      return undefined;
    }
    const connection = connectionTo(found.listening, password);
    const answer = await probeServer(connection, probeTimeoutMs);
    if (answer === 'no-database') await createDatabase(connection, readyTimeoutMs);
    if (answer === 'ready' || answer === 'no-database') return { identity: found.identity, connection, started: false };
    if (answer === 'forbidden') {
      throw new MoltbotError(
        'storage_unavailable',
        `The embedded database in ${directories.data} is run by another user: start MoltBot as that user.`,
      );
    }
    if (answer !== 'silent') silentSince = performance.now();
    if (performance.now() - silentSince >= silentTimeoutMs || performance.now() >= deadline) {
      const ours = ownership(directories.data, found.identity.pid) === 'ours';
      const patience = Math.min(3_000, silentTimeoutMs);
      const timeouts = { fastTimeoutMs: patience, immediateTimeoutMs: patience };
      const stop = { server: found.identity, data: directories.data, binaries: undefined, ...timeouts };
      if (!ours || !(await stopServer(stop))) {
        throw new MoltbotError(
          'storage_unavailable',
          `The embedded database (pid ${found.identity.pid}) does not answer and can't be stopped.`,
        );
      }
    }
    await delay(50);
  }
}

/**
 * Two containers on one folder don't see each other's processes, and nothing in PostgreSQL keeps a second server from its
 * data there. The socket in the folder tells. @throws MoltbotError `storage_unavailable` where somebody listens
 */
async function refuseUnseenServer(directories: ServerDirectories, file: PostmasterFile): Promise<void> {
  if (process.platform === 'win32') return;
  // Where the folder is mounted at another path there, its note of the socket's place means nothing here.
  for (const directory of new Set([join(directories.server, 'socket'), file.socketDirectory])) {
    if (directory === '' || !(await isListening(join(directory, `.s.PGSQL.${file.port}`)))) continue;
    throw new MoltbotError(
      'storage_unavailable',
      `Another container uses the embedded database in ${directories.data}: stop that one first, or set \`storage.url\` to a PostgreSQL server that both can reach.`,
    );
  }
}

/** Whether a living process is the server of this folder: its command line names it. A number alone may be anybody's. */
function ownership(data: string, pid: number): 'ours' | 'another' | 'unknown' {
  const commandLine = commandLineOf(pid);
  if (commandLine === undefined) return 'unknown';
  return commandLine.includes(`-D ${data}`) || commandLine.includes(`-D ${realpathSync(data)}`) ? 'ours' : 'another';
}

async function choosePlace(directories: ServerDirectories, user: ServerUser | undefined): Promise<Listening> {
  const { platform } = process;
  if (platform !== 'win32') {
    return { host: socketDirectory({ directories, user }), port: await choosePort({ platform, last: 0 }) };
  }
  // The same port as last time, so that the pools of other processes find it again.
  const note = join(directories.base, 'port');
  const port = await choosePort({ platform, last: existsSync(note) ? Number(readFileSync(note, 'utf8')) : 0 });
  writeFileSync(note, String(port), { mode: 0o600 });
  return { host: '127.0.0.1', port };
}

function connectionTo(listening: Listening, password: Secret | undefined): EmbeddedConnection {
  const place = { ...listening, database: DATABASE, user: SUPERUSER };
  return password === undefined ? place : { ...place, password };
}
