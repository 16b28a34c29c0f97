import { homedir } from 'node:os';
import { loadConfig, type LoadedConfig, type StoredCredential } from '@moltbot/config';
import { openHomeCredentials } from '@moltbot/credentials';
import type { Storage } from '@moltbot/storage';
import type { CommandContext } from '../context.js';
import type { ExitName } from '../exit-codes.js';
import { recordAct } from '../keys/with-storage.js';
import { readRunning } from '../roles/run-lock.js';
import type { CliCredentials } from './cli-credentials.js';

type Exit = ExitName | number;

/**
 * Opens the credentials of this home for one command: the same tokens, sealed with the same key, as a running server uses.
 * Nothing is opened that no entry of auth.json needs.
 */
export async function withCredentials(
  context: CommandContext,
  use: (credentials: CliCredentials) => Promise<Exit>,
): Promise<Exit> {
  const { paths, env, output } = context;
  let config = await loadConfig({ paths, env });
  /** Instead of `config`, while a sign-in with an entry that is not written yet is under way. */
  let preview: LoadedConfig | undefined;
  let storage: Promise<Storage> | undefined;
  const credentials = openHomeCredentials({
    config: () => preview ?? config,
    paths,
    env,
    homeDirectory: homedir(),
    onWarning: (warning) => output.note(warning.message),
    storage: () => (storage ??= open(context, config)),
    keepAlive: false,
  });
  const look = (stored: StoredCredential): void => {
    if (!config.credentials.includes(stored)) preview = withEntry(config, stored);
  };
  try {
    return await use({
      get config() {
        return config;
      },
      vault: credentials.vault,
      async tokenOf(stored) {
        look(stored);
        return credentials.vault.tokenFor(stored.id);
      },
      async withClient(stored, run) {
        look(stored);
        const opened = await credentials.openClient(stored.id);
        try {
          return await run(opened.client);
        } finally {
          await opened.close();
        }
      },
      async assertKeepsTokens() {
        await credentials.vault.status();
        await credentials.sealer();
      },
      async reload() {
        config = await loadConfig({ paths, env });
        preview = undefined;
      },
      async note(act) {
        const isNear = storage !== undefined || readRunning(paths.runDirectory) !== undefined;
        // A database is not started for a line in its log.
        if (!isNear && config.settings.storage.url === 'embedded') return;
        try {
          recordAct(await (storage ??= open(context, config)), act);
        } catch (error) {
          output.note(error instanceof Error ? error.message : String(error));
        }
      },
    });
  } finally {
    await credentials.close();
    await (await storage?.catch(() => undefined))?.close();
  }
}

/** The entry in its place, or as the last one. */
function withEntry(config: LoadedConfig, stored: StoredCredential): LoadedConfig {
  const { credentials } = config;
  const isThere = credentials.some(({ id }) => id === stored.id);
  const edited = credentials.map((other) => (other.id === stored.id ? stored : other));
  return { ...config, credentials: isThere ? edited : [...edited, stored] };
}

/** Joins the database of a running server, or starts it for this one command. */
async function open({ paths, output, messages }: CommandContext, { settings }: LoadedConfig): Promise<Storage> {
  const { openStorage } = await import('@moltbot/storage');
  return openStorage({
    settings,
    paths,
    poolSize: 2,
    applicationName: 'moltbot-cli',
    onEvent(event) {
      if (event.type === 'database-preparing') output.note(messages.preparingDatabase);
    },
  });
}
