import { sql } from 'drizzle-orm';
import { boolean, index, integer, jsonb, pgTable, text, uuid } from 'drizzle-orm/pg-core';
import { UNSTATED } from '../../core/file-format.ts';
import { accounts } from './account-schema.ts';
import { count, moment, sha256 } from './columns.ts';
import { uploads } from './upload-schema.ts';

export const batches = pgTable(
  'batches',
  {
    /** UUIDv7: its order is the order of creation. */
    id: uuid('id').primaryKey(),
    accountId: uuid('account_id')
      .notNull()
      .references(() => accounts.id),
    uploadId: uuid('upload_id')
      .notNull()
      .references(() => uploads.id),
    userName: text('user_name').notNull(),
    /** On whose behalf it runs: their rights are looked up again for each chunk (core/access.ts, Principal). */
    principal: jsonb('principal').notNull().default({ kind: 'admin_key' }),
    operation: text('operation').notNull(),
    operationVersion: integer('operation_version').notNull(),
    /** `transaction` or `outside`: in which stage its chunks are processed. */
    effects: text('effects').notNull().default('transaction'),
    settings: jsonb('settings').notNull(),
    mapping: jsonb('mapping').notNull(),
    onInvalid: text('on_invalid').notNull(),
    /** Everything is checked and nothing processed. */
    dryRun: boolean('dry_run').notNull().default(false),
    /** `{failures}` or `{share, min_records}`; null: no number of failures ends the batch. */
    stopAfter: jsonb('stop_after'),
    /** Of a file that an earlier batch was made of: `allow`, `warn`, `refuse`. */
    onDuplicateFile: text('on_duplicate_file').notNull().default('allow'),
    /** That batch, where it is to be told. */
    duplicateOf: uuid('duplicate_of'),
    /** `parallel`, or `serial`: one chunk at a time, in the file's order. */
    execution: text('execution').notNull().default('parallel'),
    /** The column whose value is repeated in the results. */
    customId: text('custom_id'),
    /** Higher ones of the same account come first. */
    priority: integer('priority').notNull().default(0),
    /** Formats in which the results are written. */
    resultsFormats: jsonb('results_formats').notNull().default(['ndjson']),
    /** Seconds from the terminal status until the objects are removed. */
    expiresAfter: count('expires_after').notNull().default(2_592_000),
    /** What the client says of the file (core/file-format.ts). */
    format: jsonb('format').notNull().default(UNSTATED),
    metadata: jsonb('metadata').notNull(),
    statedHash: sha256('stated_hash'),
    hash: sha256('hash'),
    status: text('status').notNull(),
    statusReason: jsonb('status_reason'),
    /** `[{status, ts}]`, in the order in which they were entered. */
    statuses: jsonb('statuses').notNull(),
    failedFrom: text('failed_from'),
    /** The upload as HEAD saw it when the batch was made: what is copied must be this. */
    uploadKey: text('upload_key').notNull(),
    uploadEtag: text('upload_etag').notNull(),
    uploadBytes: count('upload_bytes').notNull(),
    /** What chunks are of: the private copy, or what it was converted to. */
    inputKey: text('input_key'),
    /** How the private copy is to be converted before it can be cut; null: it is not, or that is done. */
    conversion: jsonb('conversion'),
    /** What was read: format, encoding, delimiter, columns, or the fault of the file as a whole. */
    read: jsonb('read'),
    /** What is wrong with the file as a whole, where the copying pass found it. */
    fileFault: jsonb('file_fault'),
    /** By which rules cells were coerced, by column; known once all records are checked. */
    coerced: jsonb('coerced'),
    /** Error codes and first errors of the failed records, as the result files tell them. */
    failures: jsonb('failures'),
    total: count('total'),
    chunkCount: integer('chunk_count').notNull().default(0),
    /** Final counts, written with the terminal status; before that they are summed over the chunks. */
    succeeded: count('succeeded').notNull().default(0),
    failed: count('failed').notNull().default(0),
    skipped: count('skipped').notNull().default(0),
    unprocessed: count('unprocessed').notNull().default(0),
    /** The step that leases the batch as a whole (`copy`, `convert`, `write_results`, `remove`), if one has to be done. */
    stage: text('stage'),
    lease: uuid('lease'),
    leaseExpiresAt: moment('lease_expires_at'),
    attempts: integer('attempts').notNull().default(0),
    /** How often the step's worker was gone before it had ended: such a step runs in a process of its own. */
    crashes: integer('crashes').notNull().default(0),
    availableAt: moment('available_at').notNull().defaultNow(),
    /** How far the leased step is, in bytes (copy, convert) or records (write_results). */
    progressDone: count('progress_done').notNull().default(0),
    /** Of its copy and its files in the object store. */
    storedBytes: count('stored_bytes').notNull().default(0),
    results: jsonb('results'),
    resultsAt: moment('results_at'),
    /** When it entered the terminal status that it is in. */
    endedAt: moment('ended_at'),
    /** When its objects are to be removed; null while it is not terminal. */
    expiresAt: moment('expires_at'),
    /** When its objects were removed because they expired. */
    expiredAt: moment('expired_at'),
    /** When what crashed workers had left of it in the object store was removed, after its end. */
    tidiedAt: moment('tidied_at'),
    /** When somebody asked for it to be deleted, which may have to wait for its end. */
    deleteRequestedAt: moment('delete_requested_at'),
    /** The batch whose records it takes up again; that may be gone by now. */
    retryOf: uuid('retry_of'),
    /** The first batch of its lineage. */
    rootId: uuid('root_id'),
    /** Which of its records: `failed`, `unprocessed`, `both`; `corrected`: those of its upload, a corrected file. */
    retryRecords: text('retry_records'),
    /** A later batch of its lineage that has processed records, and whose results are gone: nobody knows any more which. */
    retriesLost: uuid('retries_lost'),
    /** Of a tombstone: when the batch was removed. Nobody sees it any more; late objects are removed once again. */
    deletedAt: moment('deleted_at'),
    createdAt: moment('created_at').notNull().defaultNow(),
    updatedAt: moment('updated_at').notNull().defaultNow(),
  },
  (table) => [
    index('batches_account').on(table.accountId, table.id.desc()).where(sql`${table.deletedAt} is null`),
    index('batches_upload').on(table.uploadId),
    index('batches_hash').on(table.accountId, table.hash).where(sql`${table.hash} is not null`),
    index('batches_stated_hash')
      .on(table.accountId, table.statedHash)
      .where(sql`${table.statedHash} is not null and ${table.hash} is null`),
    index('batches_retries').on(table.retryOf).where(sql`${table.retryOf} is not null`),
    index('batches_lineage').on(table.rootId).where(sql`${table.rootId} is not null`),
    index('batches_open')
      .on(table.accountId)
      .where(sql`${table.endedAt} is null and ${table.deletedAt} is null`),
    index('batches_stored').on(table.accountId, table.storedBytes).where(sql`${table.storedBytes} > 0`),
    index('batches_stage').on(table.stage, table.availableAt).where(sql`${table.stage} is not null`),
    // What claims look through: the accounts one by one, and of each the batches in the order of their turn.
    index('batches_to_lease')
      .on(table.stage, table.accountId, table.priority.desc().nullsFirst(), table.createdAt, table.id)
      .where(sql`${table.stage} is not null and ${table.lease} is null`),
    index('batches_in_chunks')
      .on(table.status, table.accountId, table.priority.desc().nullsFirst(), table.createdAt, table.id)
      .where(sql`${table.status} in ('validating', 'processing') and ${table.stage} is null`),
    // What sweeps look for among any number of batches that have ended.
    index('batches_leased').on(table.leaseExpiresAt).where(sql`${table.lease} is not null`),
    index('batches_tombstones').on(table.deletedAt).where(sql`${table.deletedAt} is not null`),
    index('batches_unfinished')
      .on(table.updatedAt)
      .where(sql`${table.endedAt} is null and ${table.deletedAt} is null`),
    index('batches_under_way')
      .on(table.status, table.createdAt)
      .where(sql`${table.status} in ('copied', 'validating', 'processing', 'processed')`),
    index('batches_to_expire').on(table.expiresAt).where(sql`${table.expiredAt} is null`),
    index('batches_to_tidy')
      .on(table.resultsAt)
      .where(
        sql`${table.tidiedAt} is null and ${table.resultsAt} is not null and ${table.expiredAt} is null`,
      ),
    index('batches_to_delete').on(table.deleteRequestedAt).where(sql`${table.deleteRequestedAt} is not null`),
  ],
);
