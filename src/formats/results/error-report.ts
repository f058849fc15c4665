import { neutralised } from '../../core/neutralise.ts';
import type { ResultLine } from '../../core/result.ts';
import type { ChunkResults } from './chunk-results.ts';
import { errorsOf } from './result-table.ts';

/** The names of the columns of the error report as a list of broken rules. */
export function reportColumns(withCustomId: boolean): string[] {
  return ['record', ...(withCustomId ? ['custom_id'] : []), 'column', 'field', 'code', 'message', 'value'];
}

/** A row for each rule that the record at this place in the chunk breaks. */
export function reportRows(results: ChunkResults, index: number, withCustomId: boolean): string[][] {
  const line = JSON.parse(results.failedLine(index)) as ResultLine;
  const start = [String(line.record), ...(withCustomId ? [line.custom_id ?? ''] : [])];
  return errorsOf(line).map(({ column = '', field = '', code, message, value = '' }) =>
    [...start, column, field, code, message, value].map(neutralised),
  );
}
