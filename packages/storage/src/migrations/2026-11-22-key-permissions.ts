import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

/**
 * What a key may use, how much of it, and the secret it had before. Every change of the keys raises a version, by whoever
 * makes it: servers look at that one number to learn of a change within a second. One row, so that writers take turns and a
 * higher version is never seen before a lower one is committed.
 */
export const keyPermissions: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await db.schema
      .alterTable('api_keys')
      .addColumn('models', sql`text[]`)
      .addColumn('limits', 'jsonb')
      .addColumn('rotated_at', 'timestamptz')
      .addColumn('previous_hash', 'text', (column) => column.unique())
      .addColumn('previous_until', 'timestamptz')
      .execute();
    await sql`create table api_keys_version (
      only_row boolean primary key default true check (only_row), version bigint not null)`.execute(db);
    await sql`insert into api_keys_version (version) values (1)`.execute(db);
    await sql`create function moltbot_api_keys_changed() returns trigger language plpgsql as $$
      begin
        update api_keys_version set version = version + 1;
        return null;
      end $$`.execute(db);
    // Not for last_used_at, which changes all the time.
    await sql`create trigger api_keys_changed after insert or delete or truncate or update of
      id, name, hash, scopes, models, limits, expires_at, revoked_at, previous_hash, previous_until on api_keys
      for each statement execute function moltbot_api_keys_changed()`.execute(db);
  },
};
