import type { ResultsFormat } from '../../core/batch.ts';
import type { Field } from '../../core/field.ts';
import type { InputDescription } from '../description.ts';
import type { CellMark, WrittenCell } from '../xlsx/write/table.ts';
import type { ChunkResults, RecordStatus } from './chunk-results.ts';
import type { ResultChunk } from './result-chunk.ts';

/** The files that tell of records; besides them there is the manifest. */
export const FILE_KINDS = ['all', 'succeeded', 'failed', 'errors', 'unprocessed'] as const;
export type FileKind = (typeof FILE_KINDS)[number];

interface Content {
  kind: FileKind;
  /** The records that it tells of. */
  records: RecordStatus | 'all';
  /** Whether it repeats of each of them what the client sent. */
  repeatsInput: boolean;
  /** How many cells each record has that what was sent of it may lack; 0 where none is made up. */
  cells: number;
}

/** What a result file of text holds, chunk after chunk. */
export interface TextContent extends Content {
  format: 'ndjson' | 'csv';
  /** What it begins with, also when there are no records. */
  head: string | Buffer;
  /** What it holds of a chunk, in pieces: rows filled up to a wide header are far more text than the chunk. */
  of(chunk: ResultChunk): Iterable<string | Buffer>;
}

/** What a workbook holds. */
export interface WorkbookContent extends Content {
  format: 'xlsx';
  sheet: string;
  columns: readonly { name: string }[];
  /** Whether a sheet of all broken rules follows. */
  report: boolean;
  rows(chunk: ResultChunk): Iterable<SheetRow>;
}

export interface SheetRow {
  cells: readonly WrittenCell[];
  marks: readonly CellMark[];
  /** What it adds to the sheet of broken rules. */
  report: readonly (readonly string[])[];
}

export type FileContent = TextContent | WorkbookContent;

/** How many records of a chunk a file tells of. */
export function recordsIn({ records }: Pick<Content, 'records'>, results: ChunkResults): number {
  return records === 'all' ? results.records : results.count(records);
}

export interface ContentOptions {
  description: InputDescription;
  formats: readonly ResultsFormat[];
  /** Of the operation, as far as it is known. */
  fields: readonly Field[];
  withCustomIds: boolean;
  /** The file was only checked: then the workbook of errors holds every record, so that it can be sent again whole. */
  nothingProcessed: boolean;
  /** Of a file whose columns are not known: what stands before its first record, `null` where that is not known. */
  head?: Buffer | null;
}
