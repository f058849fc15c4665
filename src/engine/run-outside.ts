import type { OutsideOperation } from '../core/operation.ts';
import type { Trial } from './alone/trial.ts';
import type { CheckedRecord } from './checked-record.ts';
import type { ChunkInput } from './chunk-input.ts';
import type { HeldLease } from './lease-keeper.ts';
import { LONGEST_WAIT_MS, OutsideCalls } from './outside/calls.ts';
import { JournalWriter } from './outside/journal-writer.ts';
import { PendingRecords, pendingFrom } from './outside/pending-records.ts';
import type { JournalEntry } from './ports/chunk-outcome.ts';
import type { ChunkSession } from './ports/chunk-session.ts';
import type { ChunkClaim } from './ports/claims.ts';
import { contextOf, goodOf, type Pause, type RunChunk, settled } from './settle-chunk.ts';

type RunOutside = RunChunk & { stopping?: () => boolean };

interface Chunk {
  session: ChunkSession;
  claim: ChunkClaim;
  lease: HeldLease;
  operation: OutsideOperation;
  /** What the journal had of its records when the visit began. */
  known: ReadonlyMap<number, JournalEntry>;
  /** Monotonic clock (ms) after which the visit begins no calls. */
  until: number;
}

/**
 * Processes a chunk of an operation with effects outside. They cannot be undone, and no transaction holds them: so the
 * journal has of each record that it was started before it is sent, and what came of it. Whoever takes the chunk over
 * goes on from there, and the chunk is settled by the journal, not by what anybody remembers.
 * @returns `null`: it is settled
 */
export async function runOutside(
  engine: RunOutside,
  session: ChunkSession,
  claim: ChunkClaim,
  lease: HeldLease,
  operation: OutsideOperation,
  input: ChunkInput,
  trial?: Trial,
): Promise<Pause | null> {
  const until = performance.now() + VISIT_MS;
  // Read once: what a span adds to it is of no other, and spans that are done must not use up every visit.
  const known = new Map((await session.journal(claim)).map((entry) => [entry.record, entry]));
  const chunk = { session, claim, lease, operation, known, until };
  if (trial === undefined) {
    const { records } = input.all();
    const heldBackSeconds = await sendOpen(engine, chunk, records);
    return await settleOrPause(engine, chunk, records, { heldBackSeconds });
  }
  for await (const span of trial.spans()) {
    const delaySeconds = await sendOpen(engine, chunk, input.of(span));
    if (delaySeconds === 0 && performance.now() <= chunk.until) continue;
    await session.settleProcessing(claim, async (_tx, journal) => {
      return { entries: [], delaySeconds, progressed: isAhead(journal, known) };
    });
    return { delaySeconds };
  }
  await trial.over();
  return await settleOrPause(engine, chunk, input.all().records, { allTried: true });
}

/**
 * Sends what has no result yet and may be sent soon.
 * @returns for how many seconds nothing more may be sent
 */
async function sendOpen(
  engine: RunOutside,
  chunk: Chunk,
  checked: readonly CheckedRecord[],
): Promise<number> {
  const { operation, known } = chunk;
  const open = goodOf(checked).filter(({ number }) => known.get(number)?.state !== 'final');
  const pending = open.map((record) => pendingFrom(record, known.get(record.number)));
  const todo = new PendingRecords(pending, operation.limits.callRecords ?? 1);
  if ((todo.waitMs ?? Number.POSITIVE_INFINITY) <= LONGEST_WAIT_MS) await makeCalls(engine, chunk, todo);
  return todo.heldBackSeconds;
}

/** For how long one visit begins calls: then others have their turn, as a chunk may wait for slow answers for minutes. */
const VISIT_MS = 5000;

async function makeCalls(
  engine: RunOutside,
  { session, claim, lease, operation, until }: Chunk,
  todo: PendingRecords,
): Promise<void> {
  const pass = await engine.gate.enter(operation, claim.accountId, lease.signal);
  if ('waitSeconds' in pass) return todo.holdBack(pass.waitSeconds);
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
  { session, claim, lease, known: before }: Chunk,
  checked: readonly CheckedRecord[],
  { heldBackSeconds = 0, allTried = false },
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
    return { entries: [], ...paused, progressed: isAhead(journal, before), allTried };
  });
  return paused;
}

/** Whether records were tried since; not one that was held back, or was not made after all. */
function isAhead(journal: readonly JournalEntry[], before: ReadonlyMap<number, JournalEntry>): boolean {
  return journal.some(({ record, state, attempts }) => {
    const known = before.get(record);
    return attempts > (known?.attempts ?? 0) || (state === 'final' && known?.state !== 'final');
  });
}
