import type { Problem } from '../../core/coerced.ts';
import { neutralised } from '../../core/neutralise.ts';
import { MARKER_COLUMN, REST_COLUMN } from '../../core/our-columns.ts';
import type { RecordError, ResultLine } from '../../core/result.ts';
import type { InputDescription } from '../description.ts';
import { type ClientColumns, clientColumns } from './client-columns.ts';
import type { ResultChunk } from './result-chunk.ts';
import type { TableRow } from './table-row.ts';

/** What became of a record, between what the client sent and the marker. */
const OUTCOME_COLUMNS = ['_record', '_status', '_error_code', '_error'] as const;

/** Several broken rules of a record share a cell; the nth code belongs to the nth message. */
const BETWEEN_RULES = '; ';

const NO_ERRORS: readonly RecordError[] = [];

/**
 * The results as a table: the client's own columns in the file's order, what has no column, what became of the record, and
 * the marker, by which the table is known when it comes back. Tables of unprocessed records have nothing to say between.
 */
export class ResultTable {
  /** The client's own columns. */
  readonly columns: ClientColumns['columns'];
  /** The names of all columns. */
  readonly names: readonly string[];
  /** Those of the tables of unprocessed records. */
  readonly unprocessedNames: readonly string[];
  readonly #client: ClientColumns;

  constructor(description: InputDescription) {
    this.#client = clientColumns(description);
    this.columns = this.#client.columns;
    const theirs = [...this.columns.map(({ name }) => neutralised(name)), REST_COLUMN];
    this.names = [...theirs, ...OUTCOME_COLUMNS, MARKER_COLUMN];
    this.unprocessedNames = [...theirs, MARKER_COLUMN];
  }

  /** The row of the record at this place in the chunk. */
  row({ results, client }: ResultChunk, index: number): TableRow {
    const { cells, rest, problems } = this.#client.of(client, index);
    const status = results.status(index);
    const isUnread = status === 'unprocessed' && this.#lacksCell(problems);
    const row: TableRow = {
      cells: allNeutralised(cells),
      rest: neutralised(isUnread ? (client.text(index) ?? rest) : rest),
      record: results.firstRecord + index,
      status,
      errors: status === 'failed' ? errorsOf(JSON.parse(results.failedLine(index)) as ResultLine) : NO_ERRORS,
    };
    if (problems !== undefined) row.problems = problems;
    return row;
  }

  /**
   * Whether a cell that fills a field could not be read. Nobody has found fault with an unprocessed record that has one,
   * and sent back it would pass as blank.
   */
  #lacksCell(problems: ReadonlyMap<number, Problem> | undefined): boolean {
    if (problems === undefined) return false;
    return [...problems.keys()].some((place) => this.columns[place]?.field != null);
  }
}

function allNeutralised(cells: readonly string[]): readonly string[] {
  return cells.every((cell) => neutralised(cell) === cell) ? cells : cells.map(neutralised);
}

/** `_error_code` and `_error`. */
export function errorCells(errors: readonly RecordError[]): readonly [codes: string, messages: string] {
  const join = (texts: readonly string[]) => neutralised(texts.join(BETWEEN_RULES));
  return [join(errors.map(({ code }) => code)), join(errors.map(messageOf))];
}

function messageOf({ message, column, field }: RecordError): string {
  const where = column ?? field;
  return where === undefined ? message : `${where}: ${message}`;
}

/** Every broken rule of a failed record. */
export function errorsOf(line: ResultLine): readonly RecordError[] {
  if (line.status !== 'failed') throw new Error(`record ${line.record} has not failed`);
  return line.errors ?? [line.error];
}
