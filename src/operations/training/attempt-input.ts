import Type, { type Static } from 'typebox';
import { MOST_QUESTIONS, slug } from './exam-input.ts';

const learnerId = Type.String({ minLength: 1, maxLength: 64 });
const count = (description: string) =>
  Type.Optional(Type.Integer({ minimum: 0, maximum: MOST_QUESTIONS, description }));

const counts = {
  correct: count('Right answers'),
  incorrect: count('Wrong answers'),
  unanswered: count('Left out: whatever remains of the exam’s questions'),
};

/** What a record of `record_attempt` holds. With counts the attempt is graded at once. */
export const attemptInput = Type.Object(
  {
    exam: slug('The slug of the exam'),
    learner_id: learnerId,
    started_at: Type.Optional(Type.String({ format: 'date-time' })),
    submitted_at: Type.Optional(
      Type.String({
        format: 'date-time',
        description: 'When the exam must have been open; left out: the moment of processing',
      }),
    ),
    ...counts,
  },
  { additionalProperties: false },
);

/** What a record of `grade_submission` holds. */
export const gradeInput = Type.Object(
  {
    exam: slug('The slug of the exam'),
    learner_id: learnerId,
    attempt: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 1_000_000, description: 'Its number; left out: the latest' }),
    ),
    score: Type.Optional(
      Type.Number({
        minimum: -10_000_000,
        maximum: 10_000_000,
        multipleOf: 0.01,
        description: 'Left out: what the counts come to',
      }),
    ),
    ...counts,
    remarks: Type.Optional(Type.String({ maxLength: 5000 })),
  },
  { additionalProperties: false },
);

export type AttemptInput = Static<typeof attemptInput>;
export type GradeInput = Static<typeof gradeInput>;
