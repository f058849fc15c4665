/** `null`: blank. */
export type WrittenCell = string | number | null;

/** What is wrong with a cell. */
export interface CellMark {
  /** From 0. */
  column: number;
  comment: string;
}

export interface SheetColumn {
  name: string;
  /** In characters; without it, as the first rows need. */
  width?: number;
}

/** What a sheet has room for, its header row included. */
export const MAX_ROWS = 1_048_576;
export const MAX_COLUMNS = 16_384;

/** What a cell has room for, in UTF-16 code units. */
export const LONGEST_TEXT = 32_767;

/** The letters of a column, from 0. */
export function columnLetters(column: number): string {
  const letter = String.fromCharCode(65 + (column % 26));
  return column < 26 ? letter : columnLetters(Math.floor(column / 26) - 1) + letter;
}
