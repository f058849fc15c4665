import { PLAIN_VALUES, type ValueRules } from './value-rules.ts';

/** What a file can be. `json` is one array of objects. Each of them may be compressed with gzip. */
export const FILE_TYPES = ['csv', 'ndjson', 'json', 'xlsx'] as const;
export type FileType = (typeof FILE_TYPES)[number];

export const ENCODINGS = ['utf-8', 'utf-16le', 'utf-16be', 'windows-1252'] as const;
export type Encoding = (typeof ENCODINGS)[number];

/** How the lines of a CSV file end, as it came. */
export type LineEnd = 'lf' | 'crlf' | 'cr';

/** What a client says of a file. Whatever is left out is told by the content. */
export interface FileFormat {
  type?: FileType;
  encoding?: Encoding;
  /** Of CSV: one ASCII character. */
  delimiter?: string;
  /** Of CSV: one ASCII character. */
  quote?: string;
  /** Of XLSX: the sheet's name; the first one that is no hidden sheet otherwise. */
  sheet?: string;
  /** Number of the header row in the file, from 1; 0: there is none, and columns are `column_1`, `column_2`, … */
  headerRow?: number;
  values: ValueRules;
}

/** A file of which nothing is said. */
export const UNSTATED: FileFormat = { values: PLAIN_VALUES };

/** The name of a column without one, from 1. */
export function unnamedColumn(number: number): string {
  return `column_${number}`;
}
