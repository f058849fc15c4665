import { textAt } from '../core/json-record.ts';
import type { InputDescription } from './description.ts';
import type { Row } from './parse-chunk.ts';

/**
 * Finds the `custom_id` of a row: the text of the column, to the letter; in NDJSON `column` is a key path. What is blank
 * is none, and neither is anything in a row that cannot be read.
 */
export function customIdReader(
  description: InputDescription,
  column: string,
): (row: Row) => string | undefined {
  const index = description.columns.findIndex(({ name }) => name === column);
  return (row) => {
    if (row.cells !== undefined) return row.cells[index] || undefined;
    return row.value === undefined ? undefined : (textAt(row, column) ?? undefined);
  };
}
