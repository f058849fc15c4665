import type { StatusReason } from '../../core/batch.ts';
import type { RecordFault } from '../../core/chunk.ts';
import type { BatchReasonCode, FileFault } from '../../core/errors.ts';
import type { WorkWaiting } from '../../engine/ports/work-store.ts';
import type { Sql, Transaction } from './connect.ts';
import { transaction } from './transaction.ts';
import { enters, mayEnter } from './transition.ts';

interface BatchState {
  id: string;
  status: string;
  stage: 'copy' | 'write_results' | null;
  held: boolean;
  onInvalid: 'reject' | 'skip';
  fileFault: FileFault | null;
  chunkCount: number;
}

/**
 * Moves a batch on if everything of its phase is settled, in one transaction that locks the batch row first; so
 * among any number of callers exactly one moves it, and the last settler cannot be missed: whoever comes after its
 * commit sees all chunks settled. Called after every settling, and by the sweep.
 * @returns the work that waits because of it
 */
export async function advanceBatch(sql: Sql, batchId: string): Promise<WorkWaiting[]> {
  if (await isUnderWay(sql, batchId)) return [];
  return await transaction(sql, async (tx) => {
    const [batch] = await tx<BatchState[]>`
      select id, status, stage, lease is not null as held, on_invalid as "onInvalid", file_fault as "fileFault",
        chunk_count as "chunkCount"
      from batches where id = ${batchId} for update`;
    if (batch === undefined) return [];
    if (batch.stage !== null) return batch.held ? [] : [{ stage: batch.stage, batchId, tickets: 1 }];

    if (batch.status === 'copied') {
      await tx`update batches set ${enters(tx, 'validation_started')} where id = ${batchId}`;
      const checked = await isSettled(tx, batchId);
      return checked ? await judge(tx, batch) : [{ stage: 'validate', batchId, tickets: batch.chunkCount }];
    }
    if (batch.status === 'validating' && (await isSettled(tx, batchId))) return await judge(tx, batch);
    if (batch.status === 'processing' && (await isSettled(tx, batchId))) {
      await tx`
        update batches set ${enters(tx, 'chunks_settled')}, stage = 'write_results', attempts = 0,
          available_at = clock_timestamp()
        where id = ${batchId}`;
      return [{ stage: 'write_results', batchId, tickets: 1 }];
    }
    return [];
  });
}

/**
 * Looked at without a lock, so that thousands of settlers do not queue for the batch's row: whoever sees an unsettled
 * chunk may go, since its settler comes by here after its own commit.
 */
async function isUnderWay(sql: Sql, batchId: string): Promise<boolean> {
  const [batch] = await sql`
    select from batches b
    where id = ${batchId} and status in ('validating', 'processing') and stage is null
      and exists (select from chunks c where c.batch_id = b.id and c.status <> 'settled')`;
  return batch !== undefined;
}

async function isSettled(tx: Transaction, batchId: string): Promise<boolean> {
  const [unsettled] = await tx`
    select from chunks where batch_id = ${batchId} and status <> 'settled' limit 1`;
  return unsettled === undefined;
}

/** Every record is checked: either the chunks go on to processing, or the error report is written and that is all. */
async function judge(tx: Transaction, batch: BatchState): Promise<WorkWaiting[]> {
  const reason = await whyRejected(tx, batch);
  if (reason === null) {
    await tx`
      update chunks set phase = 'process', status = 'waiting', attempts = 0, available_at = clock_timestamp(),
        settled_at = null
      where batch_id = ${batch.id}`;
    await tx`update batches set ${enters(tx, 'validation_passed')} where id = ${batch.id}`;
    return [{ stage: 'process', batchId: batch.id, tickets: batch.chunkCount }];
  }
  // The status follows when the report is there (finishResults): a terminal batch has its files.
  await tx`
    update batches set status_reason = ${tx.json({ ...reason })}, stage = 'write_results', attempts = 0,
      available_at = clock_timestamp(), updated_at = clock_timestamp()
    where id = ${batch.id}`;
  return [{ stage: 'write_results', batchId: batch.id, tickets: 1 }];
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
 * Ends a batch that cannot go on. The leases of its unsettled chunks go in the same transaction as the status, so
 * no chunk can settle after the result files say that it was not processed.
 */
export async function failBatch(
  sql: Sql,
  batchId: string,
  reason: { code: BatchReasonCode; message: string },
): Promise<void> {
  await transaction(sql, async (tx) => {
    const failed = await tx<{ chunkCount: number }[]>`
      update batches set failed_from = status, ${enters(tx, 'failed')}, status_reason = ${tx.json({ ...reason })},
        lease = null, lease_expires_at = null, attempts = 0, available_at = clock_timestamp(),
        stage = case when chunk_count > 0 then 'write_results' end,
        results = case when chunk_count = 0 then '[]'::jsonb end,
        results_at = case when chunk_count = 0 then clock_timestamp() end
      where id = ${batchId} and ${mayEnter(tx, 'failed')}
      returning chunk_count as "chunkCount"`;
    if (failed.length === 0) return;
    await tx`
      update chunks set status = 'waiting', lease = null, lease_expires_at = null, lease_pid = null,
        lease_pid_started = null
      where batch_id = ${batchId} and status = 'running'`;
  });
}
