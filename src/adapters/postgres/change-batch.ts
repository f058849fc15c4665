import type { AccountLimits } from '../../core/account-limits.ts';
import { RequestError } from '../../core/errors.ts';
import type { Actor } from '../../engine/ports/actor.ts';
import type { BatchChange } from '../../engine/ports/request-stores.ts';
import type { WorkWaiting } from '../../engine/ports/work-store.ts';
import { difference, writeAudit } from './audit.ts';
import { cancelBatch } from './cancel-batch.ts';
import type { Sql, Transaction } from './connect.ts';
import { type Owned, ownedBy } from './owned-by.ts';
import { type FailedBatch, resumeBatch } from './resume-batch.ts';
import { transaction } from './transaction.ts';

interface By {
  actor: Actor;
  /** What accounts may take for which nothing else is set. */
  defaults: AccountLimits;
}

/** Statuses in which a cancel has been asked for already: to ask again is not an error. */
const CANCELLED = ['cancel', 'cancelling', 'cancelled'];

/**
 * Does all that a change asks for in one transaction, with the batch's row locked first; what comes of it is noted.
 * @returns the work that waits because of it
 * @throws {RequestError} batch_not_found, not_cancellable, not_resumable, forbidden, too_many_batches, and what resuming says of the upload
 */
export async function changeBatch(
  sql: Sql,
  { actor, defaults }: By,
  batchId: string,
  change: BatchChange,
): Promise<WorkWaiting[]> {
  const own = ownedBy(sql, actor);
  return await transaction(sql, async (tx) => {
    const [batch] = await tx<(FailedBatch & Noted)[]>`
      select id, user_name as "userName", operation, metadata, status, status_reason as "statusReason",
        failed_from as "failedFrom", stop_after as "stopAfter",
        execution, effects, upload_id as "uploadId", conversion is not null as converting,
        retry_records as "retryRecords", on_duplicate_file as "onDuplicateFile",
        expired_at is not null or expires_at < clock_timestamp() or coalesce(stage = 'remove', false) as expired,
        delete_requested_at is not null as deleting
      from batches where id = ${batchId} and ${own} and deleted_at is null for update`;
    if (batch === undefined) {
      throw new RequestError('batch_not_found', 'there is no batch with this id in the account');
    }
    const waiting = await apply(tx, { own, actor, defaults }, batch, change);
    await note(tx, own, actor, batch);
    return waiting;
  });
}

async function apply(
  tx: Transaction,
  { own, actor, defaults }: By & { own: Owned },
  batch: FailedBatch,
  { status, metadata, stopAfter, statements = [] }: BatchChange,
): Promise<WorkWaiting[]> {
  if (metadata !== undefined) {
    await tx`
      update batches set metadata = ${tx.json(metadata as never)}, updated_at = clock_timestamp()
      where id = ${batch.id} and ${own}`;
  }
  if (status === 'cancel') return await cancel(tx, batch);
  if (status === 'resume')
    return await resumeBatch(tx, own, batch, { stopAfter, actor, statements, defaults });
  return [];
}

/** What of a batch a client can change. */
interface Noted {
  userName: string;
  status: string;
  metadata: Record<string, unknown>;
  stopAfter: unknown;
}

/** What was asked for and was so already is no change. */
async function note(tx: Transaction, own: Owned, actor: Actor, was: Noted & { id: string }): Promise<void> {
  const [now] = await tx<Noted[]>`
    select user_name as "userName", status, metadata, stop_after as "stopAfter" from batches where id = ${was.id} and ${own}`;
  const told = ({ userName: user, status, metadata, stopAfter }: Noted) => ({
    user,
    status,
    metadata,
    stop_after: stopAfter,
  });
  const { before, after } = difference(told(was), told(now!));
  if (Object.keys(after).length === 0) return;
  await writeAudit(tx, actor, {
    action: 'update_batch',
    target: { kind: 'batch', id: was.id },
    before,
    after,
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
