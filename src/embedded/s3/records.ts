import type { ChecksumAlgorithm, ChecksumType } from './checksums.ts';

/** A file under `data/`, never written again once it is named here. An object is a run of them. */
export interface Segment {
  file: string;
  size: number;
}

export interface Checksum {
  algorithm: ChecksumAlgorithm;
  /** Base64; a composite one with `-N` behind it. */
  value: string;
  type: ChecksumType;
}

export interface StoredObject {
  key: string;
  size: number;
  /** Without quotes. */
  etag: string;
  /** Milliseconds since 1970. */
  modified: number;
  segments: Segment[];
  /** Content-Type and the like, and `x-amz-meta-*`, as they are given back. */
  headers: Record<string, string>;
  checksum?: Checksum;
  /** The multipart upload it came from, so that a repeated CompleteMultipartUpload is answered alike. */
  upload?: string;
}

export interface Part {
  number: number;
  size: number;
  etag: string;
  modified: number;
  segments: Segment[];
  checksum?: Checksum;
}

export interface UploadStart {
  id: string;
  key: string;
  initiated: number;
  headers: Record<string, string>;
  algorithm?: ChecksumAlgorithm;
  /** COMPOSITE when left out. */
  checksumType?: ChecksumType;
}

export interface Upload extends UploadStart {
  parts: Map<number, Part>;
}

/**
 * One step in a bucket's life, as the journal keeps it. A `put` with `object.upload` also ends that upload, so
 * completing is one record: no crash can leave both the object and the upload, or neither.
 */
export type JournalRecord =
  | { op: 'bucket'; format: 1; created: number }
  | { op: 'put'; object: StoredObject }
  | { op: 'delete'; key: string }
  | { op: 'upload'; upload: UploadStart }
  | { op: 'part'; upload: string; part: Part }
  | { op: 'abort'; upload: string };
