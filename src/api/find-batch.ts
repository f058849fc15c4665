import { RequestError } from '../core/errors.ts';
import type { BatchRow } from '../engine/ports/request-stores.ts';
import type { ApiServices } from './api-services.ts';
import { isUuid } from './uuid.ts';

/** @throws {RequestError} batch_not_found, also for what cannot be the id of a batch */
export async function findBatch(
  { batches }: Pick<ApiServices, 'batches'>,
  accountId: string,
  id: string,
): Promise<BatchRow> {
  const row = isUuid(id) ? await batches.find(accountId, id) : null;
  if (row === null)
    throw new RequestError('batch_not_found', 'there is no batch with this id in the account');
  return row;
}
