import type { OperationRecord } from '../../core/operation.ts';
import { type FinalResult, failed, succeeded } from '../../core/result.ts';
import { type CohortDetails, orderFailure, readDetails, secondsOf } from './cohort-details.ts';
import type { CohortChange, CohortOutput } from './cohort-input.ts';
import { nameKey } from './cohort-name.ts';
import { exists } from './create-cohort.ts';
import type { LockedCohort, LockedCohorts } from './locked-cohorts.ts';

export interface JudgedChanges {
  /** One for each record, in order. */
  results: FinalResult<CohortOutput>[];
  /** What is to be written in the end, by id. */
  changes: Map<string, CohortDetails>;
  /** Whose stored name goes to another one: it must be taken away before it is given. */
  givenUp: string[];
}

/**
 * Takes the changes one after the other, as if each were written before the next is looked at.
 *
 * @param taken the names in question that cohorts have which no record names, as keys
 */
export function judgeChanges(
  records: readonly OperationRecord<CohortChange>[],
  cohorts: LockedCohorts,
  taken: ReadonlySet<string>,
): JudgedChanges {
  const changes = new Map<string, CohortDetails>();
  const before = new Map<string, string>();
  const results = records.map(({ input }): FinalResult<CohortOutput> => {
    const found = cohorts.find(input);
    if ('failure' in found) return found.failure;
    const { cohort } = found;
    const read = readDetails(input);
    if ('failure' in read) return read.failure;
    const { details } = read;
    const starts = details.starts_at === undefined ? cohort.starts : secondsOf(details.starts_at);
    const ends = details.ends_at === undefined ? cohort.ends : secondsOf(details.ends_at);
    const failure =
      orderFailure(starts, ends, details) ??
      quotaFailure(cohort, details) ??
      nameFailure(cohort, details, cohorts, taken);
    if (failure !== undefined) return failure;

    Object.assign(cohort, { starts, ends });
    if (!before.has(cohort.id)) before.set(cohort.id, cohort.name);
    if (details.name !== undefined) cohorts.rename(cohort, details.name);
    changes.set(cohort.id, { ...changes.get(cohort.id), ...given(details) });
    const { id: cohort_id, course, name, status } = cohort;
    return succeeded({ cohort_id, course, name, status });
  });
  return { results, changes, givenUp: namesGivenUp(before, cohorts) };
}

/** Those whose stored name another one has in the end. */
function namesGivenUp(before: ReadonlyMap<string, string>, cohorts: LockedCohorts): string[] {
  return [...before].flatMap(([id, name]) => {
    const owner = cohorts.byName(cohorts.byId(id)!.course, name);
    return owner === undefined || owner.id === id ? [] : [id];
  });
}

function quotaFailure({ enrolled }: LockedCohort, { quota }: CohortDetails): FinalResult<never> | undefined {
  if (quota === undefined || quota >= enrolled) return undefined;
  const learners = enrolled === 1 ? '1 learner is' : `${enrolled} learners are`;
  return failed('quota_below_enrolled', `${learners} enrolled, which is more than ${quota}`, 'quota');
}

function nameFailure(
  cohort: LockedCohort,
  { name }: CohortDetails,
  cohorts: LockedCohorts,
  taken: ReadonlySet<string>,
): FinalResult<never> | undefined {
  if (name === undefined || name === cohort.name) return undefined;
  const isTaken =
    cohorts.byName(cohort.course, name) !== undefined || taken.has(nameKey(cohort.course, name));
  return isTaken ? exists(cohort.course, name) : undefined;
}

/** A later record that does not give a field leaves what an earlier one gave. */
function given(details: CohortDetails): CohortDetails {
  return Object.fromEntries(Object.entries(details).filter(([, value]) => value !== undefined));
}
