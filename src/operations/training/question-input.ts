import Type, { type Static } from 'typebox';
import { MOST_QUESTIONS, marks, slug } from './exam-input.ts';

export const QUESTION_TYPES = ['single', 'multiple', 'true_false', 'text', 'number'] as const;
export type QuestionType = (typeof QUESTION_TYPES)[number];

const option = () => Type.Optional(Type.String({ maxLength: 1000 }));

/** What a record of `add_question` holds. */
export const questionInput = Type.Object(
  {
    exam: slug('The slug of the exam'),
    number: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: MOST_QUESTIONS,
        description: 'Its place in the exam; left out: after the last one',
      }),
    ),
    question: Type.String({ minLength: 1, maxLength: 5000 }),
    type: Type.Unsafe<QuestionType>({
      type: 'string',
      enum: [...QUESTION_TYPES],
      description: 'single: one option is right; multiple: one or more are; the others have no options',
    }),
    option_a: option(),
    option_b: option(),
    option_c: option(),
    option_d: option(),
    option_e: option(),
    option_f: option(),
    answer: Type.Optional(
      Type.String({
        maxLength: 1000,
        description:
          'single: a letter, b; multiple: letters, a;c; true_false: true or false; number: the number; text may leave it out',
      }),
    ),
    explanation: Type.Optional(
      Type.String({ maxLength: 5000, description: 'Shown together with the answer' }),
    ),
    marks: Type.Optional(marks(0, 'In place of the exam’s mark_per_question')),
    negative_marks: Type.Optional(marks(0, 'In place of the exam’s negative_marks')),
  },
  { additionalProperties: false },
);

export type QuestionInput = Static<typeof questionInput>;
