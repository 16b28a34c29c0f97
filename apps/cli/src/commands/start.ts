import { join } from 'node:path';
import { type LoadedConfig, loadConfig } from '@moltbot/config';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '@moltbot/storage';
import { greet } from '../banner.js';
import type { Command, CommandContext } from '../context.js';
import { CommandError } from '../exit-codes.js';
import { roleEntry } from '../roles/role-process.js';
import { type RunLock, takeRunLock } from '../roles/run-lock.js';
import { listenForStop } from '../roles/stop-signals.js';
import { supervise } from '../roles/supervise.js';
import { serverFlags } from '../server-flags.js';

/** Primary and worker together on the embedded database, kept alive until a signal ends them. */
export const start: Command = async ({ options, context }) => {
  const { output, messages } = context;
  const flags = serverFlags('primary', options);
  const config = await loadConfig({ paths: context.paths, env: context.env, flags });
  const withWorker = options['worker'] !== false;
  roleEntry('primary', messages);
  if (withWorker) roleEntry('worker', messages);
  const lock = takeHome(context);
  // From here on a signal is heard: what was begun is also ended.
  const signals = listenForStop();
  let database: EmbeddedPostgres | undefined;
  try {
    output.note(messages.starting);
    database = await startDatabase(config, context);
    if (signals.asked.aborted) return 'ok';
    await supervise({
      context,
      config,
      flags,
      lock,
      signals,
      warmup: options['warmup'] === true,
      withWorker,
      onReady({ url, metricsUrl }) {
        output.result({ event: 'ready', url, metricsUrl, pid: process.pid });
        void greet({ context, config, url, metricsUrl });
      },
    });
    return 'ok';
  } finally {
    await database?.stop();
    lock.release();
    signals.close();
  }
};

function takeHome({ paths, messages }: CommandContext): RunLock {
  const lock = takeRunLock(paths.runDirectory);
  if (lock.taken) return lock;
  const { pid, url = '' } = lock.by;
  throw new CommandError('refused', messages.alreadyRunning(pid, url), { code: 'already_running' });
}

/** The supervisor has the database too, so that it outlives both roles and is prepared once. */
async function startDatabase(
  { settings }: LoadedConfig,
  { paths, output, messages }: CommandContext,
): Promise<EmbeddedPostgres | undefined> {
  if (settings.storage.url !== 'embedded') return undefined;
  return startEmbeddedPostgres({
    dataDirectory: join(paths.dataDirectory, 'postgres'),
    onEvent(event) {
      if (event.type === 'database-preparing') output.note(messages.preparingDatabase);
      else if (event.type === 'database-elsewhere') output.note(messages.databaseElsewhere(event.directory));
      else if (event.type === 'database-lost') output.error(messages.databaseLost);
    },
  });
}
