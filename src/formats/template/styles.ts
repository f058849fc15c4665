import type { ColumnKind, TemplateColumn } from './column.ts';

const FONT = { name: 'Calibri', size: 11, family: 2 };
const BOLD = { ...FONT, bold: true };
const ORANGE = { type: 'pattern', pattern: 'solid', fgColor: { argb: 'FFFFD966' } };
const BLUE = { type: 'pattern', pattern: 'solid', fgColor: { argb: 'FFDDEBF7' } };
const GREY = { type: 'pattern', pattern: 'solid', fgColor: { argb: 'FFE7E6E6' } };
const WRAPPED = { wrapText: true, vertical: 'top' };

/** Texts keep their leading zeros and long numbers, whatever is typed. A General number shows its decimals as they are. */
const FORMATS: Record<ColumnKind, string> = {
  text: '@',
  boolean: '@',
  date: 'yyyy-mm-dd',
  integer: '0',
  number: 'General',
};

/** The colour of its header tells what is to be done with a column. */
export function headerStyle({ field }: TemplateColumn): object {
  const fill = field === null ? GREY : field.required ? ORANGE : BLUE;
  return { numFmt: '@', font: field?.required ? BOLD : FONT, fill };
}

export function columnStyle({ kind, field }: TemplateColumn): object {
  return { numFmt: FORMATS[kind], ...(field === null && { fill: GREY }) };
}

export const TITLE = { numFmt: '@', font: { ...BOLD, size: 14 } };
export const NOTE = { numFmt: '@' };
export const TABLE_HEADER = { numFmt: '@', font: BOLD, fill: BLUE };
export const EXPLANATION = { numFmt: '@', alignment: WRAPPED };
