import type { BatchRow } from '../engine/ports/request-stores.ts';
import type { InputDescription } from '../engine/ports/work-store.ts';
import { progressOf } from '../engine/progress.ts';
import type { Batch } from './schemas/batch.ts';

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
    on_invalid: row.onInvalid,
    mapping: row.mapping,
    settings: row.settings,
    failed_from: row.failedFrom,
    read: row.read === null ? null : readView(row.read),
    results_ready: row.resultsReady,
    links: { self, results: `${self}/results` },
  };
}

/** Field by field, so that what the engine adds for itself is not shown by accident. */
function readView(read: InputDescription): NonNullable<Batch['read']> {
  const { format, encoding, bom, delimiter, quote, header, columns } = read;
  return {
    format,
    encoding,
    bom,
    delimiter,
    quote,
    header,
    columns: columns.map(({ name, field }) => ({ name, field })),
  };
}

/** Seconds with three decimals. */
export function milliseconds(ts: number): number {
  return Math.round(ts * 1000) / 1000;
}
