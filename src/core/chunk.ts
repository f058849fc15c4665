import type { FileFault, RecordErrorCode } from './errors.ts';
import type { Sources } from './sources.ts';

/**
 * A contiguous run of records of an input file: the unit of dispatch, of the lease and of the transaction.
 * It is addressed by bytes, so a worker reads just its range and proves by the SHA-256 that it read what was hashed.
 */
export interface ChunkRange {
  /** From 1, in the file's order. */
  number: number;
  /** Number of its first record, from 1. */
  firstRecord: number;
  records: number;
  /** Offset in bytes of its first byte in the input. */
  start: number;
  /** Offset in bytes after its last byte. */
  end: number;
  /** Hex SHA-256 of the bytes `[start, end)`. */
  sha256: string;
  /** Set on a chunk of exactly one record that cannot be read at all; its bytes are never fetched. */
  fault?: RecordFault;
  /** Of a retry: which records of the lineage its records are. */
  sources?: Sources;
}

/** What the hashing pass found out about one record without reading its cells. */
export type RecordFault = { code: RecordErrorCode; message: string } | (FileFault & { record: number });

/** How records are gathered into chunks: whichever is reached first closes the chunk. */
export interface ChunkLimits {
  records: number;
  bytes: number;
  /** A record longer than this is not read into memory: it gets a chunk with a fault. */
  recordBytes: number;
  cellBytes: number;
  /** Of the whole file; without it as many as there are. */
  fileRecords?: number;
}
