import { isObject, type JsonObject, type JsonValue } from './json-record.ts';
import { REST_COLUMN } from './our-columns.ts';
import { type RecordError, shortened } from './result.ts';

/**
 * Finds what nobody has mended in a result file of ours that came back: `_rest` holds a row that could not be read, or
 * what a record of NDJSON had besides its columns. The first would be lost, as its other cells are blank; so would of the
 * second what failed because it was given twice, or where an object should be.
 */
export class RestCell {
  readonly #index: number;
  /** The columns that fill fields, and the paths that they lie under. */
  readonly #filled: ReadonlySet<string>;

  constructor(columns: readonly { name: string; field: string | null }[]) {
    this.#index = columns.findIndex(({ name }) => name === REST_COLUMN);
    const filling = columns.flatMap(({ name, field }) => (field === null ? [] : [name]));
    this.#filled = new Set(filling.flatMap((name) => [name, ...pathsAbove(name)]));
  }

  /** Almost always blank, and then this is all. */
  problemOf(row: readonly string[]): RecordError | null {
    const text = row[this.#index] ?? '';
    if (text === '' || text.trim() === '') return null;
    const rest = objectOf(text);
    const about = { code: 'rest_not_empty', column: REST_COLUMN, value: shortened(text) };
    if (rest === null) return { ...about, message: UNREAD };
    const path = Object.keys(rest).find((key) => this.#filled.has(key) && isGiven(rest[key]));
    if (path === undefined) return null;
    return { ...about, message: `holds ${shortened(path)}, which is a column too; ${MEND}` };
  }
}

const MEND = 'put what it holds into the other columns and clear it';
const UNREAD = `holds a row that could not be read; ${MEND}`;

/** `a`, `a.b` of `a.b.c` */
function pathsAbove(name: string): string[] {
  const keys = name.split('.');
  return keys.slice(1).map((_, index) => keys.slice(0, index + 1).join('.'));
}

function objectOf(text: string): JsonObject | null {
  try {
    const value = JSON.parse(text) as JsonValue;
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}

/** An empty object gives no field, like null. */
function isGiven(value: JsonValue | undefined): boolean {
  if (value === undefined || value === null || value === '') return false;
  return !isObject(value) || Object.keys(value).length > 0;
}
