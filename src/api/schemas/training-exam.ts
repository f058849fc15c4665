import { type Static, Type } from 'typebox';
import { component, nullable, seconds } from './component.ts';
import { page, pageOf } from './training-page.ts';

const text = (description: string) => nullable(Type.String({ description }));
const moment = (description: string) => nullable(seconds(description));
const count = (description: string) => Type.Integer({ minimum: 0, description });
const marks = (description: string) => Type.Number({ minimum: 0, description });

const STATES = ['available', 'upcoming', 'history'] as const;

const facts = {
  slug: Type.String({ description: 'Unique in the account.' }),
  title: Type.String(),
  description: text('What is said of it.'),
  course: Type.String({ description: 'The course that it belongs to.' }),
  state: Type.Enum(STATES, {
    description:
      'By its dates: `available` can be taken now, `upcoming` has not started, `history` has ended.',
  }),
  start_date: moment('From when it can be taken; null: at once'),
  end_date: moment('Until when it can be taken; null: for ever'),
  duration: nullable(Type.Integer({ minimum: 1, description: 'In minutes.' })),
  number_of_questions: nullable(
    Type.Integer({ minimum: 1, description: 'How many questions it states; it never has more.' }),
  ),
  question_count: count('Questions that were added to it.'),
  mark_per_question: marks('What a right answer gives.'),
  negative_marks: marks('What a wrong answer costs.'),
  max_score: nullable(marks('What it gives at most; null while it is not known how many questions it has.')),
  template_type: Type.String({ description: 'How it is laid out.' }),
  allow_retake: Type.Boolean({ description: 'Whether it can be taken again.' }),
  max_retakes: nullable(
    Type.Integer({ minimum: 1, description: 'Most attempts after the first; null: any number.' }),
  ),
  show_answers: Type.Boolean({ description: 'Whether learners see the answers once an attempt is graded.' }),
  created_at: seconds('When it was made'),
  modified_at: seconds('When it was last changed; questions do not count'),
};

const attempt = Type.Object({
  attempt: Type.Integer({ minimum: 1, description: 'Its number; retakes have the next ones.' }),
  state: Type.Enum(['submitted', 'graded']),
  score: nullable(Type.Number()),
  max_score: nullable(marks('What the exam gave at most when the attempt was graded.')),
  percentage: nullable(Type.Number({ description: '`score` of `max_score`, rounded to two decimals.' })),
  rank: nullable(
    Type.Integer({
      minimum: 1,
      description: 'Among all graded attempts at the exam, by score; equal scores share a rank.',
    }),
  ),
  correct: nullable(count('Right answers.')),
  incorrect: nullable(count('Wrong answers.')),
  unanswered: nullable(count('Questions left out.')),
  remarks: text('What the grader said.'),
  started_at: moment('When it was started'),
  submitted_at: moment('When it was submitted'),
  graded_at: moment('When it was graded last'),
});

const question = Type.Object({
  number: Type.Integer({ minimum: 1 }),
  question: Type.String(),
  type: Type.Enum(['single', 'multiple', 'true_false', 'text', 'number']),
  options: Type.Array(Type.String(), { description: 'The options a, b, c, … in their order.' }),
  marks: marks('What a right answer gives.'),
  negative_marks: marks('What a wrong answer costs.'),
  answer: Type.Optional(text('Letters of the right options with `;` between them, or the answer itself.')),
  explanation: Type.Optional(text('Of the answer.')),
});

const EXAMPLE = {
  slug: 'algebra-1-midterm',
  title: 'Algebra I: midterm',
  description: null,
  course: 'Algebra I',
  state: 'available',
  start_date: 1795300000,
  end_date: 1795900000,
  duration: 90,
  number_of_questions: 40,
  question_count: 1,
  mark_per_question: 2.5,
  negative_marks: 0.5,
  max_score: 100,
  template_type: 'standard',
  allow_retake: false,
  max_retakes: null,
  show_answers: true,
  created_at: 1795200000.456,
  modified_at: 1795200000.456,
};

export const ExamSchema = component(
  'Exam',
  Type.Object(facts, { description: 'An exam of a course.', examples: [EXAMPLE] }),
);

export const ExamDetailSchema = component(
  'ExamDetail',
  Type.Object(
    {
      ...facts,
      answers_shown: Type.Boolean({
        description:
          'Whether `questions` have `answer` and `explanation`: the caller may change the exam, or it shows answers and an attempt of the caller is graded.',
      }),
      attempts: Type.Array(attempt, { description: 'The caller’s own, the latest first, 100 at most.' }),
      questions: Type.Array(question, { description: 'In the order of their numbers.' }),
    },
    {
      description: 'An exam with its questions, and what the caller made of it.',
      examples: [
        {
          ...EXAMPLE,
          answers_shown: true,
          attempts: [
            {
              attempt: 1,
              state: 'graded',
              score: 74.5,
              max_score: 100,
              percentage: 74.5,
              rank: 3,
              correct: 31,
              incorrect: 6,
              unanswered: 3,
              remarks: null,
              started_at: 1795300100,
              submitted_at: 1795304600.5,
              graded_at: 1795310000.123,
            },
          ],
          questions: [
            {
              number: 1,
              question: 'Which of these are prime?',
              type: 'multiple',
              options: ['2', '9', '11'],
              marks: 2.5,
              negative_marks: 0.5,
              answer: 'a;c',
              explanation: '9 is 3 times 3',
            },
          ],
        },
      ],
    },
  ),
);

export const ExamPageSchema = pageOf('ExamPage', ExamSchema, 'A page of exams, newest first.');

export type ExamDetail = Static<typeof ExamDetailSchema>;
export type ExamPage = Static<typeof ExamPageSchema>;

export const ExamsQuery = Type.Object(
  {
    course: Type.Optional(
      Type.String({ minLength: 1, maxLength: 200, description: 'Only exams of this course.' }),
    ),
    state: Type.Optional(Type.Enum(STATES, { description: 'Only exams in this state.' })),
    search: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 200,
        description:
          'Only exams with this text in the slug, the title, the description or the course. Upper and lower case are the same; no character is a wildcard.',
      }),
    ),
    page,
  },
  { additionalProperties: false },
);

export const ExamParams = Type.Object({
  slug: Type.String({ description: 'Slug of the exam.', examples: ['algebra-1-midterm'] }),
});
