import type { Principal } from '../../core/access.ts';
import type { AccountLimitSettings } from '../../core/account-limits.ts';
import type { BatchStatus, OnDuplicateFile, OnInvalid, ResultsFormat } from '../../core/batch.ts';
import type { ChunkRange } from '../../core/chunk.ts';
import type { FileFormat } from '../../core/file-format.ts';
import type { RetryKind } from '../../core/lineage.ts';
import type { Probe } from '../../core/probes.ts';
import type { Conversion } from '../../formats/conversion.ts';
import type { InputDescription } from '../../formats/description.ts';
import type { ObjectHead } from './object-store.ts';

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
  /** Of which batch it takes up records again, and which; `null`, or `corrected`: it copies its upload. */
  retry: { of: string; records: RetryKind } | null;
}

export type ChunkPhase = 'validate' | 'process';

/** The stages that lease chunks: `process` and `call` are one phase, of operations with one kind of effects each. */
export type ChunkStage = ChunkPhase | 'call';

/** A chunk that this worker holds. */
export interface ChunkClaim {
  kind: 'chunk';
  stage: ChunkStage;
  phase: ChunkPhase;
  lease: string;
  attempts: number;
  /** How often the worker was gone that was at it, in this phase. */
  crashes: number;
  /** The spans of its records that are still to be tried alone; none: it was not tried so, or all were. */
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

export interface LeaseRef {
  kind: 'batch' | 'chunk';
  batchId: string;
  /** Of a chunk. */
  number?: number;
  lease: string;
  /** Shown while a batch as a whole is worked on. */
  progressDone?: number;
}

/** The lease under which a claim is held. */
export function leaseOf(claim: BatchClaim | ChunkClaim): LeaseRef {
  const { kind, batchId, lease } = claim;
  return { kind, batchId, lease, ...(claim.kind === 'chunk' && { number: claim.range.number }) };
}
