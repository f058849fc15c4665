import { type Stage, statusesBefore } from '../core/batch.ts';
import { PermanentFault } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import { afterFault, nameOf } from './after-fault.ts';
import { claimWithRoom, leaveRoom, runsAlone } from './alone/claim-with-room.ts';
import type { AloneRoom } from './alone/room.ts';
import { watchAlone } from './alone/watch-alone.ts';
import { brokenOff } from './break-off.ts';
import { type DoStep, doStep } from './do-step.ts';
import type { HeldLease, LeaseKeeper } from './lease-keeper.ts';
import type { RunAlone } from './ports/alone.ts';
import {
  type BatchClaim,
  type BatchStage,
  type ChunkClaim,
  type KnownOperations,
  type LeaseRef,
  leaseOf,
} from './ports/claims.ts';
import type { WorkQueue } from './ports/work-queue.ts';
import type { WorkStore, WorkWaiting } from './ports/work-store.ts';
import { runChunk } from './run-chunk.ts';
import type { Pause, RunChunk } from './settle-chunk.ts';
import { ticketsFor } from './sweep.ts';
import { type ValidateChunk, validateChunk } from './validate-chunk.ts';

export interface ServeTicket extends DoStep, ValidateChunk, RunChunk {
  work: WorkStore;
  queue: WorkQueue;
  leases: LeaseKeeper;
  known: KnownOperations;
  /** The stages in which this worker is at a long batch. */
  longStages: Set<BatchStage>;
  /** How what has lost a worker is done; as everything else, where this is left out. */
  alone?: { run: RunAlone; room: AloneRoom };
  log: Log;
  /** True once the worker is told to stop: it finishes what it holds and begins nothing. */
  stopping: () => boolean;
}

/**
 * Serves one ticket of a stage: claims what PostgreSQL says comes first, does it, and moves the batch on. When just
 * one step of another stage follows (a small batch, the last chunk), it is done in the same visit; the next chunk of a
 * batch that goes in order is not, so that others have their turn.
 * @returns whether there was anything to do
 */
export async function serveTicket(engine: ServeTicket, stage: Stage): Promise<boolean> {
  let step: { stage: Stage; batchId?: string } = { stage };
  let found = false;
  while (!engine.stopping()) {
    const served = await serveStep(engine, step.stage, step.batchId);
    if (served === null) return found;
    found = true;
    const { batchId, followUp } = served;
    const [only] = followUp;
    const alone = followUp.length === 1 && only?.tickets === 1 && only.batchId === batchId;
    if (!alone || only.stage === step.stage || engine.stopping()) {
      await engine.queue.enqueue(ticketsFor(followUp));
      return true;
    }
    step = only;
  }
  return found;
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
    claim = await claimWithRoom(engine, stage, (only) =>
      engine.work.claimBatch(stage, engine.known, {
        ...only,
        ...(batchId !== undefined && { batchId }),
        ...(batchId === undefined && !room && { mostBytes: SHORT_BYTES }),
      }),
    );
  } finally {
    if (room && (claim === null || claim.upload.bytes <= SHORT_BYTES)) engine.longStages.delete(stage);
  }
  if (claim === null) return null;
  const claimed = claim;
  try {
    const followUp = await underLease(engine, claimed, async (held) => {
      await doStep(engine, claimed, held);
      return null;
    });
    return { batchId: claimed.batchId, followUp };
  } finally {
    if (room && claimed.upload.bytes > SHORT_BYTES) engine.longStages.delete(stage);
  }
}

/** `null`: nothing was claimed. */
async function serveStep(engine: ServeTicket, stage: Stage, batchId?: string): Promise<Served | null> {
  if (stage !== 'validate' && stage !== 'process' && stage !== 'call') {
    return await serveBatch(engine, stage, batchId);
  }
  const session = await engine.work.openSession();
  try {
    const claim = await claimWithRoom(engine, stage, (only) =>
      session.claim(stage, engine.known, batchId, only),
    );
    if (claim === null) return null;
    const followUp = await underLease(engine, claim, (held) =>
      brokenOff(session, held.signal, async () => {
        if (stage !== 'validate') return await runChunk(engine, session, claim, held);
        await validateChunk(engine, session, claim, held);
        return null;
      }),
    );
    return { batchId: claim.batchId, followUp };
  } finally {
    session.release();
  }
}

async function underLease(
  engine: ServeTicket,
  claim: BatchClaim | ChunkClaim,
  work: (held: HeldLease) => Promise<Pause | null>,
): Promise<WorkWaiting[]> {
  const lease = leaseOf(claim);
  try {
    const paused = await engine.leases.hold(lease, async (held) => {
      checkCrashes(engine, claim, lease);
      if (engine.alone === undefined || !runsAlone(claim)) return await work(held);
      return await watchAlone(engine, engine.alone.run, claim, held);
    });
    if (paused !== null) await wakeAfter(engine, claim, paused);
  } catch (error) {
    if (!(await afterFault(engine, claim, lease, error))) return [];
  } finally {
    if (runsAlone(claim)) await leaveRoom(engine, claim.stage);
  }
  return await engine.work.advance(claim.batchId);
}

/**
 * Work that was taken over again and again goes round no more, unless its batch cannot fail: then it keeps trying.
 * @throws {PermanentFault} retries_exhausted
 */
function checkCrashes({ settings }: ServeTicket, claim: BatchClaim | ChunkClaim, lease: LeaseRef): void {
  if (claim.crashes < settings.maxCrashes) return;
  if (claim.kind === 'batch' && !statusesBefore('failed').includes(claim.status)) return;
  const message = `${nameOf(lease, claim)} was begun, and its worker was gone before it had ended, ${claim.crashes} times`;
  throw new PermanentFault('retries_exhausted', message);
}

/** What waits for longer is found by a sweep, as what waits for a ticket that was lost. */
const LONGEST_TICKET_SECONDS = 10;

async function wakeAfter(
  engine: ServeTicket,
  claim: BatchClaim | ChunkClaim,
  { delaySeconds }: Pause,
): Promise<void> {
  if (delaySeconds > LONGEST_TICKET_SECONDS) return;
  await engine.queue.enqueue([{ stage: claim.stage, batchId: claim.batchId, delaySeconds }]);
}
