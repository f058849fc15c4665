import { isAscii, isUtf8 } from 'node:buffer';
import { restored } from '../../core/neutralise.ts';
import { byteOffsets } from '../byte-offsets.ts';
import { encodingFault } from '../encoding.ts';
import { CR, LF } from '../line-ends.ts';
import type { CellsRow, ChunkPlace, FaultyRow } from '../row.ts';
import { BoundaryScanner } from './boundaries.ts';
import type { CsvDialect } from './dialect.ts';
import { readRow } from './read-row.ts';
import { cellFault, mayHoldLargeCell, quoteFault } from './row-faults.ts';

export type CsvRow = CellsRow | FaultyRow;

export interface ParseOptions extends ChunkPlace {
  dialect: CsvDialect;
  /** How many cells the header has. */
  columns: number;
  /** Whether it is a table of ours: then what was neutralised in its cells is undone. */
  marked?: boolean;
}

/**
 * Reads the records of one chunk (RFC 4180) by the rules with which `CsvIndexer` has cut it: as many rows come back
 * as the chunk has records, in order. A row that cannot be read never changes its neighbours.
 *
 * Faults: `quote_misplaced`, `cells_too_few`, `cells_too_many`, `cell_too_large`; `file_encoding` for a record with
 * bytes that are no UTF-8; `file_unclosed_quote` if the bytes end inside quotes, as no chunk of the index does that
 * is meant to be read. Of several the first in this order is told: encoding, quotes, number of cells, size.
 */
export function parseCsvChunk(bytes: Buffer, options: ParseOptions): CsvRow[] {
  const rows: CsvRow[] = [];
  if (isAscii(bytes)) readText(bytes.toString('latin1'), 0, options, rows);
  else if (isUtf8(bytes)) readText(bytes.toString('utf8'), 0, options, rows);
  else readDamaged(bytes, options, rows);
  if (options.marked) for (const row of rows) restoreCells(row);
  return rows;
}

function restoreCells(row: CsvRow): void {
  if (row.cells !== undefined) row.cells = row.cells.map(restored);
}

/**
 * Rows without a quote are cut by `indexOf` alone; the others go to `readRow`. The positions of the next delimiter and
 * quote are kept over rows, so text without any is not searched again for each row.
 *
 * @param offset where the text begins in the chunk, in bytes
 */
function readText(text: string, offset: number, options: ParseOptions, rows: CsvRow[]): void {
  const { dialect, columns, limits } = options;
  const delimiter = String.fromCharCode(dialect.delimiter);
  const quote = String.fromCharCode(dialect.quote);
  const offsetOf = byteOffsets(text, offset);
  let nextDelimiter = -1;
  let nextQuote = -1;
  for (let start = 0, next = 0; start < text.length; start = next) {
    const lf = indexOrEnd(text, '\n', start);
    if (nextQuote < start) nextQuote = indexOrEnd(text, quote, start);
    if (nextQuote < lf) {
      const row = readRow(text, start, dialect);
      next = row.end;
      const fault =
        quoteFault(row, options.firstRecord + rows.length, (at) => options.start + offsetOf(at)) ??
        cellFault(row.cells, columns, limits);
      rows.push(fault ? { fault, offset: offsetOf(start) } : { cells: row.cells });
      continue;
    }
    next = lf + 1;
    const end = lf < text.length && text.charCodeAt(lf - 1) === CR ? lf - 1 : lf;
    if (end === start) continue;
    const cells: string[] = [];
    let from = start;
    if (nextDelimiter < start) nextDelimiter = indexOrEnd(text, delimiter, start);
    while (nextDelimiter < end) {
      cells.push(text.slice(from, nextDelimiter));
      from = nextDelimiter + 1;
      nextDelimiter = indexOrEnd(text, delimiter, from);
    }
    cells.push(text.slice(from, end));
    const suspect = cells.length !== columns || mayHoldLargeCell(end - start, limits);
    const fault = suspect ? cellFault(cells, columns, limits) : undefined;
    rows.push(fault ? { fault, offset: offsetOf(start) } : { cells });
  }
}

/** Some bytes are no UTF-8: each record is decoded by itself, and the broken ones are told. */
function readDamaged(bytes: Buffer, options: ParseOptions, rows: CsvRow[]): void {
  for (const record of csvSlices(bytes, options.dialect)) {
    const start = record.byteOffset - bytes.byteOffset;
    if (isUtf8(record)) {
      readText(record.toString('utf8'), start, options, rows);
    } else {
      const number = options.firstRecord + rows.length;
      const place = { record: number, offset: options.start + start, encoding: options.encoding };
      rows.push({ fault: encodingFault(record, place), offset: start });
    }
  }
}

/**
 * The bytes of each record with its line end, as many as `parseCsvChunk` has rows. Nothing is made of an empty line: a chunk
 * can hold millions of them.
 */
export function csvSlices(bytes: Buffer, dialect: CsvDialect): Buffer[] {
  const slices: Buffer[] = [];
  const scanner = new BoundaryScanner(dialect);
  scanner.feed(bytes);
  for (let start = 0; start < bytes.length; ) {
    const next = scanner.next();
    const end = next === -1 ? bytes.length : next;
    if (!isEmptyLine(bytes, start, end)) slices.push(bytes.subarray(start, end));
    start = end;
  }
  return slices;
}

function isEmptyLine(bytes: Buffer, start: number, end: number): boolean {
  if (bytes[end - 1] !== LF) return false;
  return end - start === 1 || (end - start === 2 && bytes[start] === CR);
}

function indexOrEnd(text: string, what: string, from: number): number {
  const at = text.indexOf(what, from);
  return at === -1 ? text.length : at;
}
