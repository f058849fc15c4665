import { LeaseLost } from '../../core/errors.ts';
import { afterCrash, firstProbes, type Probe, type Run } from '../../core/probes.ts';
import type { ChunkClaim } from '../../engine/ports/claims.ts';
import type { Sql } from './connect.ts';
import { transaction } from './transaction.ts';

/** How long to wait for a session to end whose process is gone already. */
const TERMINATE_TIMEOUT_MS = 5000;

interface Probed {
  probes: Probe[] | null;
  crashed: number[] | null;
}

/**
 * Notes that the process has ended in which a chunk was tried alone, whose lease the caller still holds. A commit that
 * this process sent with its last breath comes first: then there is nothing to note.
 */
export async function noteCrash(
  sql: Sql,
  { batchId, range, lease }: ChunkClaim,
  run: Run | null,
): Promise<readonly number[] | null> {
  await sql`
    select pg_terminate_backend(s.pid, ${TERMINATE_TIMEOUT_MS})
    from chunks c join pg_stat_activity s on s.pid = c.lease_pid and s.backend_start = c.lease_pid_started
    where c.batch_id = ${batchId} and c.number = ${range.number} and c.lease = ${lease}
      and s.pid <> pg_backend_pid()`;
  return await transaction(sql, async (tx) => {
    const [held] = await tx<Probed[]>`
      select probes, crashed from chunks
      where batch_id = ${batchId} and number = ${range.number} and lease = ${lease} for update`;
    if (held === undefined) throw new LeaseLost(`chunk ${range.number} of batch ${batchId}`);
    if (run === null) return null;
    const probes = held.probes === null || held.probes.length === 0 ? firstProbes(range) : held.probes;
    const after = afterCrash({ probes, crashed: held.crashed ?? [] }, run);
    if (after === null) return null;
    await tx`
      update chunks set probes = ${tx.json(after.probes.map((probe) => ({ ...probe })))},
        crashed = ${tx.json([...after.crashed])}
      where batch_id = ${batchId} and number = ${range.number}`;
    return after.crashed;
  });
}
