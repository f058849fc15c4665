import type { Problem } from '../../core/coerced.ts';

/** What a line of a converted sheet holds: cells, or what is wrong with a row that was not kept. */
type SheetLine = readonly (string | number | Problem)[] | Problem;

/** The row that a line of a converted sheet is of, as a JSON array of its cells; `null` when it was not kept. */
export function sheetCells(line: string): string | null {
  const cells = JSON.parse(line) as SheetLine;
  if (!Array.isArray(cells)) return null;
  return JSON.stringify(
    (cells as Exclude<SheetLine, Problem>).flatMap((cell) => {
      // So many blank cells.
      if (typeof cell === 'number') return new Array<string>(cell).fill('');
      return [typeof cell === 'string' ? cell : problemShown(cell)];
    }),
  );
}

/** Stands in place of a cell that could not be read: as blank it would pass when the record is sent again. */
export function problemShown({ code, message }: Problem): { error: string; message: string } {
  return { error: code, message };
}
