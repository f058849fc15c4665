import { batchPrefix } from './keys.ts';
import type { HeldLease } from './lease-keeper.ts';
import type { BatchClaim } from './ports/claims.ts';
import type { ObjectStore } from './ports/object-store.ts';
import type { WorkStore } from './ports/work-store.ts';

export interface RemoveBatch {
  objects: ObjectStore;
  work: Pick<WorkStore, 'finishRemoval'>;
}

/**
 * Removes everything that a batch has in the object store, and then what the database knows of it: so a crash in
 * between leaves something that leads to the rest. May be run any number of times.
 */
export async function removeBatch(engine: RemoveBatch, claim: BatchClaim, lease: HeldLease): Promise<void> {
  await engine.objects.removeAll(batchPrefix(claim.batchId), { signal: lease.signal });
  await engine.work.finishRemoval(claim);
}
