import type { Statement } from '../../core/access.ts';
import type {
  BatchStatus,
  Counts,
  Execution,
  OnDuplicateFile,
  OnInvalid,
  ResultsFormat,
  StatusReason,
} from '../../core/batch.ts';
import type { FileFormat } from '../../core/file-format.ts';
import type { RetryKind } from '../../core/lineage.ts';
import type { Operation } from '../../core/operation.ts';
import type { StopAfter } from '../../core/stop-after.ts';
import type { CoercionCounts, FailureSummary } from '../../core/tally.ts';
import type { InputDescription } from '../../formats/description.ts';
import type { ResultFile } from './batch-results.ts';
import type { ObjectHead } from './object-store.ts';
import type { WorkWaiting } from './work-store.ts';

/**
 * What requests read and write. Each of these stores is one account's (`AccountServices`): nothing here takes the id of
 * an account, so that no route can ask for another's. What sweeps need of all accounts is in sweep-stores.ts.
 */

export interface Upload {
  id: string;
  accountId: string;
  objectKey: string;
  filename: string | null;
  size: number | null;
  hash: string | null;
  /** How many parts it was made with; `null`: it takes a single PUT. */
  partCount: number | null;
  /** Of parts that are not one object yet. */
  multipartId: string | null;
  /** Seconds since the epoch, here and below. */
  createdAt: number;
  urlExpiresAt: number;
  expiresAt: number;
  usedBy: string | null;
  /** When the client took it back. */
  invalidatedAt: number | null;
  removedAt: number | null;
}

export interface NewUpload {
  id: string;
  objectKey: string;
  filename?: string;
  contentType?: string;
  size?: number;
  hash?: string;
  partCount?: number;
  urlExpiresAt: number;
  keepSeconds: number;
}

export type RemovableUpload = Pick<Upload, 'id' | 'objectKey' | 'multipartId'>;

export interface UploadStore {
  /** @throws {RequestError} storage_full @throws {KeyTaken} */
  create(upload: NewUpload, keep?: KeepAnswer<void>): Promise<void>;
  /** The parts of an upload can be put from now on. `urlExpiresAt` in milliseconds. @throws {KeyTaken} */
  openParts(
    id: string,
    parts: { multipartId: string; urlExpiresAt: number },
    keep?: KeepAnswer<void>,
  ): Promise<void>;
  find(id: string): Promise<Upload | null>;
  /** Its parts are one object of so many bytes. @returns false: it was taken back or removed meanwhile, and so must be the object */
  completed(id: string, bytes: number): Promise<boolean>;
  /** Takes it back, also if that was done before. @throws {RequestError} handler_not_found, upload_in_use */
  invalidate(id: string): Promise<RemovableUpload>;
}

/** What a client may ask of a batch besides its operation. */
export interface BatchOptions {
  settings: Record<string, unknown>;
  mapping: Record<string, string>;
  onInvalid: OnInvalid;
  dryRun: boolean;
  stopAfter: StopAfter | null;
  onDuplicateFile: OnDuplicateFile;
  execution: Execution;
  /** The column whose value is repeated in the results. */
  customId: string | null;
  priority: number;
  resultsFormats: readonly ResultsFormat[];
  /** Seconds from the terminal status until the objects are removed. */
  expiresAfter: number;
  /** What the client says of the file. */
  format: FileFormat;
  metadata: Record<string, unknown>;
}

/** It is the account's whose store writes it, and runs on behalf of whom the store was made for. */
export interface NewBatch extends BatchOptions {
  id: string;
  uploadId: string;
  operation: string;
  operationVersion: number;
  effects: Operation['effects'];
  statedHash?: string;
  uploadKey: string;
  upload: ObjectHead;
  /** Whose records it takes up again, and which. With `corrected` it copies its upload; else the records of that batch. */
  retry?: { of: string; records: RetryKind };
}

export interface BatchRow extends BatchOptions {
  id: string;
  accountId: string;
  operation: string;
  status: BatchStatus;
  statusReason: StatusReason | null;
  failedFrom: BatchStatus | null;
  statuses: { status: BatchStatus; ts: number }[];
  hash: string | null;
  uploadId: string;
  uploadBytes: number;
  /** What the client called the file. */
  filename: string | null;
  /** Whether the file is being converted, in `copied`. */
  converting: boolean;
  /** Of a retry: the batch whose records it takes up again, and which. */
  retryOf: { batch: string; records: RetryKind } | null;
  /** The retries of its records, the first of them first. */
  retries: { batch: string; status: BatchStatus }[];
  /** Whether a retry has taken over what it could go on with. */
  superseded: boolean;
  /** The earlier batch of the same file, where that is to be told. */
  duplicateOf: string | null;
  read: InputDescription | null;
  /** By column; nothing until every record is checked, and in lists. */
  coerced: CoercionCounts;
  /** Of the records that have failed so far; nothing in lists. */
  failures: FailureSummary;
  counts: Counts;
  progressDone: number;
  /** Records whose check or processing is settled in the phase that runs, and in the last ten seconds. */
  phase: { settled: number; recent: number; since: number | null };
  results: ResultFile[] | null;
  /** Whether the result files are there: written, and not removed since. */
  resultsReady: boolean;
  /** When the objects are removed, in seconds since the epoch; `null` while the batch is not terminal. */
  expiresAt: number | null;
  /** Whether they have been. */
  expired: boolean;
  /** Whether somebody asked for it to be deleted. */
  deleting: boolean;
  /** Seconds since the epoch. */
  createdAt: number;
  updatedAt: number;
}

/** An answer as it was given, to be given again to the same request. */
export interface KeptAnswer {
  status: number;
  headers: Record<string, string>;
  body: unknown;
}

/** Names a request of an account that must not take effect twice (`Idempotency-Key`). */
export interface RequestKey {
  route: string;
  key: string;
  /** Hex SHA-256 of what is asked. */
  fingerprint: string;
}

/** With which answer a request is kept, in the transaction in which it takes effect. */
export interface KeepAnswer<Made> {
  request: RequestKey;
  answer(made: Made): KeptAnswer;
}

/** Another request with the same key took effect first: nothing was done, its answer is there to be found. */
export class KeyTaken extends Error {
  constructor(key: string) {
    super(`the Idempotency-Key ${key} is taken`);
    this.name = 'KeyTaken';
  }
}

export interface IdempotencyStore {
  /** `null`: no request with this key was answered in the last 24 hours. */
  find(request: RequestKey): Promise<{ fingerprint: string; answer: KeptAnswer } | null>;
}

export interface BatchFilters {
  status?: BatchStatus;
  operation?: string;
  /** Seconds since the epoch: from, and before. */
  createdFrom?: number;
  createdBefore?: number;
  /** All of them: the value as text. */
  metadata?: Readonly<Record<string, string>>;
  /** Found anywhere in the id, the file's name or the values of the metadata, whatever its case. */
  search?: string;
}

/** What a PATCH asks for; all of it happens or nothing. */
export interface BatchChange {
  status?: 'cancel' | 'resume';
  metadata?: Record<string, unknown>;
  /** Goes with `resume`. `null`: no limit any more. */
  stopAfter?: StopAfter | null;
  /** Goes with `resume`: what whoever asks may do. A batch whose right was withdrawn goes on on their behalf. */
  statements?: readonly Statement[];
}

export interface BatchStore {
  /**
   * Writes the batch in `new`, and answers it so.
   * @throws {RequestError} duplicate_file, too_many_batches, storage_full, upload_used, upload_in_use, upload_expired, upload_invalidated;
   *   of a retry batch_not_found, not_retriable, already_retried, results_not_ready, results_expired
   * @throws {KeyTaken}
   */
  create(batch: NewBatch, keep?: KeepAnswer<BatchRow>): Promise<BatchRow>;
  find(id: string): Promise<BatchRow | null>;
  /** The same, but that its failures are told only once its results are written: before, they are summed anew each time. */
  look(id: string): Promise<BatchRow | null>;
  /** Newest first; without their failures too; `before` is the id of the last batch of the page before. */
  list(page: { limit: number; before?: string; filters?: BatchFilters }): Promise<BatchRow[]>;
  /**
   * @returns the work that waits because of it
   * @throws {RequestError} batch_not_found, not_cancellable, not_resumable, forbidden, too_many_batches, upload_used,
   *   upload_in_use, upload_expired
   */
  change(id: string, change: BatchChange): Promise<WorkWaiting[]>;
  /**
   * Records the wish, and acts on it as far as the status allows: cancels, or begins to delete. May be repeated.
   * @throws {RequestError} batch_not_found
   */
  requestDeletion(id: string): Promise<{ status: BatchStatus; waiting: WorkWaiting[] }>;
}
