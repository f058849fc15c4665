import type { Counts, ResultsFormat } from '../../core/batch.ts';
import type { ChunkRange } from '../../core/chunk.ts';
import type { FailureSummary } from '../../core/tally.ts';
import type { JournalEntry } from './chunk-outcome.ts';

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

export interface WrittenResults {
  files: readonly ResultFile[];
  counts: Counts;
  /** Of records whose results no part holds: those of chunks that are not settled. */
  failures: FailureSummary;
  /** Of everything that the batch has in the object store. */
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
