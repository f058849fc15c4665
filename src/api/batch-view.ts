import { isFinal } from '../core/errors.ts';
import type { BatchOptions, BatchRow } from '../engine/ports/request-stores.ts';
import type { InputDescription } from '../engine/ports/work-store.ts';
import { progressOf } from '../engine/progress.ts';
import { type Batch, MOST_COLUMNS_LISTED } from './schemas/batch.ts';

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
    read: row.read === null ? null : readView(row.read),
    results_ready: row.resultsReady,
    expires_ts: row.expiresAt === null ? null : milliseconds(row.expiresAt),
    deletion_requested: row.deleting,
    links: { self, results: `${self}/results`, events: `${self}/events` },
  };
}

/** A batch as an item of a list: the same, but for what may be very long. */
export function listedBatch(row: BatchRow, now: number): Batch {
  const batch = batchView(row, now);
  const { read } = batch;
  if (read === null) return batch;
  return { ...batch, read: { ...read, columns: read.columns.slice(0, MOST_COLUMNS_LISTED) } };
}

function optionsView(row: BatchOptions) {
  return {
    dry_run: row.dryRun,
    stop_after: row.stopAfter,
    execution: row.execution,
    custom_id: row.customId,
    priority: row.priority,
    results_format: [...row.resultsFormats],
    expires_after: row.expiresAfter,
  };
}

/** Should it have failed at its limit of failures, it needs a higher one besides. */
function isResumable(row: BatchRow, now: number): boolean {
  const { status, statusReason, expiresAt, expired, deleting } = row;
  const kept = !expired && (expiresAt === null || expiresAt > now);
  return status === 'failed' && !isFinal(statusReason) && kept && !deleting;
}

/** Field by field, so that what the engine adds for itself is not shown by accident. */
function readView(read: InputDescription): NonNullable<Batch['read']> {
  const { format, encoding, bom } = read;
  const columns = read.columns.map(({ name, field }) => ({ name, field }));
  const total = { columns_total: columns.length };
  if (read.format === 'ndjson') return { format, encoding, bom, columns, ...total };
  const { delimiter, quote, header } = read;
  return { format, encoding, bom, delimiter, quote, header, columns, ...total };
}

/** Seconds with three decimals. */
export function milliseconds(ts: number): number {
  return Math.round(ts * 1000) / 1000;
}
