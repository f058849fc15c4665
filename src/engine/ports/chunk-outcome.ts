import type { RecordFault } from '../../core/chunk.ts';
import type { FinalResult } from '../../core/result.ts';
import type { CoercionCounts, FailureSummary } from '../../core/tally.ts';

/** The outcome of a chunk's part of the work, as the settling transaction writes it. */
export interface ValidationOutcome {
  invalid: number;
  part: string | null;
  fileFault: RecordFault | null;
  /** Of every record that has one, if the batch names a column for it. */
  customIds: readonly CustomId[];
  failures: FailureSummary;
  coerced: CoercionCounts;
}

export interface CustomId {
  record: number;
  /** The first 16 bytes of the value's SHA-256. */
  digest: Buffer;
  /** Whether the record is good in all other respects. */
  valid: boolean;
}

/**
 * What is known of a record whose result is not settled. `started`: a try of it may have been sent; `waiting`: it is
 * to be tried again; `final`: it has its result, which nothing changes any more.
 */
export interface JournalEntry {
  record: number;
  state: 'started' | 'waiting' | 'final';
  /** How often it was tried. */
  attempts: number;
  /** Seconds until it may be tried again; none are left once it is not above 0. */
  dueSeconds: number;
  /** A try may have taken effect without an answer. */
  uncertain: boolean;
  /** Of `final`; of `waiting` what the last try failed with. */
  result: FinalResult<unknown> | null;
}

/** Some records of a chunk have to wait: what is known is kept, and the chunk is handed out again later. */
export interface ProcessingPause {
  entries: readonly JournalEntry[];
  delaySeconds: number;
  /** Some records were tried since the chunk was claimed: the batch is not stalled before this wait is over. */
  progressed: boolean;
  /** All spans of a suspect chunk were tried: what still waits is tried as at first, whichever span it was of. */
  allTried?: boolean;
}

/** Some records of a chunk were tried: what is known of them is kept, and whoever holds the chunk goes on with it. */
export interface ProcessingProgress {
  tried: readonly JournalEntry[];
}

export interface ProcessingOutcome {
  succeeded: number;
  failed: number;
  part: string;
  failures: FailureSummary;
}
