import type { BatchRow } from '../engine/ports/request-stores.ts';
import { batchView } from './batch-view.ts';
import { REPLAYED } from './idempotency.ts';
import { BatchSchema } from './schemas/batch.ts';
import { answer } from './schemas/component.ts';

/** Why no batch is made of an upload, whichever route is asked for it. */
export const NEW_BATCH_ERRORS = [
  'handler_not_found',
  'upload_missing',
  'upload_used',
  'upload_in_use',
  'upload_expired',
  'upload_invalidated',
  'file_too_large',
  'storage_full',
  'too_many_batches',
] as const;

/** What is answered with a batch that was made, as the OpenAPI document has it. */
export const newBatchAnswer = (description: string) => ({
  201: answer(description, BatchSchema, { Location: 'Where the batch is.', ...REPLAYED }),
});

export function createdBatch(row: BatchRow) {
  const body = batchView(row, Date.now() / 1000);
  return { status: 201, headers: { location: body.links.self }, body };
}
