import type { BatchStatus } from './batch.ts';

/** Where PostgreSQL and the object store do not go together, in the words in which it is told. */
export type Finding = LostObject | LostUpload | StrangeObject | BatchLacks | UploadLacks;

/** What became of it; `null`: it is only told, or could not be mended. */
export type Remedy =
  | 'removed'
  /** The results are written once more, from the parts. */
  | 'written_again'
  /** It expires at once: asked for its results, it says that they are gone. */
  | 'expired'
  /**
   * Nothing has to be done: when a worker comes to what is gone the batch fails, its results are written without, or,
   * where they cannot be, it expires.
   */
  | 'left_to_workers'
  /** The upload counts for nothing, and no batch can be made of it. */
  | 'emptied';

interface LostObject {
  kind: 'object_without_owner';
  key: string;
  bytes: number;
  /** Seconds since the epoch. */
  stored_ts: number;
  remedy: Remedy | null;
}

interface LostUpload {
  kind: 'unfinished_upload_without_owner';
  key: string;
  upload_id: string;
  begun_ts: number;
  remedy: Remedy | null;
}

/** Of no form that Sheaf writes: never removed. */
interface StrangeObject {
  kind: 'strange_object';
  key: string;
  remedy: null;
}

export interface BatchLacks {
  kind: 'batch_objects_gone';
  batch: string;
  account: string;
  status: BatchStatus;
  /** How many of the objects that it names are gone. */
  inputs: number;
  parts: number;
  results: number;
  /** One of them. */
  key: string;
  remedy: Remedy | null;
}

interface UploadLacks {
  kind: 'upload_gone';
  handler: string;
  account: string;
  key: string;
  remedy: Remedy | null;
}

export interface CheckSummary {
  /** Objects and unfinished uploads that were looked at, and the bytes of the objects. */
  objects: number;
  unfinished_uploads: number;
  bytes: number;
  /** Batches and uploads whose objects were looked for. */
  batches: number;
  uploads: number;
  /** That something counts on. */
  kept: number;
  /** That nobody needs, and that the sweep removes by itself. */
  left_to_sweep: number;
  /** That have no owner and are too young to be judged. */
  young: number;
  found: number;
  mended: number;
}
