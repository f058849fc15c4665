import Type, { type Static } from 'typebox';
import { cohortName, LONGEST_NAME } from './cohort-name.ts';

const MOST_SEATS = 1_000_000_000;

/** What there is to say of a cohort besides its course and its name. */
const details = {
  description: Type.Optional(Type.String({ maxLength: 10_000 })),
  thumbnail_url: Type.Optional(
    Type.String({
      format: 'uri',
      pattern: '^https?://',
      maxLength: 2000,
      description: 'An http or https address',
    }),
  ),
  starts_at: Type.Optional(
    Type.String({ format: 'date-time', description: 'RFC 3339, with its zone: 2027-01-31T08:00:00+01:00' }),
  ),
  ends_at: Type.Optional(Type.String({ format: 'date-time', description: 'Not before starts_at' })),
  room: Type.Optional(Type.String({ maxLength: 200 })),
  quota: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: MOST_SEATS,
      description: 'Most learners that can be enrolled; left out, there is no limit',
    }),
  ),
  delivery: Type.Optional(
    Type.Unsafe<'online' | 'offline' | 'hybrid'>({
      type: 'string',
      enum: ['online', 'offline', 'hybrid'],
      description: 'How it is taught; a new cohort is offline if nothing is said',
    }),
  ),
  days: Type.Optional(
    Type.String({ maxLength: 200, description: 'Weekdays with ; or , between them: mon;wed;fri' }),
  ),
  group_types: Type.Optional(
    Type.String({ maxLength: 2000, description: 'Any words with ; or , between them: weekend;beginners' }),
  ),
  is_local: Type.Optional(Type.Boolean({ description: 'A new cohort is not if nothing is said' })),
};

/** What a record of `create_cohort` holds. */
export const cohortInput = Type.Object(
  {
    course: Type.String({ minLength: 1, maxLength: LONGEST_NAME, description: 'What is taught' }),
    name: Type.String({ minLength: 1, maxLength: LONGEST_NAME, description: 'Unique in its course' }),
    ...details,
  },
  { additionalProperties: false },
);

/** What a record of `update_cohort` holds: which cohort, and what is new of it. */
export const cohortChange = Type.Object(
  {
    ...cohortName,
    name: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: LONGEST_NAME,
        description: 'Its new name, unique in its course',
      }),
    ),
    ...details,
  },
  { additionalProperties: false },
);

/** What the operations on one cohort answer. */
export const cohortOutput = Type.Object(
  {
    cohort_id: Type.String(),
    course: Type.String(),
    name: Type.String(),
    status: Type.Unsafe<'draft' | 'published'>({ type: 'string', enum: ['draft', 'published'] }),
  },
  { additionalProperties: false },
);

export type CohortInput = Static<typeof cohortInput>;
export type CohortChange = Static<typeof cohortChange>;
export type CohortOutput = Static<typeof cohortOutput>;
