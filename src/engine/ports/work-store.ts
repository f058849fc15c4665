import type { BatchStatus, Stage } from '../../core/batch.ts';
import type { BatchReasonCode } from '../../core/errors.ts';
import type { RecordSpan } from '../../core/probes.ts';
import type { ConvertedInput, CopiedInput, RetrySources } from './batch-input.ts';
import type { ChunkLines, WrittenResults } from './batch-results.ts';
import type { ChunkSession } from './chunk-session.ts';
import type { BatchClaim, BatchStage, ChunkClaim, ClaimOnly, KnownOperations, LeaseRef } from './claims.ts';

/** Why a batch cannot go on. */
export interface BatchReason {
  code: BatchReasonCode;
  message: string;
}

export interface WorkWaiting {
  stage: Stage;
  batchId: string;
  /** How many tickets would serve it all. */
  tickets: number;
}

export interface WorkStore {
  claimBatch(stage: BatchStage, known: KnownOperations, only?: ClaimOnly): Promise<BatchClaim | null>;
  openSession(): Promise<ChunkSession>;
  /** Extends leases; answers the tokens that are still held. */
  renew(leases: readonly LeaseRef[]): Promise<Set<string>>;
  /**
   * Gives work back after a fault: it is claimable again after `delaySeconds`; `free` gives the attempt back too.
   * Answers false when it was not ours any more: taken over, or settled by a commit whose answer was lost.
   */
  giveBack(lease: LeaseRef, options: { delaySeconds: number; free: boolean }): Promise<boolean>;
  /**
   * The process in which the chunk was tried alone has ended. Its database session is ended, and the span of records that
   * it was at is cut into parts, or the single record of it is counted and given up in the end.
   * @param span `null`: it was at none
   * @returns the numbers of all records of the chunk that are given up; `null`: no span is to be blamed, as it had not
   *   begun or had committed already
   * @throws {LeaseLost}
   */
  noteCrash(claim: ChunkClaim, span: RecordSpan | null): Promise<readonly number[] | null>;
  rejectHash(claim: BatchClaim, hash: string): Promise<void>;
  /** @throws {PermanentFault} duplicate_file */
  finishCopy(claim: BatchClaim, input: CopiedInput): Promise<void>;
  /** @throws {PermanentFault} input_gone: the parent, or what a later retry has done, is not there any more */
  retrySources(claim: BatchClaim): Promise<RetrySources>;
  finishConversion(claim: BatchClaim, input: ConvertedInput): Promise<void>;
  finishResults(claim: BatchClaim, written: WrittenResults): Promise<void>;
  /** The objects of the batch are gone: it is a tombstone now, or, if they had only expired, without files. */
  finishRemoval(claim: BatchClaim): Promise<void>;
  /**
   * Gives work back whose batch cannot go on: `failed`, with the leases of its unsettled chunks cleared, in the same
   * transaction. A batch that cannot fail is tried again after `delaySeconds`; unless what its results are made of is gone
   * for good (`isFinal`): then it ends without them and expires. False: it was not ours any more.
   */
  giveUp(lease: LeaseRef, reason: BatchReason, options: { delaySeconds: number }): Promise<boolean>;
  /** Moves a batch on if everything of its phase is settled; answers the work that this made. */
  advance(batchId: string): Promise<WorkWaiting[]>;
  /** Whether records of a batch were sent of which nothing is known yet. */
  callsOut(batchId: string): Promise<boolean>;
  /** Chunks in the file's order, a page at a time. */
  chunkLines(batchId: string): AsyncIterable<ChunkLines>;

  // The steps of the sweep: each bounded, idempotent, and safe on all workers at once.
  /** Ends the sessions of expired leases and hands their work out again, with the crash counted; answers how many. */
  reclaimExpired(): Promise<number>;
  /** Batches with a step that failed as often as allowed. */
  exhausted(maxAttempts: number): Promise<{ batchId: string; what: string }[]>;
  /** Fails one of those, unless it is none any more. */
  failExhausted(batchId: string, maxAttempts: number, reason: BatchReason): Promise<boolean>;
  /** Batches whose phase is settled but that nobody moved on. */
  stuck(): Promise<string[]>;
  waitingWork(): Promise<WorkWaiting[]>;
  /** Batches that nobody has done anything for since `seconds`, and that nobody holds a lease of. */
  stalled(seconds: number): Promise<{ batchId: string; status: BatchStatus }[]>;
  /** Fails one of those, unless it is none any more, or cannot fail. */
  failStalled(batchId: string, seconds: number, reason: BatchReason): Promise<boolean>;
  /** Begins to remove what is due: batches to be deleted that have ended, expired objects, old tombstones. */
  startRemovals(): Promise<number>;
}
