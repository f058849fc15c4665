import { RequestError } from '../core/errors.ts';
import type { BatchRow, BatchStore } from '../engine/ports/request-stores.ts';
import { isUuid } from './uuid.ts';

/** @throws {RequestError} batch_not_found, also for what cannot be the id of a batch */
export async function findBatch(
  { batches }: { batches: Pick<BatchStore, 'find'> },
  id: string,
): Promise<BatchRow> {
  const row = await batches.find(batchId(id));
  if (row === null) throw notFound();
  return row;
}

/**
 * The id of a batch, as it is answered.
 * @throws {RequestError} batch_not_found for what cannot be one
 */
export function batchId(text: string): string {
  if (!isUuid(text)) throw notFound();
  return text.toLowerCase();
}

function notFound(): RequestError {
  return new RequestError('batch_not_found', 'there is no batch with this id in the account');
}
