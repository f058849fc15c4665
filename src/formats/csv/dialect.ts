import type { LineEnd } from '../../core/file-format.ts';

/**
 * How the cells of a CSV file are told apart, in bytes. Both must be ASCII, differ from each other, and be
 * neither CR nor LF: only then can boundaries be found in UTF-8 without decoding it (no byte of a multi-byte
 * character is below 0x80).
 */
export interface CsvDialect {
  delimiter: number;
  quote: number;
}

/** As what a CSV file is read, from its first byte. */
export interface CsvForm extends CsvDialect {
  lineEnd: LineEnd;
  /** Number of the row that names the columns, from 1, counting blank lines too; 0: there is none. */
  headerRow: number;
}

/** Comma and double quote: RFC 4180, sections 2.4 and 2.5. */
export const RFC_4180: CsvDialect = { delimiter: 0x2c, quote: 0x22 };
