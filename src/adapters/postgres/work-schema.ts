import { sql } from 'drizzle-orm';
import { boolean, index, integer, jsonb, pgTable, primaryKey, text, uuid } from 'drizzle-orm/pg-core';
import { count, moment } from './columns.ts';

/** The tables of what processing writes beside its results: the journal of records, events, and what limits count. */

/**
 * What is known of records whose results are not settled yet: those of operations with effects outside, and those that
 * wait to be tried again. The rows go with the settling of their chunk.
 */
export const recordJournal = pgTable(
  'record_journal',
  {
    batchId: uuid('batch_id').notNull(),
    record: count('record').notNull(),
    chunk: integer('chunk').notNull(),
    /** `started`: it may have been sent; `waiting`: to be tried again; `final`: it has its result. */
    state: text('state').notNull(),
    attempts: integer('attempts').notNull(),
    /** A try may have taken effect without an answer. */
    uncertain: boolean('uncertain').notNull().default(false),
    dueAt: moment('due_at').notNull().defaultNow(),
    /** JSON, of `final` its result, of `waiting` what the last try came to. As text: jsonb takes no NUL. */
    result: text('result'),
  },
  (table) => [
    primaryKey({ columns: [table.batchId, table.record] }),
    index('record_journal_chunk').on(table.batchId, table.chunk),
  ],
);

/** What operations tell, written in their transactions, for whoever wants to be told. */
export const events = pgTable(
  'events',
  {
    id: uuid('id').primaryKey(),
    accountId: uuid('account_id').notNull(),
    type: text('type').notNull(),
    data: jsonb('data').notNull(),
    createdAt: moment('created_at').notNull().defaultNow(),
  },
  (table) => [index('events_account').on(table.accountId, table.id)],
);

/** How much of a rate was taken lately, for all processes. */
export const limitRates = pgTable('limit_rates', {
  key: text('key').primaryKey(),
  /** Records taken in each slice of the rate's time, the newest slice first. */
  taken: integer('taken').array().notNull().default([]),
  /** When the newest slice began. */
  sliceAt: moment('slice_at').notNull().defaultNow(),
  /** Until when single calls are refused. */
  lockedUntil: moment('locked_until'),
  /** When the row says nothing any more. */
  forgetAt: moment('forget_at').notNull().defaultNow(),
});

/** Who may make one of the calls that a target takes at once. */
export const limitSlots = pgTable(
  'limit_slots',
  {
    target: text('target').notNull(),
    slot: integer('slot').notNull(),
    holder: uuid('holder'),
    expiresAt: moment('expires_at').notNull().defaultNow(),
  },
  (table) => [
    primaryKey({ columns: [table.target, table.slot] }),
    index('limit_slots_holder').on(table.holder).where(sql`${table.holder} is not null`),
  ],
);

/** What is known of a target: whether it answers, and until when it asked to be left alone. */
export const limitCircuits = pgTable('limit_circuits', {
  target: text('target').primaryKey(),
  /** Calls in a row that found it down. */
  failures: integer('failures').notNull().default(0),
  openUntil: moment('open_until'),
  /** Until when the one call that tries after that has time. */
  probingUntil: moment('probing_until'),
  blockedUntil: moment('blocked_until'),
  /** Until when somebody who holds none of its slots wants one. */
  wantedUntil: moment('wanted_until'),
  /** When the row says nothing any more. */
  forgetAt: moment('forget_at').notNull().defaultNow(),
});
