import type { Sql } from './connect.ts';

/** How long the rows of a target that nobody calls any more are kept. */
const KEPT_SECONDS = 3600;

/**
 * Each slot is a row, and whoever has its row locked may take it: so no slot is ever held by two. What is fair is found
 * out beside that, without a lock: it may be off for a moment.
 */
export async function takeSlots(
  sql: Sql,
  leaseSeconds: number,
  target: string,
  holder: string,
  slots: { of: number; most: number },
): Promise<number> {
  const { taken, rows } = await takeFree(sql, leaseSeconds, target, holder, slots);
  if (rows >= slots.of) return taken;
  await sql`
    insert into limit_slots (target, slot) select ${target}, n from generate_series(0, ${slots.of - 1}::int) as n
    on conflict do nothing`;
  const more = await takeFree(sql, leaseSeconds, target, holder, { ...slots, most: slots.most - taken });
  return taken + more.taken;
}

/** The highest first: of operations that share a target, those with a lower limit can only take the low ones. */
async function takeFree(
  sql: Sql,
  leaseSeconds: number,
  target: string,
  holder: string,
  { of, most }: { of: number; most: number },
): Promise<{ taken: number; rows: number }> {
  const [row] = await sql<{ taken: number; rows: number }[]>`
    with known as (
      select count(*) as rows, count(*) filter (where holder = ${holder} and expires_at > clock_timestamp()) as mine,
        count(distinct holder) filter (where holder <> ${holder} and expires_at > clock_timestamp()) as others
      from limit_slots where target = ${target} and slot < ${of}::int
    ), free as (
      select target, slot from limit_slots
      where target = ${target} and slot < ${of}::int and (holder is null or expires_at <= clock_timestamp())
      order by slot desc
      limit (select greatest(0, least(${most}::bigint, ceil(${of}::float8 / (others + 1))::bigint - mine)) from known)
      for update skip locked
    ), taken as (
      update limit_slots s set holder = ${holder},
        expires_at = clock_timestamp() + make_interval(secs => ${leaseSeconds})
      from free f where s.target = f.target and s.slot = f.slot
      returning s.slot
    )
    select (select count(*) from taken)::int as taken, rows::int from known`;
  return row!;
}

export async function keepSlots(sql: Sql, leaseSeconds: number, holder: string): Promise<number> {
  const kept = await sql`
    update limit_slots set expires_at = clock_timestamp() + make_interval(secs => ${leaseSeconds})
    where holder = ${holder}`;
  return kept.count;
}

/**
 * Which ones are given is found out once, in a `with`. A subquery in the condition may be run anew for each row, as
 * PostgreSQL plans it where it knows of few holders, and would choose others each time: calls would be out in slots
 * that somebody else has.
 */
export async function giveSlots(sql: Sql, holder: string, slots?: number): Promise<void> {
  await sql`
    with given as materialized (
      select target, slot from limit_slots where holder = ${holder} limit ${slots ?? null} for update)
    update limit_slots s set holder = null, expires_at = clock_timestamp()
    from given g where s.target = g.target and s.slot = g.slot`;
}

/** Slots that nobody has held for long. The next one to call the target makes them anew. */
export async function forgetSlots(sql: Sql, most: number): Promise<number> {
  const forgotten = await sql`
    with old as materialized (
      select target, slot from limit_slots
      where expires_at < clock_timestamp() - make_interval(secs => ${KEPT_SECONDS})
      limit ${most} for update skip locked)
    delete from limit_slots s using old where s.target = old.target and s.slot = old.slot`;
  return forgotten.count;
}
