import { sql } from 'drizzle-orm';
import { boolean, index, integer, jsonb, pgTable, primaryKey, text, uuid } from 'drizzle-orm/pg-core';
import { UNSTATED } from '../../core/file-format.ts';
import { bytes, count, moment, sha256 } from './columns.ts';

/**
 * The tables of uploads and batches. `npm run migration -- NAME` writes what this and the other `*schema.ts` have
 * over the last migration into `drizzle/`; a test fails when the two have drifted apart.
 */

export const accounts = pgTable('accounts', {
  id: uuid('id').primaryKey(),
  name: text('name').notNull().unique(),
  /** Its admins may reach into all accounts. */
  administers: boolean('administers').notNull().default(false),
  suspendedAt: moment('suspended_at'),
  /** What it may take, where that is not the default (core/account-limits.ts). */
  limits: jsonb('limits').notNull().default({}),
  createdAt: moment('created_at').notNull().defaultNow(),
  updatedAt: moment('updated_at').notNull().defaultNow(),
});

export const uploads = pgTable(
  'uploads',
  {
    /** The handler, as the API calls it. */
    id: uuid('id').primaryKey(),
    accountId: uuid('account_id')
      .notNull()
      .references(() => accounts.id),
    objectKey: text('object_key').notNull(),
    filename: text('filename'),
    contentType: text('content_type'),
    /** What the client stated and the signature binds; null where nothing was. */
    size: count('size'),
    hash: sha256('hash'),
    /** What lies in the object store, as far as that is known; where a size is stated it counts from the beginning. */
    storedBytes: count('stored_bytes'),
    /** When that was last looked up. */
    measuredAt: moment('measured_at'),
    createdAt: moment('created_at').notNull().defaultNow(),
    /** Until when the presigned URL takes bytes. */
    urlExpiresAt: moment('url_expires_at').notNull(),
    /** Until when a batch can be made of it. */
    expiresAt: moment('expires_at').notNull(),
    /** The batch that has copied it: then it is used up. */
    usedBy: uuid('used_by'),
    /** Of a multipart upload: its id in the object store, until it is completed or given up. */
    multipartId: text('multipart_id'),
    /** How many parts it was made with; null: a single PUT. */
    partCount: integer('part_count'),
    /** When the client took it back. */
    invalidatedAt: moment('invalidated_at'),
    /** When its object was removed: taken back, expired, or copied. */
    removedAt: moment('removed_at'),
  },
  (table) => [
    index('uploads_account').on(table.accountId, table.id),
    index('uploads_to_remove').on(table.expiresAt).where(sql`${table.removedAt} is null`),
    index('uploads_to_measure')
      .on(table.measuredAt.asc().nullsFirst(), table.id)
      .where(sql`${table.removedAt} is null`),
    index('uploads_stored').on(table.accountId, table.storedBytes).where(sql`${table.removedAt} is null`),
  ],
);

/** Answers that were given under an `Idempotency-Key`, so that the same request again gets the same answer. */
export const idempotencyKeys = pgTable(
  'idempotency_keys',
  {
    accountId: uuid('account_id').notNull(),
    route: text('route').notNull(),
    key: text('key').notNull(),
    /** SHA-256 of what was asked: another body under the same key is an error. */
    fingerprint: sha256('fingerprint').notNull(),
    answer: jsonb('answer').notNull(),
    createdAt: moment('created_at').notNull().defaultNow(),
  },
  (table) => [
    primaryKey({ columns: [table.accountId, table.route, table.key] }),
    index('idempotency_keys_created').on(table.createdAt),
  ],
);

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
    /** Of such a chunk: the runs of its records that are still to be tried alone. */
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
