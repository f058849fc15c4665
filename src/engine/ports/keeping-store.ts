import type { BatchStatus } from '../../core/batch.ts';

/** What an object's key says (object-place.ts). */
export interface ObjectPlace {
  key: string;
  /** Of an upload, its handler. */
  uploadId: string | null;
  batchId: string | null;
  /** Of a part, its chunk. */
  number: number | null;
  /** Under which it was written; `null` with a batch: it is of no form that we write. */
  lease: string | null;
}

/** What the database knows of an object. */
export interface ObjectOwner {
  /** Its batch or upload is there. */
  known: boolean;
  /** A row names it that still counts on it. */
  named: boolean;
  /** Whoever writes it holds the lease, or may still put the upload. */
  held: boolean;
  /** Its batch is being removed, or will be tidied up: then it goes, if nobody needs it. */
  swept: boolean;
}

export interface UntidyBatch {
  batchId: string;
  /** Which of its results it was that were written: it may be resumed, and end once more. */
  resultsAt: string;
}

/** How many objects the rows of a batch name. */
export interface NamingBatch {
  batchId: string;
  named: number;
}

export interface NamedObject {
  key: string;
  of: 'input' | 'part' | 'result';
}

/** A batch that lacks objects, as it is judged. */
export interface LackingBatch {
  batchId: string;
  accountId: string;
  status: BatchStatus;
  dryRun: boolean;
  resultsAt: string | null;
}

/** An upload that a batch may still be made of, and of which the store had something. */
export interface UnusedUpload {
  id: string;
  accountId: string;
  objectKey: string;
  measuredAt: string;
}

/** What PostgreSQL and the object store are compared by. */
export interface KeepingStore {
  /** In the order of the places. */
  owners(places: readonly ObjectPlace[]): Promise<ObjectOwner[]>;

  /** Batches that have ended so long ago that whatever wrote for them without a lease is through with it; the oldest. */
  untidy(leaseSeconds: number, limit: number): Promise<UntidyBatch[]>;
  /** Notes that it was tidied up, and how much of it there is, unless it was resumed since. */
  tidied(batch: UntidyBatch, storedBytes: number): Promise<void>;

  /** Batches that count on what is stored of them, in the order of their ids, after one of them. */
  naming(after: string | null, limit: number): Promise<NamingBatch[]>;
  /** What a batch names, a page at a time; nothing of one that is being removed. */
  namedBy(batchId: string): AsyncIterable<NamedObject[]>;
  /** `null`: it is gone, has expired, or is being removed. */
  asItIs(batchId: string): Promise<LackingBatch | null>;
  /** Lets the results of an ended batch be written once more. False: it is not as it was seen any more, here and below. */
  writeAgain(batch: LackingBatch): Promise<boolean>;
  /** Lets an ended batch expire at once: the sweep does the rest. */
  expire(batch: LackingBatch): Promise<boolean>;

  /** In the order of their ids, after one of them. */
  unusedUploads(after: string | null, limit: number): Promise<UnusedUpload[]>;
  /** Whether it is as it was seen. */
  isStillUnused(upload: UnusedUpload): Promise<boolean>;
  /** Notes that nothing is stored of an upload. */
  noteUploadEmpty(upload: UnusedUpload): Promise<boolean>;
}
