import type { Stage } from '../core/batch.ts';
import { LeaseLost, PermanentFault, RetryableFault } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import { backoffSeconds } from './backoff.ts';
import { type ConvertInput, convertInput } from './convert-input.ts';
import { type CopyUpload, copyUpload } from './copy-upload.ts';
import type { HeldLease, LeaseKeeper } from './lease-keeper.ts';
import type { WorkQueue } from './ports/work-queue.ts';
import type {
  BatchClaim,
  BatchReason,
  BatchStage,
  ChunkClaim,
  KnownOperations,
  LeaseRef,
  WorkStore,
  WorkWaiting,
} from './ports/work-store.ts';
import { type RemoveBatch, removeBatch } from './remove-batch.ts';
import { copyRecords } from './retry/copy-records.ts';
import { runChunk } from './run-chunk.ts';
import type { Pause, RunChunk } from './settle-chunk.ts';
import { ticketsFor } from './sweep.ts';
import { type ValidateChunk, validateChunk } from './validate-chunk.ts';
import { type WriteResults, writeResults } from './write-results.ts';

export interface ServeTicket
  extends CopyUpload,
    ConvertInput,
    ValidateChunk,
    RunChunk,
    WriteResults,
    RemoveBatch {
  work: WorkStore;
  queue: WorkQueue;
  leases: LeaseKeeper;
  known: KnownOperations;
  /** The stages in which this worker is at a long batch. */
  longStages: Set<BatchStage>;
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
    const served = await serveStep(engine, step.stage, step.batchId);
    if (served === null) return;
    const { batchId, followUp } = served;
    const [only] = followUp;
    const alone = followUp.length === 1 && only?.tickets === 1 && only.batchId === batchId;
    if (!alone || only.stage === step.stage || engine.stopping()) {
      await engine.queue.enqueue(ticketsFor(followUp));
      return;
    }
    step = only;
  }
}

/** What was worked on, and the work that came of it. */
interface Served {
  batchId: string;
  followUp: WorkWaiting[];
}

/** What takes seconds, whatever is done with it. */
const SHORT_BYTES = 64 * 1024 ** 2;

/**
 * Of the long ones a worker does one at a time in each stage, so that there is always room for a short one, whoever
 * it belongs to. The step that follows in the same visit has its room already.
 */
async function serveBatch(
  engine: ServeTicket,
  stage: BatchStage,
  batchId: string | undefined,
): Promise<Served | null> {
  const room = batchId === undefined && !engine.longStages.has(stage);
  // Taken before the claim, so that two at once do not both find it free.
  if (room) engine.longStages.add(stage);
  let claim: BatchClaim | null = null;
  try {
    claim = await engine.work.claimBatch(stage, engine.known, {
      ...(batchId !== undefined && { batchId }),
      ...(batchId === undefined && !room && { mostBytes: SHORT_BYTES }),
    });
  } finally {
    if (room && (claim === null || claim.upload.bytes <= SHORT_BYTES)) engine.longStages.delete(stage);
  }
  if (claim === null) return null;
  const claimed = claim;
  const lease: LeaseRef = { kind: 'batch', batchId: claimed.batchId, lease: claimed.lease };
  try {
    const followUp = await underLease(engine, claimed, lease, async (held) => {
      await ON_BATCHES[stage](engine, claimed, held);
      return null;
    });
    return { batchId: claimed.batchId, followUp };
  } finally {
    if (room && claimed.upload.bytes > SHORT_BYTES) engine.longStages.delete(stage);
  }
}

const ON_BATCHES = {
  copy: copyInput,
  convert: convertInput,
  write_results: writeResults,
  remove: removeBatch,
};

/** Of its own upload, or of the batch that it retries. */
async function copyInput(engine: ServeTicket, claim: BatchClaim, lease: HeldLease): Promise<void> {
  const ofUpload = claim.retry === null || claim.retry.records === 'corrected';
  await (ofUpload ? copyUpload : copyRecords)(engine, claim, lease);
}

/** `null`: nothing was claimed. */
async function serveStep(engine: ServeTicket, stage: Stage, batchId?: string): Promise<Served | null> {
  if (stage !== 'validate' && stage !== 'process' && stage !== 'call') {
    return await serveBatch(engine, stage, batchId);
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
    const followUp = await underLease(engine, claim, lease, async (held) => {
      if (stage !== 'validate') return await runChunk(engine, session, claim, held);
      await validateChunk(engine, session, claim, held);
      return null;
    });
    return { batchId: claim.batchId, followUp };
  } finally {
    session.release();
  }
}

async function underLease(
  engine: ServeTicket,
  claim: BatchClaim | ChunkClaim,
  lease: LeaseRef,
  work: (held: HeldLease) => Promise<Pause | null>,
): Promise<WorkWaiting[]> {
  try {
    const paused = await engine.leases.hold(lease, work);
    if (paused !== null) await wakeAfter(engine, claim, paused);
  } catch (error) {
    if (!(await afterFault(engine, claim, lease, error))) return [];
  }
  return await engine.work.advance(claim.batchId);
}

/** What waits for longer is found by a sweep, as what waits for a ticket that was lost. */
const LONGEST_TICKET_SECONDS = 10;

async function wakeAfter(
  engine: ServeTicket,
  claim: BatchClaim | ChunkClaim,
  { delaySeconds }: Pause,
): Promise<void> {
  if (delaySeconds > LONGEST_TICKET_SECONDS) return;
  await engine.queue.enqueue([{ stage: stageOf(claim), batchId: claim.batchId, delaySeconds }]);
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
  const delaySeconds = free ? 0 : backoffSeconds(claim.attempts);

  // Only the holder may judge: a worker that was frozen meanwhile has nothing to say about the batch any more.
  const reason = whyGivenUp(engine, claim, lease, error);
  const given =
    reason === null
      ? await engine.work.giveBack(lease, { delaySeconds, free })
      : await engine.work.giveUp(lease, reason, { delaySeconds });
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
  if (free) await engine.queue.enqueue([{ stage: stageOf(claim), batchId: claim.batchId }]);
  return false;
}

/** `null`: it is tried again. */
function whyGivenUp(
  engine: ServeTicket,
  claim: BatchClaim | ChunkClaim,
  lease: LeaseRef,
  error: unknown,
): BatchReason | null {
  if (error instanceof PermanentFault) return { code: error.code, message: error.message };
  const free = error instanceof LeaseLost || (error instanceof RetryableFault && error.free);
  if (free || claim.attempts < engine.settings.maxAttempts) return null;
  return { code: 'retries_exhausted', message: exhausted(lease, claim, error) };
}

function stageOf(claim: BatchClaim | ChunkClaim): Stage {
  return claim.stage;
}

function exhausted(lease: LeaseRef, claim: BatchClaim | ChunkClaim, error: unknown): string {
  const what = lease.number === undefined ? `the step ${stageOf(claim)}` : `chunk ${lease.number}`;
  // What a client may read names the kind of trouble; the details are in the log.
  const why = error instanceof RetryableFault ? error.message : 'an unexpected error, see the log';
  return `${what} failed ${claim.attempts} times: ${why}`;
}
