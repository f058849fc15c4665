import type { Stage } from '../core/batch.ts';
import { LeaseLost, PermanentFault, RetryableFault } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import { backoffSeconds } from './backoff.ts';
import { type CopyUpload, copyUpload } from './copy-upload.ts';
import type { HeldLease, LeaseKeeper } from './lease-keeper.ts';
import type { WorkQueue } from './ports/work-queue.ts';
import type {
  BatchClaim,
  ChunkClaim,
  KnownOperations,
  LeaseRef,
  WorkStore,
  WorkWaiting,
} from './ports/work-store.ts';
import { type RemoveBatch, removeBatch } from './remove-batch.ts';
import { type RunChunk, runChunk } from './run-chunk.ts';
import { ticketsFor } from './sweep.ts';
import { type ValidateChunk, validateChunk } from './validate-chunk.ts';
import { type WriteResults, writeResults } from './write-results.ts';

export interface ServeTicket extends CopyUpload, ValidateChunk, RunChunk, WriteResults, RemoveBatch {
  work: WorkStore;
  queue: WorkQueue;
  leases: LeaseKeeper;
  known: KnownOperations;
  log: Log;
  /** True once the worker is told to stop: it finishes what it holds and begins nothing. */
  stopping: () => boolean;
}

/**
 * Serves one ticket of a stage: claims what PostgreSQL says comes first, does it, and moves the batch on. When just
 * one step of another stage follows (a small batch, the last chunk), it is done in the same visit; the next chunk of a
 * batch that goes in order is not, so that others have their turn.
 */
export async function serveTicket(engine: ServeTicket, stage: Stage): Promise<void> {
  let step: { stage: Stage; batchId?: string } = { stage };
  while (!engine.stopping()) {
    const followUp = await serveStep(engine, step.stage, step.batchId);
    if (followUp === null) return;
    const [only] = followUp;
    const alone = followUp.length === 1 && only?.tickets === 1;
    if (!alone || only.stage === step.stage || engine.stopping()) {
      await engine.queue.enqueue(ticketsFor(followUp));
      return;
    }
    step = only;
  }
}

const ON_BATCHES = { copy: copyUpload, write_results: writeResults, remove: removeBatch };

/** `null`: nothing was claimed. Otherwise the work that came of it. */
async function serveStep(engine: ServeTicket, stage: Stage, batchId?: string): Promise<WorkWaiting[] | null> {
  if (stage === 'copy' || stage === 'write_results' || stage === 'remove') {
    const claim = await engine.work.claimBatch(stage, engine.known, batchId);
    if (claim === null) return null;
    const lease: LeaseRef = { kind: 'batch', batchId: claim.batchId, lease: claim.lease };
    return await underLease(engine, claim, lease, (held) => ON_BATCHES[stage](engine, claim, held));
  }
  const session = await engine.work.openSession();
  try {
    const claim = await session.claim(stage, engine.known, batchId);
    if (claim === null) return null;
    const lease: LeaseRef = {
      kind: 'chunk',
      batchId: claim.batchId,
      number: claim.range.number,
      lease: claim.lease,
    };
    return await underLease(engine, claim, lease, (held) =>
      stage === 'validate'
        ? validateChunk(engine, session, claim, held)
        : runChunk(engine, session, claim, held),
    );
  } finally {
    session.release();
  }
}

async function underLease(
  engine: ServeTicket,
  claim: BatchClaim | ChunkClaim,
  lease: LeaseRef,
  work: (held: HeldLease) => Promise<void>,
): Promise<WorkWaiting[]> {
  try {
    await engine.leases.hold(lease, work);
  } catch (error) {
    if (!(await afterFault(engine, claim, lease, error))) return [];
  }
  return await engine.work.advance(claim.batchId);
}

/** Gives the work back or ends the batch. True: the batch may have moved on, or its work can be had again at once. */
async function afterFault(
  engine: ServeTicket,
  claim: BatchClaim | ChunkClaim,
  lease: LeaseRef,
  error: unknown,
): Promise<boolean> {
  const about = { batch: claim.batchId, chunk: lease.number, attempt: claim.attempts, err: error };
  const free = error instanceof LeaseLost || (error instanceof RetryableFault && error.free);
  const permanent = error instanceof PermanentFault;
  const delaySeconds = free || permanent ? 0 : backoffSeconds(claim.attempts);

  // Only the holder may judge: a worker that was frozen meanwhile has nothing to say about the batch any more.
  if (!(await engine.work.giveBack(lease, { delaySeconds, free }))) {
    engine.log.info(about, 'the work was not ours any more');
    return true;
  }
  if (permanent) {
    engine.log.error(about, 'the batch cannot go on');
    await engine.work.fail(claim.batchId, { code: error.code, message: error.message });
    return true;
  }
  if (!free && claim.attempts >= engine.settings.maxAttempts) {
    engine.log.error(about, 'the last attempt failed');
    await engine.work.fail(claim.batchId, {
      code: 'retries_exhausted',
      message: exhausted(lease, claim, error),
    });
    return true;
  }
  engine.log[free ? 'debug' : 'warn'](about, 'the step failed and will be tried again');
  if (free) await engine.queue.enqueue([{ stage: stageOf(claim), batchId: claim.batchId }]);
  return false;
}

function stageOf(claim: BatchClaim | ChunkClaim): Stage {
  return claim.kind === 'chunk' ? claim.phase : claim.stage;
}

function exhausted(lease: LeaseRef, claim: BatchClaim | ChunkClaim, error: unknown): string {
  const what = lease.number === undefined ? `the step ${stageOf(claim)}` : `chunk ${lease.number}`;
  // What a client may read names the kind of trouble; the details are in the log.
  const why = error instanceof RetryableFault ? error.message : 'an unexpected error, see the log';
  return `${what} failed ${claim.attempts} times: ${why}`;
}
