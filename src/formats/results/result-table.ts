import type { RecordError, ResultLine } from '../../core/result.ts';
import { csvCells, csvLine } from '../csv/write.ts';
import type { InputDescription } from '../description.ts';
import { type ClientColumns, clientColumns, OUR_COLUMNS } from './client-columns.ts';
import type { ResultChunk } from './result-chunk.ts';

/** Several broken rules of a record share a cell; the nth code belongs to the nth message. */
const BETWEEN_RULES = '; ';

/** The results as a table: the client's own columns in the file's order, then ours. */
export class ResultTable {
  readonly header: string;
  /** How many each row has. */
  readonly cells: number;
  readonly #columns: ClientColumns;

  constructor(description: InputDescription) {
    this.#columns = clientColumns(description);
    const names = [...this.#columns.names, ...OUR_COLUMNS];
    this.header = csvLine(names);
    this.cells = names.length;
  }

  /** The row of the record at this place in the chunk. */
  row(chunk: ResultChunk, index: number): string {
    return chunk.tableRow(index, () => this.#row(chunk, index));
  }

  #row({ results, client }: ResultChunk, index: number): string {
    const theirs = this.#columns.textOf(client, index);
    const status = results.status(index);
    const errors = status === 'failed' ? errorCells(results.failedLine(index)) : ['', ''];
    return `${theirs},${csvCells([String(results.firstRecord + index), status, ...errors])}\r\n`;
  }
}

function errorCells(line: string): [codes: string, messages: string] {
  const errors = errorsOf(JSON.parse(line) as ResultLine);
  return [errors.map(({ code }) => code).join(BETWEEN_RULES), errors.map(messageOf).join(BETWEEN_RULES)];
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
