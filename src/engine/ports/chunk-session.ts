import type {
  JournalEntry,
  ProcessingOutcome,
  ProcessingPause,
  ProcessingProgress,
  ValidationOutcome,
} from './chunk-outcome.ts';
import type { ChunkClaim, ChunkStage, ClaimOnly, KnownOperations } from './claims.ts';
import type { WorkTransaction } from './work-transaction.ts';

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
