import type { BatchStatus, Counts, OnInvalid, StatusReason } from '../../core/batch.ts';
import type { ObjectHead } from './object-store.ts';
import type { InputDescription, ResultFile } from './work-store.ts';

export interface Upload {
  id: string;
  accountId: string;
  objectKey: string;
  filename: string | null;
  size: number | null;
  hash: string | null;
  createdAt: number;
  urlExpiresAt: number;
  expiresAt: number;
  usedBy: string | null;
}

export interface NewUpload {
  id: string;
  accountId: string;
  objectKey: string;
  filename?: string;
  contentType?: string;
  size?: number;
  hash?: string;
  urlExpiresAt: number;
  keepSeconds: number;
}

export interface UploadStore {
  create(upload: NewUpload): Promise<void>;
  find(accountId: string, id: string): Promise<Upload | null>;
}

export interface NewBatch {
  id: string;
  accountId: string;
  uploadId: string;
  userName: string;
  operation: string;
  operationVersion: number;
  settings: Record<string, unknown>;
  mapping: Record<string, string>;
  onInvalid: OnInvalid;
  metadata: Record<string, unknown>;
  statedHash?: string;
  uploadKey: string;
  upload: ObjectHead;
}

export interface BatchRow {
  id: string;
  accountId: string;
  operation: string;
  status: BatchStatus;
  statusReason: StatusReason | null;
  failedFrom: BatchStatus | null;
  statuses: { status: BatchStatus; ts: number }[];
  hash: string | null;
  metadata: Record<string, unknown>;
  settings: Record<string, unknown>;
  mapping: Record<string, string>;
  onInvalid: OnInvalid;
  uploadId: string;
  uploadBytes: number;
  read: InputDescription | null;
  counts: Counts;
  progressDone: number;
  /** Records whose check or processing is settled in the phase that runs, and in the last ten seconds. */
  phase: { settled: number; recent: number; since: number | null };
  results: ResultFile[] | null;
  resultsReady: boolean;
  /** Seconds since the epoch. */
  createdAt: number;
  updatedAt: number;
}

export interface BatchStore {
  /** Writes the batch in `new`, and answers it so. @throws {RequestError} upload_used, upload_in_use, upload_expired */
  create(batch: NewBatch): Promise<BatchRow>;
  find(accountId: string, id: string): Promise<BatchRow | null>;
  /** Newest first; `before` is the id of the last batch of the page before. */
  list(accountId: string, page: { limit: number; before?: string }): Promise<BatchRow[]>;
}
