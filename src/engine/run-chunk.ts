import { DEFAULT_ATTEMPTS } from '../core/limits.ts';
import type { Operation, TransactionOperation } from '../core/operation.ts';
import type { Trial } from './alone/trial.ts';
import { operationOf } from './bind-input.ts';
import { checkRights } from './check-rights.ts';
import type { CheckedRecord } from './checked-record.ts';
import type { Pass } from './gate.ts';
import type { HeldLease } from './lease-keeper.ts';
import type { JournalEntry } from './ports/chunk-outcome.ts';
import type { ChunkSession } from './ports/chunk-session.ts';
import type { ChunkClaim } from './ports/claims.ts';
import { readChunk } from './read-chunk.ts';
import { applyInTransaction } from './run-in-transaction.ts';
import { runOutside } from './run-outside.ts';
import { contextOf, goodOf, type Pause, type RunChunk, settled } from './settle-chunk.ts';
import { afterTry } from './tries.ts';

/**
 * Processes a chunk. Whatever happens before the commit, the handler's writes and the results are there together or not
 * at all; what is done outside of the database is kept in a journal on the way.
 * @param trial of a suspect chunk
 * @returns `null`: it is settled
 */
export async function runChunk(
  engine: RunChunk,
  session: ChunkSession,
  claim: ChunkClaim,
  lease: HeldLease,
  trial?: Trial,
): Promise<Pause | null> {
  const operation = operationOf(engine.operations, claim);
  await checkRights(engine, claim);
  if (operation.effects === 'outside') {
    const input = await readChunk(engine, claim, operation, lease.signal);
    return await runOutside(engine, session, claim, lease, operation, input, trial);
  }
  // Before anything is read: who has to wait comes here again and again.
  const pass = await engine.gate.enter(operation, claim.accountId, lease.signal);
  if ('waitSeconds' in pass) return await pauseFor(session, claim, pass.waitSeconds);
  try {
    const input = await readChunk(engine, claim, operation, lease.signal);
    const chunk = { session, claim, lease, operation, pass };
    for await (const span of trial?.spans() ?? []) {
      const pause = await runInTransaction(engine, chunk, input.of(span), 'span');
      if (pause !== null) return pause;
      lease.signal.throwIfAborted();
    }
    await trial?.over();
    return await runInTransaction(engine, chunk, input.all().records, trial === undefined ? 'all' : 'rest');
  } finally {
    await pass.release();
  }
}

async function pauseFor(session: ChunkSession, claim: ChunkClaim, delaySeconds: number): Promise<Pause> {
  await session.settleProcessing(claim, async () => ({ entries: [], delaySeconds, progressed: false }));
  return { delaySeconds };
}

interface OpenChunk {
  session: ChunkSession;
  claim: ChunkClaim;
  lease: HeldLease;
  operation: TransactionOperation;
  pass: Pass;
}

/**
 * What is done in a transaction: `all` of the chunk, with which it settles; a `span` of it, whose results are kept; or
 * the `rest` after its spans, in which nothing is tried any more.
 */
type Share = 'all' | 'span' | 'rest';

/** One transaction: the handler runs, the part is stored and the chunk is settled, or its rest has to wait. */
async function runInTransaction(
  engine: RunChunk,
  { session, claim, lease, operation, pass }: OpenChunk,
  checked: readonly CheckedRecord[],
  share: Share,
): Promise<Pause | null> {
  let paused: Pause | null = null;
  await session.settleProcessing(claim, async (tx, journal) => {
    paused = null;
    const known = new Map(journal.map((entry) => [entry.record, entry]));
    const open = goodOf(checked).filter(({ number }) => known.get(number)?.state !== 'final');
    const due = share === 'rest' ? [] : open.filter(({ number }) => dueSeconds(known.get(number)) <= 0);
    const { records: allowed, waitSeconds } = await pass.take(due.length);
    const now = due.slice(0, allowed);
    const results = await applyInTransaction(operation, now, tx, contextOf(engine, claim, lease.signal));

    const tried = now.map(({ number }, index) =>
      afterTry(triesOf(operation, claim), known.get(number) ?? newTo(claim, number), results[index]!),
    );
    if (share === 'span' && allowed >= due.length) return { tried };
    for (const entry of tried) known.set(entry.record, entry);
    const waits = open.flatMap(({ number }) => {
      const entry = known.get(number);
      if (entry?.state === 'final') return [];
      return [dueSeconds(entry) <= 0 ? waitSeconds : dueSeconds(entry)];
    });
    if (waits.length > 0) {
      paused = { delaySeconds: Math.max(0, Math.min(...waits)) };
      return { entries: tried, ...paused, progressed: tried.length > 0, allTried: share === 'rest' };
    }
    return await settled(engine, claim, lease, checked, known);
  });
  return paused;
}

function dueSeconds(entry: JournalEntry | undefined): number {
  return entry?.dueSeconds ?? 0;
}

/** Tries that ended with their worker speak against no record. */
function triesOf({ limits }: TransactionOperation, { crashes }: ChunkClaim): Pick<Operation, 'limits'> {
  return { limits: { ...limits, attempts: (limits.attempts ?? DEFAULT_ATTEMPTS) + crashes } };
}

/** A record that the journal does not have yet: earlier attempts were of the chunk, which failed as a whole. */
function newTo({ attempts, crashes }: ChunkClaim, record: number): JournalEntry {
  return {
    record,
    state: 'waiting',
    attempts: attempts - 1 + crashes,
    dueSeconds: 0,
    uncertain: false,
    result: null,
  };
}
