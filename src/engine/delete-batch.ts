import type { BatchStatus } from '../core/batch.ts';
import type { ChangeBatch } from './change-batch.ts';
import { wake } from './wake.ts';

/**
 * Records the wish that a batch be deleted. One that runs is cancelled first where it can be, any other is deleted as
 * soon as it has ended; the sweep does not forget it. May be repeated.
 * @returns the status after the request
 * @throws {RequestError} batch_not_found
 */
export async function deleteBatch(engine: ChangeBatch, batchId: string): Promise<{ status: BatchStatus }> {
  const { status, waiting } = await engine.batches.requestDeletion(batchId);
  wake(engine, batchId, waiting);
  return { status };
}
