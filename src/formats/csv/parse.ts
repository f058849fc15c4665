import { isAscii, isUtf8 } from 'node:buffer';
import type { ChunkLimits, RecordFault } from '../../core/chunk.ts';
import { BoundaryScanner } from './boundaries.ts';
import { CR, type CsvDialect } from './dialect.ts';
import { firstInvalidByte, invalidUtf8Message } from './encoding.ts';
import { readRow } from './read-row.ts';
import { cellFault, mayHoldLargeCell, quoteFault } from './row-faults.ts';

/**
 * One record: its cells exactly as they are in the file, quotes undone; or what is wrong with it and the offset in
 * bytes from the chunk's start where it begins. Good rows have no offset: finding it costs as much as reading them.
 */
export type CsvRow =
  | { cells: string[]; fault?: undefined; offset?: undefined }
  | { fault: RecordFault; offset: number; cells?: undefined };

export interface ParseOptions {
  dialect: CsvDialect;
  /** How many cells the header has. */
  columns: number;
  /** Number of the chunk's first record. */
  firstRecord: number;
  /** Offset of the chunk in the file, in bytes: the faults that name a byte name it from the file's start. */
  start: number;
  limits: Pick<ChunkLimits, 'cellBytes'>;
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
  return rows;
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
  const scanner = new BoundaryScanner(options.dialect);
  scanner.feed(bytes);
  for (let start = 0; start < bytes.length; ) {
    const next = scanner.next();
    const end = next === -1 ? bytes.length : next;
    const record = bytes.subarray(start, end);
    if (isUtf8(record)) readText(record.toString('utf8'), start, options, rows);
    else rows.push({ fault: encodingFault(record, start, rows.length, options), offset: start });
    start = end;
  }
}

function encodingFault(record: Buffer, start: number, index: number, options: ParseOptions): RecordFault {
  const at = firstInvalidByte(record);
  return {
    code: 'file_encoding',
    message: invalidUtf8Message(record, at),
    record: options.firstRecord + index,
    offset: options.start + start + at,
  };
}

/**
 * Turns positions in the text into offsets in bytes. Counts on from the last answer where it can, so that many
 * faulty rows in a chunk cost one pass over it.
 */
function byteOffsets(text: string, offset: number): (at: number) => number {
  let known = 0;
  let bytes = offset;
  return (at) => {
    if (at >= known) bytes += Buffer.byteLength(text.slice(known, at));
    else bytes -= Buffer.byteLength(text.slice(at, known));
    known = at;
    return bytes;
  };
}

function indexOrEnd(text: string, what: string, from: number): number {
  const at = text.indexOf(what, from);
  return at === -1 ? text.length : at;
}
