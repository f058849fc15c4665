import { sql } from 'drizzle-orm';
import {
  boolean,
  check,
  date,
  index,
  integer,
  numeric,
  pgTable,
  primaryKey,
  text,
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core';
import { moment } from './columns.ts';

/**
 * The tables of the training pack. No foreign key to the account: checked row by row, it makes a set-based insert a
 * third slower, and the chunk that writes belongs to an account that exists.
 */

const created = () => ({
  createdAt: moment('created_at').notNull().defaultNow(),
  modifiedAt: moment('modified_at').notNull().defaultNow(),
});

/** What `create_learner` writes. */
export const learners = pgTable(
  'learners',
  {
    accountId: uuid('account_id').notNull(),
    learnerId: text('learner_id').notNull(),
    email: text('email'),
    givenName: text('given_name'),
    familyName: text('family_name'),
    birthDate: date('birth_date'),
    phone: text('phone'),
    country: text('country'),
    score: numeric('score', { precision: 5, scale: 2 }),
    joinedAt: moment('joined_at'),
    ...created(),
  },
  (table) => [
    primaryKey({ columns: [table.accountId, table.learnerId] }),
    uniqueIndex('learners_email').on(table.accountId, sql`lower(${table.email})`),
  ],
);

/** Groups of learners that take a course: what others call a batch. */
export const cohorts = pgTable(
  'cohorts',
  {
    accountId: uuid('account_id').notNull(),
    /** UUIDv7: its order is the order of creation. */
    id: uuid('id').notNull(),
    course: text('course').notNull(),
    name: text('name').notNull(),
    description: text('description'),
    thumbnailUrl: text('thumbnail_url'),
    startsAt: moment('starts_at'),
    endsAt: moment('ends_at'),
    room: text('room'),
    /** Most learners; null: any number. */
    quota: integer('quota'),
    /** How many are enrolled: counted under the lock of this row, so that never more are than the quota says. */
    enrolled: integer('enrolled').notNull().default(0),
    delivery: text('delivery').notNull().default('offline'),
    /** Weekdays in their order: `mon`, `tue`, … */
    days: text('days').array().notNull().default([]),
    groupTypes: text('group_types').array().notNull().default([]),
    isLocal: boolean('is_local').notNull().default(false),
    /** `draft` or `published`. */
    status: text('status').notNull().default('draft'),
    publishedAt: moment('published_at'),
    ...created(),
  },
  (table) => [
    primaryKey({ columns: [table.accountId, table.id] }),
    uniqueIndex('cohorts_name').on(table.accountId, table.course, table.name),
    check('cohorts_quota', sql`${table.enrolled} <= ${table.quota}`),
  ],
);

export const enrollments = pgTable(
  'enrollments',
  {
    accountId: uuid('account_id').notNull(),
    cohortId: uuid('cohort_id').notNull(),
    learnerId: text('learner_id').notNull(),
    enrolledAt: moment('enrolled_at').notNull().defaultNow(),
  },
  (table) => [
    primaryKey({ columns: [table.accountId, table.cohortId, table.learnerId] }),
    index('enrollments_learner').on(table.accountId, table.learnerId),
  ],
);

export const exams = pgTable(
  'exams',
  {
    accountId: uuid('account_id').notNull(),
    slug: text('slug').notNull(),
    title: text('title').notNull(),
    description: text('description'),
    course: text('course').notNull(),
    /** From when to when it can be taken; null: no such bound. */
    startDate: moment('start_date'),
    endDate: moment('end_date'),
    /** In minutes. */
    duration: integer('duration'),
    numberOfQuestions: integer('number_of_questions'),
    /** Marks that a wrong answer costs. */
    negativeMarks: numeric('negative_marks', { precision: 8, scale: 2 }).notNull().default('0'),
    markPerQuestion: numeric('mark_per_question', { precision: 8, scale: 2 }).notNull().default('1'),
    templateType: text('template_type').notNull().default('standard'),
    allowRetake: boolean('allow_retake').notNull().default(false),
    /** Attempts after the first; null: any number. */
    maxRetakes: integer('max_retakes'),
    showAnswers: boolean('show_answers').notNull().default(false),
    ...created(),
  },
  (table) => [
    primaryKey({ columns: [table.accountId, table.slug] }),
    index('exams_course').on(table.accountId, table.course),
  ],
);

export const questions = pgTable(
  'questions',
  {
    accountId: uuid('account_id').notNull(),
    exam: text('exam').notNull(),
    number: integer('number').notNull(),
    question: text('question').notNull(),
    /** `single`, `multiple`, `true_false`, `text` or `number`. */
    type: text('type').notNull(),
    /** The options a, b, c, … in their order. */
    options: text('options').array().notNull().default([]),
    /** Letters of the right options, or the answer itself. */
    answer: text('answer'),
    explanation: text('explanation'),
    /** In place of the exam's. */
    marks: numeric('marks', { precision: 8, scale: 2 }),
    negativeMarks: numeric('negative_marks', { precision: 8, scale: 2 }),
    ...created(),
  },
  (table) => [primaryKey({ columns: [table.accountId, table.exam, table.number] })],
);

export const attempts = pgTable(
  'attempts',
  {
    accountId: uuid('account_id').notNull(),
    exam: text('exam').notNull(),
    learnerId: text('learner_id').notNull(),
    /** From 1; each retake has the next. */
    number: integer('number').notNull(),
    /** `submitted` or `graded`. */
    state: text('state').notNull(),
    correct: integer('correct'),
    incorrect: integer('incorrect'),
    unanswered: integer('unanswered'),
    score: numeric('score', { precision: 12, scale: 2 }),
    maxScore: numeric('max_score', { precision: 12, scale: 2 }),
    percentage: numeric('percentage', { precision: 6, scale: 2 }),
    remarks: text('remarks'),
    startedAt: moment('started_at'),
    submittedAt: moment('submitted_at'),
    gradedAt: moment('graded_at'),
    ...created(),
  },
  (table) => [
    primaryKey({ columns: [table.accountId, table.exam, table.learnerId, table.number] }),
    index('attempts_learner').on(table.accountId, table.learnerId),
    // Ranks are by score.
    index('attempts_score')
      .on(table.accountId, table.exam, table.score.desc())
      .where(sql`${table.state} = 'graded'`),
  ],
);
