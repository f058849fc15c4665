import { NO_FAILURES } from '../core/tally.ts';
import type { BatchRow, NewBatch } from './ports/request-stores.ts';

/** What the store adds when it writes a batch in `new`. */
export type CreatedBatch = Pick<BatchRow, 'accountId' | 'statuses' | 'createdAt' | 'filename'>;

/** A batch as it was just written, without a second look that could fail after the commit. */
export function newBatchRow(batch: NewBatch, created: CreatedBatch): BatchRow {
  return {
    ...batch,
    ...created,
    status: 'new',
    statusReason: null,
    failedFrom: null,
    hash: batch.statedHash ?? null,
    uploadBytes: batch.upload.bytes,
    converting: false,
    retryOf: batch.retry === undefined ? null : { batch: batch.retry.of, records: batch.retry.records },
    retries: [],
    superseded: false,
    duplicateOf: null,
    read: null,
    coerced: {},
    failures: NO_FAILURES,
    counts: { total: null, succeeded: 0, failed: 0, skipped: 0, unprocessed: 0 },
    progressDone: 0,
    phase: { settled: 0, recent: 0, since: null },
    results: null,
    resultsReady: false,
    expiresAt: null,
    expired: false,
    deleting: false,
    updatedAt: created.createdAt,
  };
}
