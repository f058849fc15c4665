import { LeaseLost } from '../../core/errors.ts';
import { afterCrash, firstProbes, type Probe, type RecordSpan } from '../../core/probes.ts';
import { type ChunkClaim, leaseOf } from '../../engine/ports/claims.ts';
import type { Sql } from './connect.ts';
import { endSessions, heldUnder } from './end-sessions.ts';
import { transaction } from './transaction.ts';

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
  claim: ChunkClaim,
  span: RecordSpan | null,
): Promise<readonly number[] | null> {
  const { batchId, range, lease } = claim;
  await endSessions(sql, heldUnder(sql, leaseOf(claim)));
  return await transaction(sql, async (tx) => {
    const [held] = await tx<Probed[]>`
      select probes, crashed from chunks
      where batch_id = ${batchId} and number = ${range.number} and lease = ${lease} for update`;
    if (held === undefined) throw new LeaseLost(`chunk ${range.number} of batch ${batchId}`);
    if (span === null) return null;
    const probes = held.probes === null || held.probes.length === 0 ? firstProbes(range) : held.probes;
    const after = afterCrash({ probes, crashed: held.crashed ?? [] }, span);
    if (after === null) return null;
    await tx`
      update chunks set probes = ${tx.json(after.probes.map((probe) => ({ ...probe })))},
        crashed = ${tx.json([...after.crashed])}
      where batch_id = ${batchId} and number = ${range.number}`;
    return after.crashed;
  });
}
