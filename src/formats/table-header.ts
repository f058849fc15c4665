import type { FileErrorCode } from '../core/errors.ts';
import { unnamedColumn } from '../core/file-format.ts';
import { MARKER_COLUMN } from '../core/our-columns.ts';
import { shortened } from '../core/result.ts';
import { RESERVED_NAMES } from './reserved-names.ts';

/** A header beyond this is no table that a person or a program works with; it is kept with the batch and shown. */
export const MOST_COLUMNS = 2_048;

export interface HeaderProblem {
  code: FileErrorCode;
  message: string;
}

/** The names of a header row from its cells. Fields are told apart by case, so columns are as well. */
export function columnNames(cells: readonly string[]): string[] {
  return cells.map((cell) => cell.trim());
}

/** Whether it is the header row of a table that we have written. */
export function isMarked(names: readonly string[]): boolean {
  return names.includes(MARKER_COLUMN);
}

/** The names of columns that no header row names. */
export function unnamedColumns(width: number): string[] {
  return Array.from({ length: width }, (_, index) => unnamedColumn(index + 1));
}

/** What is wrong with a header row: too many names, one that no text holds, that is empty, given twice or not allowed. */
export function checkHeader(names: readonly string[]): HeaderProblem | undefined {
  return (
    tooManyColumns(names.length) ??
    nulCharacter(names) ??
    emptyName(names) ??
    repeatedName(names) ??
    reservedName(names)
  );
}

export function tooManyColumns(columns: number, row = 'the header row'): HeaderProblem | undefined {
  if (columns <= MOST_COLUMNS) return undefined;
  const message = `There are ${columns} columns in ${row}; at most ${MOST_COLUMNS} are read`;
  return { code: 'file_header_malformed', message };
}

/** Nobody could store such a name. */
function nulCharacter(names: readonly string[]): HeaderProblem | undefined {
  const index = names.findIndex((name) => name.includes('\0'));
  if (index === -1) return undefined;
  const message = `Column ${index + 1} of the header row holds a NUL character; is this a text file?`;
  return { code: 'file_header_malformed', message };
}

function emptyName(names: readonly string[]): HeaderProblem | undefined {
  const index = names.indexOf('');
  if (index === -1) return undefined;
  const atEnd = index > 0 && index === names.length - 1;
  const hint = atEnd ? '; is there a delimiter too many at the end of the row?' : '';
  return { code: 'file_header_empty', message: `Column ${index + 1} of ${names.length} has no name${hint}` };
}

function repeatedName(names: readonly string[]): HeaderProblem | undefined {
  const seen = new Map<string, number>();
  for (const [index, name] of names.entries()) {
    const first = seen.get(name);
    if (first !== undefined) {
      const columns = `Columns ${first + 1} and ${index + 1}`;
      const message = `${columns} have the same name, "${shortened(name)}"`;
      return { code: 'file_header_duplicate', message };
    }
    seen.set(name, index);
  }
  return undefined;
}

function reservedName(names: readonly string[]): HeaderProblem | undefined {
  const index = names.findIndex((name) =>
    name.split('.').some((segment) => RESERVED_NAMES.has(segment.trim())),
  );
  if (index === -1) return undefined;
  const name = shortened(names[index] ?? '');
  const message = `Column ${index + 1} has the name "${name}", which is not allowed`;
  return { code: 'file_header_reserved', message };
}
