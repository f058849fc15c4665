import { CellReader } from './cell-reader.ts';
import type { FileFault } from './errors.ts';
import { type Field, leafFields } from './field.ts';
import type { JsonRecord } from './json-record.ts';
import { KeyReader } from './key-reader.ts';
import type { Operation } from './operation.ts';
import type { RecordInput } from './record-input.ts';
import { type RecordError, shortened } from './result.ts';
import { MOST_ERRORS } from './schema.ts';

/** Which field each column of a file fills; `null` for a column that names none, which is ignored and listed. */
export interface ColumnBinding {
  columns: { name: string; field: string | null }[];
}

/** Which field each key of an NDJSON file’s records fills. `columns` are for showing only: records differ in their keys. */
export interface KeyBinding extends ColumnBinding {
  /** Key path (`address.city`) → field; a path that is not in it fills the field of its own name. */
  mapping: Readonly<Record<string, string>>;
}

/**
 * Finds the field of each column: by the mapping, else by its own name. A field that the mapping fills is not
 * filled by the column of that name too.
 *
 * @param customId the column whose value is repeated in the results
 */
export function bindColumns(
  columns: readonly string[],
  mapping: Readonly<Record<string, string>>,
  operation: Operation,
  customId: string | null = null,
): ColumnBinding | FileFault {
  const fields = leafFields(operation.input);
  const named = fieldsByName(fields, mapping);
  const absent = Object.keys(mapping).find((column) => !columns.includes(column));
  if (absent !== undefined) return columnMissing(`the mapping names the column "${absent}"`, columns);
  if (customId !== null && !columns.includes(customId)) {
    return columnMissing(`custom_id names the column "${customId}"`, columns);
  }

  const bound = columns.map((name) => ({ name, field: named.get(name)?.name ?? null }));
  const filled = new Set(bound.map((column) => column.field));
  const unfilled = fields.find((field) => field.required && !filled.has(field.name));
  if (unfilled !== undefined) {
    return columnMissing(`${operation.name} needs the field "${unfilled.name}"`, columns);
  }
  return { columns: bound };
}

/** As `bindColumns`, but nothing can be missing: whether a key is there is a matter of each record. */
export function bindKeys(
  keyPaths: readonly string[],
  mapping: Readonly<Record<string, string>>,
  operation: Operation,
): KeyBinding {
  const named = fieldsByName(leafFields(operation.input), mapping);
  return { columns: keyPaths.map((name) => ({ name, field: named.get(name)?.name ?? null })), mapping };
}

function columnMissing(why: string, columns: readonly string[]): FileFault {
  const shown = columns
    .slice(0, 20)
    .map((column) => `"${shortened(column)}"`)
    .join(', ');
  // One name with another delimiter in it is most often a whole row that was saved with that delimiter.
  const [only = ''] = columns;
  const hint = columns.length === 1 && /[;\t]/.test(only) ? '; columns are separated by commas' : '';
  return {
    code: 'file_column_missing',
    message: `${why}, but the header row has only ${shown}${columns.length > 20 ? ', …' : ''}${hint}; rename a column or map one`,
    record: 0,
  };
}

export type ReadRecord = { input: unknown; errors: [] } | { input: null; errors: RecordError[] };

/** Reads records as inputs of an operation: coerces each value to its field's type, then checks the whole. */
export class RecordReader {
  readonly #operation: Operation;
  readonly #cells: CellReader;
  readonly #keys: KeyReader | null;

  constructor(operation: Operation, binding: ColumnBinding | KeyBinding) {
    this.#operation = operation;
    const fields = leafFields(operation.input);
    this.#cells = new CellReader(fields, binding.columns);
    this.#keys = 'mapping' in binding ? new KeyReader(fieldsByName(fields, binding.mapping)) : null;
  }

  /** What is blank or null is a field that is not given. Nothing else is guessed: what does not fit is an error. */
  read(record: readonly string[] | JsonRecord): ReadRecord {
    const input: RecordInput = {};
    const errors: RecordError[] = [];
    if ('value' in record) this.#keys?.read(record, input, errors);
    else this.#cells.read(record, input, errors);
    // A field whose value could not be read looks as if it were not given: told once is enough.
    const broken = new Set(errors.map((error) => error.field));
    for (const error of this.#operation.checkInput(input)) {
      if (error.field !== undefined && broken.has(error.field)) continue;
      const column = this.columnOf(error.field);
      errors.push(column === undefined ? error : { ...error, column });
    }
    return errors.length === 0
      ? { input, errors: [] }
      : { input: null, errors: errors.slice(0, MOST_ERRORS) };
  }

  /** What the file calls a field, for errors that a handler gives. */
  columnOf(field: string | undefined): string | undefined {
    return field === undefined ? undefined : (this.#keys ?? this.#cells).columns.get(field);
  }
}

/** The field that each name of a file fills: by the mapping, else the field of that name, if nothing is mapped to it. */
function fieldsByName(
  fields: readonly Field[],
  mapping: Readonly<Record<string, string>>,
): Map<string, Field> {
  const mapped = new Set(Object.values(mapping));
  const unmapped = fields.filter(({ name }) => !mapped.has(name) && !Object.hasOwn(mapping, name));
  const named = new Map(unmapped.map((field) => [field.name, field]));
  for (const [name, target] of Object.entries(mapping)) {
    const field = fields.find((field) => field.name === target);
    if (field !== undefined) named.set(name, field);
  }
  return named;
}
