import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

/**
 * Fine-tuning jobs at providers. What is about to be asked of a provider is written before it is asked (`upload_begun_at`,
 * `create_begun_at`), and what came of it after: so that whoever goes on looks for it there first, and trains nothing twice.
 */
export const fineTuning: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await sql`
      create table fine_tunings (
        id text primary key,
        seq bigint generated always as identity,
        owner text,
        idempotency_key text,
        request_hash text not null,
        provider text not null,
        model text not null,
        asked jsonb not null,
        training_file text not null,
        training_key text not null,
        validation_file text,
        validation_key text,
        status text not null check (status in
          ('validating_files', 'queued', 'running', 'succeeded', 'failed', 'cancelled')),
        error jsonb,
        data_set jsonb,
        credential text,
        upload_begun_at timestamptz,
        upstream_file text,
        upstream_validation_file text,
        create_begun_at timestamptz,
        upstream_id text,
        upstream jsonb,
        trouble jsonb,
        fine_tuned_model text,
        created_at timestamptz not null default now(),
        cancel_requested_at timestamptz,
        ended_at timestamptz,
        worker text,
        heard_at timestamptz not null default now()
      )`.execute(db);
    await sql`create unique index fine_tunings_seq on fine_tunings (seq)`.execute(db);
    await sql`create index fine_tunings_by_owner on fine_tunings (owner, seq)`.execute(db);
    await sql`create unique index fine_tunings_idempotency on fine_tunings (coalesce(owner, ''), idempotency_key)
      where idempotency_key is not null`.execute(db);
    await sql`create index fine_tunings_open on fine_tunings (heard_at) where ended_at is null`.execute(db);
    for (const table of ['fine_tuning_events', 'fine_tuning_checkpoints'] as const) {
      await sql`
        create table ${sql.table(table)} (
          fine_tuning_id text not null references fine_tunings (id) on delete cascade,
          id text not null,
          seq bigint generated always as identity,
          at timestamptz not null,
          content jsonb not null,
          primary key (fine_tuning_id, id)
        )`.execute(db);
      await sql`create index ${sql.id(`${table}_in_order`)} on ${sql.table(table)} (fine_tuning_id, seq)`.execute(db);
    }
    await sql`
      create table registered_models (
        provider text not null,
        name text not null,
        base_model text not null,
        fine_tuning_id text not null,
        owner text,
        created_at timestamptz not null default now(),
        primary key (provider, name)
      )`.execute(db);
  },
};
