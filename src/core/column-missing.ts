import type { FileFault } from './errors.ts';
import { shortened } from './result.ts';

/** What a table is as a file, as far as it is known. */
export interface TableFile {
  format?: 'csv' | 'xlsx';
  /** Of a workbook. */
  sheet?: string;
  /** 0: there is none, and its columns have numbers for names. */
  headerRow?: number;
  /** Whether it is a result file of ours that came back: our columns are no data of it. */
  marked?: boolean;
}

const MOST_SHOWN = 20;

/**
 * A column that must be there is not: most often it is called otherwise, but the header row, or what separates its
 * columns, may have been taken for another than it is.
 *
 * @param isKnown whether a column of this name would fill a field
 */
export function columnMissing(
  why: string,
  columns: readonly string[],
  file: TableFile,
  isKnown: (name: string) => boolean,
): FileFault {
  const shown = columns.slice(0, MOST_SHOWN).map((column) => `"${shortened(column)}"`);
  if (columns.length > MOST_SHOWN) shown.push('…');
  const sheet = file.sheet === undefined ? '' : ` of the sheet "${shortened(file.sheet)}"`;
  const there =
    file.headerRow === 0 ? 'without a header row there are only' : `the header row${sheet} has only`;
  const hints = columns.some(isKnown) ? [] : hintsOf(columns, file);
  const remedies = [file.headerRow === 0 ? 'map one' : 'rename a column or map one', ...hints];
  return {
    code: 'file_column_missing',
    message: `${why}, but ${there} ${shown.join(', ')}; ${remedies.join(', or ')}`,
    record: 0,
  };
}

/** The options for what may have been read otherwise than it is meant; none where a name is known. */
function hintsOf(columns: readonly string[], { format, headerRow, sheet }: TableFile): string[] {
  const hints: string[] = [];
  if (format !== 'xlsx' && columns.some((name) => SEPARATORS.test(name))) {
    hints.push('state what separates columns (format.delimiter)');
  }
  if (headerRow !== 0 && columns.some(looksLikeData)) {
    hints.push('state which row names the columns, 0 if none does (format.header_row)');
  }
  if (sheet !== undefined) hints.push('state another sheet (format.sheet)');
  return hints;
}

const SEPARATORS = /[,;|\t^~]/;
const LONGEST_LOOKED_AT = 100;

/** A number, a date or an address: hardly anybody calls a column that. */
function looksLikeData(name: string): boolean {
  const text = name.slice(0, LONGEST_LOOKED_AT);
  return /^[\d.,:/+-]*\d[\d.,:/+ -]*$/.test(text) || /^[^\s@]+@[^\s@]+$/.test(text);
}
