import { columnLetters } from '../xlsx/write/table.ts';
import { textXml } from '../xlsx/write/xstring.ts';
import type { ColumnKind, ColumnValue } from './column.ts';

export interface StyledCell {
  value: ColumnValue | null;
  /** Number of its style. */
  style: number;
  kind?: ColumnKind;
}

/** @param number of the row, from 1 */
export function rowXml(number: number, cells: readonly StyledCell[]): string {
  const xml = cells.map((cell, column) => cellXml(`${columnLetters(column)}${number}`, cell)).join('');
  return `<row r="${number}">${xml}</row>`;
}

/** A blank cell has a style too: what is typed into it is to look like the rest of its column. */
function cellXml(reference: string, { value, style, kind }: StyledCell): string {
  const start = `<c r="${reference}" s="${style}"`;
  if (value === null || value === '') return `${start}/>`;
  if (typeof value === 'number' && Number.isFinite(value)) return `${start}><v>${value}</v></c>`;
  const serial = kind === 'date' ? dateSerial(String(value)) : null;
  if (serial !== null) return `${start}><v>${serial}</v></c>`;
  return `${start} t="inlineStr"><is>${textXml(String(value))}</is></c>`;
}

const DATE = /^\d{4}-\d\d-\d\d$/;
const DAY = 86_400_000;
/** Day 0 for dates from March 1900 on (ECMA-376, 18.17.4.1); earlier ones are counted in other ways, and stay texts. */
const DAY_ZERO = Date.UTC(1899, 11, 30);
const FIRST = 61;

function dateSerial(text: string): number | null {
  if (!DATE.test(text)) return null;
  const moment = Date.parse(`${text}T00:00:00Z`);
  if (Number.isNaN(moment) || new Date(moment).toISOString().slice(0, 10) !== text) return null;
  const serial = (moment - DAY_ZERO) / DAY;
  return serial < FIRST ? null : serial;
}
