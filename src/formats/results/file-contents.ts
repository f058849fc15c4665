import type { ResultsFormat } from '../../core/batch.ts';
import { csvLine } from '../csv/write.ts';
import type { InputDescription } from '../description.ts';
import { LF } from '../line-ends.ts';
import type { ChunkResults } from './chunk-results.ts';
import { inputWriter } from './client-input.ts';
import { ErrorReport } from './error-report.ts';
import { piecesOfBytes, piecesOfText } from './pieces.ts';
import type { ResultChunk } from './result-chunk.ts';
import { ResultTable } from './result-table.ts';

/** The files that tell of records; besides them there is the manifest. */
export const FILE_KINDS = ['all', 'succeeded', 'failed', 'errors', 'unprocessed'] as const;
export type FileKind = (typeof FILE_KINDS)[number];

/** What a result file holds, chunk after chunk. */
export interface FileContent {
  kind: FileKind;
  format: ResultsFormat;
  /** What it begins with, also when there are no records. */
  head: string | Buffer;
  /** Whether it repeats of every record what the client sent. */
  repeatsInput: boolean;
  /** How many cells each record has that what was sent of it may lack; 0 where none is made up. */
  cells: number;
  /** What it holds of a chunk, in pieces: rows filled up to a wide header are far more text than the chunk. */
  of(chunk: ResultChunk): Iterable<string | Buffer>;
}

/** How many records of a chunk a file of this kind tells of. */
export function recordsIn(kind: FileKind, results: ChunkResults): number {
  if (kind === 'all') return results.records;
  return results.count(kind === 'errors' ? 'failed' : kind);
}

/** The result files of a batch: each kind in each format, and the unprocessed records once, in the input's own. */
export function fileContents(options: {
  description: InputDescription;
  formats: readonly ResultsFormat[];
  withCustomIds: boolean;
  /** What the file of unprocessed records begins with, where it is not the header row of `description`. */
  head?: Buffer;
}): FileContent[] {
  const { description, formats, withCustomIds } = options;
  const made = formats.map((format) =>
    format === 'csv' ? tables(description, withCustomIds) : lines(description),
  );
  return [
    ...FILE_KINDS.flatMap((kind) => made.flat().filter((content) => content.kind === kind)),
    unprocessedRecords(description, options.head),
  ];
}

function lines(description: InputDescription): FileContent[] {
  const writeInput = inputWriter(description);
  const line = ({ kind, of }: Pick<FileContent, 'kind' | 'of'>): FileContent => {
    return { kind, format: 'ndjson', head: '', repeatsInput: kind === 'failed', cells: 0, of };
  };
  return [
    line({ kind: 'all', of: ({ results }) => [results.bytes] }),
    line({ kind: 'succeeded', of: ({ results }) => [results.only('succeeded')] }),
    line({
      kind: 'failed',
      of: (chunk) => {
        const withInput = (index: number) =>
          `${chunk.results.failedLine(index).slice(0, -1)},"input":${writeInput(chunk.client, index)}}\n`;
        return piecesOfText(each(chunk.results.places('failed'), withInput));
      },
    }),
    line({ kind: 'errors', of: ({ results }) => [results.only('failed')] }),
  ];
}

function tables(description: InputDescription, withCustomIds: boolean): FileContent[] {
  const table = new ResultTable(description);
  const report = new ErrorReport(withCustomIds);
  const tableOf = (kind: 'all' | 'succeeded' | 'failed'): FileContent => ({
    kind,
    format: 'csv',
    head: table.header,
    repeatsInput: true,
    cells: table.cells,
    of: (chunk) => piecesOfText(each(chunk.results.places(kind), (index) => table.row(chunk, index))),
  });
  const errors: FileContent = {
    kind: 'errors',
    format: 'csv',
    head: report.header,
    repeatsInput: false,
    cells: 0,
    of: ({ results }) => piecesOfText(each(results.places('failed'), (index) => report.rows(results, index))),
  };
  return [tableOf('all'), tableOf('succeeded'), tableOf('failed'), errors];
}

/** The records as the client sent them, so that the file can be sent again as it is. */
function unprocessedRecords(description: InputDescription, head = headOf(description)): FileContent {
  // A CR at the end of a file is part of its last cell, and must be so still when a line end follows.
  const lineEnd = Buffer.from(description.format === 'csv' ? '\r\n' : '\n');
  return {
    kind: 'unprocessed',
    format: description.format,
    head,
    repeatsInput: true,
    cells: 0,
    of: (chunk) => {
      const slices = chunk.results.places('unprocessed').map((index) => chunk.client.slice(index));
      const last = slices.at(-1);
      return piecesOfBytes(last === undefined || last.at(-1) === LF ? slices : [...slices, lineEnd]);
    },
  };
}

/** What is made of each place, one by one as it is asked for. */
function* each(places: readonly number[], make: (index: number) => string): Generator<string> {
  for (const index of places) yield make(index);
}

function headOf(description: InputDescription): Buffer {
  if (description.format !== 'csv' || !description.header) return Buffer.alloc(0);
  const { bom, columns } = description;
  return Buffer.from(`${bom ? '\uFEFF' : ''}${csvLine(columns.map(({ name }) => name))}`);
}
