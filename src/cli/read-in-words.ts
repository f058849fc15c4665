import type { Batch } from '../api/schemas/batch.ts';
import { visible } from './format.ts';

type Read = NonNullable<Batch['read']>;

const TYPES: Record<Read['format'], string> = {
  csv: 'CSV',
  ndjson: 'NDJSON',
  json: 'a JSON array',
  xlsx: 'XLSX',
};

/** `CSV in windows-1252, gzipped, delimiter ";", header in row 3` */
export function readInWords(read: Read): string {
  const { format, compression, encoding, delimiter, sheet, header_row: row } = read;
  return [
    format === 'xlsx' ? TYPES.xlsx : `${TYPES[format]} in ${encoding}`,
    ...(compression === null ? [] : ['gzipped']),
    ...(delimiter === undefined ? [] : [`delimiter "${visible(delimiter)}"`]),
    ...(sheet === undefined ? [] : [`sheet "${visible(sheet)}"`]),
    ...(row === undefined || row === 1 ? [] : [row === 0 ? 'no header' : `header in row ${row}`]),
  ].join(', ');
}
