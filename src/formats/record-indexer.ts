import type { ChunkRange } from '../core/chunk.ts';
import type { FileFault } from '../core/errors.ts';

/** What the pass over the records of a file found out. */
export interface RecordIndex {
  /**
   * CSV: the names of the header row, trimmed, or names made for its width where it has none. NDJSON: the key paths of
   * the first record. `null` when there is none or it cannot be read.
   */
  columns: string[] | null;
  /** Whether it is a table of ours that came back: its header row has our marker. */
  marked: boolean;
  /** Without a header row. */
  records: number;
  /** In the file's order, without overlap; only blank lines lie outside of them. */
  chunks: ChunkRange[];
  /** What is wrong with the file as a whole. Records and chunks are counted all the same, unless it was refused. */
  fault?: FileFault;
}

/** Finds the records and chunks of a file of one format, after its byte order mark. */
export interface RecordIndexer {
  /** Takes the next bytes, as many as there are. They may be overwritten afterwards. */
  scan(piece: Buffer): void;
  /** Whether the file has more records than it may have: what follows is not looked at any more. */
  readonly isFull: boolean;
  /**
   * The file is over.
   * @param cut why it is over before its end: what its last line holds without a line end may be a part of a record
   */
  finish(cut?: FileFault): RecordIndex;
}
