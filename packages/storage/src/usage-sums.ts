import { sql, type Transaction } from 'kysely';
import type { Database } from './database.js';
import { guarded } from './storage-error.js';
import type { Tables } from './tables.js';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** The oldest attempt in the ledger, in Unix ms. */
export async function oldestUsage({ db }: { readonly db: Database }): Promise<number | undefined> {
  const query = sql<{ oldest: Date | null }>`select min(started_at) as oldest from attempts`;
  const { rows } = await guarded(() => query.execute(db.kysely));
  return rows[0]?.oldest?.getTime();
}

/** The last hour that is summed up, in Unix ms. */
export async function lastSummedHour({ db }: { readonly db: Database }): Promise<number | undefined> {
  const query = sql<{ last: Date | null }>`select max(starts_at) as last from usage_hours`;
  const { rows } = await guarded(() => query.execute(db.kysely));
  return rows[0]?.last?.getTime();
}

/**
 * Sums up the ledger's rows of one hour anew, whatever was there before: the same rows give the same sums, and rows that came late
 * are in. Only for hours whose rows are all still there. @returns how many sums
 */
export async function sumUsageHour(options: {
  readonly db: Database;
  /** Unix ms of any instant in it. */
  readonly hour: number;
}): Promise<number> {
  const from = Math.floor(options.hour / HOUR_MS) * HOUR_MS;
  return replace({
    db: options.db,
    table: 'usage_hours',
    startsAt: from,
    insert: async (transaction) => {
      const result = await sql`insert into usage_hours
        select ${new Date(from)}, coalesce(r.api_key_id, ''), a.provider, a.model, count(distinct a.request_id), count(*),
          count(*) filter (where a.outcome <> 'ok'), coalesce(sum(a.input_tokens), 0), coalesce(sum(a.output_tokens), 0),
          coalesce(sum(a.cached_input_tokens), 0), coalesce(sum(a.reasoning_tokens), 0), coalesce(sum(a.cost_micros), 0)
        from attempts a left join requests r on r.request_id = a.request_id
        where a.started_at >= ${new Date(from)} and a.started_at < ${new Date(from + HOUR_MS)}
        group by 2, 3, 4`.execute(transaction);
      return Number(result.numAffectedRows ?? 0n);
    },
  });
}

/** Sums up the hours of one day (UTC) anew. Requests that took part in two hours count in both. @returns how many sums */
export async function sumUsageDay(options: { readonly db: Database; readonly day: number }): Promise<number> {
  const from = Math.floor(options.day / DAY_MS) * DAY_MS;
  return replace({
    db: options.db,
    table: 'usage_days',
    startsAt: from,
    insert: async (transaction) => {
      const result = await sql`insert into usage_days
        select ${new Date(from)}, api_key_id, provider, model, sum(requests), sum(attempts), sum(failed_attempts),
          sum(input_tokens), sum(output_tokens), sum(cached_input_tokens), sum(reasoning_tokens), sum(cost_micros)
        from usage_hours where starts_at >= ${new Date(from)} and starts_at < ${new Date(from + DAY_MS)}
        group by 2, 3, 4`.execute(transaction);
      return Number(result.numAffectedRows ?? 0n);
    },
  });
}

/** Two that sum up the same do so one after the other. */
async function replace(options: {
  readonly db: Database;
  readonly table: 'usage_hours' | 'usage_days';
  readonly startsAt: number;
  readonly insert: (transaction: Transaction<Tables>) => Promise<number>;
}): Promise<number> {
  const { db, table, startsAt, insert } = options;
  return guarded(() =>
    db.kysely.transaction().execute(async (transaction) => {
      await sql`select pg_advisory_xact_lock(hashtextextended(${`moltbot ${table} ${startsAt}`}, 0))`.execute(
        transaction,
      );
      await sql`delete from ${sql.table(table)} where starts_at = ${new Date(startsAt)}`.execute(transaction);
      return insert(transaction);
    }),
  );
}
