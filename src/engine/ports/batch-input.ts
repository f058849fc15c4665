import type { ChunkRange } from '../../core/chunk.ts';
import type { FileFault } from '../../core/errors.ts';
import type { Conversion } from '../../formats/conversion.ts';
import type { InputDescription } from '../../formats/description.ts';

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
  /** The batches of the lineage that have ended since the parent was made, and have processed records. */
  later: readonly SourceBatch[];
}
