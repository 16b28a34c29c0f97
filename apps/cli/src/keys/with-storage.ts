import { userInfo } from 'node:os';
import { loadConfig, type Settings } from '@moltbot/config';
import type { AuditRecord } from '@moltbot/contracts';
import { openStorage, type Storage } from '@moltbot/storage';
import type { CommandContext } from '../context.js';
import type { ExitName } from '../exit-codes.js';

/** Joins the database of a running server, or starts it for this one command. */
export async function withStorage(
  context: CommandContext,
  use: (storage: Storage, settings: Settings) => Promise<ExitName>,
): Promise<ExitName> {
  const { paths, env, output, messages } = context;
  const { settings } = await loadConfig({ paths, env });
  const storage = await openStorage({
    settings,
    paths,
    poolSize: 1,
    applicationName: 'moltbot-cli',
    onEvent(event) {
      if (event.type === 'database-preparing') output.note(messages.preparingDatabase);
    },
  });
  try {
    return await use(storage, settings);
  } finally {
    await storage.close();
  }
}

/** Notes in the audit log what this machine's user did by a command; written when the storage is closed. */
export function recordAct(storage: Storage, act: Pick<AuditRecord, 'action' | 'target' | 'detail'>): void {
  storage.audit.record({ at: Date.now(), actor: 'local', actorName: userName(), outcome: 'allowed', ...act });
}

/** A container's user may have no name. */
function userName(): string | undefined {
  try {
    return userInfo().username;
  } catch {
    return undefined;
  }
}
