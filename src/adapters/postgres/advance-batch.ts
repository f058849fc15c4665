import {
  type BatchStatus,
  type Execution,
  isTerminal,
  type OnInvalid,
  type StatusReason,
} from '../../core/batch.ts';
import type { RecordFault } from '../../core/chunk.ts';
import type { BatchReasonCode, FileFault } from '../../core/errors.ts';
import type { Operation } from '../../core/operation.ts';
import { describeLimit, isLimitReached, type StopAfter } from '../../core/stop-after.ts';
import { storable } from '../../core/storable.ts';
import type { ChunkStage } from '../../engine/ports/claims.ts';
import type { WorkWaiting } from '../../engine/ports/work-store.ts';
import type { Sql, Transaction } from './connect.ts';
import { findRepeatedIds } from './custom-ids.ts';
import { startDeletion } from './delete-batch.ts';
import { failureTally } from './failure-tally.ts';
import { coercionsOf } from './failures.ts';
import { transaction } from './transaction.ts';
import { enters, mayEnter, releaseChunks } from './transition.ts';
import { nextOfAccount } from './waiting-work.ts';
import { mostChunksOf } from './worker-share.ts';

interface BatchState {
  id: string;
  status: BatchStatus;
  stage: WorkWaiting['stage'] | null;
  held: boolean;
  onInvalid: OnInvalid;
  dryRun: boolean;
  stopAfter: StopAfter | null;
  execution: Execution;
  effects: Operation['effects'];
  customId: string | null;
  fileFault: FileFault | null;
  chunkCount: number;
  deleting: boolean;
}

/**
 * Moves a batch on if everything of its phase is settled, in one transaction that locks the batch row first; so
 * among any number of callers exactly one moves it, and the last settler cannot be missed: whoever comes after its
 * commit sees all chunks settled. Called after every settling, and by the sweep.
 * @returns the work that waits because of it
 */
export async function advanceBatch(sql: Sql, batchId: string): Promise<WorkWaiting[]> {
  const look = await lookAt(sql, batchId);
  if (look === undefined) return [];
  const waiting = await advanceFrom(sql, batchId, look);
  return look.limited ? [...waiting, ...(await nextOfAccount(sql, look.accountId))] : waiting;
}

async function advanceFrom(sql: Sql, batchId: string, look: Look): Promise<WorkWaiting[]> {
  if (look.status === 'processing' && look.stopAfter !== null) {
    const stopped = await stopAtLimit(sql, batchId, look.stopAfter);
    if (stopped.length > 0) return stopped;
  }
  if (look.underWay) return nextInOrder(batchId, look);
  return await transaction(sql, (tx) => advanceLocked(tx, batchId));
}

/** The same, in a transaction of the caller's. */
export async function advanceLocked(tx: Transaction, batchId: string): Promise<WorkWaiting[]> {
  const [batch] = await tx<BatchState[]>`
    select id, status, stage, lease is not null as held, on_invalid as "onInvalid", dry_run as "dryRun",
      stop_after as "stopAfter", execution, effects, custom_id as "customId", file_fault as "fileFault",
      chunk_count as "chunkCount", delete_requested_at is not null as deleting
    from batches where id = ${batchId} for update`;
  if (batch === undefined) return [];
  if (batch.deleting && isTerminal(batch.status)) return await startDeletion(tx, batchId);
  if (batch.stage !== null) return batch.held ? [] : [{ stage: batch.stage, batchId, tickets: 1 }];
  return await moveOn(tx, batch);
}

async function moveOn(tx: Transaction, batch: BatchState): Promise<WorkWaiting[]> {
  const { id: batchId } = batch;
  if (batch.status === 'copied') {
    await tx`update batches set ${enters(tx, 'validation_started')} where id = ${batchId}`;
    const checked = await isSettled(tx, batchId);
    return checked ? await judge(tx, batch) : [{ stage: 'validate', batchId, tickets: batch.chunkCount }];
  }
  if (batch.status === 'validating' && (await isSettled(tx, batchId))) return await judge(tx, batch);
  if (batch.status === 'processing' && (await isSettled(tx, batchId))) {
    await tx`update batches set ${enters(tx, 'chunks_settled')} where id = ${batchId}`;
    return await writeResults(tx, batchId);
  }
  return [];
}

async function writeResults(tx: Transaction, batchId: string): Promise<WorkWaiting[]> {
  await tx`
    update batches set stage = 'write_results', attempts = 0, crashes = 0, available_at = clock_timestamp(),
      updated_at = clock_timestamp()
    where id = ${batchId}`;
  return [{ stage: 'write_results', batchId, tickets: 1 }];
}

interface Look {
  accountId: string;
  /** Its account may run only so many chunks at once. */
  limited: boolean;
  status: BatchStatus;
  stopAfter: StopAfter | null;
  execution: Execution;
  effects: Operation['effects'];
  /** A chunk of the phase is not settled. */
  underWay: boolean;
  /** A chunk of the phase waits, and none runs. */
  idle: boolean;
}

/**
 * Looked at without a lock, so that thousands of settlers do not queue for the batch's row: whoever sees an unsettled
 * chunk may go, since its settler comes by here after its own commit.
 */
async function lookAt(sql: Sql, batchId: string): Promise<Look | undefined> {
  const [look] = await sql<Look[]>`
    select account_id as "accountId", status, stop_after as "stopAfter", execution, effects,
      exists (select from accounts own where own.id = b.account_id and ${mostChunksOf(sql)} is not null) as limited,
      status in ('validating', 'processing') and stage is null
        and exists (select from chunks c where c.batch_id = b.id and c.status <> 'settled') as "underWay",
      execution = 'serial' and not exists (
        select from chunks c where c.batch_id = b.id and c.status = 'running') as idle
    from batches b where id = ${batchId}`;
  return look;
}

/** The stage in which the chunks of a batch are processed. */
export function processingStage({ effects }: { effects: Operation['effects'] }): ChunkStage {
  return effects === 'outside' ? 'call' : 'process';
}

/** In the file's order each chunk follows from the one before it; otherwise all had their tickets at once. */
function nextInOrder(batchId: string, look: Look): WorkWaiting[] {
  const next = look.status === 'processing' && look.execution === 'serial' && look.idle;
  return next ? [{ stage: processingStage(look), batchId, tickets: 1 }] : [];
}

/**
 * Ends a batch of which as many records failed as its client allows. Chunks that run at this moment do not settle. The
 * limit is looked at again under the lock: meanwhile the batch may have failed and been resumed with another.
 */
async function stopAtLimit(sql: Sql, batchId: string, limit: StopAfter): Promise<WorkWaiting[]> {
  const tally = await failureTally(sql, batchId);
  if (tally === null || !isLimitReached(limit, tally)) return [];
  return await transaction(sql, async (tx) => {
    const [batch] = await tx<Pick<BatchState, 'status' | 'stopAfter'>[]>`
      select status, stop_after as "stopAfter" from batches where id = ${batchId} for update`;
    if (batch?.status !== 'processing' || batch.stopAfter === null) return [];
    const now = await failureTally(tx, batchId);
    if (now === null || !isLimitReached(batch.stopAfter, now)) return [];
    await enterFailed(tx, batchId, limitReached(batch.stopAfter, now.failed));
    return [{ stage: 'write_results', batchId, tickets: 1 }];
  });
}

function limitReached(limit: StopAfter, failed: number): { code: BatchReasonCode; message: string } {
  const message = `${failed} ${failed === 1 ? 'record has' : 'records have'} failed, and stop_after allows ${describeLimit(limit)}`;
  return { code: 'failure_limit', message };
}

async function isSettled(tx: Transaction, batchId: string): Promise<boolean> {
  const [unsettled] = await tx`
    select from chunks where batch_id = ${batchId} and status <> 'settled' limit 1`;
  return unsettled === undefined;
}

/**
 * Every record is checked: either the chunks go on to processing, or the error report is written and that is all. The
 * status follows when the report is there (finishResults): a terminal batch has its files.
 */
async function judge(tx: Transaction, batch: BatchState): Promise<WorkWaiting[]> {
  if (batch.customId !== null) await findRepeatedIds(tx, batch.id);
  const coerced = await coercionsOf(tx, batch.id);
  await tx`update batches set coerced = ${tx.json({ ...coerced })} where id = ${batch.id}`;
  const reason = await whyRejected(tx, batch);
  if (reason !== null) {
    await tx`update batches set status_reason = ${tx.json({ ...reason })} where id = ${batch.id}`;
    return await writeResults(tx, batch.id);
  }
  if (batch.stopAfter !== null) {
    const tally = await failureTally(tx, batch.id);
    if (tally !== null && isLimitReached(batch.stopAfter, tally)) {
      await enterFailed(tx, batch.id, limitReached(batch.stopAfter, tally.failed));
      return [{ stage: 'write_results', batchId: batch.id, tickets: 1 }];
    }
  }
  if (batch.dryRun) return await writeResults(tx, batch.id);
  await tx`
    update chunks set phase = 'process', status = 'waiting', attempts = 0, crashes = 0, probes = null,
      available_at = clock_timestamp(), settled_at = null
    where batch_id = ${batch.id}`;
  await tx`update batches set ${enters(tx, 'validation_passed')} where id = ${batch.id}`;
  const tickets = batch.execution === 'serial' ? 1 : batch.chunkCount;
  return [{ stage: processingStage(batch), batchId: batch.id, tickets }];
}

async function whyRejected(tx: Transaction, batch: BatchState): Promise<StatusReason | null> {
  if (batch.fileFault !== null) return batch.fileFault;
  const [faulty] = await tx<{ fileFault: RecordFault }[]>`
    select file_fault as "fileFault" from chunks
    where batch_id = ${batch.id} and file_fault is not null order by number limit 1`;
  if (faulty !== undefined) return faulty.fileFault;
  if (batch.onInvalid === 'skip') return null;
  const [sum] = await tx<{ invalid: number }[]>`
    select coalesce(sum(invalid), 0)::bigint as invalid from chunks where batch_id = ${batch.id}`;
  const invalid = sum?.invalid ?? 0;
  if (invalid === 0) return null;
  const records = invalid === 1 ? '1 record is' : `${invalid} records are`;
  return {
    code: 'records_invalid',
    message: `${records} invalid, so none was processed; see the error report`,
  };
}

/**
 * Ends a batch that cannot go on.
 * @param stillTrue looks again at what speaks against the batch, once nobody can change it any more: whoever saw it
 *   first may have been frozen since, and the batch resumed
 */
export async function failBatch(
  sql: Sql,
  batchId: string,
  reason: { code: BatchReasonCode; message: string },
  stillTrue: (tx: Transaction) => Promise<boolean>,
): Promise<boolean> {
  return await transaction(sql, async (tx) => {
    await tx`select from batches where id = ${batchId} for update`;
    if (!(await stillTrue(tx))) return false;
    await enterFailed(tx, batchId, reason);
    return true;
  });
}

/**
 * @param reason may have words of a handler, or of who answered it: whatever they are, the batch has to end
 * @returns false when its status allows no failing
 */
export async function enterFailed(
  tx: Transaction,
  batchId: string,
  { code, message }: { code: BatchReasonCode; message: string },
): Promise<boolean> {
  const reason = { code, message: storable(message) };
  const failed = await tx`
    update batches set failed_from = status, ${enters(tx, 'failed')}, status_reason = ${tx.json(reason)},
      lease = null, lease_expires_at = null, attempts = 0, crashes = 0, available_at = clock_timestamp(),
      stage = case when total is not null then 'write_results' end,
      results = case when total is null then '[]'::jsonb end,
      results_at = case when total is null then clock_timestamp() end,
      stored_bytes = case when input_key is null then 0 else stored_bytes end
    where id = ${batchId} and ${mayEnter(tx, 'failed')}`;
  if (failed.count === 0) return false;
  await releaseChunks(tx, batchId);
  return true;
}
