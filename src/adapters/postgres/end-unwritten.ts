import { TERMINAL_STATUSES } from '../../core/batch.ts';
import type { Transaction } from './connect.ts';
import { enters, mayEnter } from './transition.ts';

/**
 * Ends a batch whose results cannot be written any more, as what they are made of is gone, and that cannot fail: it is
 * being cancelled, or has ended already. It expires at once, so its counts are what its rows tell (finishRemoval); else
 * nobody could delete it, and it would be tried for ever. Does nothing in any other step.
 */
export async function endUnwritten(tx: Transaction, batchId: string): Promise<void> {
  await tx`
    update batches set ${enters(tx, 'cancel_finished')}
    where id = ${batchId} and stage = 'write_results' and ${mayEnter(tx, 'cancel_finished')}`;
  await tx`
    update batches set stage = null, attempts = 0, crashes = 0, expires_at = clock_timestamp()
    where id = ${batchId} and stage = 'write_results' and status in ${tx(TERMINAL_STATUSES)}`;
}
