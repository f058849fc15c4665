import { isFinal } from '../core/errors.ts';
import { formatRequestOf } from '../engine/file-format.ts';
import type { BatchOptions, BatchRow } from '../engine/ports/request-stores.ts';
import { progressOf } from '../engine/progress.ts';
import { readView } from './read-view.ts';
import type { Batch } from './schemas/batch.ts';
import { MOST_COLUMNS_LISTED } from './schemas/read.ts';

/** A batch as the API answers it. `now` in seconds. */
export function batchView(row: BatchRow, now: number): Batch {
  const self = `/batches/${row.id}`;
  return {
    batch: row.id,
    operation: row.operation,
    status: row.status,
    status_reason: row.statusReason,
    hash: row.hash,
    metadata: row.metadata,
    created_ts: milliseconds(row.createdAt),
    updated_ts: milliseconds(row.updatedAt),
    statuses: row.statuses.map(({ status, ts }) => ({ status, ts: milliseconds(ts) })),
    counts: row.counts,
    progress: progressOf(row, now),
    handler: row.uploadId,
    filename: row.filename,
    on_invalid: row.onInvalid,
    mapping: row.mapping,
    settings: row.settings,
    ...optionsView(row),
    failed_from: row.failedFrom,
    resumable: isResumable(row, now),
    format: formatRequestOf(row.format),
    read: readView(row),
    warnings: row.duplicateOf === null ? [] : [{ code: 'duplicate_file', batch: row.duplicateOf }],
    retry_of: row.retryOf,
    retries: row.retries,
    ...failuresView(row),
    results_ready: row.resultsReady,
    expires_ts: row.expiresAt === null ? null : milliseconds(row.expiresAt),
    deletion_requested: row.deleting,
    links: { self, results: `${self}/results`, events: `${self}/events` },
  };
}

/** A batch as an item of a list: the same, but for what may be very long, and what a list does not look for. */
export function listedBatch(row: BatchRow, now: number): Batch {
  const { error_codes: _codes, first_errors: _errors, ...batch } = batchView(row, now);
  const { read } = batch;
  if (read === null) return batch;
  const columns = read.columns.slice(0, MOST_COLUMNS_LISTED).map(({ name, field }) => ({ name, field }));
  return { ...batch, read: { ...read, columns } };
}

function optionsView(row: BatchOptions) {
  return {
    dry_run: row.dryRun,
    stop_after: row.stopAfter,
    on_duplicate_file: row.onDuplicateFile,
    execution: row.execution,
    custom_id: row.customId,
    priority: row.priority,
    results_format: [...row.resultsFormats],
    expires_after: row.expiresAfter,
  };
}

/** Should it have failed at its limit of failures, it needs a higher one besides. */
function isResumable(row: BatchRow, now: number): boolean {
  const { status, statusReason, expiresAt, expired, deleting, superseded } = row;
  const kept = !expired && (expiresAt === null || expiresAt > now);
  return status === 'failed' && !isFinal(statusReason) && kept && !deleting && !superseded;
}

function failuresView({ failures: { codes, first } }: BatchRow): Pick<Batch, 'error_codes' | 'first_errors'> {
  const first_errors = first.map(({ record, code, message, field, column, value }) => ({
    ...{ record, code, message },
    ...(field !== undefined && { field }),
    ...(column !== undefined && { column }),
    ...(value !== undefined && { value }),
  }));
  return { error_codes: { ...codes }, first_errors };
}

/** Seconds with three decimals. */
export function milliseconds(ts: number): number {
  return Math.round(ts * 1000) / 1000;
}
