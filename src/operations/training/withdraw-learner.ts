import { defineOperation } from '../../core/operation.ts';
import { type FinalResult, failed } from '../../core/result.ts';
import type { TransactionSql } from '../../core/sql.ts';
import { COHORT_FAILURES } from './cohort-name.ts';
import { ENROLLMENT_FORM, type EnrollmentOutput } from './enrollment-input.ts';
import { enrollmentKey, removeEnrollments } from './enrollment-store.ts';
import { type AskedEnrollment, enrollmentDone, judgeEnrollments } from './judge-enrollments.ts';

/** Takes learners out of cohorts; their seats are free for others. */
export const withdrawLearner = defineOperation({
  name: 'withdraw_learner',
  version: 1,
  title: 'Withdraw learners',
  description:
    'Takes the learner of each record out of a cohort, which is named by cohort_id, or by course and cohort, and gives the seat back.',
  ...ENROLLMENT_FORM,
  failures: {
    ...COHORT_FAILURES,
    not_enrolled: 'The learner is not enrolled in the cohort, or an earlier record of the file withdraws it',
  },
  run: async (records, { accountId, sql }) =>
    await judgeEnrollments(sql, accountId, records, (asked) => withdraw(sql, accountId, asked)),
});

async function withdraw(
  sql: TransactionSql,
  accountId: string,
  asked: readonly AskedEnrollment[],
): Promise<FinalResult<EnrollmentOutput>[]> {
  const removed = await removeEnrollments(sql, accountId, asked);
  // The first record of a learner has it; for those behind it there is nothing left.
  const left = new Set(removed.map(enrollmentKey));
  return asked.map((enrollment): FinalResult<EnrollmentOutput> => {
    if (left.delete(enrollmentKey(enrollment))) return enrollmentDone(enrollment);
    const [learner, cohort] = [JSON.stringify(enrollment.learnerId), JSON.stringify(enrollment.cohort.name)];
    const message = `the learner ${learner} is not enrolled in the cohort ${cohort}`;
    return failed('not_enrolled', message, 'learner_id');
  });
}
