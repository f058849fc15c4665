import type { ChunkLimits, RecordFault } from '../core/chunk.ts';
import type { Problem } from '../core/coerced.ts';
import type { Encoding } from '../core/file-format.ts';
import type { JsonRecord } from '../core/json-record.ts';

/** A record of a table: its cells exactly as they are in the file, quotes undone, one for each column of the header. */
export interface CellsRow {
  cells: string[];
  /** What is wrong with single cells of a workbook, by their place from 0: they are blank in `cells`. */
  problems?: ReadonlyMap<number, Problem>;
  value?: undefined;
  fault?: undefined;
  offset?: undefined;
}

/** A record of NDJSON. */
export type ValueRow = JsonRecord & { cells?: undefined; fault?: undefined; offset?: undefined };

/**
 * A record that cannot be read, and the offset in bytes from the chunk's start where it begins. Good rows have none:
 * finding it costs as much as reading them.
 */
export interface FaultyRow {
  fault: RecordFault;
  offset: number;
  cells?: undefined;
  value?: undefined;
}

/** Where the records of a chunk are in the file, for the faults that name a record or a byte of it. */
export interface ChunkPlace {
  /** Number of the chunk's first record. */
  firstRecord: number;
  /** Offset of the chunk in the file, in bytes. */
  start: number;
  limits: Pick<ChunkLimits, 'cellBytes'>;
  /** Of the file as it came, which says what a byte that cannot be read was there; UTF-8 where it is left out. */
  encoding?: Encoding;
}
