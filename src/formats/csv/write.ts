const NEEDS_QUOTES = /[",\r\n]/;

/**
 * One row of a CSV file with its CRLF (RFC 4180, section 2). `cells` holds at least one; they come back from a reader exactly as they are.
 *
 * Two things are quoted that the RFC would leave bare: a row of one empty cell, which would be an empty line, and
 * a cell that begins with U+FEFF, which at the start of a file would be taken for a byte order mark.
 */
export function csvLine(cells: readonly string[]): string {
  if (cells.length === 1 && cells[0] === '') return '""\r\n';
  return `${csvCells(cells)}\r\n`;
}

/** Cells as they stand in a row. Blank ones at its end cost nothing each: a row may have thousands of them. */
export function csvCells(cells: readonly string[]): string {
  let filled = cells.length;
  while (filled > 1 && cells[filled - 1] === '') filled -= 1;
  const text = (filled < cells.length ? cells.slice(0, filled) : cells).map(csvCell).join(',');
  return filled < cells.length ? text + ','.repeat(cells.length - filled) : text;
}

/** A cell as it stands in a row. */
export function csvCell(cell: string): string {
  return NEEDS_QUOTES.test(cell) || cell.startsWith('\uFEFF') ? `"${cell.replaceAll('"', '""')}"` : cell;
}
