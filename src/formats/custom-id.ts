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
    if (row.cells !== undefined) return given(row.cells[index] ?? '');
    return row.value === undefined ? undefined : given(textAt(row, column) ?? '');
  };
}

function given(text: string): string | undefined {
  return text.trim() === '' ? undefined : text;
}
