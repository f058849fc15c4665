import type { RecordFault } from '../../core/chunk.ts';
import type { Problem } from '../../core/coerced.ts';
import { restored } from '../../core/neutralise.ts';
import { isOurColumn, REST_COLUMN } from '../../core/our-columns.ts';
import type { ColumnBinding } from '../../core/record.ts';
import { readRow } from '../csv/read-row.ts';
import type { InputDescription, NdjsonDescription, TableDescription } from '../description.ts';
import type { ClientChunk } from './client-chunk.ts';
import { membersOf } from './json-members.ts';

type Columns = ColumnBinding['columns'];

/** What the client sent of a record, as a result table repeats it. */
export interface ClientCells {
  /** One for each column; blank ones at the end may be missing. */
  cells: readonly string[];
  /** What it holds that has no column: of a record that cannot be read, all of it. */
  rest: string;
  /** What is wrong with single cells of a workbook, by their place from 0. */
  problems?: ReadonlyMap<number, Problem>;
}

/** The client's own columns as a result table repeats them. Those of our names are left out: ours take their place. */
export interface ClientColumns {
  columns: Columns;
  of(chunk: ClientChunk, index: number): ClientCells;
}

export function clientColumns(description: InputDescription): ClientColumns {
  return description.format === 'csv' || description.format === 'xlsx'
    ? cellColumns(description)
    : keyColumns(description);
}

/**
 * A row that cannot be read as the header says stands in `_rest` as it was, under blank columns. Cells made of it by a
 * guess would look sound: sent back unmended they would be taken for the record. What a file that comes back has in
 * `_rest` stays there, so that it is not lost the second time.
 */
function cellColumns(description: TableDescription): ClientColumns {
  const { columns } = description;
  const kept = columns.flatMap(({ name }, index) => (isOurColumn(name) ? [] : [index]));
  const rest = columns.findIndex(({ name }) => name === REST_COLUMN);
  const all = kept.length === columns.length;
  return {
    columns: kept.map((index) => columns[index]!),
    of(chunk, index) {
      const row = chunk.row(index);
      const known = row.cells ?? cellsDespite(row.fault, chunk.text(index), description);
      if (known === undefined) return unreadable(chunk.text(index), row.fault);
      const cells = all ? known : kept.map((place) => known[place] ?? '');
      const given: ClientCells = { cells, rest: known[rest] ?? '' };
      if (row.cells !== undefined && row.problems !== undefined) given.problems = moved(row.problems, kept);
      return given;
    },
  };
}

/**
 * What comes back in `_rest` as an object is taken for what had no column: no record that cannot be read may look so. Of
 * one that was never read whole it says why, as blank cells alone might pass.
 */
function unreadable(text: string | null, fault: RecordFault | undefined): ClientCells {
  const rest = text ?? fault?.message ?? '';
  return { cells: [], rest: passesForObject(rest) ? `[${rest}]` : rest };
}

function passesForObject(text: string): boolean {
  if (!/^\s*\{/.test(text)) return false;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** Each cell of a row with one that is too large is where it belongs, and that one is so again when it comes back. */
function cellsDespite(
  fault: RecordFault | undefined,
  text: string | null,
  description: TableDescription,
): string[] | undefined {
  if (description.format !== 'csv' || fault?.code !== 'cell_too_large' || text === null) return undefined;
  const { delimiter, quote, marked } = description;
  const dialect = { delimiter: delimiter.charCodeAt(0), quote: quote.charCodeAt(0) };
  const { cells } = readRow(text, 0, dialect);
  return marked ? cells.map(restored) : cells;
}

function moved(problems: ReadonlyMap<number, Problem>, kept: readonly number[]): Map<number, Problem> {
  return new Map(
    kept.flatMap((from, place) => {
      const problem = problems.get(from);
      return problem === undefined ? [] : [[place, problem]];
    }),
  );
}

/**
 * Key paths are the columns. Whatever a record holds besides them stands in `_rest`, as an object of key paths, and so
 * does a line that cannot be read: nothing is lost. Text stands in a cell as it is, numbers, arrays and objects as the
 * file writes them; null is a blank cell. An array that stands where a field is read is in `_rest` too: no field takes one,
 * but in a cell it would be a text. Keys of our names have no column either.
 */
function keyColumns(description: NdjsonDescription): ClientColumns {
  const columns = description.columns.filter(({ name }) => !isOurColumn(name));
  const places: KeyPlaces = {
    columns: new Map(columns.map(({ name }, index) => [name, index])),
    filling: new Set(columns.flatMap(({ name, field }) => (field === null ? [] : [name]))),
    parents: new Set(columns.flatMap(({ name }) => parentsOf(name))),
  };
  return {
    columns,
    of(chunk, index) {
      const { value, fault } = chunk.row(index);
      const text = chunk.text(index)?.trim() ?? null;
      if (value === undefined || text === null) return unreadable(text, fault);
      const cells: string[] = new Array(columns.length).fill('');
      const rest: string[] = [];
      spread(text, '', places, cells, rest);
      return { cells, rest: rest.length === 0 ? '' : `{${rest.join(',')}}` };
    },
  };
}

interface KeyPlaces {
  columns: ReadonlyMap<string, number>;
  /** Those of them that fill fields. */
  filling: ReadonlySet<string>;
  /** Paths that columns lie under: an object there is taken apart. */
  parents: ReadonlySet<string>;
}

/** `a`, `a.b` of `a.b.c` */
function parentsOf(path: string): string[] {
  const keys = path.split('.');
  return keys.slice(1).map((_, index) => keys.slice(0, index + 1).join('.'));
}

const NO_SCALAR = /^[[{]/;
const NOT_EMPTY_OBJECT = /^\{\s*"/;

function spread(object: string, prefix: string, places: KeyPlaces, cells: string[], rest: string[]): void {
  for (const { key, raw } of membersOf(object)) {
    const path = prefix + key;
    const column = places.columns.get(path);
    const isText = !places.filling.has(path) || !NO_SCALAR.test(raw);
    if (column !== undefined && cells[column] === '' && isText) cells[column] = cellText(raw);
    else if (places.parents.has(path) && NOT_EMPTY_OBJECT.test(raw))
      spread(raw, `${path}.`, places, cells, rest);
    else rest.push(`${JSON.stringify(path)}:${raw}`);
  }
}

function cellText(raw: string): string {
  if (raw === 'null') return '';
  return raw.startsWith('"') ? (JSON.parse(raw) as string) : raw;
}
