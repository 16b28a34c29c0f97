import { sql } from 'kysely';
import type { Database } from './database.js';
import { guarded } from './storage-error.js';

/** Sums over all attempts, also the failed and the cancelled ones. */
export interface UsageTotal {
  /** `2026-11-22` (UTC), `provider:model`, or the id of an API key (empty: access was open). */
  readonly group: string;
  readonly requests: number;
  readonly attempts: number;
  readonly failedAttempts: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly cachedInputTokens: number;
  readonly reasoningTokens: number;
  /** Millionths of the price currency; attempts without a configured price count nothing. */
  readonly costMicros: number;
}

export interface UsageTotalsOptions {
  readonly db: Database;
  readonly by: 'day' | 'model' | 'key';
  /** Unix ms; from (included) … to (excluded). */
  readonly from: number;
  readonly to: number;
}

const GROUPS = {
  day: sql<string>`to_char(a.started_at at time zone 'UTC', 'YYYY-MM-DD')`,
  model: sql<string>`a.provider || ':' || a.model`,
  key: sql<string>`coalesce(r.api_key_id, '')`,
} as const;

/** Totals of the attempts that started in the period, ordered by group. */
export async function usageTotals(options: UsageTotalsOptions): Promise<readonly UsageTotal[]> {
  const group = GROUPS[options.by];
  const query = sql<UsageTotal>`
    select ${group} as "group",
      count(distinct a.request_id) as requests,
      count(*) as attempts,
      count(*) filter (where a.outcome <> 'ok') as "failedAttempts",
      coalesce(sum(a.input_tokens), 0)::bigint as "inputTokens",
      coalesce(sum(a.output_tokens), 0)::bigint as "outputTokens",
      coalesce(sum(a.cached_input_tokens), 0)::bigint as "cachedInputTokens",
      coalesce(sum(a.reasoning_tokens), 0)::bigint as "reasoningTokens",
      coalesce(sum(a.cost_micros), 0)::bigint as "costMicros"
    from attempts a left join requests r on r.request_id = a.request_id
    where a.started_at >= ${new Date(options.from)} and a.started_at < ${new Date(options.to)}
    group by 1 order by 1`;
  const { rows } = await guarded(() => query.execute(options.db.kysely));
  return rows;
}

/**
 * Deletes rows that started before `before` (Unix ms), a few thousand per statement, so that no lock is held for long.
 * @returns how many rows went
 */
export async function deleteUsageBefore(options: { readonly db: Database; readonly before: number }): Promise<number> {
  let deleted = 0;
  for (const table of ['attempts', 'requests'] as const) {
    for (let last = DELETE_BATCH; last === DELETE_BATCH; ) {
      const query = sql`delete from ${sql.table(table)} where ctid = any(array(
        select ctid from ${sql.table(table)} where started_at < ${new Date(options.before)} limit ${DELETE_BATCH}))`;
      const { numAffectedRows } = await guarded(() => query.execute(options.db.kysely));
      last = Number(numAffectedRows ?? 0n);
      deleted += last;
    }
  }
  return deleted;
}

const DELETE_BATCH = 5_000;
