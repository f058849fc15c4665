/**
 * How the cells of a CSV file are told apart, in bytes. Both must be ASCII, differ from each other, and be
 * neither CR nor LF: only then can boundaries be found in UTF-8 without decoding it (no byte of a multi-byte
 * character is below 0x80).
 */
export interface CsvDialect {
  delimiter: number;
  quote: number;
}

/** Comma and double quote: RFC 4180, sections 2.4 and 2.5. */
export const RFC_4180: CsvDialect = { delimiter: 0x2c, quote: 0x22 };
