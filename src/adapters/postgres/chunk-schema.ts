import { sql } from 'drizzle-orm';
import { boolean, index, integer, jsonb, pgTable, primaryKey, text, uuid } from 'drizzle-orm/pg-core';
import { batches } from './batch-schema.ts';
import { bytes, count, moment, sha256 } from './columns.ts';

export const chunks = pgTable(
  'chunks',
  {
    batchId: uuid('batch_id')
      .notNull()
      .references(() => batches.id),
    number: integer('number').notNull(),
    /** The batch's account, here for the count of running chunks by account. */
    accountId: uuid('account_id').notNull(),
    firstRecord: count('first_record').notNull(),
    records: integer('records').notNull(),
    byteStart: count('byte_start').notNull(),
    byteEnd: count('byte_end').notNull(),
    sha256: sha256('sha256').notNull(),
    fault: jsonb('fault'),
    /** Of a retry: which record of the lineage each of its records is (core/sources.ts). */
    sources: jsonb('sources'),
    /** Of a correction: records whose original has succeeded already. */
    skipped: integer('skipped').notNull().default(0),
    phase: text('phase').notNull(),
    status: text('status').notNull(),
    lease: uuid('lease'),
    leaseExpiresAt: moment('lease_expires_at'),
    /** The database session of the holder: whoever takes the chunk over ends it first. */
    leasePid: integer('lease_pid'),
    leasePidStarted: moment('lease_pid_started'),
    attempts: integer('attempts').notNull().default(0),
    /** How often its worker was gone before it was settled, in this phase: such a chunk runs in a process of its own. */
    crashes: integer('crashes').notNull().default(0),
    /** Of such a chunk: the spans of its records that are still to be tried alone. */
    probes: jsonb('probes'),
    /** Numbers of its records that crashed their process alone, as often as they may: they fail, in both phases. */
    crashed: jsonb('crashed'),
    availableAt: moment('available_at').notNull().defaultNow(),
    invalid: integer('invalid').notNull().default(0),
    fileFault: jsonb('file_fault'),
    /** Numbers of valid records whose `custom_id` an earlier record has: they fail, and are counted in `invalid`. */
    repeatedIds: jsonb('repeated_ids'),
    validationPart: text('validation_part'),
    /** Its failed records by error code, of the phase that settled last; null: it has none. */
    errorCodes: jsonb('error_codes'),
    /** The first of them; apart, since they are long, and only those of a batch's first chunks are ever read. */
    firstErrors: jsonb('first_errors'),
    /** By which rules its cells were coerced, by column. */
    coerced: jsonb('coerced'),
    succeeded: integer('succeeded').notNull().default(0),
    failed: integer('failed').notNull().default(0),
    part: text('part'),
    /** When it settled; of one that has to wait after some of its records were tried: until when. */
    settledAt: moment('settled_at'),
  },
  (table) => [
    primaryKey({ columns: [table.batchId, table.number] }),
    index('chunks_waiting').on(table.batchId, table.number).where(sql`${table.status} = 'waiting'`),
    index('chunks_running').on(table.accountId).where(sql`${table.status} = 'running'`),
    index('chunks_unsettled').on(table.batchId, table.number).where(sql`${table.status} <> 'settled'`),
    index('chunks_tried')
      .on(table.batchId, table.number)
      .where(sql`${table.status} = 'waiting' and ${table.attempts} > 0`),
  ],
);

/** The `custom_id` of each record, from validation until it is known whether all of a file differ. */
export const customIds = pgTable(
  'custom_ids',
  {
    /** No foreign key, which would cost more than the insert: they go when the ids are judged, or with the chunks. */
    batchId: uuid('batch_id').notNull(),
    record: count('record').notNull(),
    chunk: integer('chunk').notNull(),
    /** The first 16 bytes of the value's SHA-256: values may be as long as a cell. */
    digest: bytes('digest').notNull(),
    /** Whether the record is good in all other respects. */
    valid: boolean('valid').notNull(),
  },
  (table) => [primaryKey({ columns: [table.batchId, table.record] })],
);
