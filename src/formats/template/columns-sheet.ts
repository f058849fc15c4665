import type { TemplateColumn } from './column.ts';
import type { ValueLists } from './lists.ts';
import { rowsOf, type TemplateTable } from './table.ts';
import { allowedInWords, kindInWords, rulesInWords } from './words.ts';

export const COLUMNS_SHEET = 'Columns';

/** What explains a column, and how wide it is. */
export const EXPLAINED: readonly { name: string; width: number }[] = [
  { name: 'Column', width: 28 },
  { name: 'Required', width: 10 },
  { name: 'What it holds', width: 36 },
  { name: 'Allowed values', width: 44 },
  { name: 'Rules', width: 30 },
  { name: 'Example', width: 30 },
  { name: 'Description', width: 60 },
];

/** What stands above the table: how the file is filled in. */
export function notesOf({ columns, description, filled }: TemplateTable, sheet: string): string[] {
  const rows = filled
    ? 'The rows that are there were filled in for you: complete them'
    : 'The rows that are there are examples: overwrite or delete them';
  return [
    ...description.split(/\r\n|\r|\n/),
    '',
    `Fill in the sheet “${sheet}”, one record in each row under the header. ${rows}.`,
    'A column with an orange header has to be filled in; in the others a blank cell means: not given.',
    ...(columns.some(({ field }) => field === null)
      ? ['A grey column is there to be read: what is in it is ignored.']
      : []),
    'Leave the names in the header row as they are. Columns may be moved, and those that you do not need deleted.',
    ...(columns.some(({ field }) => field?.format === 'date-time')
      ? [
          'A time is a text with its zone, such as 2026-01-31T08:00:00+01:00. Of times without a zone the batch has to say which they are in: format.time_zone.',
        ]
      : []),
    'Upload the file as you save it, as XLSX or as CSV in UTF-8. Only the first sheet is read.',
  ];
}

/** The cells that explain a column, in the order of `EXPLAINED`. */
export function* explanations(table: TemplateTable, lists: ValueLists): Generator<string[]> {
  const examples = exampleValues(table);
  for (const [index, column] of table.columns.entries()) {
    const { name, field, allowed, description } = column;
    yield [
      name,
      field === null ? '' : field.required ? 'yes' : 'no',
      kindInWords(column),
      allowed === undefined ? '' : allowedInWords(allowed, lists.sheetOf(column)),
      rulesInWords(column),
      examples[index] ?? exampleOf(column),
      description ?? '',
    ];
  }
}

/** Of each column the first value among the rows; of rows that are somebody’s data none is shown a second time. */
function exampleValues(table: TemplateTable): (string | undefined)[] {
  const found: (string | undefined)[] = table.columns.map(() => undefined);
  if (table.filled) return found;
  for (const row of rowsOf(table)) {
    for (const [index, value] of row.entries()) if (value !== null) found[index] ??= String(value);
  }
  return found;
}

function exampleOf({ examples, allowed = [] }: TemplateColumn): string {
  const [first] = [...examples, ...allowed];
  return first === undefined ? '' : String(first);
}
