import { type BatchStatus, isTerminal, TERMINAL_STATUSES } from '../../core/batch.ts';
import { LeaseLost, RequestError } from '../../core/errors.ts';
import type { Actor } from '../../engine/ports/actor.ts';
import type { BatchClaim } from '../../engine/ports/claims.ts';
import type { WorkWaiting } from '../../engine/ports/work-store.ts';
import { writeAudit } from './audit.ts';
import { cancelBatch } from './cancel-batch.ts';
import type { Sql, Transaction } from './connect.ts';
import { failuresOf } from './failures.ts';
import { hasStatus } from './journal.ts';
import { loseRetry, unread } from './lineage.ts';
import { ownedBy } from './owned-by.ts';
import { transaction } from './transaction.ts';
import { enters, mayEnter, releaseChunks } from './transition.ts';

const MOST_AT_ONCE = 100;

/** A client's PUT or a worker that does not know yet that its lease is over may write for so long after the end. */
export const LATE_WRITE_SECONDS = 3600;

/**
 * Records the wish, in one transaction with what it leads to at once: a batch that runs is cancelled, one that has
 * ended begins to be removed, and one that can do neither follows when it ends (advanceBatch, and the sweep).
 * @throws {RequestError} batch_not_found
 */
export async function requestDeletion(
  sql: Sql,
  actor: Actor,
  batchId: string,
): Promise<{ status: BatchStatus; waiting: WorkWaiting[] }> {
  const own = ownedBy(sql, actor);
  return await transaction(sql, async (tx) => {
    const [batch] = await tx<{ status: BatchStatus; wished: boolean }[]>`
      select status, delete_requested_at is not null as wished from batches
      where id = ${batchId} and ${own} for update`;
    if (batch === undefined) {
      throw new RequestError('batch_not_found', 'there is no batch with this id in the account');
    }
    if (!batch.wished) {
      await tx`update batches set delete_requested_at = clock_timestamp() where id = ${batchId} and ${own}`;
      const target = { kind: 'batch', id: batchId } as const;
      await writeAudit(tx, actor, { action: 'delete_batch', target, before: { status: batch.status } });
    }
    if (isTerminal(batch.status)) {
      const waiting = await startDeletion(tx, batchId);
      return { status: waiting.length > 0 ? 'deleting' : batch.status, waiting };
    }
    const cancelled = await cancelBatch(tx, batchId);
    return cancelled === null
      ? { status: batch.status, waiting: [] }
      : { status: 'cancel', waiting: cancelled };
  });
}

/**
 * Enters `deleting`, unless a retry is about to read the batch: then it follows when that is copied. Whoever still writes
 * results for the batch has lost its lease with that.
 */
export async function startDeletion(tx: Transaction, batchId: string): Promise<WorkWaiting[]> {
  // Locked before it is asked who reads it: a retry that is being made has the lock, too.
  await tx`select from batches where id = ${batchId} for update`;
  const [due] = await tx`
    select from batches where id = ${batchId} and ${mayEnter(tx, 'delete_started')} and ${unread(tx)}`;
  if (due === undefined) return [];
  await loseRetry(tx, batchId);
  await tx`
    update batches set ${enters(tx, 'delete_started')}, stage = 'remove', lease = null, lease_expires_at = null,
      attempts = 0, available_at = clock_timestamp()
    where id = ${batchId}`;
  await releaseChunks(tx, batchId);
  return [{ stage: 'remove', batchId, tickets: 1 }];
}

/**
 * Begins to remove what is due; bounded, and harmless on all workers at once.
 * @returns how many batches it has begun with
 */
export async function startRemovals(sql: Sql, leaseSeconds: number): Promise<number> {
  const wished = await sql<{ id: string }[]>`
    select id from batches
    where delete_requested_at is not null and status in ${sql(TERMINAL_STATUSES)} and ${unread(sql)}
    limit ${MOST_AT_ONCE}`;
  for (const { id } of wished) await transaction(sql, (tx) => startDeletion(tx, id));
  const due = await transaction(sql, startExpiry);
  const tombstones = await sql`
    with old as materialized (
      select id from batches
      where stage is null and status = 'deleting'
        and deleted_at < now() - make_interval(secs => ${leaseSeconds + LATE_WRITE_SECONDS})
      limit ${MOST_AT_ONCE} for update skip locked)
    update batches b set stage = 'remove', attempts = 0, available_at = clock_timestamp()
    from old where b.id = old.id`;
  return wished.length + due + tombstones.count;
}

/** What a retry is about to read waits until that is copied. Locked first, so that none can be made meanwhile. */
async function startExpiry(tx: Transaction): Promise<number> {
  const due = await tx<{ id: string }[]>`
    select id from batches
    where (stage is null or stage = 'write_results') and expires_at < now() and expired_at is null
      and status in ${tx(TERMINAL_STATUSES)} and ${unread(tx)}
    limit ${MOST_AT_ONCE} for update skip locked`;
  if (due.length === 0) return 0;
  const started = await tx<{ id: string }[]>`
    update batches set stage = 'remove', lease = null, lease_expires_at = null, attempts = 0,
      available_at = clock_timestamp()
    where id in ${tx(due.map(({ id }) => id))} and ${unread(tx)} returning id`;
  for (const { id } of started) await loseRetry(tx, id);
  return started.length;
}

/**
 * The objects are gone. A batch that is deleted leaves a tombstone, so that what is written late is found and removed
 * once more; a tombstone whose time is over leaves nothing; one that had only expired stays, without its chunks.
 */
export async function finishRemoval(sql: Sql, claim: BatchClaim): Promise<void> {
  await transaction(sql, async (tx) => {
    const [batch] = await tx<{ deleted: boolean }[]>`
      select deleted_at is not null as deleted from batches
      where id = ${claim.batchId} and lease = ${claim.lease} and status = ${claim.status} for update`;
    if (batch === undefined) throw new LeaseLost(`batch ${claim.batchId}`);
    const expired = !batch.deleted && claim.status !== 'deleting';
    if (expired) await keepTold(tx, claim.batchId);
    await tx`delete from custom_ids where batch_id = ${claim.batchId}`;
    await tx`delete from record_journal where batch_id = ${claim.batchId}`;
    await tx`delete from chunks where batch_id = ${claim.batchId}`;
    if (expired) {
      await tx`
        update batches set expired_at = clock_timestamp(), stored_bytes = 0, stage = null, lease = null, lease_expires_at = null,
          input_key = null, failures = ${withoutValues(tx)}
        where id = ${claim.batchId}`;
    } else if (batch.deleted) {
      await tx`delete from batches where id = ${claim.batchId}`;
    } else {
      await tx`
        update batches set deleted_at = clock_timestamp(), stored_bytes = 0, stage = null, lease = null, lease_expires_at = null,
          settings = '{}', mapping = '{}', metadata = '{}', read = null, file_fault = null, results = null,
          failures = null, coerced = null, format = default, status_reason = null, input_key = null
        where id = ${claim.batchId}`;
    }
  });
}

/**
 * Of a batch whose result files were never written counts and failures are those of its chunks, which go now; and the
 * counts those of the journals of chunks that were not settled, too.
 */
async function keepTold(tx: Transaction, batchId: string): Promise<void> {
  const unwritten = tx`id = ${batchId} and results_at is null and total is not null`;
  const [batch] = await tx`select from batches where ${unwritten}`;
  if (batch === undefined) return;
  const failures = await failuresOf(tx, batchId);
  await tx`
    update batches set succeeded = chunk.succeeded + tried.succeeded, failed = chunk.failed + tried.failed,
      skipped = chunk.skipped,
      unprocessed = total - chunk.succeeded - tried.succeeded - chunk.failed - tried.failed - chunk.skipped,
      results = '[]', results_at = clock_timestamp(), failures = ${tx.json(failures as never)}
    from (
      select coalesce(sum(succeeded), 0) as succeeded, coalesce(sum(skipped), 0) as skipped,
        coalesce(sum(case when part is null then invalid else failed end), 0) as failed
      from chunks where batch_id = ${batchId}) chunk, (
      select count(*) filter (where ${hasStatus(tx, 'succeeded')}) as succeeded,
        count(*) filter (where ${hasStatus(tx, 'failed')} or state = 'started' or (state = 'waiting' and uncertain))
          as failed
      from record_journal where batch_id = ${batchId}) tried
    where ${unwritten}`;
}

/** The failures of a batch without what its file holds, which goes with the objects. */
function withoutValues(tx: Transaction) {
  return tx`jsonb_set(failures, '{first}', (
    select coalesce(jsonb_agg(error - 'value' order by place), '[]')
    from jsonb_array_elements(failures -> 'first') with ordinality as first(error, place)))`;
}
