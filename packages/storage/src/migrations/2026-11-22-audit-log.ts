import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

/** One row per denied request (or a flood of them) and per administrative act (contracts/audit-record). */
export const auditLog: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    // An id begins with its time, so that the key alone gives the newest first, a page after another, and what is too old.
    await sql`create table audit_log (
      id text collate "C" primary key,
      at timestamptz not null,
      actor text not null,
      actor_name text,
      source text,
      action text not null,
      target text,
      outcome text not null,
      error_code text,
      request_id text,
      count integer not null default 1,
      detail jsonb)`.execute(db);
    await sql`create index audit_log_by_actor on audit_log (actor, id)`.execute(db);
    await sql`create index audit_log_by_action on audit_log (action, id)`.execute(db);
  },
};
