import type { ColumnBinding, KeyBinding } from '../core/record.ts';

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
