import { type DoStep, doStep } from '../do-step.ts';
import type { HeldLease } from '../lease-keeper.ts';
import type { BatchClaim, ChunkClaim } from '../ports/claims.ts';
import { runChunk } from '../run-chunk.ts';
import type { Pause, RunChunk } from '../settle-chunk.ts';
import { type ValidateChunk, validateChunk } from '../validate-chunk.ts';
import { type Begins, Trial } from './trial.ts';

export interface DoAlone extends DoStep, ValidateChunk, RunChunk {}

/**
 * Does one piece of suspect work, in a process that is there for nothing else. The claim was made by another one, which
 * also keeps its lease: so it is known whose doing it was when this process ends.
 */
export async function doAlone(
  engine: DoAlone,
  claim: BatchClaim | ChunkClaim,
  lease: HeldLease,
  begins: Begins,
): Promise<Pause | null> {
  if (claim.kind === 'batch') {
    await doStep(engine, claim, lease);
    return null;
  }
  const session = await engine.work.openSession();
  try {
    await session.adopt(claim);
    const trial = new Trial(claim, begins);
    if (claim.phase === 'process') return await runChunk(engine, session, claim, lease, trial);
    await validateChunk(engine, session, claim, lease, trial);
    return null;
  } finally {
    session.release();
  }
}
