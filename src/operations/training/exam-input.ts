import Type, { type Static } from 'typebox';

/** Of one exam. All of them are answered at once when somebody looks at it. */
export const MOST_QUESTIONS = 1000;

export const slug = (description: string) =>
  Type.String({ maxLength: 100, pattern: '^[A-Za-z0-9_-]+$', description });

/** Marks have two decimals, as they are stored. */
export const marks = (minimum: number, description: string) =>
  Type.Number({ minimum, maximum: 9999.99, multipleOf: 0.01, description });

const title = Type.String({ minLength: 1, maxLength: 200 });
const course = Type.String({ minLength: 1, maxLength: 200, description: 'The course that it belongs to' });

const rest = {
  description: Type.Optional(Type.String({ maxLength: 5000 })),
  start_date: Type.Optional(
    Type.String({ format: 'date-time', description: 'From when it can be taken; left out: at once' }),
  ),
  end_date: Type.Optional(
    Type.String({ format: 'date-time', description: 'Until when it can be taken; left out: for ever' }),
  ),
  duration: Type.Optional(Type.Integer({ minimum: 1, maximum: 525_600, description: 'In minutes' })),
  number_of_questions: Type.Optional(
    Type.Integer({ minimum: 1, maximum: MOST_QUESTIONS, description: 'It never has more' }),
  ),
  negative_marks: Type.Optional(marks(0, 'What a wrong answer costs; 0 if left out')),
  mark_per_question: Type.Optional(marks(0.01, 'What a right answer gives; 1 if left out')),
  template_type: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 64,
      description: 'How it is laid out, in your own words; "standard" if left out',
    }),
  ),
  allow_retake: Type.Optional(
    Type.Boolean({ description: 'Whether it can be taken again; false if left out' }),
  ),
  max_retakes: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 1000,
      description: 'Most attempts after the first; left out: any number. Only with allow_retake',
    }),
  ),
  show_answers: Type.Optional(
    Type.Boolean({
      description: 'Whether learners see the answers once an attempt is graded; false if left out',
    }),
  ),
};

/** What a record of `create_exam` holds. */
export const examInput = Type.Object(
  { slug: slug('The key; unique in the account, upper and lower case differ'), title, course, ...rest },
  { additionalProperties: false },
);

/** What a record of `update_exam` holds: what it does not give stays as it is. */
export const examChange = Type.Object(
  {
    slug: slug('Of the exam to change'),
    title: Type.Optional(title),
    course: Type.Optional(course),
    ...rest,
  },
  { additionalProperties: false },
);

export type ExamInput = Static<typeof examInput>;
export type ExamChange = Static<typeof examChange>;
