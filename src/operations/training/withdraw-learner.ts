import type { Static } from 'typebox';
import { defineOperation, type OperationRecord } from '../../core/operation.ts';
import { type FinalResult, failed, succeeded } from '../../core/result.ts';
import type { TransactionSql } from '../../core/sql.ts';
import { COHORT_FAILURES } from './cohort-name.ts';
import {
  ENROLLMENT_EXAMPLES,
  type EnrollmentOutput,
  enrollmentInput,
  enrollmentOutput,
  enrollmentsOf,
} from './enrollment-input.ts';
import { enrollmentKey, removeEnrollments } from './enrollment-store.ts';
import { lockCohorts } from './locked-cohorts.ts';

/** Takes learners out of cohorts; their seats are free for others. */
export const withdrawLearner = defineOperation({
  name: 'withdraw_learner',
  version: 1,
  title: 'Withdraw learners',
  description:
    'Takes the learner of each record out of a cohort, which is named by cohort_id, or by course and cohort, and gives the seat back.',
  input: enrollmentInput,
  output: enrollmentOutput,
  failures: {
    ...COHORT_FAILURES,
    not_enrolled: 'The learner is not enrolled in the cohort, or an earlier record of the file withdraws it',
  },
  template: { examples: ENROLLMENT_EXAMPLES },
  run: async (records, { accountId, sql }) => await withdrawLearners(records, accountId, sql),
});

async function withdrawLearners(
  records: readonly OperationRecord<Static<typeof enrollmentInput>>[],
  accountId: string,
  sql: TransactionSql,
): Promise<FinalResult<EnrollmentOutput>[]> {
  const cohorts = await lockCohorts(sql, accountId, records);
  const { found, asked } = enrollmentsOf(cohorts, records);
  const removed = await removeEnrollments(sql, accountId, asked);
  // The first record of a learner has it; for those behind it there is nothing left.
  const left = new Set(removed.map(enrollmentKey));
  return found.map((named, index): FinalResult<EnrollmentOutput> => {
    if ('failure' in named) return named.failure;
    const { id: cohort_id, course, name: cohort } = named.cohort;
    const { learner_id } = records[index]!.input;
    if (left.delete(enrollmentKey({ cohortId: cohort_id, learnerId: learner_id }))) {
      return succeeded({ learner_id, cohort_id, course, cohort });
    }
    const message = `the learner ${JSON.stringify(learner_id)} is not enrolled in the cohort ${JSON.stringify(cohort)}`;
    return failed('not_enrolled', message, 'learner_id');
  });
}
