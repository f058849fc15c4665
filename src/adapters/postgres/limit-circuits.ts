import type { TargetState } from '../../engine/ports/limit-store.ts';
import type { Sql } from './connect.ts';

/** For how long somebody who wants a slot is remembered, unless asking again. */
const WANTED_SECONDS = 1.5;

/** How long calls that found a target down are remembered after the last of them. */
const KEPT_SECONDS = 3600;

export async function lookAt(sql: Sql, targets: readonly string[]): Promise<Map<string, TargetState>> {
  const rows = await sql<(TargetState & { target: string })[]>`
    select t.target, coalesce(c.failures, 0) as failures,
      ${secondsUntil(sql, 'open_until')} as "openSeconds", ${secondsUntil(sql, 'probing_until')} as "probingSeconds",
      ${secondsUntil(sql, 'blocked_until')} as "blockedSeconds",
      coalesce(c.wanted_until > clock_timestamp(), false) as wanted,
      (select count(distinct s.holder) from limit_slots s
        where s.target = t.target and s.expires_at > clock_timestamp())::int as holders
    from unnest(${targets as string[]}::text[]) as t(target) left join limit_circuits c on c.target = t.target`;
  return new Map(rows.map(({ target, ...state }) => [target, state]));
}

function secondsUntil(sql: Sql, column: string) {
  return sql`coalesce(greatest(0, extract(epoch from ${sql(`c.${column}`)} - clock_timestamp())), 0)::float8`;
}

export async function wantSlots(sql: Sql, target: string): Promise<void> {
  await sql`
    insert into limit_circuits as c (target, wanted_until, forget_at)
    values (${target}, ${later(sql, WANTED_SECONDS)}, ${later(sql, KEPT_SECONDS)})
    on conflict (target) do update set wanted_until = excluded.wanted_until,
      forget_at = greatest(c.forget_at, excluded.forget_at)`;
}

/** Of several waits the longest counts. */
export async function block(sql: Sql, target: string, seconds: number): Promise<void> {
  await sql`
    insert into limit_circuits as c (target, blocked_until, forget_at)
    values (${target}, ${later(sql, seconds)}, ${later(sql, seconds + KEPT_SECONDS)})
    on conflict (target) do update set blocked_until = greatest(c.blocked_until, excluded.blocked_until),
      forget_at = greatest(c.forget_at, excluded.forget_at)`;
}

/** Calls that were under way when nothing more was to be sent do not make that last longer; one that probed does. */
export async function foundDown(
  sql: Sql,
  target: string,
  breaker: { failures: number; seconds: number },
): Promise<void> {
  const until = later(sql, breaker.seconds);
  await sql`
    insert into limit_circuits as c (target, failures, open_until, forget_at)
    values (${target}, 1, case when ${breaker.failures}::int <= 1 then ${until} end,
      ${later(sql, breaker.seconds + KEPT_SECONDS)})
    on conflict (target) do update set failures = least(c.failures, 1000000000) + 1,
      open_until = case when c.failures + 1 < ${breaker.failures}::int then c.open_until
        when c.open_until > clock_timestamp() then c.open_until else ${until} end,
      probing_until = null, forget_at = greatest(c.forget_at, excluded.forget_at)`;
}

export async function answered(sql: Sql, target: string): Promise<void> {
  await sql`
    update limit_circuits set failures = 0, open_until = null, probing_until = null
    where target = ${target} and (failures > 0 or open_until is not null or probing_until is not null)`;
}

/** Whoever changes the row first has it: the others find that somebody is at it. */
export async function probe(sql: Sql, target: string, seconds: number): Promise<boolean> {
  const probing = await sql`
    update limit_circuits set probing_until = ${later(sql, seconds)},
      forget_at = greatest(forget_at, ${later(sql, seconds + KEPT_SECONDS)})
    where target = ${target} and (open_until is null or open_until <= clock_timestamp())
      and (probing_until is null or probing_until <= clock_timestamp())`;
  return probing.count > 0;
}

export async function forgetCircuits(sql: Sql, most: number): Promise<number> {
  const forgotten = await sql`
    with old as materialized (
      select target from limit_circuits where forget_at < clock_timestamp() limit ${most} for update skip locked)
    delete from limit_circuits c using old where c.target = old.target`;
  return forgotten.count;
}

function later(sql: Sql, seconds: number) {
  return sql`clock_timestamp() + make_interval(secs => ${seconds})`;
}
