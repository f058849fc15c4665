import type { Encoding, LineEnd } from '../core/file-format.ts';
import type { ColumnBinding, KeyBinding } from '../core/record.ts';
import { PLAIN_VALUES, type ValueRules } from '../core/value-rules.ts';
import { RFC_4180 } from './csv/dialect.ts';

/**
 * As what a file was read: shown on the batch, and enough to read any chunk of it again. What is not UTF-8 text with LF
 * or CRLF was converted before it was cut into chunks (`convert/`): then chunks are of the converted file.
 */
export type InputDescription = CsvDescription | NdjsonDescription | SheetDescription;

/** What the content of a file, or its client, says of it. */
export type FileLayout = CsvLayout | NdjsonLayout | SheetLayout;

interface Layout {
  compression: 'gzip' | null;
  /** Of the file as it came; XLSX is XML in UTF-8. */
  encoding: Encoding;
  /** Whether it began with a byte order mark. */
  bom: boolean;
}

export interface CsvLayout extends Layout {
  format: 'csv';
  delimiter: string;
  quote: string;
  lineEnd: LineEnd;
  /** Number of the row that names the columns, from 1; 0: there is none. */
  headerRow: number;
  /** Whether it is a result file of ours that came back. */
  marked: boolean;
}

/** `json`: one array, whose items were converted to lines. */
export type NdjsonLayout = Layout & ({ format: 'ndjson' } | { format: 'json' });

/** A sheet of a workbook: converted to lines, each of which is a JSON array of cells. */
interface SheetLayout extends Layout {
  format: 'xlsx';
  sheet: string;
  /** The day that the workbook's dates are counted from. */
  dateSystem: 1900 | 1904;
  headerRow: number;
  marked: boolean;
}

interface Values {
  /** How values are written in it, where the client has said so. */
  values: ValueRules;
}

export type CsvDescription = CsvLayout & ColumnBinding & Values;
/** `columns` are the key paths of the first record: another may have others, and fills its fields all the same. */
export type NdjsonDescription = NdjsonLayout & KeyBinding & Values;
export type SheetDescription = SheetLayout & ColumnBinding & Values;

/** What is read as rows of cells. */
export type TableDescription = CsvDescription | SheetDescription;

/** Whether its chunks are of a converted file: what lies where in that says nothing to whoever has the one that came. */
export function isConverted(
  came: Pick<FileLayout, 'format' | 'compression' | 'encoding'> & { lineEnd?: LineEnd | undefined },
): boolean {
  const { format, compression, encoding, lineEnd } = came;
  const isText = format === 'csv' || format === 'ndjson';
  return !isText || compression !== null || encoding !== 'utf-8' || lineEnd === 'cr';
}

/** A CSV file as RFC 4180 has it, but for what is known of it. */
export function csvDescription(
  known: Pick<CsvDescription, 'bom' | 'columns'> & Partial<CsvDescription>,
): CsvDescription {
  return {
    format: 'csv',
    compression: null,
    encoding: 'utf-8',
    delimiter: String.fromCharCode(RFC_4180.delimiter),
    quote: String.fromCharCode(RFC_4180.quote),
    lineEnd: 'crlf',
    headerRow: 1,
    marked: false,
    values: PLAIN_VALUES,
    ...known,
  };
}
