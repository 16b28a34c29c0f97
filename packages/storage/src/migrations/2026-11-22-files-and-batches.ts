import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

/**
 * Files of callers (their bytes are in the object store) and batches of requests. What a batch has answered is kept by the line it
 * was asked in, so that a line is answered once however many workers took the batch, until its files are written.
 */
export const filesAndBatches: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await sql`
      create table files (
        id text primary key,
        seq bigint generated always as identity,
        owner text,
        purpose text not null,
        name text not null,
        bytes bigint not null default 0,
        sha256 text,
        object_key text not null,
        state text not null check (state in ('uploading', 'ready', 'deleting')),
        created_at timestamptz not null default now(),
        expires_at timestamptz
      )`.execute(db);
    await sql`create index files_by_owner on files (owner, seq)`.execute(db);
    await sql`create unique index files_seq on files (seq)`.execute(db);
    await sql`create index files_expire on files (expires_at) where expires_at is not null`.execute(db);
    await sql`create index files_unsettled on files (created_at) where state <> 'ready'`.execute(db);
    await sql`
      create table batches (
        id text primary key,
        seq bigint generated always as identity,
        owner text,
        caller jsonb,
        idempotency_key text,
        request_hash text not null,
        endpoint text not null,
        input_file_id text not null,
        input_key text not null,
        completion_window text not null,
        metadata jsonb,
        status text not null check (status in
          ('validating', 'failed', 'in_progress', 'finalizing', 'completed', 'expired', 'cancelling', 'cancelled')),
        errors jsonb,
        total integer not null default 0,
        completed integer not null default 0,
        failed integer not null default 0,
        output_file_id text,
        error_file_id text,
        output_expires_ms bigint,
        created_at timestamptz not null default now(),
        expires_at timestamptz not null,
        in_progress_at timestamptz,
        finalizing_at timestamptz,
        cancelling_at timestamptz,
        ended_at timestamptz,
        worker text,
        heard_at timestamptz not null default now()
      )`.execute(db);
    await sql`create index batches_by_owner on batches (owner, seq)`.execute(db);
    await sql`create unique index batches_seq on batches (seq)`.execute(db);
    await sql`create unique index batches_idempotency on batches (coalesce(owner, ''), idempotency_key)
      where idempotency_key is not null`.execute(db);
    await sql`create index batches_open on batches (heard_at) where ended_at is null`.execute(db);
    await sql`create index batches_ended on batches (ended_at) where ended_at is not null`.execute(db);
    await sql`
      create table batch_results (
        batch_id text not null references batches (id) on delete cascade,
        line integer not null,
        kind text not null check (kind in ('output', 'error')),
        content text not null,
        primary key (batch_id, line)
      )`.execute(db);
  },
};
