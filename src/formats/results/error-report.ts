import type { ResultLine } from '../../core/result.ts';
import { csvLine } from '../csv/write.ts';
import type { ChunkResults } from './chunk-results.ts';
import { errorsOf } from './result-table.ts';

/** The error report as a table: one row for each broken rule. */
export class ErrorReport {
  readonly header: string;
  readonly #withCustomId: boolean;

  constructor(withCustomId: boolean) {
    this.#withCustomId = withCustomId;
    this.header = csvLine([
      'record',
      ...(withCustomId ? ['custom_id'] : []),
      'column',
      'field',
      'code',
      'message',
      'value',
    ]);
  }

  rows(results: ChunkResults, index: number): string {
    const line = JSON.parse(results.failedLine(index)) as ResultLine;
    const start = [String(line.record), ...(this.#withCustomId ? [line.custom_id ?? ''] : [])];
    return errorsOf(line)
      .map(({ column = '', field = '', code, message, value = '' }) =>
        csvLine([...start, column, field, code, message, value]),
      )
      .join('');
  }
}
