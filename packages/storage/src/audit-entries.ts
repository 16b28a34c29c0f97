import type { AuditRecord } from '@moltbot/contracts';
import { sql } from 'kysely';
import { auditTimePrefix } from './audit-log.js';
import type { Database } from './database.js';
import { guarded } from './storage-error.js';

/** A row of the audit log. */
export interface AuditEntry extends AuditRecord {
  /** `aud_…`; sorts by time. */
  readonly id: string;
  readonly count: number;
}

export interface AuditFilter {
  readonly actor?: string | undefined;
  /** An action, or the part before a dot with all that follows: `key` for `key.create`, `key.revoke`. */
  readonly action?: string | undefined;
  readonly outcome?: 'allowed' | 'denied' | undefined;
  /** Unix ms; from then on. */
  readonly since?: number | undefined;
  /** Unix ms; before then. */
  readonly until?: number | undefined;
}

export interface AuditPage {
  readonly entries: readonly AuditEntry[];
  /** The `after` of the next page; none where this is the last one. */
  readonly next: string | undefined;
}

/** The audit log, newest first, a page at a time. @throws MoltbotError `storage_unavailable` */
export async function auditEntries(options: {
  readonly db: Database;
  readonly filter?: AuditFilter;
  /** The id that the page before ended with. */
  readonly after?: string | undefined;
  readonly limit: number;
}): Promise<AuditPage> {
  const { db, filter = {}, after, limit } = options;
  const { actor, action, outcome, since, until } = filter;
  let query = db.kysely.selectFrom('audit_log').selectAll();
  if (actor !== undefined) query = query.where('actor', '=', actor);
  if (action !== undefined) {
    query = query.where((where) =>
      where.or([where('action', '=', action), sql<boolean>`starts_with(action, ${`${action}.`})`]),
    );
  }
  if (outcome !== undefined) query = query.where('outcome', '=', outcome);
  if (since !== undefined) query = query.where('id', '>=', auditTimePrefix(since));
  if (until !== undefined) query = query.where('id', '<', auditTimePrefix(until));
  if (after !== undefined) query = query.where('id', '<', after);
  const rows = await guarded(() =>
    query
      .orderBy('id', 'desc')
      .limit(limit + 1)
      .execute(),
  );
  const entries = rows.slice(0, limit).map(
    (row): AuditEntry => ({
      id: row.id,
      at: row.at.getTime(),
      actor: row.actor,
      actorName: row.actor_name ?? undefined,
      source: row.source ?? undefined,
      action: row.action,
      target: row.target ?? undefined,
      outcome: row.outcome,
      errorCode: row.error_code ?? undefined,
      requestId: row.request_id ?? undefined,
      count: row.count,
      detail: row.detail ?? undefined,
    }),
  );
  return { entries, next: rows.length > limit ? entries.at(-1)?.id : undefined };
}

/** Takes away at most `limit` rows from before an instant (Unix ms). @returns how many */
export async function deleteAuditBefore(options: {
  readonly db: Database;
  readonly before: number;
  readonly limit: number;
}): Promise<number> {
  const { db, before, limit } = options;
  const result = await guarded(() =>
    db.kysely
      .deleteFrom('audit_log')
      .where('id', 'in', (from) =>
        from.selectFrom('audit_log').select('id').where('id', '<', auditTimePrefix(before)).orderBy('id').limit(limit),
      )
      .executeTakeFirst(),
  );
  return Number(result.numDeletedRows);
}
