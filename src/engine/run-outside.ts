import type { OutsideOperation } from '../core/operation.ts';
import type { CheckedRecord } from './checked-record.ts';
import type { HeldLease } from './lease-keeper.ts';
import { LONGEST_WAIT_MS, OutsideCalls } from './outside/calls.ts';
import { JournalWriter } from './outside/journal-writer.ts';
import { PendingRecords, pendingFrom } from './outside/pending-records.ts';
import type { ChunkClaim, ChunkSession } from './ports/work-store.ts';
import { contextOf, goodOf, type Pause, type RunChunk, settled } from './settle-chunk.ts';

interface Chunk {
  session: ChunkSession;
  claim: ChunkClaim;
  lease: HeldLease;
  operation: OutsideOperation;
  checked: readonly CheckedRecord[];
}

/**
 * Processes a chunk of an operation with effects outside. They cannot be undone, and no transaction holds them: so the
 * journal has of each record that it was started before it is sent, and what came of it. Whoever takes the chunk over
 * goes on from there, and the chunk is settled by the journal, not by what anybody remembers.
 * @returns `null`: it is settled
 */
export async function runOutside(
  engine: RunChunk & { stopping?: () => boolean },
  session: ChunkSession,
  claim: ChunkClaim,
  lease: HeldLease,
  operation: OutsideOperation,
  checked: readonly CheckedRecord[],
): Promise<Pause | null> {
  const chunk = { session, claim, lease, operation, checked };
  const known = new Map((await session.journal(claim)).map((entry) => [entry.record, entry]));
  const open = goodOf(checked).filter(({ number }) => known.get(number)?.state !== 'final');
  const pending = open.map((record) => pendingFrom(record, known.get(record.number)));
  const todo = new PendingRecords(pending, operation.limits.callRecords ?? 1);
  if ((todo.waitMs ?? Number.POSITIVE_INFINITY) <= LONGEST_WAIT_MS) await makeCalls(engine, chunk, todo);
  return await settleOrPause(engine, chunk, todo.heldBackSeconds);
}

/** For how long one visit begins calls: then others have their turn, as a chunk may wait for slow answers for minutes. */
const VISIT_MS = 5000;

async function makeCalls(
  engine: RunChunk & { stopping?: () => boolean },
  { session, claim, lease, operation }: Chunk,
  todo: PendingRecords,
): Promise<void> {
  const pass = await engine.gate.enter(operation, claim.accountId, lease.signal);
  if ('waitSeconds' in pass) return todo.holdBack(pass.waitSeconds);
  const until = performance.now() + VISIT_MS;
  try {
    const calls = new OutsideCalls({
      ...{ operation, todo, pass, lease },
      writer: new JournalWriter(session, claim),
      contextOf: (signal) => contextOf(engine, claim, signal),
      stopping: () => performance.now() > until || (engine.stopping?.() ?? false),
      log: engine.log,
      about: { batch: claim.batchId, chunk: claim.range.number },
    });
    await calls.run();
  } finally {
    await pass.release();
  }
}

/** Settles the chunk if the journal has the result of every good record; else it waits until one can be sent. */
async function settleOrPause(
  engine: RunChunk,
  { session, claim, lease, checked }: Chunk,
  heldBackSeconds: number,
): Promise<Pause | null> {
  let paused: Pause | null = null;
  await session.settleProcessing(claim, async (_tx, journal) => {
    const known = new Map(journal.map((entry) => [entry.record, entry]));
    const waits = goodOf(checked).flatMap(({ number }) => {
      const entry = known.get(number);
      return entry?.state === 'final' ? [] : [entry?.dueSeconds ?? 0];
    });
    if (waits.length === 0) {
      paused = null;
      return await settled(engine, claim, lease, checked, known);
    }
    paused = { delaySeconds: Math.max(0, heldBackSeconds, Math.min(...waits)) };
    return { entries: [], ...paused };
  });
  return paused;
}
