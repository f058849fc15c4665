import type { WorkStore } from '../../engine/ports/work-store.ts';
import { advanceBatch, failBatch } from './advance-batch.ts';
import { ChunkSessions } from './chunk-sessions.ts';
import { claimBatch } from './claim-batch.ts';
import { ClaimTurns } from './claim-turns.ts';
import { connect, idleInTransactionMs, type Sql } from './connect.ts';
import { noteCrash } from './crashes.ts';
import { finishRemoval, startRemovals } from './delete-batch.ts';
import { faultsTold } from './faults.ts';
import { finishConversion, finishCopy, finishResults, rejectHash } from './finish-stage.ts';
import { callsOut } from './journal.ts';
import { giveBack, giveUp, reclaimExpired, renewLeases } from './leases.ts';
import { retrySources } from './lineage.ts';
import { chunkLines, exhaustedBatches, stalledBatches, stuckBatches, waitingWork } from './waiting-work.ts';

export interface PostgresWorkStore extends WorkStore {
  close(): Promise<void>;
}

/**
 * The work on batches, in PostgreSQL. Written in SQL rather than with drizzle's query builder: locks, guards and
 * fences are the point here, and they have to be read as they run.
 */
export function postgresWorkStore(options: {
  url: string;
  sql: Sql;
  leaseSeconds: number;
}): PostgresWorkStore {
  const { url, sql, leaseSeconds } = options;
  const sessions = new ChunkSessions(url, leaseSeconds);
  // Renewals must get through when the pool is busy or waits for locks, so they have a connection of their own.
  const renewals = connect(url, { max: 1, name: 'leases', lockMs: idleInTransactionMs(leaseSeconds) });
  const turns = {
    copy: new ClaimTurns(),
    copy_checked: new ClaimTurns(),
    convert: new ClaimTurns(),
    write_results: new ClaimTurns(),
    remove: new ClaimTurns(),
  };
  const told = <T>(work: Promise<T>): Promise<T> => faultsTold(() => work);

  return {
    claimBatch: (stage, known, only) =>
      told(claimBatch(sql, { leaseSeconds, stage, known, turns: turns[stage] }, only)),
    openSession: async () => sessions.open(),
    renew: (leases) => told(renewLeases(renewals, leaseSeconds, leases)),
    giveBack: (lease, how) => told(giveBack(sql, lease, how)),
    noteCrash: (claim, span) => told(noteCrash(sql, claim, span)),
    rejectHash: (claim, hash) => told(rejectHash(sql, claim, hash)),
    finishCopy: (claim, input) => told(finishCopy(sql, claim, input)),
    retrySources: (claim) => told(retrySources(sql, claim)),
    finishConversion: (claim, input) => told(finishConversion(sql, claim, input)),
    finishResults: (claim, written) => told(finishResults(sql, claim, written)),
    finishRemoval: (claim) => told(finishRemoval(sql, claim)),
    giveUp: (lease, reason, how) => told(giveUp(sql, lease, reason, how)),
    failExhausted: (batchId, maxAttempts, reason) =>
      told(
        failBatch(
          sql,
          batchId,
          reason,
          async (tx) => (await exhaustedBatches(tx, maxAttempts, batchId)).length > 0,
        ),
      ),
    failStalled: (batchId, seconds, reason) =>
      told(
        failBatch(
          sql,
          batchId,
          reason,
          async (tx) => (await stalledBatches(tx, seconds, batchId)).length > 0,
        ),
      ),
    advance: (batchId) => told(advanceBatch(sql, batchId)),
    callsOut: (batchId) => told(callsOut(sql, batchId)),
    chunkLines: (batchId) => chunkLines(sql, batchId),
    reclaimExpired: () => told(reclaimExpired(sql, leaseSeconds)),
    exhausted: (maxAttempts) => told(exhaustedBatches(sql, maxAttempts)),
    stuck: () => told(stuckBatches(sql)),
    waitingWork: () => told(waitingWork(sql)),
    stalled: (seconds) => told(stalledBatches(sql, seconds)),
    startRemovals: () => told(startRemovals(sql, leaseSeconds)),
    close: async () => {
      await Promise.all([sessions.close(), renewals.end({ timeout: 5 })]);
    },
  };
}
