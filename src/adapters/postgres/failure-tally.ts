import type { Sql, Transaction } from './connect.ts';

/** What a limit of failures is measured by. */
export interface FailureTally {
  failed: number;
  settled: number;
  settledFailed: number;
}

/**
 * Counts the failures of a batch over its chunks. Before processing everything that was checked counts as settled.
 * `null`: it has no chunks.
 */
export async function failureTally(sql: Sql | Transaction, batchId: string): Promise<FailureTally | null> {
  const [row] = await sql<(FailureTally & { chunks: number })[]>`
    select count(*)::int as chunks,
      coalesce(sum(case when part is null then invalid else failed end), 0)::bigint as failed,
      coalesce(sum(records) filter (where status = 'settled'), 0)::bigint as settled,
      coalesce(sum(case when part is null then invalid else failed end) filter (where status = 'settled'), 0)::bigint
        as "settledFailed"
    from chunks where batch_id = ${batchId}`;
  if (row === undefined || row.chunks === 0) return null;
  const { failed, settled, settledFailed } = row;
  return { failed, settled, settledFailed };
}
