import { setTimeout as sleep } from 'node:timers/promises';
import type { HeldLease } from '../lease-keeper.ts';
import type { BatchClaim } from '../ports/claims.ts';
import type { WorkStore } from '../ports/work-store.ts';

/**
 * As long as it takes until every worker knows that its lease is lost, and has waited for the calls that were out. What
 * has told nothing by then was left by a worker that is gone, and tells nothing any more.
 */
const LONGEST_MS = 6000;
const LOOK_EVERY_MS = 200;

/**
 * Waits for what is out of a batch that was stopped half way: its outcomes are still noted, and better known than
 * unknown.
 */
export async function awaitOutcomes(
  work: Pick<WorkStore, 'callsOut'>,
  { batchId, status }: Pick<BatchClaim, 'batchId' | 'status'>,
  { signal, alive }: Pick<HeldLease, 'signal' | 'alive'>,
): Promise<void> {
  if (status !== 'cancelling' && status !== 'failed') return;
  const until = performance.now() + LONGEST_MS;
  while (performance.now() < until && (await work.callsOut(batchId))) {
    alive();
    await sleep(LOOK_EVERY_MS, undefined, { signal });
  }
}
