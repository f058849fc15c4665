import { and, desc, eq, sql as fragment, inArray, isNull, lt, type SQL } from 'drizzle-orm';
import type { BatchStatus, OnInvalid, StatusReason } from '../../core/batch.ts';
import { RequestError } from '../../core/errors.ts';
import type { BatchRow, BatchStore, NewBatch } from '../../engine/ports/request-stores.ts';
import type { InputDescription, ResultFile } from '../../engine/ports/work-store.ts';
import { RECENT_SECONDS } from '../../engine/progress.ts';
import type { Sql } from './connect.ts';
import type { Database } from './database.ts';
import { faultsTold } from './faults.ts';
import { batches, chunks } from './schema.ts';
import { transaction } from './transaction.ts';

/** Statuses in which a batch still reads its upload. */
const BEFORE_THE_COPY = ['new', 'copying'];

/** `sql` serves the transaction: drizzle's own are postgres.js's `begin` (see transaction.ts). */
export function postgresBatchStore({ db, sql }: { db: Database; sql: Sql }): BatchStore {
  return {
    create: (batch) => faultsTold(() => createBatch(sql, batch)),
    find: async (accountId, id) => {
      const own = and(eq(batches.accountId, accountId), eq(batches.id, id));
      const [row] = await faultsTold(() => selectBatches(db, own, 1));
      return row ?? null;
    },
    list: (accountId, { limit, before }) => {
      const older = before === undefined ? undefined : lt(batches.id, before);
      return faultsTold(() => selectBatches(db, and(eq(batches.accountId, accountId), older), limit));
    },
  };
}

/** The upload's row is locked while it is decided who uses it: two requests at once cannot both win. */
async function createBatch(sql: Sql, batch: NewBatch): Promise<BatchRow> {
  return await transaction(sql, async (tx) => {
    const [upload] = await tx<{ usedBy: string | null; expired: boolean }[]>`
      select used_by as "usedBy", expires_at < now() as expired from uploads
      where id = ${batch.uploadId} and account_id = ${batch.accountId} for update`;
    if (upload === undefined)
      throw new RequestError('handler_not_found', `there is no upload ${batch.uploadId}`);
    if (upload.usedBy !== null) {
      throw new RequestError('upload_used', `batch ${upload.usedBy} has used this upload up; make a new one`);
    }
    if (upload.expired) throw new RequestError('upload_expired', 'the upload has expired; make a new one');
    const [other] = await tx<{ id: string }[]>`
      select id from batches where upload_id = ${batch.uploadId} and status in ${tx(BEFORE_THE_COPY)}`;
    if (other !== undefined) {
      throw new RequestError('upload_in_use', `batch ${other.id} is about to copy this upload`);
    }
    const [created] = await tx<{ statuses: BatchRow['statuses']; createdAt: number }[]>`
      insert into batches (id, account_id, upload_id, user_name, operation, operation_version, settings, mapping,
        on_invalid, metadata, stated_hash, upload_key, upload_etag, upload_bytes, status, stage, statuses)
      values (${batch.id}, ${batch.accountId}, ${batch.uploadId}, ${batch.userName}, ${batch.operation},
        ${batch.operationVersion}, ${tx.json(batch.settings as never)}, ${tx.json(batch.mapping)}, ${batch.onInvalid},
        ${tx.json(batch.metadata as never)}, ${batch.statedHash ?? null}, ${batch.uploadKey}, ${batch.upload.etag},
        ${batch.upload.bytes}, 'new', 'copy', jsonb_build_array(jsonb_build_object(
          'status', 'new', 'ts', round(extract(epoch from clock_timestamp()), 3))))
      returning statuses, extract(epoch from created_at)::float8 as "createdAt"`;
    if (created === undefined) throw new Error(`batch ${batch.id} was not written`);
    return newRow(batch, created);
  });
}

/** A batch as it was just written, without a second look that could fail after the commit. */
function newRow(batch: NewBatch, created: { statuses: BatchRow['statuses']; createdAt: number }): BatchRow {
  return {
    ...batch,
    ...created,
    status: 'new',
    statusReason: null,
    failedFrom: null,
    hash: batch.statedHash ?? null,
    settings: batch.settings,
    uploadBytes: batch.upload.bytes,
    read: null,
    counts: { total: null, succeeded: 0, failed: 0, skipped: 0, unprocessed: 0 },
    progressDone: 0,
    phase: { settled: 0, recent: 0, since: null },
    results: null,
    resultsReady: false,
    updatedAt: created.createdAt,
  };
}

async function selectBatches(db: Database, where: SQL | undefined, limit: number): Promise<BatchRow[]> {
  const page = db
    .$with('page')
    .as(db.select().from(batches).where(where).orderBy(desc(batches.id)).limit(limit));
  const tally = db.$with('tally').as(
    db
      .select({
        batchId: chunks.batchId,
        settled:
          fragment<number>`(sum(${chunks.records}) filter (where ${chunks.status} = 'settled'))::float8`.as(
            'settled',
          ),
        recent: fragment<number>`(sum(${chunks.records}) filter (
          where ${chunks.status} = 'settled'
            and ${chunks.settledAt} > now() - make_interval(secs => ${RECENT_SECONDS})))::float8`.as(
          'recent',
        ),
        succeeded: fragment<number>`sum(${chunks.succeeded})::float8`.as('chunk_succeeded'),
        // Before its chunk is processed an invalid record has failed too; afterwards it is among the failed.
        failed: fragment<number>`sum(case when ${chunks.part} is null then ${chunks.invalid}
          else ${chunks.failed} end)::float8`.as('chunk_failed'),
      })
      .from(chunks)
      .where(inArray(chunks.batchId, db.select({ id: page.id }).from(page).where(isNull(page.resultsAt))))
      .groupBy(chunks.batchId),
  );
  const rows = await db
    .with(page, tally)
    .select()
    .from(page)
    .leftJoin(tally, eq(tally.batchId, page.id))
    .orderBy(desc(page.id));
  return rows.map((row) => toRow(row.page, row.tally));
}

type StoredBatch = typeof batches.$inferSelect;

interface Tally {
  settled: number | null;
  recent: number | null;
  succeeded: number | null;
  failed: number | null;
}

function toRow(stored: StoredBatch, sums: Tally | null): BatchRow {
  const statuses = stored.statuses as BatchRow['statuses'];
  const written = stored.resultsAt !== null;
  const total = stored.total;
  const succeeded = written ? stored.succeeded : (sums?.succeeded ?? 0);
  const failed = written ? stored.failed : (sums?.failed ?? 0);
  return {
    id: stored.id,
    accountId: stored.accountId,
    operation: stored.operation,
    status: stored.status as BatchStatus,
    statusReason: stored.statusReason as StatusReason | null,
    failedFrom: stored.failedFrom as BatchStatus | null,
    statuses,
    hash: stored.hash ?? stored.statedHash,
    metadata: stored.metadata as Record<string, unknown>,
    settings: stored.settings as Record<string, unknown>,
    mapping: stored.mapping as Record<string, string>,
    onInvalid: stored.onInvalid as OnInvalid,
    uploadId: stored.uploadId,
    uploadBytes: stored.uploadBytes,
    read: stored.read as InputDescription | null,
    counts: {
      total,
      succeeded,
      failed,
      skipped: stored.skipped,
      unprocessed: written ? stored.unprocessed : total === null ? 0 : total - succeeded - failed,
    },
    progressDone: stored.progressDone,
    phase: {
      settled: sums?.settled ?? 0,
      recent: sums?.recent ?? 0,
      since: statuses.at(-1)?.ts ?? null,
    },
    results: stored.results as ResultFile[] | null,
    resultsReady: written,
    createdAt: stored.createdAt.getTime() / 1000,
    updatedAt: stored.updatedAt.getTime() / 1000,
  };
}
