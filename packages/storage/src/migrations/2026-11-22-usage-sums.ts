import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

/** Sums of the ledger by hour and by day (UTC): they stay when the ledger's rows go. An open caller's key is the empty text. */
export const usageSums: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    for (const table of ['usage_hours', 'usage_days']) {
      await sql`
        create table ${sql.table(table)} (
          starts_at timestamptz not null,
          api_key_id text not null,
          provider text not null,
          model text not null,
          requests bigint not null,
          attempts bigint not null,
          failed_attempts bigint not null,
          input_tokens bigint not null,
          output_tokens bigint not null,
          cached_input_tokens bigint not null,
          reasoning_tokens bigint not null,
          cost_micros bigint not null,
          primary key (starts_at, api_key_id, provider, model)
        )`.execute(db);
    }
  },
};
