import { join } from 'node:path';
import type { Settings } from '@moltbot/config';
import { Secret } from '@moltbot/contracts';
import { type ApiKeyStore, createApiKeyStore } from './api-keys.js';
import { type AuditLog, createAuditLog } from './audit-log.js';
import { type BatchStore, createBatchStore } from './batches.js';
import { type Budgets, createBudgets } from './budgets.js';
import { createCredentialTokens, type CredentialTokens } from './credential-tokens.js';
import { type Database, type DatabaseConnection, openDatabase } from './database.js';
import type { EmbeddedPostgres, EmbeddedPostgresEvent } from './embedded-postgres/embedded-postgres.js';
import { startEmbeddedPostgres } from './embedded-postgres/start-embedded-postgres.js';
import { createFileStore, type FileStore } from './files.js';
import { createFineTuningStore, type FineTuningStore } from './fine-tunings.js';
import { migrate } from './migrations/migrate.js';
import { createUsageLedger, type UsageLedger } from './usage-ledger.js';

export type StorageEvent =
  | EmbeddedPostgresEvent
  | { readonly type: 'storage-migrated'; readonly migrations: readonly string[] }
  /** A connection broke while nobody used it; the pool makes another. */
  | { readonly type: 'storage-connection-lost'; readonly error: unknown }
  /** Ledger rows or last-used times could not be written now; they are kept and tried again. */
  | { readonly type: 'storage-write-failed'; readonly error: unknown }
  /** `requests`: how many of the rows were those of whole requests. */
  | {
      readonly type: 'usage-dropped';
      readonly count: number;
      readonly requests: number;
      readonly reason: 'full' | 'refused' | 'closed';
    }
  | { readonly type: 'audit-dropped'; readonly count: number; readonly reason: 'full' | 'refused' | 'closed' };

export interface StorageOptions {
  readonly settings: { readonly storage: Pick<Settings['storage'], 'url'> };
  /** `dataDirectory` of config's paths: the embedded database is `postgres/` in it. */
  readonly paths: { readonly dataDirectory: string };
  readonly poolSize?: number;
  /** Shown in `pg_stat_activity`: `moltbot-primary`. */
  readonly applicationName?: string;
  readonly onEvent?: (event: StorageEvent) => void;
}

export interface Storage {
  readonly db: Database;
  readonly apiKeys: ApiKeyStore;
  readonly audit: AuditLog;
  readonly usage: UsageLedger;
  /** Money of callers, set aside before a call and settled after it. */
  readonly budgets: Budgets;
  /** Callers' files: their rows, not their bytes. */
  readonly files: FileStore;
  readonly batches: BatchStore;
  readonly fineTunings: FineTuningStore;
  /** Connects when it is first asked. */
  readonly credentialTokens: CredentialTokens;
  /** How to reach the same database with pools of one's own (the queue). */
  readonly connection: DatabaseConnection;
  /** Writes what is buffered (bounded), closes the pool, and stops the embedded server where nobody else uses it. */
  close(): Promise<void>;
}

/**
 * Starts or joins the embedded database, or connects to `storage.url`, and brings its tables up to date.
 * @throws MoltbotError `storage_unavailable`, `storage_too_new`
 */
export async function openStorage(options: StorageOptions): Promise<Storage> {
  const onEvent = options.onEvent ?? (() => {});
  const { url } = options.settings.storage;
  const server: EmbeddedPostgres | undefined =
    url === 'embedded'
      ? await startEmbeddedPostgres({ dataDirectory: join(options.paths.dataDirectory, 'postgres'), onEvent })
      : undefined;
  const connection: DatabaseConnection = server?.connection ?? { url: new Secret(url) };
  try {
    const migrations = await migrate({ connection });
    if (migrations.length > 0) onEvent({ type: 'storage-migrated', migrations });
  } catch (error) {
    await server?.stop();
    throw error;
  }
  const db = openDatabase({
    connection,
    onError: (error) => onEvent({ type: 'storage-connection-lost', error }),
    ...(options.poolSize === undefined ? {} : { poolSize: options.poolSize }),
    ...(options.applicationName === undefined ? {} : { applicationName: options.applicationName }),
  });
  const onError = (error: unknown) => onEvent({ type: 'storage-write-failed', error });
  const apiKeys = createApiKeyStore({ db, onError });
  const usage = createUsageLedger({ db, onError, onDropped: (drop) => onEvent({ type: 'usage-dropped', ...drop }) });
  const audit = createAuditLog({ db, onError, onDropped: (drop) => onEvent({ type: 'audit-dropped', ...drop }) });
  const budgets = createBudgets({ db, onError });
  const credentialTokens = createCredentialTokens({ connection });
  let closing: Promise<void> | undefined;

  async function close(): Promise<void> {
    await Promise.all([usage.close(), budgets.close(), apiKeys.close(), audit.close()]);
    await Promise.all([db.close(), credentialTokens.close()]);
    await server?.stop();
  }

  return {
    db,
    apiKeys,
    audit,
    usage,
    budgets,
    files: createFileStore({ db }),
    batches: createBatchStore({ db }),
    fineTunings: createFineTuningStore({ db }),
    credentialTokens,
    connection,
    close() {
      closing ??= close();
      return closing;
    },
  };
}
