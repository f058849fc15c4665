import type { Problem } from '../../core/coerced.ts';
import type { Field } from '../../core/field.ts';
import { REST_COLUMN } from '../../core/our-columns.ts';
import { shortened } from '../../core/result.ts';
import type { ValueRules } from '../../core/value-rules.ts';
import { type CellMark, LONGEST_TEXT, type WrittenCell } from '../xlsx/write/table.ts';
import { errorCells, type ResultTable } from './result-table.ts';
import type { TableRow } from './table-row.ts';

/** What a spreadsheet shows as it is: a double of more digits may come back with others. */
const PLAIN_NUMBER = /^-?\d{1,15}(\.\d{1,14})?$/;
const PLAIN_INTEGER = /^-?\d{1,15}$/;
/** A whole number with a point between its thousands. */
const GROUPED = /^-?[1-9]\d{0,2}(\.\d{3})+$/;
const MOST_DIGITS = 15;

/** The rows of a result table as a sheet has them: with numbers that can be added up, and with marks on bad cells. */
export class SheetRows {
  readonly #columns: number;
  /** Of each of the client's columns: what its numbers look like, `null` where it holds none. */
  readonly #numbers: readonly (RegExp | null)[];
  readonly #places: ReadonlyMap<string, number>;
  readonly #grouped: boolean;

  /** @param fields of the operation: only a column that fills a number holds numbers */
  constructor(table: ResultTable, fields: readonly Field[], { decimal, thousands }: ValueRules) {
    this.#columns = table.columns.length;
    const numeric = new Set(fields.flatMap(({ name, type }) => (NUMERIC.has(type) ? [name] : [])));
    // Where a point separates thousands, or nothing, a text with one is another number for a spreadsheet.
    const plain = decimal === '.' && thousands !== '.' ? PLAIN_NUMBER : PLAIN_INTEGER;
    this.#numbers = table.columns.map(({ field }) => (field !== null && numeric.has(field) ? plain : null));
    this.#grouped = decimal === ',' && thousands === '.';
    // Errors name a column as it is shown.
    const places = table.columns.map(({ name }, place): [string, number] => [shortened(name), place]);
    this.#places = new Map([[REST_COLUMN, this.#columns], ...places.reverse()]);
  }

  /** Of all columns; blank where there is nothing. */
  cells(row: TableRow): WrittenCell[] {
    const [codes, messages] = errorCells(row.errors);
    const outcome = [row.record, row.status, textCell(codes), textCell(messages)];
    return [...this.#theirs(row), restCell(row), ...outcome, null];
  }

  /** Of the columns that tables of unprocessed records have. */
  unprocessedCells(row: TableRow): WrittenCell[] {
    return [...this.#theirs(row), restCell(row), null];
  }

  #theirs({ cells }: TableRow): WrittenCell[] {
    return this.#numbers.map((numbers, place) => {
      const text = cells[place] ?? '';
      if (numbers === null) return textCell(text);
      // As a text, 1.234 could be two numbers where it comes back from a workbook.
      const plain = this.#grouped && GROUPED.test(text) ? text.replaceAll('.', '') : text;
      return isPlain(plain, numbers) ? Number(plain) : textCell(text);
    });
  }

  /** On the cells of the columns that errors name, on `_error` for the others. */
  marks({ errors, problems = NO_PROBLEMS }: TableRow): CellMark[] {
    const rules = new Map<number, string[]>();
    const mark = (place: number, { message, code }: { message: string; code: string }) =>
      rules.set(place, [...(rules.get(place) ?? []), `${message} (${code})`]);
    for (const error of errors) mark(this.#placeOf(error.column), error);
    for (const [place, problem] of problems) if (!rules.has(place)) mark(place, problem);
    return [...rules]
      .sort(([a], [b]) => a - b)
      .map(([column, lines]) => ({ column, comment: lines.join('\n') }));
  }

  #placeOf(column: string | undefined): number {
    const place = column === undefined ? undefined : this.#places.get(column);
    return place ?? this.#columns + ERROR_COLUMN;
  }
}

const NUMERIC: ReadonlySet<Field['type']> = new Set(['number', 'integer']);
const NO_PROBLEMS: ReadonlyMap<number, Problem> = new Map();

/** Place of `_error` after the client's columns: `_rest`, `_record`, `_status`, `_error_code` stand before it. */
const ERROR_COLUMN = 4;

function textCell(text: string): WrittenCell {
  return text === '' ? null : text;
}

/** A number whose text is what JavaScript prints of it, in at most 15 digits. */
function isPlain(text: string, numbers: RegExp): boolean {
  if (!numbers.test(text)) return false;
  const digits = text.length - (text.startsWith('-') ? 1 : 0) - (text.includes('.') ? 1 : 0);
  return digits <= MOST_DIGITS && String(Number(text)) === text;
}

/** No cell of a workbook takes a longer text: without it the row must not be taken for whole when it comes back. */
function restCell({ cells, rest }: TableRow): WrittenCell {
  if (rest !== '') return rest;
  if (cells.every((cell) => cell.length <= LONGEST_TEXT)) return null;
  return `a cell of this row has more than ${LONGEST_TEXT} characters, which no workbook holds: take it from CSV or NDJSON`;
}
