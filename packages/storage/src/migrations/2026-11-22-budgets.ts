import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

/**
 * Money of callers. A key's rows of a day and a month hold what was spent and what is set aside for calls under way; each of
 * those has a reservation. Whoever changes either locks the key's rows of `budget_spend` first, in the order of their primary
 * key: so nobody waits in a circle. Amounts are millionths of the price currency.
 */
export const budgets: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await sql`
      create table budget_spend (
        key_id text not null,
        period text not null check (period in ('day', 'month')),
        starts_on date not null,
        spent bigint not null default 0 check (spent >= 0),
        reserved bigint not null default 0 check (reserved >= 0),
        primary key (key_id, period, starts_on)
      )`.execute(db);
    await sql`create index budget_spend_starts on budget_spend (starts_on)`.execute(db);
    await sql`
      create table budget_reservations (
        id text primary key,
        key_id text not null,
        amount bigint not null check (amount > 0),
        day date not null,
        month date not null,
        lapses_at timestamptz not null,
        lapsed boolean not null default false
      )`.execute(db);
    await sql`create index budget_reservations_lapses on budget_reservations (lapses_at)`.execute(db);
    await sql.raw(RESERVE).execute(db);
    await sql.raw(LOCK).execute(db);
    await sql.raw(SETTLE).execute(db);
    await sql.raw(LAPSE).execute(db);
  },
};

/** More than any budget; a sum of two still fits a bigint. */
const MOST = '4000000000000000000';

/** Many asks at once, in their order: each is granted where every limit of its key has room, whatever became of the others. */
const RESERVE = `
  create function moltbot_budget_reserve(
    ids text[], keys text[], amounts bigint[], day_limits bigint[], month_limits bigint[], lapse_ms float8[], moment timestamptz
  ) returns table (
    id text, granted boolean, day_spent text, day_reserved text, month_spent text, month_reserved text,
    day_left_ms float8, month_left_ms float8
  ) language plpgsql as $$
  declare
    today date := (moment at time zone 'UTC')::date;
    first_of_month date := date_trunc('month', moment at time zone 'UTC')::date;
    day_ms float8 := extract(epoch from ((today + 1)::timestamp at time zone 'UTC') - moment) * 1000;
    month_ms float8 := extract(epoch from ((first_of_month + interval '1 month') at time zone 'UTC') - moment) * 1000;
    ask record;
    of_key text;
    d_spent bigint; d_reserved bigint; m_spent bigint; m_reserved bigint; taken bigint := 0;
    fits boolean;
  begin
    insert into budget_spend as b (key_id, period, starts_on)
      select distinct k.key_id, p.period, p.starts_on
        from unnest(keys) as k (key_id), (values ('day', today), ('month', first_of_month)) as p (period, starts_on)
        order by 1, 2, 3
      on conflict on constraint budget_spend_pkey do nothing;
    perform 1 from budget_spend as b
      where b.key_id = any(keys)
        and ((b.period = 'day' and b.starts_on = today) or (b.period = 'month' and b.starts_on = first_of_month))
      order by b.key_id, b.period, b.starts_on for update;
    for ask in
      select a.* from unnest(ids, keys, amounts, day_limits, month_limits, lapse_ms)
        with ordinality as a (id, key_id, amount, day_limit, month_limit, lapse, place) order by a.key_id, a.place
    loop
      if of_key is distinct from ask.key_id then
        update budget_spend as b set reserved = b.reserved + taken where taken > 0 and b.key_id = of_key
          and ((b.period = 'day' and b.starts_on = today) or (b.period = 'month' and b.starts_on = first_of_month));
        of_key := ask.key_id;
        taken := 0;
        select b.spent, b.reserved into d_spent, d_reserved from budget_spend as b
          where b.key_id = of_key and b.period = 'day' and b.starts_on = today;
        select b.spent, b.reserved into m_spent, m_reserved from budget_spend as b
          where b.key_id = of_key and b.period = 'month' and b.starts_on = first_of_month;
      end if;
      fits := (ask.day_limit is null or d_spent::numeric + d_reserved + ask.amount <= ask.day_limit)
        and (ask.month_limit is null or m_spent::numeric + m_reserved + ask.amount <= ask.month_limit)
        and greatest(d_reserved, m_reserved)::numeric + ask.amount <= 9000000000000000000;
      if fits then
        taken := taken + ask.amount;
        d_reserved := d_reserved + ask.amount;
        m_reserved := m_reserved + ask.amount;
        insert into budget_reservations (id, key_id, amount, day, month, lapses_at)
          values (ask.id, ask.key_id, ask.amount, today, first_of_month, moment + ask.lapse * interval '1 millisecond');
      end if;
      id := ask.id;
      granted := fits;
      day_spent := d_spent; day_reserved := d_reserved; month_spent := m_spent; month_reserved := m_reserved;
      day_left_ms := day_ms; month_left_ms := month_ms;
      return next;
    end loop;
    update budget_spend as b set reserved = b.reserved + taken where taken > 0 and b.key_id = of_key
      and ((b.period = 'day' and b.starts_on = today) or (b.period = 'month' and b.starts_on = first_of_month));
  end $$`;

/** Locks the rows that these reservations belong to. */
const LOCK = `
  create function moltbot_budget_lock(ids text[]) returns void language plpgsql as $$
  begin
    perform 1 from budget_spend as b
      where exists (
        select 1 from budget_reservations as r where r.id = any(ids) and r.key_id = b.key_id
          and b.starts_on = case b.period when 'day' then r.day else r.month end)
      order by b.key_id, b.period, b.starts_on for update;
  end $$`;

/**
 * Ends reservations at what their calls cost, in the periods they were made in. One that is not there is over already. Does not
 * wait for the disk while the key's rows are locked: a settlement that a crash takes away leaves a reservation that lapses.
 */
const SETTLE = `
  create function moltbot_budget_settle(ids text[], costs bigint[]) returns integer language plpgsql as $$
  declare
    ended integer;
  begin
    perform set_config('synchronous_commit', 'off', true);
    perform moltbot_budget_lock(ids);
    with gone as (
      delete from budget_reservations as r using unnest(ids, costs) as s (id, cost) where r.id = s.id
        returning r.key_id, r.day, r.month, s.cost, r.amount, r.lapsed),
    changes as (
      select g.key_id, p.period, case p.period when 'day' then g.day else g.month end as starts_on,
        sum(case when g.lapsed then 0 else g.amount end) as freed,
        sum(case when g.lapsed then g.cost - g.amount else g.cost end) as cost
        from gone as g, (values ('day'), ('month')) as p (period) group by 1, 2, 3),
    changed as (
      update budget_spend as b set
        reserved = greatest(0, b.reserved - c.freed),
        spent = least(greatest(0, b.spent + c.cost), ${MOST})
        from changes as c where b.key_id = c.key_id and b.period = c.period and b.starts_on = c.starts_on)
    select count(*) into ended from gone;
    return ended;
  end $$`;

/**
 * Takes reservations whose time is over as spent. They are kept a week: a process that was only slow still tells what its call
 * really cost.
 */
const LAPSE = `
  create function moltbot_budget_lapse(moment timestamptz) returns integer language plpgsql as $$
  declare
    ids text[] := array(select r.id from budget_reservations as r
      where not r.lapsed and r.lapses_at <= moment order by r.lapses_at limit 500);
    ended integer;
  begin
    perform moltbot_budget_lock(ids);
    with late as (
      update budget_reservations as r set lapsed = true where r.id = any(ids) and not r.lapsed
        returning r.key_id, r.day, r.month, r.amount),
    changes as (
      select l.key_id, p.period, case p.period when 'day' then l.day else l.month end as starts_on, sum(l.amount) as amount
        from late as l, (values ('day'), ('month')) as p (period) group by 1, 2, 3),
    changed as (
      update budget_spend as b set
        reserved = greatest(0, b.reserved - c.amount), spent = least(b.spent + c.amount, ${MOST})
        from changes as c where b.key_id = c.key_id and b.period = c.period and b.starts_on = c.starts_on)
    select count(*) into ended from late;
    delete from budget_reservations as r where r.lapsed and r.lapses_at < moment - interval '7 days';
    delete from budget_spend as b where b.reserved = 0 and b.starts_on < (moment - interval '400 days')::date;
    return ended;
  end $$`;
