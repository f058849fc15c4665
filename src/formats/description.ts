import type { ColumnBinding, KeyBinding } from '../core/record.ts';
import { RFC_4180 } from './csv/dialect.ts';

/** As what a file was read: shown on the batch, and enough to read any chunk of it again. */
export type InputDescription = CsvDescription | NdjsonDescription;

export interface CsvDescription extends ColumnBinding {
  format: 'csv';
  encoding: 'utf-8';
  bom: boolean;
  delimiter: string;
  quote: string;
  header: boolean;
}

/** `columns` are the key paths of the first record: another may have others, and fills its fields all the same. */
export interface NdjsonDescription extends KeyBinding {
  format: 'ndjson';
  encoding: 'utf-8';
  bom: boolean;
}

/** A CSV file as RFC 4180 has it, but for what is known of it. */
export function csvDescription(
  known: Pick<CsvDescription, 'bom' | 'columns'> & Partial<CsvDescription>,
): CsvDescription {
  return {
    format: 'csv',
    encoding: 'utf-8',
    delimiter: String.fromCharCode(RFC_4180.delimiter),
    quote: String.fromCharCode(RFC_4180.quote),
    header: true,
    ...known,
  };
}
