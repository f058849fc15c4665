import type { InputDescription } from '../description.ts';
import type { ClientChunk } from './client-chunk.ts';

/**
 * Writes a record as JSON the way the client sent it: a row of CSV as an object of its columns in their order, an object
 * of NDJSON as the file has it, so that no number loses digits. A record that cannot be read is its text, and null when
 * that was not read either.
 */
export function inputWriter(description: InputDescription): (chunk: ClientChunk, index: number) => string {
  const keys = description.columns.map(({ name }) => JSON.stringify(name));
  return (chunk, index) => {
    if (chunk.unread) return 'null';
    const row = chunk.row(index);
    if (row.cells !== undefined) {
      // An object of JavaScript would put columns such as `2024` first.
      return `{${row.cells.map((cell, column) => `${keys[column]}:${JSON.stringify(cell)}`).join(',')}}`;
    }
    return row.value === undefined ? JSON.stringify(chunk.text(index)) : chunk.text(index).trim();
  };
}
