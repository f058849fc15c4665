import { isUtf8 } from 'node:buffer';
import type { FileErrorCode, FileFault } from '../../core/errors.ts';
import { shortened } from '../../core/result.ts';
import { firstInvalidByte, invalidUtf8Message } from '../encoding.ts';
import { RESERVED_NAMES } from '../reserved-names.ts';
import type { CsvDialect } from './dialect.ts';
import { readRow } from './read-row.ts';

/**
 * A header beyond this is no table that a person or a program works with; it is kept with the batch and shown, and every
 * line of the results may repeat its names.
 */
const MOST_COLUMNS = 2_048;
const LONGEST_HEADER = 256 * 1024;

/** Of a file with the line ends of old Macs all lines are one row, and it looks as if it were the header. */
export const LONE_CR = 'the row holds a CR without LF: lines end in LF or CRLF';

export type ParsedHeader =
  | { header: string[]; fault?: undefined }
  | { header: string[] | null; fault: FileFault };

/**
 * Reads the header row: one name per column, trimmed of white space. Two names are the same when they are equal
 * after trimming; names that differ in case are two columns, because fields are told apart by case as well.
 *
 * @param bytes the row with its line end, without a byte order mark
 * @param offset where the row begins in the file, in bytes
 * @returns the names; with a fault they are there (untouched by it) if the row could be read at all
 */
export function parseHeader(bytes: Buffer, options: { dialect: CsvDialect; offset: number }): ParsedHeader {
  const { dialect, offset } = options;
  const fault = (code: FileErrorCode, message: string): FileFault => {
    const hint = hasLoneCr(bytes.subarray(0, LONGEST_HEADER)) ? `; ${LONE_CR}` : '';
    return { code, message: message + hint, record: 0, offset };
  };
  if (bytes.length > LONGEST_HEADER) {
    const message = `The header row has ${bytes.length} bytes; at most ${LONGEST_HEADER} are read`;
    return { header: null, fault: fault('file_header_malformed', message) };
  }
  if (!isUtf8(bytes)) {
    const at = firstInvalidByte(bytes);
    const message = invalidUtf8Message(bytes, at);
    return { header: null, fault: { code: 'file_encoding', message, record: 0, offset: offset + at } };
  }
  const row = readRow(bytes.toString('utf8'), 0, dialect);
  if (row.misplacedIn > 0) {
    const message = `Column ${row.misplacedIn} of the header row has a quote where RFC 4180 allows none`;
    return { header: null, fault: fault('file_header_malformed', message) };
  }
  if (row.cells.length > MOST_COLUMNS) {
    const message = `The header row has ${row.cells.length} columns; at most ${MOST_COLUMNS} are read`;
    return { header: null, fault: fault('file_header_malformed', message) };
  }
  const nul = row.cells.findIndex((cell) => cell.includes('\0'));
  if (nul !== -1) {
    const message = `Column ${nul + 1} of the header row holds a NUL character; is this a text file?`;
    return { header: null, fault: fault('file_header_malformed', message) };
  }
  const header = row.cells.map((cell) => cell.trim());
  const problem = emptyName(header) ?? repeatedName(header) ?? reservedName(header);
  return problem ? { header, fault: fault(...problem) } : { header };
}

function hasLoneCr(bytes: Buffer): boolean {
  return /\r(?!\n)./s.test(bytes.toString('latin1'));
}

type Problem = [code: FileErrorCode, message: string] | undefined;

function emptyName(header: readonly string[]): Problem {
  const index = header.indexOf('');
  if (index === -1) return undefined;
  const atEnd = index > 0 && index === header.length - 1;
  const hint = atEnd ? '; is there a delimiter too many at the end of the row?' : '';
  return ['file_header_empty', `Column ${index + 1} of ${header.length} has no name${hint}`];
}

function repeatedName(header: readonly string[]): Problem {
  const seen = new Map<string, number>();
  for (const [index, name] of header.entries()) {
    const first = seen.get(name);
    if (first !== undefined) {
      const columns = `Columns ${first + 1} and ${index + 1}`;
      return ['file_header_duplicate', `${columns} have the same name, "${shortened(name)}"`];
    }
    seen.set(name, index);
  }
  return undefined;
}

function reservedName(header: readonly string[]): Problem {
  const index = header.findIndex((name) =>
    name.split('.').some((segment) => RESERVED_NAMES.has(segment.trim())),
  );
  if (index === -1) return undefined;
  const name = shortened(header[index] ?? '');
  return ['file_header_reserved', `Column ${index + 1} has the name "${name}", which is not allowed`];
}
