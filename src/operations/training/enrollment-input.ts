import Type, { type Static } from 'typebox';
import { cohortName } from './cohort-name.ts';

/** What a record of `enroll_learner` and `withdraw_learner` holds. */
const enrollmentInput = Type.Object(
  {
    learner_id: Type.String({ minLength: 1, maxLength: 64, description: 'Of a learner that exists' }),
    ...cohortName,
  },
  { additionalProperties: false },
);

const enrollmentOutput = Type.Object(
  {
    learner_id: Type.String(),
    cohort_id: Type.String(),
    course: Type.String(),
    cohort: Type.String({ description: 'Its name' }),
  },
  { additionalProperties: false },
);

export type EnrollmentInput = Static<typeof enrollmentInput>;
export type EnrollmentOutput = Static<typeof enrollmentOutput>;

/** What both operations take and answer. */
export const ENROLLMENT_FORM = {
  input: enrollmentInput,
  output: enrollmentOutput,
  /** Rows that both would take. */
  template: {
    examples: [
      { learner_id: 'ada', course: 'Algebra', cohort: 'Spring 2027' },
      { learner_id: 'grace', cohort_id: '019b0b1e-7c3a-7d51-9f0e-3c5f8f6a2b10' },
    ],
  },
};
