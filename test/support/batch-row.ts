import { UNSTATED } from '../../src/core/file-format.ts';
import { newBatchRow } from '../../src/engine/new-batch-row.ts';
import type { BatchRow, NewBatch } from '../../src/engine/ports/request-stores.ts';

/** A batch that somebody asks for without any option, but for what is given. */
export function newBatch(given: Partial<NewBatch>): NewBatch {
  return {
    id: 'b1',
    uploadId: 'u1',
    operation: 'create_learner',
    operationVersion: 1,
    effects: 'transaction',
    uploadKey: 'uploads/a1/u1',
    upload: { bytes: 0, etag: '"e"' },
    metadata: {},
    settings: {},
    mapping: {},
    format: UNSTATED,
    onInvalid: 'reject',
    dryRun: false,
    stopAfter: null,
    onDuplicateFile: 'allow',
    execution: 'parallel',
    customId: null,
    priority: 0,
    resultsFormats: ['ndjson'],
    expiresAfter: 3600,
    ...given,
  };
}

/** A batch in `new`, made at `createdAt`, but for what is given. */
export function batchRow({ createdAt = 0, ...given }: Partial<BatchRow>): BatchRow {
  const statuses = [{ status: 'new' as const, ts: createdAt }];
  const made = { accountId: 'a1', createdAt, statuses, filename: null };
  return { ...newBatchRow(newBatch({}), made), ...given };
}
