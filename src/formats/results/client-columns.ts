import { readRow } from '../csv/read-row.ts';
import { csvCell, csvCells } from '../csv/write.ts';
import type { CsvDescription, InputDescription, NdjsonDescription } from '../description.ts';
import type { ClientChunk } from './client-chunk.ts';
import { membersOf } from './json-members.ts';

/** The columns that we add. Those of the same name in the client's file are left out: ours take their place. */
export const OUR_COLUMNS = ['_record', '_status', '_error_code', '_error'] as const;

/** What a record holds that has no column: of one that cannot be read, all of it. */
export const REST_COLUMN = '_rest';

/** The client's own columns as a result table repeats them: as many cells for each record, whatever it looks like. */
export interface ClientColumns {
  /** The last of them is `_rest`. */
  names: readonly string[];
  /** The cells of a record as they stand in a row of CSV. */
  textOf(chunk: ClientChunk, index: number): string;
}

export function clientColumns(description: InputDescription): ClientColumns {
  return description.format === 'csv' ? cellColumns(description) : keyColumns(description);
}

const isOurs = (name: string) => (OUR_COLUMNS as readonly string[]).includes(name);

/**
 * A row that cannot be read as the header says stands in `_rest` as it was, under blank columns. Cells made of it by a
 * guess would look sound: sent back unmended they would be taken for the record. What a file that comes back has in
 * `_rest` stays there, so that it is not lost the second time.
 */
function cellColumns({ columns, delimiter, quote }: CsvDescription): ClientColumns {
  const kept = columns.flatMap(({ name }, index) => (isOurs(name) || name === REST_COLUMN ? [] : [index]));
  const rest = columns.findIndex(({ name }) => name === REST_COLUMN);
  // No row has a cell after the last column.
  const places = [...kept, rest === -1 ? columns.length : rest];
  const blank = ','.repeat(kept.length);
  const dialect = { delimiter: delimiter.charCodeAt(0), quote: quote.charCodeAt(0) };
  return {
    names: [...kept.map((index) => columns[index]!.name), REST_COLUMN],
    textOf(chunk, index) {
      if (chunk.unread) return blank;
      const { cells: read, fault } = chunk.row(index);
      // Each cell of such a row is where it belongs, and the one that is too large is so again when it comes back.
      const known = fault?.code === 'cell_too_large' ? readRow(chunk.text(index), 0, dialect).cells : read;
      if (known === undefined) return blank + csvCell(chunk.text(index));
      return csvCells(places.map((place) => known[place] ?? ''));
    },
  };
}

/**
 * Key paths are the columns. Whatever a record holds besides them stands in `_rest`, as an object of key paths, and so
 * does a line that cannot be read: nothing is lost. Text stands in a cell as it is, numbers, arrays and objects as the
 * file writes them; null is a blank cell.
 */
function keyColumns({ columns }: NdjsonDescription): ClientColumns {
  const names = columns.map(({ name }) => name).filter((name) => !isOurs(name) && name !== REST_COLUMN);
  const blank = ','.repeat(names.length);
  const places: KeyPlaces = {
    columns: new Map(names.map((name, index) => [name, index])),
    parents: new Set(names.flatMap((name) => parentsOf(name))),
  };
  return {
    names: [...names, REST_COLUMN],
    textOf(chunk, index) {
      if (chunk.unread) return blank;
      const text = chunk.text(index).trim();
      if (chunk.row(index).value === undefined) return blank + csvCell(text);
      const cells: string[] = new Array(names.length).fill('');
      const rest: string[] = [];
      spread(text, '', places, cells, rest);
      return csvCells([...cells, rest.length === 0 ? '' : `{${rest.join(',')}}`]);
    },
  };
}

interface KeyPlaces {
  columns: ReadonlyMap<string, number>;
  /** Paths that columns lie under: an object there is taken apart. */
  parents: ReadonlySet<string>;
}

/** `a`, `a.b` of `a.b.c` */
function parentsOf(path: string): string[] {
  const keys = path.split('.');
  return keys.slice(1).map((_, index) => keys.slice(0, index + 1).join('.'));
}

const NOT_EMPTY_OBJECT = /^\{\s*"/;

function spread(object: string, prefix: string, places: KeyPlaces, cells: string[], rest: string[]): void {
  for (const { key, raw } of membersOf(object)) {
    const path = prefix + key;
    if (isOurs(path)) continue;
    const column = places.columns.get(path);
    if (column !== undefined && cells[column] === '') cells[column] = cellText(raw);
    else if (places.parents.has(path) && NOT_EMPTY_OBJECT.test(raw))
      spread(raw, `${path}.`, places, cells, rest);
    else rest.push(`${JSON.stringify(path)}:${raw}`);
  }
}

function cellText(raw: string): string {
  if (raw === 'null') return '';
  return raw.startsWith('"') ? (JSON.parse(raw) as string) : raw;
}
