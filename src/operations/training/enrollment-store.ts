import type { TransactionSql } from '../../core/sql.ts';

/**
 * Statements for many enrolments at once. Whoever adds or removes some holds the locks of their cohorts, so that what
 * is read here stays true, and `cohorts.enrolled` is always how many there are.
 *
 * Learners and enrolments are looked up by the index, one by one: as long as PostgreSQL has no statistics of these tables,
 * which a large batch fills in a minute, it would join with all that the account has, for every chunk.
 */

export interface Enrollment {
  cohortId: string;
  learnerId: string;
}

/** Whether each learner exists and whether it is enrolled, in the order that is given. Learners are never removed. */
export async function readEnrollments(
  sql: TransactionSql,
  accountId: string,
  asked: readonly Enrollment[],
): Promise<{ known: boolean; enrolled: boolean }[]> {
  if (asked.length === 0) return [];
  const { cohortIds, learnerIds } = columnsOf(asked);
  return await sql<{ known: boolean; enrolled: boolean }>`
    select
      (select l.learner_id from learners l
        where l.account_id = ${accountId}::uuid and l.learner_id = v.learner_id) is not null as known,
      (select e.learner_id from enrollments e
        where e.account_id = ${accountId}::uuid and e.cohort_id = v.cohort_id and e.learner_id = v.learner_id)
        is not null as enrolled
    from unnest(${cohortIds}::text[]::uuid[], ${learnerIds}::text[]) with ordinality as v(cohort_id, learner_id, place)
    order by v.place`;
}

/** Adds enrolments and counts them. */
export async function addEnrollments(
  sql: TransactionSql,
  accountId: string,
  added: readonly Enrollment[],
): Promise<void> {
  if (added.length === 0) return;
  const { cohortIds, learnerIds } = columnsOf(added);
  await sql`
    with added as (
      insert into enrollments (account_id, cohort_id, learner_id)
      select ${accountId}::uuid, v.cohort_id, v.learner_id
      from unnest(${cohortIds}::text[]::uuid[], ${learnerIds}::text[]) as v(cohort_id, learner_id)
      order by v.cohort_id, v.learner_id
      returning cohort_id)
    update cohorts c set enrolled = c.enrolled + n.learners
    from (select cohort_id, count(*)::int as learners from added group by cohort_id) n
    where c.account_id = ${accountId}::uuid and c.id = n.cohort_id`;
}

/** Removes those of the enrolments that there are, gives their seats back, and answers which they were. */
export async function removeEnrollments(
  sql: TransactionSql,
  accountId: string,
  removed: readonly Enrollment[],
): Promise<Enrollment[]> {
  if (removed.length === 0) return [];
  const { cohortIds, learnerIds } = columnsOf(removed);
  return await sql<Enrollment>`
    with gone as (
      delete from enrollments e
      using (
        select distinct (
          select x.ctid from enrollments x
          where x.account_id = ${accountId}::uuid and x.cohort_id = v.cohort_id and x.learner_id = v.learner_id) as place
        from unnest(${cohortIds}::text[]::uuid[], ${learnerIds}::text[]) as v(cohort_id, learner_id)) v
      where e.ctid = v.place
      returning e.cohort_id, e.learner_id),
    given_back as (
      update cohorts c set enrolled = c.enrolled - n.learners
      from (select cohort_id, count(*)::int as learners from gone group by cohort_id) n
      where c.account_id = ${accountId}::uuid and c.id = n.cohort_id)
    select cohort_id as "cohortId", learner_id as "learnerId" from gone`;
}

/** One text for an enrolment, for sets. Ids of cohorts all have the same length. */
export function enrollmentKey({ cohortId, learnerId }: Enrollment): string {
  return cohortId + learnerId;
}

function columnsOf(enrollments: readonly Enrollment[]) {
  return {
    cohortIds: enrollments.map(({ cohortId }) => cohortId),
    learnerIds: enrollments.map(({ learnerId }) => learnerId),
  };
}
