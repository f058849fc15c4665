import { setTimeout as sleep } from 'node:timers/promises';
import { LeaseLost, PermanentFault, RetryableFault } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import { backoffSeconds } from './backoff.ts';
import type { BatchClaim, ChunkClaim, LeaseRef } from './ports/claims.ts';
import type { WorkQueue } from './ports/work-queue.ts';
import type { BatchReason, WorkStore } from './ports/work-store.ts';
import type { EngineSettings } from './settings.ts';

export interface AfterFault {
  work: Pick<WorkStore, 'giveBack' | 'giveUp'>;
  queue: WorkQueue;
  settings: Pick<EngineSettings, 'maxAttempts' | 'leaseSeconds'>;
  log: Log;
}

/** Somebody is away whom every step needs: as after so many attempts, without counting any. */
const AS_AFTER_ATTEMPTS = 4;

/** How soon a database is told again that did not answer. */
const TELL_AGAIN_MS = 1_000;

/** Gives the work back or ends the batch. True: the batch may have moved on, or its work can be had again at once. */
export async function afterFault(
  engine: AfterFault,
  claim: BatchClaim | ChunkClaim,
  lease: LeaseRef,
  error: unknown,
): Promise<boolean> {
  const about = { batch: claim.batchId, chunk: lease.number, attempt: claim.attempts, err: error };
  const free = isFree(error);
  const away = isAway(error);
  const delaySeconds = free ? 0 : backoffSeconds(away ? AS_AFTER_ATTEMPTS : claim.attempts);

  // Only the holder may judge: a worker that was frozen meanwhile has nothing to say about the batch any more.
  const reason = whyGivenUp(engine, claim, lease, error);
  const given = await untilTold(engine, () =>
    reason === null
      ? engine.work.giveBack(lease, { delaySeconds, free: free || away })
      : engine.work.giveUp(lease, reason, { delaySeconds }),
  );
  if (!given) {
    engine.log.info(about, 'the work was not ours any more');
    return true;
  }
  if (reason !== null) {
    const permanent = error instanceof PermanentFault;
    // That somebody's right was taken is no fault of anything here.
    const level = reason.code === 'permission_withdrawn' ? 'warn' : 'error';
    engine.log[level](about, permanent ? 'the batch cannot go on' : 'the last attempt failed');
    return true;
  }
  engine.log[free ? 'debug' : 'warn'](about, 'the step failed and will be tried again');
  if (free) await engine.queue.enqueue([{ stage: claim.stage, batchId: claim.batchId }]);
  return false;
}

const isFree = (error: unknown) =>
  error instanceof LeaseLost || (error instanceof RetryableFault && error.free);
const isAway = (error: unknown) => error instanceof RetryableFault && error.away;

/**
 * A database that is away is told when it is back, for as long as the lease may last: else the work would be taken over
 * as that of a worker that is gone.
 */
async function untilTold({ settings }: AfterFault, tell: () => Promise<boolean>): Promise<boolean> {
  const deadline = performance.now() + settings.leaseSeconds * 1000;
  for (;;) {
    try {
      return await tell();
    } catch (error) {
      if (!(error instanceof RetryableFault) || performance.now() > deadline) throw error;
      await sleep(TELL_AGAIN_MS);
    }
  }
}

/** `null`: it is tried again. */
function whyGivenUp(
  { settings }: AfterFault,
  claim: BatchClaim | ChunkClaim,
  lease: LeaseRef,
  error: unknown,
): BatchReason | null {
  if (error instanceof PermanentFault) return { code: error.code, message: error.message };
  if (isFree(error) || isAway(error) || claim.attempts < settings.maxAttempts) return null;
  return { code: 'retries_exhausted', message: exhausted(lease, claim, error) };
}

export function nameOf(lease: LeaseRef, claim: BatchClaim | ChunkClaim): string {
  return lease.number === undefined ? `the step ${claim.stage}` : `chunk ${lease.number}`;
}

function exhausted(lease: LeaseRef, claim: BatchClaim | ChunkClaim, error: unknown): string {
  // What a client may read names the kind of trouble; the details are in the log.
  const why = error instanceof RetryableFault ? error.message : 'an unexpected error, see the log';
  return `${nameOf(lease, claim)} failed ${claim.attempts} times: ${why}`;
}
