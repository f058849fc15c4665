import type { ChunkLimits, RecordFault } from '../../core/chunk.ts';
import type { ReadRow } from './read-row.ts';

/** UTF-8 needs at most this many bytes for a UTF-16 unit. */
const MOST_BYTES_PER_UNIT = 3;

/**
 * Whether a row of so many UTF-16 units (quotes and delimiters included) can hold a cell over the limit at all:
 * almost never, and then nobody needs to count bytes.
 */
export function mayHoldLargeCell(units: number, limits: Pick<ChunkLimits, 'cellBytes'>): boolean {
  return units * MOST_BYTES_PER_UNIT > limits.cellBytes;
}

/** What is wrong with the cells of one row: their number, else the size of the first that is too large. */
export function cellFault(
  cells: readonly string[],
  columns: number,
  limits: Pick<ChunkLimits, 'cellBytes'>,
): RecordFault | undefined {
  if (cells.length !== columns) {
    const code = cells.length < columns ? 'cells_too_few' : 'cells_too_many';
    return { code, message: `The row has ${counted(cells.length)}, the header has ${columns}` };
  }
  for (const [index, cell] of cells.entries()) {
    if (!mayHoldLargeCell(cell.length, limits)) continue;
    const size = Buffer.byteLength(cell);
    if (size > limits.cellBytes) {
      const message = `The cell of column ${index + 1} has ${size} bytes; the limit is ${limits.cellBytes}`;
      return { code: 'cell_too_large', message };
    }
  }
  return undefined;
}

/** What is wrong with the quotes of one row. */
export function quoteFault(
  row: ReadRow,
  record: number,
  offsetOf: (at: number) => number,
): RecordFault | undefined {
  if (row.unclosedAt >= 0) {
    const offset = offsetOf(row.unclosedAt);
    const message = `The quote that opens cell ${row.cells.length} is never closed`;
    return { code: 'file_unclosed_quote', message, record, offset };
  }
  if (row.misplacedIn > 0) {
    const message = `Cell ${row.misplacedIn} has a quote where RFC 4180 allows none; a cell with quotes is quoted, and each quote in it doubled`;
    return { code: 'quote_misplaced', message };
  }
  return undefined;
}

function counted(cells: number): string {
  return cells === 1 ? '1 cell' : `${cells} cells`;
}
