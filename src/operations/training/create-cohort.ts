import { v7 as uuidv7 } from 'uuid';
import { defineOperation, type OperationRecord } from '../../core/operation.ts';
import { type FinalResult, failed, succeeded } from '../../core/result.ts';
import type { TransactionSql } from '../../core/sql.ts';
import {
  COHORT_CONSTRAINTS,
  DETAIL_FAILURES,
  orderFailure,
  readDetails,
  secondsOf,
} from './cohort-details.ts';
import { type CohortInput, type CohortOutput, cohortInput, cohortOutput } from './cohort-input.ts';
import { nameKey } from './cohort-name.ts';
import { insertCohorts, type NewCohort } from './cohort-store.ts';

/** Creates cohorts, as drafts. Of two records with the same name in the same course the first in the file wins. */
export const createCohort = defineOperation({
  name: 'create_cohort',
  version: 1,
  title: 'Create cohorts',
  description:
    'Creates a cohort, a group of learners that take a course, from each record. It is a draft at first.',
  input: cohortInput,
  output: cohortOutput,
  failures: {
    cohort_exists: 'The course has a cohort of this name, or an earlier record of the file makes one',
    ...DETAIL_FAILURES,
  },
  constraints: COHORT_CONSTRAINTS,
  template: {
    examples: [
      {
        course: 'Algebra',
        name: 'Spring 2027',
        description: 'For beginners',
        starts_at: '2027-02-01T09:00:00+01:00',
        ends_at: '2027-06-30T17:00:00+02:00',
        room: 'B 12',
        quota: 30,
        delivery: 'offline',
        days: 'mon;wed',
        is_local: true,
      },
      { course: 'Algebra', name: 'Spring 2027 online', delivery: 'online', group_types: 'evening;weekend' },
    ],
  },
  run: async (records, { accountId, sql }) => await createCohorts(records, accountId, sql),
});

async function createCohorts(
  records: readonly OperationRecord<CohortInput>[],
  accountId: string,
  sql: TransactionSql,
): Promise<FinalResult<CohortOutput>[]> {
  const failures = new Map<number, FinalResult<never>>();
  const first = new Map<string, { record: number; cohort: NewCohort }>();
  for (const { number, input } of records) {
    const read = readCohort(input);
    if ('failure' in read) {
      failures.set(number, read.failure);
      continue;
    }
    const key = nameKey(input.course, input.name);
    if (!first.has(key)) first.set(key, { record: number, cohort: read.cohort });
  }
  const created = await insertCohorts(
    sql,
    accountId,
    [...first.values()].map(({ cohort }) => cohort),
  );
  return records.map(({ number, input: { course, name } }): FinalResult<CohortOutput> => {
    const failure = failures.get(number);
    if (failure !== undefined) return failure;
    const { record, cohort } = first.get(nameKey(course, name))!;
    if (record !== number || !created.has(cohort.id)) return exists(course, name);
    return succeeded({ cohort_id: cohort.id, course, name, status: 'draft' });
  });
}

function readCohort(input: CohortInput): { cohort: NewCohort } | { failure: FinalResult<never> } {
  const { course, name, starts_at, ends_at } = input;
  const read = readDetails(input);
  if ('failure' in read) return read;
  const failure = orderFailure(
    starts_at === undefined ? null : secondsOf(starts_at),
    ends_at === undefined ? null : secondsOf(ends_at),
    input,
  );
  return failure === undefined ? { cohort: { ...read.details, id: uuidv7(), course, name } } : { failure };
}

/** Said by whoever would give a cohort a name that another one of its course has. */
export function exists(course: string, name: string): FinalResult<never> {
  const message = `the course ${JSON.stringify(course)} has a cohort ${JSON.stringify(name)} already`;
  return failed('cohort_exists', message, 'name');
}
