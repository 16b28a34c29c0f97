import type { Statement } from './database.js';

/** The functions of the migration `budgets`; `null` as the moment is the database's own clock. */
export const BUDGET_STATEMENTS = {
  reserve: {
    name: 'moltbot_budget_reserve',
    text: `select * from moltbot_budget_reserve($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::float8[],
      coalesce(to_timestamp($7::float8 / 1000), clock_timestamp()))`,
  },
  settle: { name: 'moltbot_budget_settle', text: 'select moltbot_budget_settle($1::text[], $2::bigint[]) as ended' },
  lapse: {
    name: 'moltbot_budget_lapse',
    text: 'select moltbot_budget_lapse(coalesce(to_timestamp($1::float8 / 1000), clock_timestamp())) as ended',
  },
  standing: {
    name: 'moltbot_budget_standing',
    text: `with clock as (select coalesce(to_timestamp($2::float8 / 1000), clock_timestamp()) as moment),
      periods as (
        select moment, period, date_trunc(period, moment at time zone 'UTC') as starts
          from clock, (values ('day'), ('month')) as p (period))
      select p.period, coalesce(b.spent, 0)::text as spent, coalesce(b.reserved, 0)::text as reserved,
        extract(epoch from ((p.starts + ('1 ' || p.period)::interval) at time zone 'UTC') - p.moment)::float8 * 1000 as left_ms
        from periods as p left join budget_spend as b
          on b.key_id = $1 and b.period = p.period and b.starts_on = p.starts::date`,
  },
} as const satisfies Record<string, Statement>;
