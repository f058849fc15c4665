import { shortened } from '../../../core/result.ts';
import { type DateSystem, dateText, isoDateText } from './cell-date.ts';
import type { ShownAs } from './number-format.ts';
import { numberOf, numberText } from './number-text.ts';
import { asText } from './part-text.ts';
import type { Styles } from './styles.ts';
import { BLANK, type CellLiteral, meant, problemLiteral, textLiteral } from './texts.ts';

export interface CellContext {
  styles: Styles;
  dateSystem: DateSystem;
  cellBytes: number;
}

/** A cell as its elements are: its type, style and value. */
export interface RawCell {
  /** The attribute `t`; `n` where there is none. */
  type: string;
  style: number;
  value: string;
  hasFormula: boolean;
}

/** What the value of a cell is, but for shared and inline strings. */
export function cellLiteral(cell: RawCell, context: CellContext): CellLiteral {
  const { type, value } = cell;
  if (type === 'str') return textLiteral(meant(value), context.cellBytes);
  if (value.trim() === '') return cell.hasFormula ? NOT_COMPUTED : BLANK;
  switch (type) {
    case 'n':
      return numberLiteral(cell, context);
    case 'b':
      return booleanLiteral(value.trim());
    case 'e':
      return problemLiteral('cell_error', `holds the error ${shortened(asText(value))}`);
    case 'd':
      return isoDateLiteral(cell, context);
    default:
      return problemLiteral('cell_error', `holds a value of the unknown type "${shortened(asText(type))}"`);
  }
}

export const NOT_COMPUTED = problemLiteral(
  'cell_not_computed',
  'holds a formula whose value is not in the file; open it in a spreadsheet program and save it',
);

function booleanLiteral(value: string): CellLiteral {
  if (value === '1' || value === 'true') return '"TRUE"';
  if (value === '0' || value === 'false') return '"FALSE"';
  return unlike('a boolean', value);
}

function numberLiteral({ style, value }: RawCell, { styles, dateSystem }: CellContext): CellLiteral {
  const format = styles[style];
  if (format == null) {
    const text = numberText(value);
    return text === null ? unlike('a number', value) : `"${text}"`;
  }
  const number = numberOf(value);
  return number === null
    ? unlike('a number', value)
    : shownLiteral(number, value, format(number), dateSystem);
}

function shownLiteral(number: number, value: string, shown: ShownAs, system: DateSystem): CellLiteral {
  if (shown.kind === 'date') {
    const text = dateText(number, shown, system);
    if (text !== null) return `"${text}"`;
    return problemLiteral('cell_date', `is shown as a date, but there is none for the number ${number}`);
  }
  const text = numberText(value) ?? '';
  if (shown.kind === 'number' || !Number.isInteger(number)) return `"${text}"`;
  return number < 0
    ? `"-${text.slice(1).padStart(shown.digits, '0')}"`
    : `"${text.padStart(shown.digits, '0')}"`;
}

function isoDateLiteral({ style, value }: RawCell, { styles }: CellContext): CellLiteral {
  const shown = styles[style]?.(1);
  const text = isoDateText(value.trim(), shown?.kind === 'date' && shown.date && !shown.time);
  if (text !== null) return `"${text}"`;
  return problemLiteral('cell_date', `holds the date "${shortened(asText(value))}", which does not exist`);
}

function unlike(what: string, value: string): CellLiteral {
  return problemLiteral('cell_error', `is ${what} by its type, but holds "${shortened(asText(value))}"`);
}
