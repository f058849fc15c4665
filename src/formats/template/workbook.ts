import type { Writable } from 'node:stream';
import { Book, type CellValidation } from '../xlsx/write/book.ts';
import { SheetNames } from '../xlsx/write/sheet-names.ts';
import { columnLetters, LONGEST_TEXT, MAX_ROWS } from '../xlsx/write/table.ts';
import type { TemplateColumn } from './column.ts';
import { COLUMNS_SHEET, EXPLAINED, explanations, notesOf } from './columns-sheet.ts';
import { LISTS_SHEET, ValueLists } from './lists.ts';
import { SheetRows } from './sheet-rows.ts';
import { columnStyle, EXPLANATION, headerStyle, NOTE, TABLE_HEADER, TITLE } from './styles.ts';
import { rowsOf, type TemplateTable } from './table.ts';
import { validationOf } from './validation.ts';

/** So many rows below those that are there offer their lists and refuse what cannot be right. */
const ROWS_TO_FILL = 10_000;

const NARROWEST = 12;
const WIDEST = 50;
/** Rows that tell how wide a column is. */
const MEASURED_ROWS = 100;
/** The filter's button lies over the end of a name. */
const BESIDE_NAME = 4;

/**
 * Writes a workbook to fill in: the table, a sheet that explains its columns, and one with what there is to choose from
 * where that is too much for the cells themselves. In memory that does not grow with the rows.
 * @throws {Error} what the output failed with; it is destroyed with whatever else goes wrong
 */
export async function writeWorkbook(table: TemplateTable, output: Writable): Promise<void> {
  const book = new Book(output);
  try {
    const lists = new ValueLists(table.columns);
    const sheet = new SheetNames([COLUMNS_SHEET, LISTS_SHEET]).take(table.title);
    await writeTable(book, sheet, table, lists);
    await writeExplanations(book, sheet, table, lists);
    if (lists.lists.length > 0) await writeLists(book, lists);
    await book.finish();
  } catch (error) {
    book.abandon(error as Error);
    throw error;
  }
}

async function writeTable(book: Book, name: string, table: TemplateTable, lists: ValueLists): Promise<void> {
  const { columns, records } = table;
  const columnStyles = columns.map(columnStyle);
  const numbers = columnStyles.map((style) => book.styleNumber(style));
  const sheet = new SheetRows(book, name, widthsOf(table), { columnStyles });
  const header = columns.map((column) => ({
    value: column.name,
    style: book.styleNumber(headerStyle(column)),
  }));
  await sheet.add(header);
  for (const row of rowsOf(table)) {
    await sheet.add(
      row.map((value, index) => ({ value, style: numbers[index]!, kind: columns[index]!.kind })),
    );
  }
  const last = Math.min(records.length + 1 + ROWS_TO_FILL, MAX_ROWS);
  const filter = `A1:${columnLetters(columns.length - 1)}${records.length + 1}`;
  await sheet.close({ filter, validations: validations(columns, lists, last) });
}

function validations(
  columns: readonly TemplateColumn[],
  lists: ValueLists,
  last: number,
): Map<string, CellValidation> {
  return new Map(
    columns.map((column, index) => {
      const letters = columnLetters(index);
      return [`${letters}2:${letters}${last}`, validationOf(column, lists.formulaFor(column))];
    }),
  );
}

function widthsOf(table: TemplateTable): number[] {
  const widths = table.columns.map(({ name }) => Math.max(NARROWEST, name.length + BESIDE_NAME));
  let measured = 0;
  for (const row of rowsOf(table)) {
    for (const [index, value] of row.entries()) {
      widths[index] = Math.max(widths[index]!, String(value ?? '').length + 2);
    }
    measured += 1;
    if (measured === MEASURED_ROWS) break;
  }
  return widths.map((width) => Math.min(width, WIDEST));
}

async function writeExplanations(
  book: Book,
  name: string,
  table: TemplateTable,
  lists: ValueLists,
): Promise<void> {
  const [title, note, header, cell] = [TITLE, NOTE, TABLE_HEADER, EXPLANATION].map((style) =>
    book.styleNumber(style),
  ) as [number, number, number, number];
  const look = { columnStyles: EXPLAINED.map(() => NOTE), frozen: false };
  const sheet = new SheetRows(
    book,
    COLUMNS_SHEET,
    EXPLAINED.map(({ width }) => width),
    look,
  );
  await sheet.add([{ value: table.title, style: title }]);
  for (const text of [...notesOf(table, name), '']) await sheet.add([{ value: shown(text), style: note }]);
  await sheet.add(EXPLAINED.map(({ name }) => ({ value: name, style: header })));
  for (const texts of explanations(table, lists)) {
    await sheet.add(texts.map((text) => ({ value: shown(text), style: cell })));
  }
  await sheet.close();
}

async function writeLists(book: Book, { lists }: ValueLists): Promise<void> {
  const styles = lists.map(({ column }) => columnStyle(column));
  const numbers = styles.map((style) => book.styleNumber(style));
  const widths = lists.map(({ column }) => Math.min(column.name.length + BESIDE_NAME + NARROWEST, WIDEST));
  const sheet = new SheetRows(book, LISTS_SHEET, widths, { columnStyles: styles });
  await sheet.add(lists.map(({ column }) => ({ value: column.name, style: book.styleNumber(TABLE_HEADER) })));
  const longest = Math.max(...lists.map(({ values }) => values.length));
  for (let row = 0; row < longest; row += 1) {
    await sheet.add(
      lists.map(({ column, values }, index) => ({
        value: values[row] ?? null,
        style: numbers[index]!,
        kind: column.kind,
      })),
    );
  }
  await sheet.close();
}

/** A text that only explains something may be cut. */
function shown(text: string): string {
  return text.length <= LONGEST_TEXT ? text : `${text.slice(0, LONGEST_TEXT - 1)}…`;
}
