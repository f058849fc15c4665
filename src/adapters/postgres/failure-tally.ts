import type { Sql, Transaction } from './connect.ts';
import { hasStatus } from './journal.ts';

/** What a limit of failures is measured by. */
export interface FailureTally {
  failed: number;
  settled: number;
  settledFailed: number;
}

/**
 * Counts the failures of a batch over its chunks, and over those of their records that have their result before the
 * chunk is settled. Before processing everything that was checked counts as settled. `null`: it has no chunks.
 */
export async function failureTally(sql: Sql | Transaction, batchId: string): Promise<FailureTally | null> {
  const [row] = await sql<(FailureTally & { chunks: number })[]>`
    with tried as (
      select count(*) as settled, count(*) filter (where ${hasStatus(sql, 'failed')}) as failed
      from record_journal where batch_id = ${batchId} and state = 'final')
    select count(*)::int as chunks,
      coalesce(sum(case when part is null then invalid else failed end), 0)::bigint + (select failed from tried) as failed,
      coalesce(sum(records) filter (where status = 'settled'), 0)::bigint + (select settled from tried) as settled,
      coalesce(sum(case when part is null then invalid else failed end) filter (where status = 'settled'), 0)::bigint
        + (select failed from tried) as "settledFailed"
    from chunks where batch_id = ${batchId}`;
  if (row === undefined || row.chunks === 0) return null;
  const { failed, settled, settledFailed } = row;
  return { failed, settled, settledFailed };
}
