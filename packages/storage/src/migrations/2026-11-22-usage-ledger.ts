import { type CreateTableBuilder, type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

/** One row per request and one per attempt (contracts/usage-records). Both are deleted by `started_at`. */
export const usageLedger: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await db.schema
      .createTable('requests')
      .addColumn('request_id', 'text', (column) => column.primaryKey())
      .addColumn('started_at', 'timestamptz', (column) => column.notNull())
      .addColumn('duration_ms', 'float8', (column) => column.notNull())
      .addColumn('operation', 'text', (column) => column.notNull())
      .addColumn('dialect', 'text', (column) => column.notNull())
      .addColumn('chain', 'text', (column) => column.notNull())
      .addColumn('api_key_id', 'text')
      .addColumn('stream', 'boolean', (column) => column.notNull())
      .addColumn('outcome', 'text', (column) => column.notNull())
      .addColumn('error_code', 'text')
      .addColumn('served_by', 'text')
      .addColumn('attempts', 'integer', (column) => column.notNull())
      .$call(withTokens)
      .execute();
    await sql`create index requests_started on requests (started_at)`.execute(db);
    await sql`create index requests_by_key on requests (api_key_id, started_at) where api_key_id is not null`.execute(
      db,
    );

    await db.schema
      .createTable('attempts')
      .addColumn('request_id', 'text', (column) => column.notNull())
      .addColumn('index', 'integer', (column) => column.notNull())
      .addColumn('started_at', 'timestamptz', (column) => column.notNull())
      .addColumn('provider', 'text', (column) => column.notNull())
      .addColumn('model', 'text', (column) => column.notNull())
      .addColumn('credential', 'text', (column) => column.notNull())
      .addColumn('outcome', 'text', (column) => column.notNull())
      .addColumn('status', 'integer')
      .addColumn('duration_ms', 'float8', (column) => column.notNull())
      .addColumn('first_content_ms', 'float8')
      .addColumn('role', 'text', (column) => column.notNull())
      .$call(withTokens)
      // No foreign key: an attempt's row may be written before its request's, by another batch.
      .addPrimaryKeyConstraint('attempts_pkey', ['request_id', 'index'])
      .execute();
    await sql`create index attempts_started on attempts (started_at)`.execute(db);
  },
};

function withTokens<Table extends string, Column extends string>(
  table: CreateTableBuilder<Table, Column>,
): CreateTableBuilder<Table, Column> {
  return table
    .addColumn('input_tokens' as Column, 'bigint')
    .addColumn('output_tokens' as Column, 'bigint')
    .addColumn('cached_input_tokens' as Column, 'bigint')
    .addColumn('cache_write_tokens' as Column, 'bigint')
    .addColumn('reasoning_tokens' as Column, 'bigint')
    .addColumn('usage_source' as Column, 'text')
    .addColumn('cost_micros' as Column, 'bigint');
}
