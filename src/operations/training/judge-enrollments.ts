import type { OperationRecord } from '../../core/operation.ts';
import { type FinalResult, succeeded } from '../../core/result.ts';
import type { TransactionSql } from '../../core/sql.ts';
import type { EnrollmentInput, EnrollmentOutput } from './enrollment-input.ts';
import type { Enrollment } from './enrollment-store.ts';
import { type LockedCohort, lockCohorts } from './locked-cohorts.ts';

/** What a record asks for whose cohort there is. */
export interface AskedEnrollment extends Enrollment {
  cohort: LockedCohort;
  input: EnrollmentInput;
}

/** Locks the cohorts that the records name, and has those judged that name one: one result each, in their order. */
export async function judgeEnrollments(
  sql: TransactionSql,
  accountId: string,
  records: readonly OperationRecord<EnrollmentInput>[],
  judge: (asked: readonly AskedEnrollment[]) => Promise<readonly FinalResult<EnrollmentOutput>[]>,
): Promise<FinalResult<EnrollmentOutput>[]> {
  const cohorts = await lockCohorts(sql, accountId, records);
  const found = records.map(({ input }) => {
    const named = cohorts.find(input);
    if ('failure' in named) return named;
    const { cohort } = named;
    return { cohort, input, cohortId: cohort.id, learnerId: input.learner_id };
  });
  const results = (await judge(found.filter((named) => 'cohort' in named))).values();
  return found.map((named) => ('failure' in named ? named.failure : results.next().value!));
}

/** Says which enrolment was added or removed. */
export function enrollmentDone({ cohort, learnerId }: AskedEnrollment): FinalResult<EnrollmentOutput> {
  const { id: cohort_id, course, name } = cohort;
  return succeeded({ learner_id: learnerId, cohort_id, course, cohort: name });
}
