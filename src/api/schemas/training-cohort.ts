import { type Static, Type } from 'typebox';
import { component, nullable, seconds, uuid } from './component.ts';
import { page, pageOf } from './training-page.ts';

const text = (description: string) => nullable(Type.String({ description }));
const moment = (description: string) => nullable(seconds(description));
const count = (description: string) => Type.Integer({ minimum: 0, description });

const STATUSES = ['draft', 'published'] as const;

export const CohortSchema = component(
  'Cohort',
  Type.Object(
    {
      cohort_id: uuid('Of `create_cohort`.'),
      course: Type.String(),
      name: Type.String({ description: 'Unique in its course.' }),
      description: text('What is said of it.'),
      thumbnail_url: text('An http or https address.'),
      starts_at: moment('When it starts'),
      ends_at: moment('When it ends'),
      room: text('Where it is.'),
      quota: nullable(count('Most learners that can be enrolled; null: there is no limit.')),
      enrolled: count('Learners that are enrolled.'),
      quota_left: nullable(count('Seats that are free; null: there is no limit.')),
      delivery: Type.Enum(['online', 'offline', 'hybrid'], { description: 'How it is taught.' }),
      days: Type.Array(Type.String(), { description: 'Weekdays in their order: `mon`, `tue`, …' }),
      group_types: Type.Array(Type.String()),
      is_local: Type.Boolean(),
      status: Type.Enum(STATUSES),
      published_at: moment('When it was published'),
      created_at: seconds('When it was made'),
      modified_at: seconds('When it was last changed; enrolments do not count'),
    },
    {
      description: 'A group of learners that take a course.',
      examples: [
        {
          cohort_id: '019b0b1e-7c3a-7d51-9f0e-3c5f8f6a2b10',
          course: 'Algebra',
          name: 'Spring 2027',
          description: 'For beginners',
          thumbnail_url: null,
          starts_at: 1801468800,
          ends_at: 1814367600,
          room: 'B 12',
          quota: 30,
          enrolled: 28,
          quota_left: 2,
          delivery: 'offline',
          days: ['mon', 'wed'],
          group_types: [],
          is_local: true,
          status: 'published',
          published_at: 1795300000.123,
          created_at: 1795200000.456,
          modified_at: 1795300000.123,
        },
      ],
    },
  ),
);

export const CohortLearnerSchema = component(
  'CohortLearner',
  Type.Object(
    {
      learner_id: Type.String(),
      email: text('If one is known.'),
      given_name: text('If one is known.'),
      family_name: text('If one is known.'),
      enrolled_at: seconds('When the learner was enrolled'),
    },
    {
      description: 'A learner of a cohort.',
      examples: [
        {
          learner_id: 'ada',
          email: 'ada@example.org',
          given_name: 'Ada',
          family_name: 'King',
          enrolled_at: 1795300000.123,
        },
      ],
    },
  ),
);

export const CohortPageSchema = pageOf('CohortPage', CohortSchema, 'A page of cohorts, newest first.');
export const CohortLearnerPageSchema = pageOf(
  'CohortLearnerPage',
  CohortLearnerSchema,
  'A page of the learners of a cohort, by their ids.',
);

export type Cohort = Static<typeof CohortSchema>;
export type CohortPage = Static<typeof CohortPageSchema>;
export type CohortLearnerPage = Static<typeof CohortLearnerPageSchema>;

export const CohortsQuery = Type.Object(
  {
    search: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 200,
        description:
          'Only cohorts with this text in the name, the course, the description or the room. Upper and lower case are the same; no character is a wildcard.',
      }),
    ),
    course: Type.Optional(
      Type.String({ minLength: 1, maxLength: 200, description: 'Only cohorts of this course.' }),
    ),
    status: Type.Optional(Type.Enum(STATUSES, { description: 'Only cohorts in this status.' })),
    page,
  },
  { additionalProperties: false },
);

export const CohortParams = Type.Object({
  cohort_id: Type.String({
    description: 'Id of the cohort.',
    examples: ['019b0b1e-7c3a-7d51-9f0e-3c5f8f6a2b10'],
  }),
});
