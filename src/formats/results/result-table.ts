import type { RecordError, ResultLine } from '../../core/result.ts';
import { csvLine } from '../csv/write.ts';
import type { InputDescription } from '../description.ts';
import { type ClientColumns, clientColumns, OUR_COLUMNS } from './client-columns.ts';
import type { ResultChunk } from './result-chunk.ts';

/** Several broken rules of a record share a cell; the nth code belongs to the nth message. */
const BETWEEN_RULES = '; ';

/** The results as a table: the client's own columns in the file's order, then ours. */
export class ResultTable {
  readonly header: string;
  readonly #columns: ClientColumns;

  constructor(description: InputDescription) {
    this.#columns = clientColumns(description);
    this.header = csvLine([...this.#columns.names, ...OUR_COLUMNS]);
  }

  /** The rows of the records at these places in the chunk. */
  rows(chunk: ResultChunk, places: readonly number[]): string {
    let text = '';
    for (const index of places) {
      chunk.tableRows[index] ??= this.#row(chunk, index);
      text += chunk.tableRows[index];
    }
    return text;
  }

  #row({ results, client }: ResultChunk, index: number): string {
    const cells = this.#columns.cellsOf(client, index);
    const status = results.status(index);
    const errors = status === 'failed' ? errorCells(results.failedLine(index)) : ['', ''];
    return csvLine([...cells, String(results.firstRecord + index), status, ...errors]);
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
