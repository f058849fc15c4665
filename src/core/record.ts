import { CellReader } from './cell-reader.ts';
import type { Problem } from './coerced.ts';
import { columnMissing, type TableFile } from './column-missing.ts';
import type { FileFault } from './errors.ts';
import { type Field, leafFields } from './field.ts';
import type { FileType } from './file-format.ts';
import type { JsonRecord } from './json-record.ts';
import { KeyReader } from './key-reader.ts';
import type { Operation } from './operation.ts';
import { isOurColumn } from './our-columns.ts';
import type { RecordInput } from './record-input.ts';
import { RestCell } from './rest-cell.ts';
import { type RecordError, shortened } from './result.ts';
import { MOST_ERRORS } from './schema.ts';
import { type CoercionCounts, coercionCounts } from './tally.ts';
import { PLAIN_VALUES, type ValueRules } from './value-rules.ts';

/** Which field each column of a file fills; `null` for a column that names none, which is ignored and listed. */
export interface ColumnBinding {
  columns: { name: string; field: string | null }[];
}

/** Which field each key of an NDJSON file’s records fills. `columns` are for showing only: records differ in their keys. */
export interface KeyBinding extends ColumnBinding {
  /** Key path (`address.city`) → field; a path that is not in it fills the field of its own name. */
  mapping: Readonly<Record<string, string>>;
}

/** What a record is read by: the binding of its file and how values are written in it. */
export type Reading = (ColumnBinding | KeyBinding) & {
  format?: FileType;
  values?: ValueRules;
  marked?: boolean;
};

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
  file: TableFile = {},
): ColumnBinding | FileFault {
  const fields = leafFields(operation.input);
  const named = fieldsByName(fields, mapping);
  const isData = (name: string) => !(file.marked && isOurColumn(name));
  const theirs = columns.filter(isData);
  const missing = (why: string) => columnMissing(why, theirs, file, (name) => named.has(name));
  const absent = Object.keys(mapping).find((column) => !theirs.includes(column));
  if (absent !== undefined) return missing(`the mapping names the column "${shortened(absent)}"`);
  if (customId !== null && !theirs.includes(customId)) {
    return missing(`custom_id names the column "${shortened(customId)}"`);
  }

  const bound = columns.map((name) => ({
    name,
    field: isData(name) ? (named.get(name)?.name ?? null) : null,
  }));
  const filled = new Set(bound.map((column) => column.field));
  const unfilled = fields.find((field) => field.required && !filled.has(field.name));
  if (unfilled !== undefined) return missing(`${operation.name} needs the field "${unfilled.name}"`);
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

export type ReadRecord = { input: unknown; errors: [] } | { input: null; errors: RecordError[] };

/** Reads records as inputs of an operation: coerces each value to its field's type, then checks the whole. */
export class RecordReader {
  readonly #operation: Operation;
  readonly #cells: CellReader;
  readonly #keys: KeyReader | null;
  readonly #rest: RestCell | null;

  constructor(operation: Operation, reading: Reading) {
    this.#operation = operation;
    const fields = leafFields(operation.input);
    const { columns, values: rules = PLAIN_VALUES, format, marked } = reading;
    const values = { rules, format };
    this.#cells = new CellReader(fields, columns, values);
    this.#keys = 'mapping' in reading ? new KeyReader(fieldsByName(fields, reading.mapping), values) : null;
    this.#rest = marked ? new RestCell(columns) : null;
  }

  /** How many cells of each column were changed by which rule, in all records that were read. */
  get coerced(): CoercionCounts {
    return coercionCounts((this.#keys ?? this.#cells).tallies);
  }

  /**
   * What is blank or null is a field that is not given. Nothing else is guessed: what does not fit is an error.
   *
   * @param problems what is wrong with single cells of a workbook, by their place from 0
   */
  read(record: readonly string[] | JsonRecord, problems?: ReadonlyMap<number, Problem>): ReadRecord {
    const input: RecordInput = {};
    const errors: RecordError[] = [];
    if ('value' in record) this.#keys?.read(record, input, errors);
    else {
      const unmended = this.#rest?.problemOf(record);
      if (unmended) return { input: null, errors: [unmended] };
      this.#cells.read(record, input, errors, problems);
    }
    const broken = this.#operation.checkInput(input);
    if (errors.length === 0 && broken.length === 0) return { input, errors: [] };
    // A field whose value could not be read looks as if it were not given: told once is enough.
    const told = new Set(errors.map((error) => error.field));
    for (const error of broken) {
      if (error.field !== undefined && told.has(error.field)) continue;
      errors.push(this.#asWritten(error, record));
    }
    return { input: null, errors: errors.slice(0, MOST_ERRORS) };
  }

  /** The check saw the input: whoever looks for it in the file finds it by the text and the column that it was read from. */
  #asWritten(error: RecordError, record: readonly string[] | JsonRecord): RecordError {
    const column = this.columnOf(error.field);
    if (error.field === undefined || column === undefined) return error;
    if (error.value === undefined) return { ...error, column };
    const text =
      'value' in record
        ? (this.#keys?.textOf(record, error.field) ?? null)
        : this.#cells.textOf(record, error.field);
    return { ...error, column, ...(text !== null && { value: shortened(text) }) };
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
