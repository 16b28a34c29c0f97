import { MoltbotError } from '@moltbot/contracts';
import { Kysely, PostgresDialect, sql } from 'kysely';
import { type Migration, Migrator } from 'kysely/migration';
import pg from 'pg';
import { type DatabaseConnection, poolConfig } from '../database.js';
import { storageErrorFrom } from '../storage-error.js';
import { MIGRATIONS } from './all.js';

const TABLE = 'moltbot_migration';
const LOCK_TABLE = 'moltbot_migration_lock';
/** A migration may have to wait for another process's, and to work through a large table itself. */
const STATEMENT_TIMEOUT_MS = 300_000;
/** The question at each start waits for nobody. */
const LOOK_TIMEOUT_MS = 10_000;

export interface MigrateOptions {
  readonly connection: DatabaseConnection;
  readonly migrations?: Readonly<Record<string, Migration>>;
  /** For the look whether anything has to be done. */
  readonly lookTimeoutMs?: number;
}

/**
 * Brings the database to this version's tables; safe while other processes do the same (kysely's advisory lock).
 * @returns the names of what was done now
 * @throws MoltbotError `storage_too_new` where a later version was there, `storage_unavailable` where nobody answers
 */
export async function migrate(options: MigrateOptions): Promise<readonly string[]> {
  const migrations = options.migrations ?? MIGRATIONS;
  const { connection } = options;
  const lookTimeoutMs = options.lookTimeoutMs ?? LOOK_TIMEOUT_MS;
  if (await withConnection({ connection, statementTimeoutMs: lookTimeoutMs }, (db) => isUpToDate(db, migrations))) {
    return [];
  }
  return withConnection({ connection, statementTimeoutMs: STATEMENT_TIMEOUT_MS }, async (db) => {
    const migrator = new Migrator({
      db,
      provider: { getMigrations: () => Promise.resolve({ ...migrations }) },
      migrationTableName: TABLE,
      migrationLockTableName: LOCK_TABLE,
    });
    const { error, results = [] } = await migrator.migrateToLatest();
    if (error !== undefined) throw error;
    return results.map((result) => result.migrationName);
  });
}

/** A connection of its own, because the waits here are other than a query's. */
async function withConnection<T>(
  options: { readonly connection: DatabaseConnection; readonly statementTimeoutMs: number },
  use: (db: Kysely<unknown>) => Promise<T>,
): Promise<T> {
  const pool = new pg.Pool(poolConfig({ ...options, poolSize: 1 }));
  pool.on('error', () => {});
  pool.on('connect', (client) => client.on('error', () => {}));
  try {
    return await use(new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) }));
  } catch (error) {
    throw storageErrorFrom(error);
  } finally {
    await pool.end();
  }
}

/** The usual start asks one question; the migrator itself would read the whole catalogue. */
async function isUpToDate(db: Kysely<unknown>, migrations: Readonly<Record<string, Migration>>): Promise<boolean> {
  const there = await sql<{ known: boolean }>`select to_regclass(${TABLE}) is not null as known`.execute(db);
  if (there.rows[0]?.known !== true) return false;
  const done = await sql<{ name: string }>`select name from ${sql.table(TABLE)}`.execute(db);
  const unknown = done.rows.map((row) => row.name).filter((name) => !Object.hasOwn(migrations, name));
  if (unknown.length > 0) {
    throw new MoltbotError(
      'storage_too_new',
      `The database was changed by a newer version of MoltBot (${unknown.join(', ')}), which this one can't read.`,
    );
  }
  return done.rows.length === Object.keys(migrations).length;
}
