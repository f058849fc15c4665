import { MOST_COLUMNS } from '../table-header.ts';
import { LONGEST_TEXT, MAX_ROWS } from '../xlsx/write/table.ts';
import type { ColumnValue, TemplateColumn } from './column.ts';

/** What a file to fill in shows. */
export interface TemplateTable {
  /** Of the operation. */
  title: string;
  description: string;
  columns: readonly TemplateColumn[];
  /** Whose values stand under the columns. */
  records: readonly unknown[];
  /** Whether the records are there to be completed; else they are examples. */
  filled: boolean;
}

export const TEMPLATE_FORMATS = ['csv', 'xlsx'] as const;

export type TemplateFormat = (typeof TEMPLATE_FORMATS)[number];

/** The value of a record under each column; `null`: it has none. */
export function* rowsOf({ columns, records }: TemplateTable): Generator<(ColumnValue | null)[]> {
  for (const record of records) yield columns.map((column) => valueIn(record, column));
}

function valueIn(record: unknown, { name, field }: TemplateColumn): ColumnValue | null {
  let value = record;
  for (const key of field?.path ?? [name]) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return null;
    value = (value as Record<string, unknown>)[key];
  }
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? value : null;
}

/** @returns why there can be no such file, in plain words; `null`: there can */
export function unfitFor(format: TemplateFormat, table: TemplateTable): string | null {
  const { columns, records } = table;
  if (columns.length === 0) return 'the operation has no fields that a table could have columns for';
  if (columns.length > MOST_COLUMNS) {
    return `there would be ${columns.length} columns, and at most ${MOST_COLUMNS} are read; send records as NDJSON`;
  }
  if (format === 'csv') return null;
  if (records.length >= MAX_ROWS) {
    return `there would be ${records.length} records, and a sheet holds at most ${MAX_ROWS - 1}; ask for csv`;
  }
  for (const row of rowsOf(table)) {
    if (row.some((value) => typeof value === 'string' && value.length > LONGEST_TEXT)) {
      return `a text has more than the ${LONGEST_TEXT} characters that a cell of a workbook holds; ask for csv`;
    }
  }
  return null;
}
