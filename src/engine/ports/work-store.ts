import type { Principal } from '../../core/access.ts';
import type { AccountLimitSettings } from '../../core/account-limits.ts';
import type {
  BatchStatus,
  Counts,
  OnDuplicateFile,
  OnInvalid,
  ResultsFormat,
  Stage,
} from '../../core/batch.ts';
import type { ChunkRange } from '../../core/chunk.ts';
import type { BatchReasonCode, FileFault } from '../../core/errors.ts';
import type { FileFormat } from '../../core/file-format.ts';
import type { RetryKind } from '../../core/lineage.ts';
import type { Probe, Run } from '../../core/probes.ts';
import type { FailureSummary } from '../../core/tally.ts';
import type { Conversion } from '../../formats/conversion.ts';
import type { InputDescription } from '../../formats/description.ts';
import type {
  JournalEntry,
  ProcessingOutcome,
  ProcessingPause,
  ProcessingProgress,
  ValidationOutcome,
} from './chunk-outcome.ts';
import type { ObjectHead } from './object-store.ts';
import type { WorkTransaction } from './work-transaction.ts';

export type { InputDescription };

export type ResultKind = 'all' | 'succeeded' | 'failed' | 'unprocessed' | 'errors' | 'manifest';

export interface ResultFile {
  kind: ResultKind;
  /** `json` is the manifest's. */
  format: ResultsFormat | 'json';
  key: string;
  bytes: number;
  sha256: string;
  records: number;
}

/** The stages that lease the batch as a whole; the others lease its chunks. */
export type BatchStage = 'copy' | 'copy_checked' | 'convert' | 'write_results' | 'remove';

/** A batch that this worker holds as a whole. */
export interface BatchClaim {
  kind: 'batch';
  stage: BatchStage;
  lease: string;
  attempts: number;
  /** How often the worker was gone that was at this step. */
  crashes: number;
  batchId: string;
  accountId: string;
  /** What is set for its account at this moment. */
  accountLimits: AccountLimitSettings;
  operation: string;
  operationVersion: number;
  status: BatchStatus;
  mapping: Record<string, string>;
  customId: string | null;
  dryRun: boolean;
  /** In `validating`: whether the file was found to be bad. */
  rejected: boolean;
  resultsFormats: readonly ResultsFormat[];
  /** What the client said of the file. */
  format: FileFormat;
  /** What the file was read as being in need of, until that is done. */
  conversion: Conversion | null;
  /** Hex SHA-256 of the file as it was read; `null` until then. */
  hash: string | null;
  /** What chunks are of: the private copy, or what it was converted to. `null` until the file was copied. */
  inputKey: string | null;
  /** `null` also for a file that could not be read as a whole. */
  read: InputDescription | null;
  chunkCount: number;
  /** `null` while the records are not counted. */
  total: number | null;
  statedHash: string | null;
  onDuplicateFile: OnDuplicateFile;
  uploadId: string;
  uploadKey: string;
  upload: ObjectHead;
  /** Of which batch it takes up records again, and which; `null`: it copies its upload. */
  retry: { of: string; records: RetryKind } | null;
}

/** A chunk that this worker holds. */
export interface ChunkClaim {
  kind: 'chunk';
  stage: ChunkStage;
  phase: ChunkPhase;
  lease: string;
  attempts: number;
  /** How often the worker was gone that was at it, in this phase. */
  crashes: number;
  /** The runs of its records that are still to be tried alone; none: it was not tried so, or all were. */
  probes: readonly Probe[];
  /** Numbers of its records that crashed their process alone as often as they may. */
  crashed: readonly number[];
  batchId: string;
  accountId: string;
  userName: string;
  /** Whose rights its processing takes. */
  principal: Principal;
  operation: string;
  operationVersion: number;
  settings: Record<string, unknown>;
  onInvalid: OnInvalid;
  customId: string | null;
  /** Numbers of its records whose `custom_id` an earlier one has; known once all records are checked. */
  repeatedIds: readonly number[];
  inputKey: string;
  read: InputDescription;
  chunkCount: number;
  range: ChunkRange;
}

export type ChunkPhase = 'validate' | 'process';

/** The stages that lease chunks: `process` and `call` are one phase, of operations with one kind of effects each. */
export type ChunkStage = ChunkPhase | 'call';

/** Which operations a worker can run: it claims nothing else. */
export interface KnownOperations {
  names: readonly string[];
  versions: readonly number[];
}

/** What a claim is to look at; everything, where nothing is said. */
export interface ClaimOnly {
  batchId?: string;
  /** Batches of a larger upload are left to others. */
  mostBytes?: number;
  /** What has lost a worker is left to others. */
  unsuspected?: boolean;
}

/** The input as it was cut into chunks. */
export interface CutInput {
  inputKey: string;
  read: InputDescription | null;
  chunks: readonly ChunkRange[];
  total: number | null;
  fault: FileFault | null;
}

export interface ConvertedInput extends CutInput {
  /** Of everything that the batch has in the object store. */
  storedBytes: number;
}

export interface CopiedInput extends CutInput {
  hash: string;
  /** Of the private copy. */
  bytes: number;
  /** Not `null`: it cannot be cut as it is, and has no chunks yet. */
  conversion: Conversion | null;
}

export interface WrittenResults {
  files: readonly ResultFile[];
  counts: Counts;
  /** Of records whose results no part holds: those of chunks that are not settled. */
  failures: FailureSummary;
  /** As above. */
  storedBytes: number;
}

/** Where a chunk's lines are, for the result files. */
export interface ChunkLines {
  range: ChunkRange;
  repeatedIds: readonly number[];
  part: string | null;
  validationPart: string | null;
  succeeded: number;
  failed: number;
  invalid: number;
  /** Of a chunk that is not settled: what is known of its records, if anything is. */
  journal?: readonly JournalEntry[];
}

/** A batch as a retry in its lineage reads it. */
export interface SourceBatch {
  batchId: string;
  /** The first of its lineage: itself, where it is that. */
  rootId: string;
  inputKey: string | null;
  read: InputDescription | null;
  total: number | null;
}

/** What a retry is made of. */
export interface RetrySources {
  parent: SourceBatch;
  /** The batches of the lineage that came after the parent, have processed records and have ended. */
  later: readonly SourceBatch[];
}

/**
 * A database session of its own for one chunk at a time. The claim notes which session it is, so that whoever
 * takes over an expired lease can end it first.
 */
export interface ChunkSession {
  /** `null`: nothing waits. With `batchId` only chunks of that batch are looked at. */
  claim(
    stage: ChunkStage,
    known: KnownOperations,
    batchId?: string,
    only?: Pick<ClaimOnly, 'unsuspected'>,
  ): Promise<ChunkClaim | null>;
  /** Takes a claim over that another session made: from now on it is this one that ends with it. @throws {LeaseLost} */
  adopt(claim: ChunkClaim): Promise<void>;
  /** @throws {LeaseLost} when the chunk is not held under this lease any more; nothing is written then. */
  settleValidation(claim: ChunkClaim, outcome: ValidationOutcome): Promise<void>;
  /**
   * One transaction: `work` is told what the journal has of the chunk, writes what it has to, answers the outcome, and
   * both commit together; the journal of the chunk goes with it. After a pause the chunk waits, without the attempt.
   * @throws {LeaseLost} as above. @throws {RetryableFault} deadlocks, serialization, lost connections
   */
  settleProcessing(
    claim: ChunkClaim,
    work: (
      tx: WorkTransaction,
      journal: readonly JournalEntry[],
    ) => Promise<ProcessingOutcome | ProcessingPause | ProcessingProgress>,
  ): Promise<void>;
  /** What the journal has of a chunk. */
  journal(claim: ChunkClaim): Promise<JournalEntry[]>;
  /**
   * Notes that records are about to be sent: fenced by the lease, so that nobody sends who does not hold the chunk.
   * @returns those that may be sent: of others a result, or a newer try, is known meanwhile
   * @throws {LeaseLost}
   */
  noteStarted(claim: ChunkClaim, entries: readonly JournalEntry[]): Promise<ReadonlySet<number>>;
  /**
   * Notes what came of tries that were started, whoever holds the chunk by now: of those that are still the last of
   * their record and have told nothing yet. One that waits without a result was not made after all.
   */
  noteOutcomes(claim: ChunkClaim, entries: readonly JournalEntry[]): Promise<void>;
  /** Whatever is waited for on it fails: for when the lease is lost, and the database may be gone without a word. */
  breakOff(): void;
  release(): void;
}

/** Why a batch cannot go on. */
export interface BatchReason {
  code: BatchReasonCode;
  message: string;
}

export interface LeaseRef {
  kind: 'batch' | 'chunk';
  batchId: string;
  /** Of a chunk. */
  number?: number;
  lease: string;
  /** Shown while a batch as a whole is worked on. */
  progressDone?: number;
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
   * The process in which the chunk was tried alone has ended. Its database session is ended, and the run of records that
   * it was at is cut into parts, or the single record of it is counted and given up in the end.
   * @param run `null`: it was at none
   * @returns the numbers of all records of the chunk that are given up; `null`: no run is to be blamed, as it had not
   *   begun or had committed already
   * @throws {LeaseLost}
   */
  noteCrash(claim: ChunkClaim, run: Run | null): Promise<readonly number[] | null>;
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
   * transaction. A batch that cannot fail is tried again after `delaySeconds`. False: it was not ours any more.
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
