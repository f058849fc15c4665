import { CR, LF } from '../line-ends.ts';
import type { CsvDialect } from './dialect.ts';

/** One row as read from text; positions are UTF-16 units in that text. */
export interface ReadRow {
  cells: string[];
  /** Position after the row's LF, or the end of the text. */
  end: number;
  /** Number, from 1, of the first cell with a quote where RFC 4180 allows none; 0 when there is none. */
  misplacedIn: number;
  /** Position of a quote that opens a cell and is never closed; -1 when there is none. */
  unclosedAt: number;
}

/**
 * Reads the row that begins at `start`, by the rules of `BoundaryScanner`. A lone CR is data; a CR before the LF that ends the
 * row is not. A cell with a misplaced quote is as the text has it, and the cells after it are a guess.
 */
export function readRow(text: string, start: number, dialect: CsvDialect): ReadRow {
  const row: ReadRow = { cells: [], end: start, misplacedIn: 0, unclosedAt: -1 };
  let at = start;
  for (;;) {
    at =
      text.charCodeAt(at) === dialect.quote
        ? readQuoted(text, at, dialect, row)
        : readPlain(text, at, dialect, row);
    if (text.charCodeAt(at) !== dialect.delimiter) break;
    at += 1;
  }
  row.end = at < text.length ? at + 1 : at;
  return row;
}

/** @returns the position of the delimiter or LF that ends the cell, or the end of the text */
function readPlain(text: string, from: number, dialect: CsvDialect, row: ReadRow): number {
  const end = endOfPlain(text, from, dialect);
  const cell = text.slice(from, contentEnd(text, end));
  row.cells.push(cell);
  if (row.misplacedIn === 0 && cell.includes(String.fromCharCode(dialect.quote))) {
    row.misplacedIn = row.cells.length;
  }
  return end;
}

/** @returns as `readPlain` */
function readQuoted(text: string, from: number, dialect: CsvDialect, row: ReadRow): number {
  const quote = String.fromCharCode(dialect.quote);
  let close = text.indexOf(quote, from + 1);
  let doubled = false;
  while (close !== -1 && text.charCodeAt(close + 1) === dialect.quote) {
    doubled = true;
    close = text.indexOf(quote, close + 2);
  }
  if (close === -1) {
    row.unclosedAt = from;
    row.cells.push(text.slice(from + 1));
    return text.length;
  }
  const end = endOfPlain(text, close + 1, dialect);
  const last = contentEnd(text, end);
  if (last > close + 1) {
    row.cells.push(text.slice(from, last));
    if (row.misplacedIn === 0) row.misplacedIn = row.cells.length;
    return end;
  }
  const value = text.slice(from + 1, close);
  row.cells.push(doubled ? value.replaceAll(quote + quote, quote) : value);
  return end;
}

function endOfPlain(text: string, from: number, dialect: CsvDialect): number {
  for (let at = from; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit === dialect.delimiter || unit === LF) return at;
  }
  return text.length;
}

/** Leaves out the CR of a CRLF. */
function contentEnd(text: string, end: number): number {
  return text.charCodeAt(end) === LF && text.charCodeAt(end - 1) === CR ? end - 1 : end;
}
