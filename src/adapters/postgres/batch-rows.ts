import { and, desc, eq, sql as fragment, getTableColumns, inArray, isNull, type SQL } from 'drizzle-orm';
import type {
  BatchStatus,
  Execution,
  OnDuplicateFile,
  OnInvalid,
  ResultsFormat,
  StatusReason,
} from '../../core/batch.ts';
import type { FileFormat } from '../../core/file-format.ts';
import type { RetryKind } from '../../core/lineage.ts';
import type { FinalResult } from '../../core/result.ts';
import type { StopAfter } from '../../core/stop-after.ts';
import { type CoercionCounts, type FailureSummary, NO_FAILURES } from '../../core/tally.ts';
import type { ResultFile } from '../../engine/ports/batch-results.ts';
import type { BatchRow } from '../../engine/ports/request-stores.ts';
import { RECENT_SECONDS } from '../../engine/progress.ts';
import type { InputDescription } from '../../formats/description.ts';
import { batches } from './batch-schema.ts';
import { chunks } from './chunk-schema.ts';
import type { Database } from './database.ts';
import { startOfResult } from './journal.ts';
import { SUPERSEDED_BY } from './lineage.ts';
import { uploads } from './upload-schema.ts';
import { recordJournal } from './work-schema.ts';

/** Batches as they are read, with what is counted of those that are under way. */

/** Tombstones are nobody's. */
export async function selectBatches(
  db: Database,
  where: SQL | undefined,
  limit: number,
): Promise<Selected[]> {
  const page = db.$with('page').as(
    db
      .select({ ...getTableColumns(batches), filename: uploads.filename, retries, superseded })
      .from(batches)
      .innerJoin(uploads, eq(uploads.id, batches.uploadId))
      .where(and(isNull(batches.deletedAt), where))
      .orderBy(desc(batches.id))
      .limit(limit),
  );
  const counted = db.select({ id: page.id }).from(page).where(isNull(page.resultsAt));
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
        skipped: fragment<number>`sum(${chunks.skipped})::float8`.as('chunk_skipped'),
        // Before its chunk is processed an invalid record has failed too; afterwards it is among the failed.
        failed: fragment<number>`sum(case when ${chunks.part} is null then ${chunks.invalid}
          else ${chunks.failed} end)::float8`.as('chunk_failed'),
      })
      .from(chunks)
      .where(inArray(chunks.batchId, counted))
      .groupBy(chunks.batchId),
  );
  // Of chunks that are not settled: few are worked on at once, so few rows are there to be counted.
  const tried = db.$with('tried').as(
    db
      .select({
        batchId: recordJournal.batchId,
        succeeded: countOf('succeeded').as('tried_succeeded'),
        failed: countOf('failed').as('tried_failed'),
      })
      .from(recordJournal)
      .where(and(inArray(recordJournal.batchId, counted), eq(recordJournal.state, 'final')))
      .groupBy(recordJournal.batchId),
  );
  return await db
    .with(page, tally, tried)
    .select()
    .from(page)
    .leftJoin(tally, eq(tally.batchId, page.id))
    .leftJoin(tried, eq(tried.batchId, page.id))
    .orderBy(desc(page.id));
}

/** Of one batch: the retries of its records. */
const retries = fragment<BatchRow['retries']>`(
  select coalesce(jsonb_agg(jsonb_build_object('batch', r.id, 'status', r.status) order by r.id), '[]')
  from batches r where r.retry_of = ${batches.id} and r.deleted_at is null)`.as('retries');

/** Whether another batch has its records in hand, or had them: then it is not resumed. */
const superseded = fragment<boolean>`(case when ${batches.status} <> 'failed' then false
  else ${fragment.raw(SUPERSEDED_BY)} is not null end)`.as('superseded');

function retryOf({ retryOf: batch, retryRecords }: StoredBatch): BatchRow['retryOf'] {
  return batch === null ? null : { batch, records: retryRecords as RetryKind };
}

function countOf(status: FinalResult<unknown>['status']) {
  return fragment<number>`(count(*) filter (
    where starts_with(${recordJournal.result}, ${startOfResult(status)})))::float8`;
}

function isRemoving({ status, stage }: Pick<StoredBatch, 'status' | 'stage'>): boolean {
  return status === 'deleting' || stage === 'remove';
}

type StoredBatch = typeof batches.$inferSelect & {
  filename: string | null;
  retries: BatchRow['retries'];
  superseded: boolean;
};

export interface Selected {
  page: StoredBatch;
  tally: Tally | null;
  /** Of records that have their result before their chunk is settled. */
  tried: { succeeded: number; failed: number } | null;
}

interface Tally {
  settled: number | null;
  recent: number | null;
  skipped: number | null;
  succeeded: number | null;
  failed: number | null;
}

export function toRow({ page: stored, tally: sums, tried }: Selected): BatchRow {
  const statuses = stored.statuses as BatchRow['statuses'];
  const written = stored.resultsAt !== null;
  const total = stored.total;
  const succeeded = written ? stored.succeeded : (sums?.succeeded ?? 0) + (tried?.succeeded ?? 0);
  const skipped = written ? stored.skipped : (sums?.skipped ?? 0);
  const failed = written ? stored.failed : (sums?.failed ?? 0) + (tried?.failed ?? 0);
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
    dryRun: stored.dryRun,
    stopAfter: stored.stopAfter as StopAfter | null,
    onDuplicateFile: stored.onDuplicateFile as OnDuplicateFile,
    execution: stored.execution as Execution,
    customId: stored.customId,
    priority: stored.priority,
    resultsFormats: stored.resultsFormats as ResultsFormat[],
    expiresAfter: stored.expiresAfter,
    uploadId: stored.uploadId,
    uploadBytes: stored.uploadBytes,
    filename: stored.filename,
    format: stored.format as FileFormat,
    converting: stored.conversion !== null && stored.status === 'copied',
    coerced: (stored.coerced ?? {}) as CoercionCounts,
    failures: (stored.failures ?? NO_FAILURES) as FailureSummary,
    read: stored.read as InputDescription | null,
    retryOf: retryOf(stored),
    retries: stored.retries,
    superseded: stored.superseded,
    duplicateOf: stored.duplicateOf,
    counts: {
      total,
      succeeded,
      failed,
      skipped,
      unprocessed: written ? stored.unprocessed : total === null ? 0 : total - succeeded - failed - skipped,
    },
    progressDone: stored.progressDone,
    phase: {
      settled: (sums?.settled ?? 0) + (tried?.succeeded ?? 0) + (tried?.failed ?? 0),
      recent: sums?.recent ?? 0,
      since: statuses.at(-1)?.ts ?? null,
    },
    results: stored.results as ResultFile[] | null,
    // While they are being removed nobody should begin to fetch them.
    resultsReady: written && !(isRemoving(stored) || stored.expiredAt !== null),
    expiresAt: stored.expiresAt === null ? null : stored.expiresAt.getTime() / 1000,
    expired: stored.expiredAt !== null || (stored.stage === 'remove' && stored.status !== 'deleting'),
    deleting: stored.deleteRequestedAt !== null,
    createdAt: stored.createdAt.getTime() / 1000,
    updatedAt: stored.updatedAt.getTime() / 1000,
  };
}
