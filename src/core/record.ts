import type { FileFault } from './errors.ts';
import { type Field, leafFields } from './field.ts';
import { parseDecimal } from './number.ts';
import type { Operation } from './operation.ts';
import { type RecordError, shortened } from './result.ts';
import { MOST_ERRORS } from './schema.ts';

/** Which field each column of a file fills; `null` for a column that names none, which is ignored and listed. */
export interface ColumnBinding {
  columns: { name: string; field: string | null }[];
}

/** A cell's text may hold numbers and booleans with blanks around them; text fields are kept to the letter. */
const BOOLEANS = new Map([
  ['true', true],
  ['false', false],
  ['TRUE', true],
  ['FALSE', false],
  ['True', true],
  ['False', false],
]);

/**
 * Finds the field of each column: by the mapping, else by its own name. A field that the mapping fills is not
 * filled by the column of that name too.
 */
export function bindColumns(
  columns: readonly string[],
  mapping: Readonly<Record<string, string>>,
  operation: Operation,
): ColumnBinding | FileFault {
  const fields = leafFields(operation.input);
  const known = new Set(fields.map((field) => field.name));
  const mapped = new Set(Object.values(mapping));

  const absent = Object.keys(mapping).find((column) => !columns.includes(column));
  if (absent !== undefined) return columnMissing(`the mapping names the column "${absent}"`, columns);

  const bound = columns.map((name) => {
    const field = Object.hasOwn(mapping, name) ? mapping[name] : mapped.has(name) ? undefined : name;
    return { name, field: field !== undefined && known.has(field) ? field : null };
  });
  const filled = new Set(bound.map((column) => column.field));
  const unfilled = fields.find((field) => field.required && !filled.has(field.name));
  if (unfilled !== undefined) {
    return columnMissing(`${operation.name} needs the field "${unfilled.name}"`, columns);
  }
  return { columns: bound };
}

function columnMissing(why: string, columns: readonly string[]): FileFault {
  const shown = columns
    .slice(0, 20)
    .map((column) => `"${shortened(column)}"`)
    .join(', ');
  return {
    code: 'file_column_missing',
    message: `${why}, but the header row has only ${shown}${columns.length > 20 ? ', …' : ''}; rename a column or map one`,
    record: 0,
  };
}

export type ReadRecord = { input: unknown; errors: [] } | { input: null; errors: RecordError[] };

/** Reads rows of cells as inputs of an operation: coerces each cell to its field's type, then checks the whole. */
export class RecordReader {
  readonly #operation: Operation;
  readonly #cells: { index: number; column: string; field: Field }[] = [];
  readonly #columnOf = new Map<string, string>();

  constructor(operation: Operation, binding: ColumnBinding) {
    this.#operation = operation;
    const fields = new Map(leafFields(operation.input).map((field) => [field.name, field]));
    for (const [index, column] of binding.columns.entries()) {
      const field = column.field === null ? undefined : fields.get(column.field);
      if (field === undefined) continue;
      // Repeated in every error of every record, so a name of a megabyte must not be.
      const name = shortened(column.name);
      this.#cells.push({ index, column: name, field });
      this.#columnOf.set(field.name, name);
    }
  }

  /** A blank cell is a field that is not given. Nothing else is guessed: what does not fit is an error. */
  read(row: readonly string[]): ReadRecord {
    const input: Record<string, unknown> = {};
    const errors: RecordError[] = [];
    for (const cell of this.#cells) {
      const text = row[cell.index] ?? '';
      // So that the check names the field that is missing and not the object that it would be in.
      if (cell.field.required) parentOf(input, cell.field.path);
      if (text === '') continue;
      const coerced = coerce(text, cell.field.type);
      if ('error' in coerced) {
        errors.push({
          ...coerced.error,
          field: cell.field.name,
          column: cell.column,
          value: shortened(text),
        });
      } else {
        place(input, cell.field.path, coerced.value);
      }
    }
    const broken = new Set(errors.map((error) => error.field));
    for (const error of this.#operation.checkInput(input)) {
      // A field whose cell could not be read looks as if it were not given: told once is enough.
      if (broken.has(error.field)) continue;
      const column = error.field === undefined ? undefined : this.#columnOf.get(error.field);
      errors.push(column === undefined ? error : { ...error, column });
    }
    return errors.length === 0
      ? { input, errors: [] }
      : { input: null, errors: errors.slice(0, MOST_ERRORS) };
  }

  /** What the file calls a field, for errors that a handler gives. */
  columnOf(field: string | undefined): string | undefined {
    return field === undefined ? undefined : this.#columnOf.get(field);
  }
}

type Coerced = { value: string | number | boolean } | { error: RecordError };

function coerce(text: string, type: Field['type']): Coerced {
  if (type === 'string') {
    return text.includes('\0')
      ? { error: { code: 'nul_character', message: 'holds a NUL character, which cannot be stored' } }
      : { value: text };
  }
  if (type === 'boolean') {
    const value = BOOLEANS.get(text.trim());
    return value === undefined
      ? { error: { code: 'invalid_type', message: 'must be true or false' } }
      : { value };
  }
  const value = parseDecimal(text.trim());
  if (value === null)
    return { error: { code: 'invalid_type', message: 'must be a number, with a point before decimals' } };
  if (value === 'inexact')
    return { error: { code: 'too_precise', message: 'has more digits than can be kept exactly' } };
  return { value };
}

function place(target: Record<string, unknown>, path: readonly string[], value: unknown): void {
  parentOf(target, path)[path.at(-1)!] = value;
}

function parentOf(target: Record<string, unknown>, path: readonly string[]): Record<string, unknown> {
  let at = target;
  for (const name of path.slice(0, -1)) {
    at[name] ??= {};
    at = at[name] as Record<string, unknown>;
  }
  return at;
}
