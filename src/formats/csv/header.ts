import { isUtf8 } from 'node:buffer';
import type { FileFault } from '../../core/errors.ts';
import type { Encoding } from '../../core/file-format.ts';
import { restored } from '../../core/neutralise.ts';
import { encodingMessage, firstInvalidByte } from '../encoding.ts';
import {
  checkHeader,
  columnNames,
  type HeaderProblem,
  isMarked,
  tooManyColumns,
  unnamedColumns,
} from '../table-header.ts';
import type { CsvDialect } from './dialect.ts';
import { readRow } from './read-row.ts';

/** A longer header row is not read: every line of the results may repeat its names. */
export const LONGEST_HEADER = 256 * 1024;

/** In a file with the line ends of old Macs several lines, or all, are one row. */
const LONE_CR = '; the row holds a CR without LF: lines end in LF or CRLF';

const HEADER_ROW = 'the header row';
/** Where there is no header row it tells how many columns there are. */
const FIRST_ROW = 'the first row';

export type ParsedHeader =
  | { header: string[]; marked: boolean; fault?: undefined }
  | { header: string[] | null; marked: boolean; fault: FileFault };

interface HeaderPlace {
  dialect: CsvDialect;
  /** Where the row begins in the file that is read, in bytes. */
  offset: number;
  /** Of the file as it came. */
  encoding: Encoding;
}

/**
 * Reads the header row: one name per column, trimmed of white space. Two names are the same when they are equal
 * after trimming; names that differ in case are two columns, because fields are told apart by case as well.
 *
 * @param bytes the row with its line end, without a byte order mark
 * @returns the names; with a fault they are there (untouched by it) if the row could be read at all
 */
export function parseHeader(bytes: Buffer, { dialect, offset, encoding }: HeaderPlace): ParsedHeader {
  const unread = ({ code, message }: HeaderProblem, at = 0): ParsedHeader => {
    return { header: null, marked: false, fault: { code, message, record: 0, offset: offset + at } };
  };
  if (!isUtf8(bytes)) {
    const at = firstInvalidByte(bytes);
    return unread({ code: 'file_encoding', message: encodingMessage(bytes, at, encoding) }, at);
  }
  const text = bytes.toString('utf8');
  const row = readRow(text, 0, dialect);
  const hint = hintOfLoneCr(bytes);
  const unreadable =
    row.misplacedIn > 0
      ? misplacedQuote(row.misplacedIn, HEADER_ROW)
      : (tooManyColumns(row.cells.length, HEADER_ROW) ??
        nulCharacter(row.cells) ??
        loneCr(text, row.cells, dialect));
  if (unreadable !== undefined) return unread({ ...unreadable, message: unreadable.message + hint });
  const names = columnNames(row.cells);
  const marked = isMarked(names);
  const header = marked ? names.map(restored) : names;
  const problem = checkHeader(header);
  if (problem === undefined) return { header, marked };
  const { code, message } = problem;
  return { header, marked, fault: { code, message: message + hint, record: 0, offset } };
}

/**
 * As `parseHeader`, where there is no header row: names for as many columns as the first record has cells. A row whose
 * cells are a guess tells nothing.
 */
export function parseFirstRecord(bytes: Buffer, { dialect, offset }: HeaderPlace): ParsedHeader {
  // Delimiters are ASCII, so this tells the cells of a record in a damaged encoding too.
  const text = bytes.toString('latin1');
  const { cells, misplacedIn } = readRow(text, 0, dialect);
  const problem =
    misplacedIn > 0
      ? misplacedQuote(misplacedIn, FIRST_ROW)
      : (tooManyColumns(cells.length, FIRST_ROW) ?? twiceEnded(text));
  if (problem === undefined) return { header: unnamedColumns(cells.length), marked: false };
  return { header: null, marked: false, fault: { ...problem, record: 0, offset } };
}

function misplacedQuote(column: number, row: string): HeaderProblem {
  const message = `Column ${column} of ${row} has a quote where RFC 4180 allows none`;
  return { code: 'file_header_malformed', message };
}

function nulCharacter(cells: readonly string[]): HeaderProblem | undefined {
  const index = cells.findIndex((cell) => cell.includes('\0'));
  if (index === -1) return undefined;
  const message = `Column ${index + 1} of ${HEADER_ROW} holds a NUL character; is this a text file?`;
  return { code: 'file_header_malformed', message };
}

/**
 * In a cell without quotes a CR is where another program ends a line. Before the line end of the row it is one that was
 * written twice (CR CR LF): then the last cell of each record would have it too.
 *
 * @param cells of a row without a misplaced quote, so that they tell where each of them begins in the text
 */
function loneCr(text: string, cells: readonly string[], { quote }: CsvDialect): HeaderProblem | undefined {
  let at = 0;
  for (const [index, cell] of cells.entries()) {
    if (text.charCodeAt(at) === quote) {
      at += cell.length + cell.split(String.fromCharCode(quote)).length + 2;
    } else if (cell.includes('\r')) {
      const message = `Column ${index + 1} of ${HEADER_ROW} holds a line end outside quotes`;
      return { code: 'file_header_malformed', message };
    } else {
      at += cell.length + 1;
    }
  }
  return undefined;
}

/** Elsewhere in a record a CR is data; where each line has it before its end, it is none. */
function twiceEnded(text: string): HeaderProblem | undefined {
  if (!text.endsWith('\r\r\n')) return undefined;
  const message = `The end of ${FIRST_ROW} is CR CR LF; lines end in LF or CRLF`;
  return { code: 'file_header_malformed', message };
}

function hintOfLoneCr(bytes: Buffer): string {
  return /\r(?!\n)./s.test(bytes.toString('latin1')) ? LONE_CR : '';
}
