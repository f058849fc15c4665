import Type, { type Static } from 'typebox';
import type { OperationRecord } from '../../core/operation.ts';
import { cohortName } from './cohort-name.ts';
import type { Enrollment } from './enrollment-store.ts';
import type { LockedCohorts } from './locked-cohorts.ts';

/** What a record of `enroll_learner` and `withdraw_learner` holds. */
export const enrollmentInput = Type.Object(
  {
    learner_id: Type.String({ minLength: 1, maxLength: 64, description: 'Of a learner that exists' }),
    ...cohortName,
  },
  { additionalProperties: false },
);

export const enrollmentOutput = Type.Object(
  {
    learner_id: Type.String(),
    cohort_id: Type.String(),
    course: Type.String(),
    cohort: Type.String({ description: 'Its name' }),
  },
  { additionalProperties: false },
);

export type EnrollmentOutput = Static<typeof enrollmentOutput>;

/** Rows that both operations would take. */
export const ENROLLMENT_EXAMPLES = [
  { learner_id: 'ada', course: 'Algebra', cohort: 'Spring 2027' },
  { learner_id: 'grace', cohort_id: '019b0b1e-7c3a-7d51-9f0e-3c5f8f6a2b10' },
];

/** Which cohort each record names, and the enrolments that are asked for where there is one. */
export function enrollmentsOf(
  cohorts: LockedCohorts,
  records: readonly OperationRecord<Static<typeof enrollmentInput>>[],
) {
  const found = records.map(({ input }) => cohorts.find(input));
  const asked = records.flatMap(({ input }, index): Enrollment[] => {
    const named = found[index]!;
    return 'cohort' in named ? [{ cohortId: named.cohort.id, learnerId: input.learner_id }] : [];
  });
  return { found, asked };
}
