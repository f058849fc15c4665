import type { Rate } from '../../core/limits.ts';
import { leewaySeconds, type Taken } from '../../engine/ports/limit-store.ts';
import type { Sql } from './connect.ts';

/**
 * A rate is kept as what was taken of it in each slice of its time. A slice counts until its time is over for the
 * youngest record in it: so never more is taken in any stretch of that time, not only on average as with a bucket that
 * fills steadily, and of a full rate all can be had at once.
 */
const SLICES = 50;

/** So many slices count: those that lie in the time as a whole, and the one that it begins in. */
const COUNTED = SLICES + 1;

export interface Asked {
  least: number;
  most: number;
  /** A single call: it is refused while those are locked, and locks them when there is none left for it. */
  single: boolean;
}

export async function takeRate(sql: Sql, key: string, rate: Rate, asked: Asked): Promise<Taken> {
  for (;;) {
    const taken = await takeFromRow(sql, key, rate, asked);
    if (taken !== null) return taken;
    await sql`insert into limit_rates (key) values (${key}) on conflict do nothing`;
  }
}

/**
 * One statement, which locks the row, looks at the clock, and only then counts. `aged` moves the slices on, `counted`
 * says how much is left, `given` how much of it is taken.
 * @returns `null`: there is no such row yet
 */
async function takeFromRow(sql: Sql, key: string, rate: Rate, asked: Asked): Promise<Taken | null> {
  const slice = (rate.seconds + leewaySeconds(rate)) / SLICES;
  const lock = asked.single ? (rate.lockSeconds ?? null) : null;
  const [row] = await sql<Taken[]>`
    with row as (
      select key, taken, slice_at, locked_until from limit_rates where key = ${key} for update
    ), timed as materialized (
      select *, clock_timestamp() as at from row
    ), aged as (
      select t.key, t.at, t.locked_until,
        (array_fill(0, array[p.passed]) || t.taken)[1:${COUNTED}::int] as taken,
        case when p.passed >= ${COUNTED}::int or t.slice_at > t.at then t.at
          else t.slice_at + p.passed * ${slice}::float8 * interval '1 second' end as slice_at
      from timed t cross join lateral (
        select greatest(0, least(${COUNTED}::int,
          floor(extract(epoch from t.at - t.slice_at) / ${slice}::float8)))::int as passed) p
    ), counted as (
      select a.*, greatest(0, ${rate.records}::float8 - u.used) as free,
        -- The oldest slice with anything in it comes back first, the newest last.
        extract(epoch from a.slice_at - a.at)::float8 + (${COUNTED}::int + 1 - u.oldest) * ${slice}::float8 as next,
        extract(epoch from a.slice_at - a.at)::float8 + (${COUNTED}::int + 1 - u.newest) * ${slice}::float8 as last,
        coalesce(greatest(0, extract(epoch from a.locked_until - a.at)), 0)::float8 as locked
      from aged a cross join lateral (
        select coalesce(sum(n), 0)::float8 as used, coalesce(max(i) filter (where n > 0), ${COUNTED}::int) as oldest,
          coalesce(min(i) filter (where n > 0), ${COUNTED}::int) as newest
        from unnest(a.taken) with ordinality as u(n, i)) u
    ), given as (
      select c.*, case when c.free < ${asked.least}::float8 or (${asked.single}::boolean and c.locked > 0) then 0
        else least(c.free, ${asked.most}::float8) end as given
      from counted c
    ), told as (
      select g.*, case when ${lock}::float8 is not null and g.given = 0 and g.locked = 0 then ${lock}::float8
        else g.locked end as locks
      from given g
    )
    update limit_rates r set slice_at = t.slice_at,
      taken = array_prepend((coalesce(t.taken[1], 0) + t.given)::int, t.taken[2:]),
      locked_until = case when t.locks > 0 then t.at + make_interval(secs => t.locks) end,
      forget_at = t.at + make_interval(secs => greatest(t.locks, 2 * ${rate.seconds}::float8) + 60)
    from told t where r.key = t.key
    returning t.given as records,
      case when ${asked.single}::boolean and t.locks > 0 then 0 else t.free - t.given end as left,
      case when t.given >= ${asked.most}::float8 then 0
        when ${asked.single}::boolean and t.locks > 0 then t.locks
        else greatest(0.001, t.next) end as "waitSeconds",
      case when t.given > 0
        then extract(epoch from t.slice_at - t.at)::float8 + ${COUNTED}::int * ${slice}::float8
        else greatest(0, t.last) end as "resetSeconds"`;
  return row ?? null;
}

export async function forgetRates(sql: Sql, most: number): Promise<number> {
  const forgotten = await sql`
    with old as materialized (
      select key from limit_rates where forget_at < clock_timestamp() limit ${most} for update skip locked)
    delete from limit_rates r using old where r.key = old.key`;
  return forgotten.count;
}
