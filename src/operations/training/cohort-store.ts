import type { TransactionSql } from '../../core/sql.ts';
import type { CohortDetails } from './cohort-details.ts';
import { nameKey } from './cohort-name.ts';

/** Statements for many cohorts at once. Those that are changed or removed are locked already. */

export interface NewCohort extends CohortDetails {
  id: string;
  course: string;
  name: string;
}

/** Inserts the cohorts whose names are free in their courses; answers the ids of those inserted. */
export async function insertCohorts(
  sql: TransactionSql,
  accountId: string,
  cohorts: readonly NewCohort[],
): Promise<Set<string>> {
  if (cohorts.length === 0) return new Set();
  const columns = columnsOf(cohorts);
  const rows = await sql<{ id: string }>`
    insert into cohorts (account_id, id, course, name, description, thumbnail_url, starts_at, ends_at, room, quota,
      delivery, days, group_types, is_local)
    select ${accountId}::uuid, v.id, v.course, v.name, v.description, v.thumbnail_url, v.starts_at, v.ends_at, v.room,
      v.quota, coalesce(v.delivery, 'offline'), coalesce(string_to_array(v.days, ';'), '{}'),
      coalesce(string_to_array(v.group_types, ';'), '{}'), coalesce(v.is_local, false)
    from unnest(${cohorts.map(({ id }) => id)}::text[]::uuid[], ${cohorts.map(({ course }) => course)}::text[],
      ${columns.name}::text[], ${columns.description}::text[], ${columns.thumbnail_url}::text[],
      ${columns.starts_at}::text[]::timestamptz[], ${columns.ends_at}::text[]::timestamptz[],
      ${columns.room}::text[], ${columns.quota}::text[]::int[], ${columns.delivery}::text[], ${columns.days}::text[],
      ${columns.group_types}::text[], ${columns.is_local}::text[]::boolean[])
      as v(id, course, name, description, thumbnail_url, starts_at, ends_at, room, quota, delivery, days, group_types,
        is_local)
    order by v.course, v.name
    on conflict do nothing
    returning id`;
  return new Set(rows.map(({ id }) => id));
}

/** Which of these names are taken in their courses, as keys, and by whom. */
export async function readNames(
  sql: TransactionSql,
  accountId: string,
  names: readonly { course: string; name: string }[],
): Promise<Map<string, string>> {
  if (names.length === 0) return new Map();
  const rows = await sql<{ id: string | null; course: string; name: string }>`
    select v.course, v.name, (
      select c.id from cohorts c
      where c.account_id = ${accountId}::uuid and c.course = v.course and c.name = v.name) as id
    from unnest(${names.map(({ course }) => course)}::text[], ${names.map(({ name }) => name)}::text[])
      as v(course, name)`;
  return new Map(rows.flatMap(({ id, course, name }) => (id === null ? [] : [[nameKey(course, name), id]])));
}

/** Writes what is given over what is stored, which is locked already; what is not given stays. */
export async function updateCohorts(
  sql: TransactionSql,
  accountId: string,
  changes: ReadonlyMap<string, CohortDetails>,
): Promise<void> {
  if (changes.size === 0) return;
  const columns = columnsOf([...changes.values()]);
  await sql`
    update cohorts c set
      name = coalesce(v.name, c.name), description = coalesce(v.description, c.description),
      thumbnail_url = coalesce(v.thumbnail_url, c.thumbnail_url), starts_at = coalesce(v.starts_at, c.starts_at),
      ends_at = coalesce(v.ends_at, c.ends_at), room = coalesce(v.room, c.room), quota = coalesce(v.quota, c.quota),
      delivery = coalesce(v.delivery, c.delivery), days = coalesce(string_to_array(v.days, ';'), c.days),
      group_types = coalesce(string_to_array(v.group_types, ';'), c.group_types),
      is_local = coalesce(v.is_local, c.is_local), modified_at = now()
    from unnest(${[...changes.keys()]}::text[]::uuid[], ${columns.name}::text[], ${columns.description}::text[],
      ${columns.thumbnail_url}::text[], ${columns.starts_at}::text[]::timestamptz[],
      ${columns.ends_at}::text[]::timestamptz[], ${columns.room}::text[], ${columns.quota}::text[]::int[],
      ${columns.delivery}::text[], ${columns.days}::text[], ${columns.group_types}::text[],
      ${columns.is_local}::text[]::boolean[])
      as v(id, name, description, thumbnail_url, starts_at, ends_at, room, quota, delivery, days, group_types, is_local)
    where c.account_id = ${accountId}::uuid and c.id = v.id`;
}

/** Takes the names of these cohorts away, so that others can have them in the statement that follows, which names these anew. */
export const clearNames = unlessNone(
  (sql, accountId, ids) => sql`
    update cohorts c set name = chr(1) || c.id
    from unnest(${ids}::text[]::uuid[]) as v(id)
    where c.account_id = ${accountId}::uuid and c.id = v.id`,
);

/** Removes cohorts, which are locked already, and whoever is enrolled in them. */
export const deleteCohorts = unlessNone(
  (sql, accountId, ids) => sql`
    with withdrawn as (
      delete from enrollments where account_id = ${accountId}::uuid and cohort_id = any (${ids}::text[]::uuid[]))
    delete from cohorts c
    using unnest(${ids}::text[]::uuid[]) as v(id)
    where c.account_id = ${accountId}::uuid and c.id = v.id`,
);

/** Publishes cohorts, which are locked already. */
export const publishCohorts = unlessNone(
  (sql, accountId, ids) => sql`
    update cohorts c set status = 'published', published_at = now(), modified_at = now()
    from unnest(${ids}::text[]::uuid[]) as v(id)
    where c.account_id = ${accountId}::uuid and c.id = v.id`,
);

/** A statement for the cohorts with some ids, which is not made when there are none. */
function unlessNone(
  make: (sql: TransactionSql, accountId: string, ids: readonly string[]) => Promise<unknown>,
): (sql: TransactionSql, accountId: string, ids: readonly string[]) => Promise<void> {
  return async (sql, accountId, ids) => {
    if (ids.length > 0) await make(sql, accountId, ids);
  };
}

/** One array a column, as UNNEST takes them; lists as one text, whose items hold no semicolon. */
function columnsOf(cohorts: readonly CohortDetails[]) {
  const column = (name: Exclude<keyof CohortDetails, 'days' | 'group_types'>) =>
    cohorts.map((cohort) => cohort[name]?.toString() ?? null);
  const lists = (name: 'days' | 'group_types') => cohorts.map((cohort) => cohort[name]?.join(';') ?? null);
  return {
    name: column('name'),
    description: column('description'),
    thumbnail_url: column('thumbnail_url'),
    starts_at: column('starts_at'),
    ends_at: column('ends_at'),
    room: column('room'),
    quota: column('quota'),
    delivery: column('delivery'),
    days: lists('days'),
    group_types: lists('group_types'),
    is_local: column('is_local'),
  };
}
