import { type BatchEvent, isTerminal, statusAfter, statusesBefore } from '../../core/batch.ts';
import type { Sql, Transaction } from './connect.ts';

/**
 * The assignments with which a batch enters the status that an event leads to. From a terminal status on it is known
 * when its objects expire, and a batch that is resumed does not expire any more.
 */
export function enters(sql: Sql | Transaction, event: BatchEvent) {
  const status = statusAfter(event);
  const ended = isTerminal(status);
  return sql`
    status = ${status},
    statuses = batches.statuses || jsonb_build_object(
      'status', ${status}::text, 'ts', round(extract(epoch from clock_timestamp()), 3)),
    updated_at = clock_timestamp(), progress_done = 0,
    ended_at = ${ended ? sql`clock_timestamp()` : null},
    expires_at = ${ended ? sql`clock_timestamp() + make_interval(secs => batches.expires_after)` : null}`;
}

/** The guard of the same UPDATE, from the transition table. */
export function mayEnter(sql: Sql | Transaction, event: BatchEvent) {
  return sql`batches.status in ${sql(statusesBefore(event))}`;
}

/**
 * Takes their leases from all chunks that are being worked on: in the transaction in which a batch leaves the phase,
 * so that none can settle after the result files say that it was not processed. In the order of their key, as renewals
 * lock them: so neither waits for the other crosswise.
 */
export async function releaseChunks(tx: Transaction, batchId: string): Promise<void> {
  await tx`
    update chunks set status = 'waiting', lease = null, lease_expires_at = null, lease_pid = null,
      lease_pid_started = null
    where (batch_id, number) in (
      select batch_id, number from chunks
      where batch_id = ${batchId} and status = 'running' order by batch_id, number for update)`;
}
