import { RequestError } from '../../core/errors.ts';
import type { BatchChange } from '../../engine/ports/request-stores.ts';
import type { WorkWaiting } from '../../engine/ports/work-store.ts';
import { cancelBatch } from './cancel-batch.ts';
import type { Sql, Transaction } from './connect.ts';
import { type FailedBatch, resumeBatch } from './resume-batch.ts';
import { transaction } from './transaction.ts';

/** Statuses in which a cancel has been asked for already: to ask again is not an error. */
const CANCELLED = ['cancel', 'cancelling', 'cancelled'];

/**
 * Does all that a change asks for in one transaction, with the batch's row locked first.
 * @returns the work that waits because of it
 * @throws {RequestError} batch_not_found, not_cancellable, not_resumable, and what resuming says of the upload
 */
export async function changeBatch(
  sql: Sql,
  accountId: string,
  batchId: string,
  { status, metadata, stopAfter }: BatchChange,
): Promise<WorkWaiting[]> {
  return await transaction(sql, async (tx) => {
    const [batch] = await tx<FailedBatch[]>`
      select id, status, status_reason as "statusReason", failed_from as "failedFrom", stop_after as "stopAfter",
        execution, effects, upload_id as "uploadId", conversion is not null as converting,
        expired_at is not null or expires_at < clock_timestamp() or coalesce(stage = 'remove', false) as expired,
        delete_requested_at is not null as deleting
      from batches where id = ${batchId} and account_id = ${accountId} and deleted_at is null for update`;
    if (batch === undefined) {
      throw new RequestError('batch_not_found', 'there is no batch with this id in the account');
    }
    if (metadata !== undefined) {
      await tx`
        update batches set metadata = ${tx.json(metadata as never)}, updated_at = clock_timestamp()
        where id = ${batchId}`;
    }
    if (status === 'cancel') return await cancel(tx, batch);
    if (status === 'resume') return await resumeBatch(tx, batch, stopAfter);
    return [];
  });
}

async function cancel(tx: Transaction, batch: FailedBatch): Promise<WorkWaiting[]> {
  if (CANCELLED.includes(batch.status)) return [];
  const waiting = await cancelBatch(tx, batch.id);
  if (waiting !== null) return waiting;
  const why =
    batch.status === 'writing_results'
      ? 'everything is processed, and the result files are being written'
      : 'it has ended';
  throw new RequestError('not_cancellable', `the batch is in ${batch.status}: ${why}`);
}
