import { defineOperation, type OperationRecord } from '../../core/operation.ts';
import type { FinalResult } from '../../core/result.ts';
import type { TransactionSql } from '../../core/sql.ts';
import { COHORT_CONSTRAINTS, DETAIL_FAILURES } from './cohort-details.ts';
import { type CohortChange, type CohortOutput, cohortChange, cohortOutput } from './cohort-input.ts';
import { COHORT_FAILURES, nameKey } from './cohort-name.ts';
import { clearNames, readNames, updateCohorts } from './cohort-store.ts';
import { judgeChanges } from './judge-cohort-changes.ts';
import { type LockedCohorts, lockCohorts } from './locked-cohorts.ts';

/** Changes cohorts. A blank cell is “not given” and leaves what is stored; a cohort stays in its course. */
export const updateCohort = defineOperation({
  name: 'update_cohort',
  version: 1,
  title: 'Update cohorts',
  description:
    'Changes what each record gives of a cohort, which is named by cohort_id, or by course and cohort; what is blank is left as it is.',
  input: cohortChange,
  output: cohortOutput,
  failures: {
    ...COHORT_FAILURES,
    cohort_exists: 'Another cohort of the course has the new name',
    quota_below_enrolled: 'More learners are enrolled than the new quota allows',
    ...DETAIL_FAILURES,
  },
  constraints: COHORT_CONSTRAINTS,
  template: {
    examples: [
      { course: 'Algebra', cohort: 'Spring 2027', quota: 40, room: 'A 1' },
      { course: 'Algebra', cohort: 'Spring 2027 online', name: 'Spring 2027 remote', days: 'tue;thu' },
    ],
  },
  run: async (records, { accountId, sql }) => await changeCohorts(records, accountId, sql),
});

async function changeCohorts(
  records: readonly OperationRecord<CohortChange>[],
  accountId: string,
  sql: TransactionSql,
): Promise<FinalResult<CohortOutput>[]> {
  const cohorts = await lockCohorts(sql, accountId, records);
  const holders = await readNames(sql, accountId, namesAskedFor(records, cohorts));
  // Those that are locked too may lose their names on the way; only the others keep theirs whatever comes.
  const taken = [...holders].flatMap(([key, id]) => (cohorts.byId(id) === undefined ? [key] : []));
  const { results, changes, givenUp } = judgeChanges(records, cohorts, new Set(taken));
  await clearNames(sql, accountId, givenUp);
  await updateCohorts(sql, accountId, changes);
  return results;
}

function namesAskedFor(records: readonly OperationRecord<CohortChange>[], cohorts: LockedCohorts) {
  const names = new Map<string, { course: string; name: string }>();
  for (const { input } of records) {
    const course = input.course ?? cohorts.byId(input.cohort_id ?? '')?.course;
    if (course === undefined || input.name === undefined) continue;
    names.set(nameKey(course, input.name), { course, name: input.name });
  }
  return [...names.values()];
}
