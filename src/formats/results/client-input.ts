import { isOurColumn, REST_COLUMN } from '../../core/our-columns.ts';
import type { InputDescription, TableDescription } from '../description.ts';
import type { CellsRow } from '../row.ts';
import type { ClientChunk } from './client-chunk.ts';
import { problemShown } from './sheet-line.ts';

/**
 * Writes a record as JSON the way the client sent it: a row of a table as an object of its columns in their order, an
 * object of NDJSON as the file has it, so that no number loses digits. A record that cannot be read is its text, or an array
 * of its cells, and null when that was not read either.
 */
export function inputWriter(description: InputDescription): (chunk: ClientChunk, index: number) => string {
  const isTable = description.format === 'csv' || description.format === 'xlsx';
  const ofCells = isTable ? cellsWriter(description) : null;
  return (chunk, index) => {
    const row = chunk.row(index);
    if (row.cells !== undefined && ofCells !== null) return ofCells(row);
    const text = chunk.text(index);
    // Of a row of a workbook it is JSON already.
    if (text === null || (row.value === undefined && description.format !== 'xlsx'))
      return JSON.stringify(text);
    return text.trim();
  };
}

/** Columns that we have added are no data of a file that comes back. */
function cellsWriter({ columns, marked }: TableDescription): (row: CellsRow) => string {
  // An object of JavaScript would put columns such as `2024` first.
  const keys = columns.map(({ name }) => JSON.stringify(name));
  const rest = marked ? columns.findIndex(({ name }) => name === REST_COLUMN) : -1;
  const kept = columns.flatMap(({ name }, place) => (marked && isOurColumn(name) ? [] : [place]));
  return ({ cells, problems }) => {
    const places = (cells[rest] ?? '') === '' ? kept : [...kept, rest];
    const members = places.map((place) => {
      const problem = problems?.get(place);
      return `${keys[place]}:${JSON.stringify(problem === undefined ? (cells[place] ?? '') : problemShown(problem))}`;
    });
    return `{${members.join(',')}}`;
  };
}
