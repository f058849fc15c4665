import { columnLetters } from '../xlsx/write/table.ts';
import type { ColumnValue, TemplateColumn } from './column.ts';

export const LISTS_SHEET = 'Lists';

/** What Excel takes for a list that stands in the validation itself, its quotes included. */
const LONGEST_INLINE = 255;
/** Nothing that a spreadsheet would take for something else: a formula, a number, two values. */
const PLAIN_WORD = /^[A-Za-z_][\w-]*( [\w-]+)*$/;

/** A list of values on a sheet of its own. */
export interface ValueList {
  column: TemplateColumn;
  values: readonly ColumnValue[];
}

/** Where the values are that the cells of a column offer. */
export class ValueLists {
  readonly lists: readonly ValueList[];

  constructor(columns: readonly TemplateColumn[]) {
    this.lists = columns.flatMap((column) => {
      const { allowed = [] } = column;
      return allowed.length === 0 || inlineList(allowed) !== null ? [] : [{ column, values: allowed }];
    });
  }

  /** The formula of the list that a column chooses from; `null`: it has none. */
  formulaFor(column: TemplateColumn): string | null {
    if (column.allowed === undefined || column.allowed.length === 0) return null;
    const place = this.lists.findIndex((list) => list.column === column);
    if (place === -1) return inlineList(column.allowed);
    const letters = columnLetters(place);
    return `${LISTS_SHEET}!$${letters}$2:$${letters}$${column.allowed.length + 1}`;
  }

  /** The sheet where all values of a column are; `null`: they are on none. */
  sheetOf(column: TemplateColumn): string | null {
    return this.lists.some((list) => list.column === column) ? LISTS_SHEET : null;
  }
}

function inlineList(values: readonly ColumnValue[]): string | null {
  const words = values.map(String);
  const text = words.join(',');
  const plain =
    values.every((value) => typeof value !== 'number') && words.every((word) => PLAIN_WORD.test(word));
  return plain && text.length + 2 <= LONGEST_INLINE ? `"${text}"` : null;
}
