import type { Static } from 'typebox';
import { defineOperation, type OperationRecord } from '../../core/operation.ts';
import { type FinalResult, failed, succeeded } from '../../core/result.ts';
import type { TransactionSql } from '../../core/sql.ts';
import { COHORT_FAILURES, type NamedCohort, namingField } from './cohort-name.ts';
import {
  ENROLLMENT_EXAMPLES,
  type EnrollmentOutput,
  enrollmentInput,
  enrollmentOutput,
  enrollmentsOf,
} from './enrollment-input.ts';
import { addEnrollments, type Enrollment, enrollmentKey, readEnrollments } from './enrollment-store.ts';
import { type LockedCohort, lockCohorts } from './locked-cohorts.ts';

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
  input: enrollmentInput,
  output: enrollmentOutput,
  failures: {
    ...COHORT_FAILURES,
    learner_not_found: 'There is no learner with this learner_id',
    already_enrolled: 'The learner is enrolled in the cohort, or an earlier record of the file does it',
    quota_exceeded: 'All seats of the cohort are taken',
  },
  template: { examples: ENROLLMENT_EXAMPLES },
  run: async (records, { accountId, sql }) => await enrollLearners(records, accountId, sql),
});

/**
 * Three statements, whatever the number of records. The cohorts are locked first, and who is enrolled is looked at in a
 * statement after that: it sees what was committed by those that held the locks before.
 */
async function enrollLearners(
  records: readonly OperationRecord<Static<typeof enrollmentInput>>[],
  accountId: string,
  sql: TransactionSql,
): Promise<FinalResult<EnrollmentOutput>[]> {
  const cohorts = await lockCohorts(sql, accountId, records);
  const { found, asked } = enrollmentsOf(cohorts, records);
  const states = (await readEnrollments(sql, accountId, asked)).values();
  const added = new Map<string, Enrollment>();
  const results = found.map((named, index): FinalResult<EnrollmentOutput> => {
    if ('failure' in named) return named.failure;
    const { cohort } = named;
    const { input } = records[index]!;
    const { learner_id } = input;
    const enrollment = { cohortId: cohort.id, learnerId: learner_id };
    const { known, enrolled } = states.next().value!;
    if (!known) return unknownLearner(learner_id);
    if (enrolled || added.has(enrollmentKey(enrollment))) return alreadyEnrolled(learner_id, cohort);
    if (cohort.quota !== null && cohort.enrolled >= cohort.quota) return full(cohort, input);
    cohort.enrolled += 1;
    added.set(enrollmentKey(enrollment), enrollment);
    return succeeded({ learner_id, cohort_id: cohort.id, course: cohort.course, cohort: cohort.name });
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
