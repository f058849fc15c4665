import type { Stage } from '../../core/batch.ts';
import type { Log } from '../../core/log.ts';
import type { BatchClaim, ChunkClaim, ClaimOnly } from '../ports/claims.ts';
import type { WorkQueue } from '../ports/work-queue.ts';
import type { WorkStore } from '../ports/work-store.ts';
import type { AloneRoom } from './room.ts';

/** What it takes to claim work, some of which may have to run alone. */
export interface ClaimWithRoom {
  work: Pick<WorkStore, 'waitingWork'>;
  queue: Pick<WorkQueue, 'enqueue'>;
  /** How much of it this worker does at once; as everything else, where this is left out. */
  alone?: { room: AloneRoom };
  log: Log;
}

/** What is removed needs the object store alone, and nothing that could end a process. */
export function runsAlone(claim: BatchClaim | ChunkClaim): boolean {
  return claim.crashes > 0 && claim.stage !== 'remove';
}

/**
 * Claims what comes first; what has lost a worker only while there is room for it, which is kept until `leaveRoom`.
 * @param claim looks for work
 */
export async function claimWithRoom<Claim extends BatchClaim | ChunkClaim>(
  engine: ClaimWithRoom,
  stage: Stage,
  claim: (only: Pick<ClaimOnly, 'unsuspected'>) => Promise<Claim | null>,
): Promise<Claim | null> {
  const room = engine.alone?.room;
  if (room === undefined || stage === 'remove') return await claim({});
  if (!room.take(stage)) {
    const found = await claim({ unsuspected: true });
    if (found === null) room.missed(stage);
    return found;
  }
  let found: Claim | null = null;
  try {
    found = await claim({});
    return found;
  } finally {
    if (found === null || !runsAlone(found)) await leaveRoom(engine, stage);
  }
}

/** Whatever goes wrong here, what was claimed meanwhile is not to be lost over it. */
export async function leaveRoom({ alone, work, queue, log }: ClaimWithRoom, stage: Stage): Promise<void> {
  const missed = alone?.room.leave(stage) ?? [];
  if (missed.length === 0) return;
  try {
    const waiting = await work.waitingWork();
    const firsts = missed.flatMap((one) => waiting.find((item) => item.stage === one) ?? []);
    await queue.enqueue(firsts.map(({ stage: of, batchId }) => ({ stage: of, batchId })));
  } catch (error) {
    log.warn({ err: error }, 'no tickets could be written for what was left alone; the next sweep does it');
  }
}
