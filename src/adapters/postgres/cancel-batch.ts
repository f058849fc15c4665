import type { WorkWaiting } from '../../engine/ports/work-store.ts';
import type { Transaction } from './connect.ts';
import { enters, mayEnter, releaseChunks } from './transition.ts';

/**
 * Cancels a batch whose row the caller has locked. Nothing of it can settle from here on; what has settled keeps its
 * results, and the files that tell so are the next step.
 * @returns `null` when its status allows no cancelling
 */
export async function cancelBatch(tx: Transaction, batchId: string): Promise<WorkWaiting[] | null> {
  const cancelled = await tx`
    update batches set ${enters(tx, 'cancel_requested')}, status_reason = null, stage = 'write_results',
      lease = null, lease_expires_at = null, attempts = 0, crashes = 0, available_at = clock_timestamp()
    where id = ${batchId} and ${mayEnter(tx, 'cancel_requested')}`;
  if (cancelled.count === 0) return null;
  await releaseChunks(tx, batchId);
  return [{ stage: 'write_results', batchId, tickets: 1 }];
}
