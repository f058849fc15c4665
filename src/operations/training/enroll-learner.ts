import { defineOperation } from '../../core/operation.ts';
import { type FinalResult, failed } from '../../core/result.ts';
import type { TransactionSql } from '../../core/sql.ts';
import { COHORT_FAILURES, type NamedCohort, namingField } from './cohort-name.ts';
import { ENROLLMENT_FORM, type EnrollmentOutput } from './enrollment-input.ts';
import { addEnrollments, type Enrollment, enrollmentKey, readEnrollments } from './enrollment-store.ts';
import { type AskedEnrollment, enrollmentDone, judgeEnrollments } from './judge-enrollments.ts';
import type { LockedCohort } from './locked-cohorts.ts';

/**
 * Enrols learners in cohorts. Seats go in the file's order within a chunk; across chunks as many are taken as there
 * are, by whom is not promised, but with `execution: serial`.
 */
export const enrollLearner = defineOperation({
  name: 'enroll_learner',
  version: 1,
  title: 'Enrol learners',
  description:
    'Enrols the learner of each record in a cohort, which is named by cohort_id, or by course and cohort. Never more than its quota.',
  ...ENROLLMENT_FORM,
  failures: {
    ...COHORT_FAILURES,
    learner_not_found: 'There is no learner with this learner_id',
    already_enrolled: 'The learner is enrolled in the cohort, or an earlier record of the file does it',
    quota_exceeded: 'All seats of the cohort are taken',
  },
  run: async (records, { accountId, sql }) =>
    await judgeEnrollments(sql, accountId, records, (asked) => enroll(sql, accountId, asked)),
});

/**
 * Three statements, whatever the number of records. The cohorts are locked first, and who is enrolled is looked at in a
 * statement after that: it sees what was committed by those that held the locks before.
 */
async function enroll(
  sql: TransactionSql,
  accountId: string,
  asked: readonly AskedEnrollment[],
): Promise<FinalResult<EnrollmentOutput>[]> {
  const states = await readEnrollments(sql, accountId, asked);
  const added = new Map<string, Enrollment>();
  const results = asked.map((enrollment, index): FinalResult<EnrollmentOutput> => {
    const { cohort, input, learnerId } = enrollment;
    const { known, enrolled } = states[index]!;
    if (!known) return unknownLearner(learnerId);
    if (enrolled || added.has(enrollmentKey(enrollment))) return alreadyEnrolled(learnerId, cohort);
    if (cohort.quota !== null && cohort.enrolled >= cohort.quota) return full(cohort, input);
    cohort.enrolled += 1;
    added.set(enrollmentKey(enrollment), enrollment);
    return enrollmentDone(enrollment);
  });
  await addEnrollments(sql, accountId, [...added.values()]);
  return results;
}

function unknownLearner(id: string): FinalResult<never> {
  return failed('learner_not_found', `there is no learner with the id ${JSON.stringify(id)}`, 'learner_id');
}

function alreadyEnrolled(id: string, { name }: LockedCohort): FinalResult<never> {
  const message = `the learner ${JSON.stringify(id)} is enrolled in the cohort ${JSON.stringify(name)} already`;
  return failed('already_enrolled', message, 'learner_id');
}

function full({ name, quota }: LockedCohort, input: NamedCohort): FinalResult<never> {
  const seats =
    quota === 0 ? 'has no seats' : quota === 1 ? 'has its 1 seat taken' : `has its ${quota} seats taken`;
  return failed('quota_exceeded', `the cohort ${JSON.stringify(name)} ${seats}`, namingField(input));
}
