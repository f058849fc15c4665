import type { TransactionSql } from '../../../core/sql.ts';
import { type ListPage, offsetOf, type PageRequest } from './page.ts';

/** A cohort as it is shown; times in seconds with three decimals. */
export interface ShownCohort {
  cohort_id: string;
  course: string;
  name: string;
  description: string | null;
  thumbnail_url: string | null;
  starts_at: number | null;
  ends_at: number | null;
  room: string | null;
  quota: number | null;
  enrolled: number;
  /** `null`: there is no quota. */
  quota_left: number | null;
  delivery: 'online' | 'offline' | 'hybrid';
  days: string[];
  group_types: string[];
  is_local: boolean;
  status: 'draft' | 'published';
  published_at: number | null;
  created_at: number;
  modified_at: number;
}

export interface CohortFilters {
  /** In the name, the course, the description or the room, whatever its case; no character of it is a wildcard. */
  search?: string;
  course?: string;
  status?: 'draft' | 'published';
}

/** A learner of a cohort. */
export interface EnrolledLearner {
  learner_id: string;
  email: string | null;
  given_name: string | null;
  family_name: string | null;
  enrolled_at: number;
}

export interface CohortReads {
  /** Newest first. */
  list(filters: CohortFilters, page: PageRequest): Promise<ListPage<ShownCohort>>;
  find(cohortId: string): Promise<ShownCohort | null>;
  /** By their ids; `null`: there is no such cohort. */
  learners(cohortId: string, page: PageRequest): Promise<ListPage<EnrolledLearner> | null>;
}

export function cohortReads(sql: TransactionSql, accountId: string): CohortReads {
  return {
    list: (filters, page) => listCohorts(sql, accountId, filters, page),
    find: async (cohortId) => (await readCohorts(sql, accountId, [cohortId]))[0] ?? null,
    learners: (cohortId, page) => listLearners(sql, accountId, cohortId, page),
  };
}

async function listCohorts(
  sql: TransactionSql,
  accountId: string,
  { search = null, course = null, status = null }: { [K in keyof CohortFilters]: CohortFilters[K] | null },
  page: PageRequest,
): Promise<ListPage<ShownCohort>> {
  const [found] = await sql<{ count: number; ids: string[] }>`
    with found as (
      select c.id from cohorts c
      where c.account_id = ${accountId}::uuid and (${course}::text is null or c.course = ${course}::text)
        and (${status}::text is null or c.status = ${status}::text)
        and (${search}::text is null or exists (
          select from unnest(array[c.name, c.course, c.description, c.room]) as text(value)
          where strpos(lower(text.value), lower(${search}::text)) > 0)))
    select (select count(*) from found)::float8 as count, array(
      select id from found order by id desc limit ${page.perPage}::int offset ${offsetOf(page)}::bigint)::text[] as ids`;
  const { count, ids } = found ?? { count: 0, ids: [] };
  return { count, results: ids.length === 0 ? [] : await readCohorts(sql, accountId, ids) };
}

/** Newest first: the order of their ids is the order in which they were made. */
async function readCohorts(
  sql: TransactionSql,
  accountId: string,
  ids: readonly string[],
): Promise<ShownCohort[]> {
  return await sql<ShownCohort>`
    select c.id as cohort_id, c.course, c.name, c.description, c.thumbnail_url,
      extract(epoch from date_trunc('milliseconds', c.starts_at))::float8 as starts_at,
      extract(epoch from date_trunc('milliseconds', c.ends_at))::float8 as ends_at,
      c.room, c.quota, c.enrolled, c.quota - c.enrolled as quota_left, c.delivery, c.days, c.group_types, c.is_local,
      c.status, extract(epoch from date_trunc('milliseconds', c.published_at))::float8 as published_at,
      extract(epoch from date_trunc('milliseconds', c.created_at))::float8 as created_at,
      extract(epoch from date_trunc('milliseconds', c.modified_at))::float8 as modified_at
    from cohorts c where c.account_id = ${accountId}::uuid and c.id = any (${ids}::text[]::uuid[])
    order by c.id desc`;
}

/** The count is kept with the cohort, so that a list of a million is not counted for every page. */
async function listLearners(
  sql: TransactionSql,
  accountId: string,
  cohortId: string,
  page: PageRequest,
): Promise<ListPage<EnrolledLearner> | null> {
  const [cohort] = await sql<{ enrolled: number }>`
    select enrolled from cohorts where account_id = ${accountId}::uuid and id = ${cohortId}::uuid`;
  if (cohort === undefined) return null;
  const results = await sql<EnrolledLearner>`
    select e.learner_id, l.email, l.given_name, l.family_name,
      extract(epoch from date_trunc('milliseconds', e.enrolled_at))::float8 as enrolled_at
    from (
      select learner_id, enrolled_at from enrollments
      where account_id = ${accountId}::uuid and cohort_id = ${cohortId}::uuid
      order by learner_id limit ${page.perPage}::int offset ${offsetOf(page)}::bigint) e
    left join learners l on l.account_id = ${accountId}::uuid and l.learner_id = e.learner_id
    order by e.learner_id`;
  return { count: cohort.enrolled, results };
}
