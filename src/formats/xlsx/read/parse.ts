import type { RecordFault } from '../../../core/chunk.ts';
import type { Problem } from '../../../core/coerced.ts';
import { restored } from '../../../core/neutralise.ts';
import { LF } from '../../line-ends.ts';
import type { CellsRow, ChunkPlace, FaultyRow } from '../../row.ts';

interface ParseSheetOptions extends ChunkPlace {
  /** How many cells the header has. */
  columns: number;
  /** Whether it is a table of ours that came back. */
  marked: boolean;
}

/** A cell as it stands in a line: a text, so many blank cells, or what is wrong with one. */
type LineCell = string | number | Problem;

/**
 * Reads the records of one chunk of a converted sheet: one from each line.
 *
 * Faults: `cells_too_many`, `record_too_large`. Cells that are not there at the end of a row are blank.
 */
export function parseSheetChunk(bytes: Buffer, options: ParseSheetOptions): (CellsRow | FaultyRow)[] {
  const rows: (CellsRow | FaultyRow)[] = [];
  for (let start = 0; start < bytes.length; ) {
    const lf = bytes.indexOf(LF, start);
    const end = lf === -1 ? bytes.length : lf;
    const line = JSON.parse(bytes.toString('utf8', start, end)) as LineCell[] | RecordFault;
    const row = Array.isArray(line) ? readCells(line, options) : { fault: line };
    rows.push(row.fault === undefined ? row : { ...row, offset: start });
    start = end + 1;
  }
  return rows;
}

function readCells(line: readonly LineCell[], options: ParseSheetOptions): CellsRow | { fault: RecordFault } {
  const { columns, marked } = options;
  const cells: string[] = [];
  let width = 0;
  let problems: Map<number, Problem> | undefined;
  for (const cell of line) {
    width += typeof cell === 'number' ? cell : 1;
    if (width > columns) continue;
    if (typeof cell === 'string') cells.push(marked ? restored(cell) : cell);
    else if (typeof cell === 'number') fill(cells, width);
    else {
      problems ??= new Map();
      problems.set(cells.length, cell);
      cells.push('');
    }
  }
  if (width > columns) {
    const message = `The row has ${width} cells, the header has ${columns}`;
    return { fault: { code: 'cells_too_many', message } };
  }
  fill(cells, columns);
  return problems === undefined ? { cells } : { cells, problems };
}

/** Adds blank cells up to a width. */
function fill(cells: string[], width: number): void {
  while (cells.length < width) cells.push('');
}
