import type { FileFormat, LineEnd } from '../../core/file-format.ts';
import type { CsvForm } from '../csv/dialect.ts';
import { CR, LF } from '../line-ends.ts';
import { agreesFully, bestReading, DELIMITERS, otherReading } from './best-reading.ts';
import type { SniffTextOptions } from './head.ts';
import { type HeadOptions, type HeadReading, readHead } from './head-reading.ts';
import { type Refused, refused } from './stated.ts';

/** A line before the header row that says what the delimiter is, as Excel understands it. */
const DELIMITER_LINE = /^sep=([\t -~])(?:\r|\n|$)/i;

/**
 * Where the header row of a table of ours ends. Its marker stands in quotes, and so tells both delimiter and quote, whatever
 * the cells look like: of ours some begin with an apostrophe that is no quote.
 */
const OUR_DIALECT = /([\t -/:-@[-^`{-~])(["'`^~#*$%&!])_sheaf\2\r?(?:\n|$)/;

/** How a text is read as CSV, as far as its first rows tell and the client does not. */
export function csvForm(head: string, { atEnd, format, known }: SniffTextOptions): CsvForm | Refused {
  const isLoneCr = endsLinesWithCr(head, atEnd, format);
  const text = isLoneCr ? head.replaceAll('\r', '\n') : head;
  const line = DELIMITER_LINE.exec(text);
  const options = { atEnd, known, headerRow: format.headerRow, above: line === null ? 0 : 1 };
  const ours = ourDialect(text, options);
  const delimiterSaid = format.delimiter ?? ours?.delimiter ?? line?.[1];
  const said = { delimiter: delimiterSaid, quote: format.quote ?? ours?.quote };
  const reading = bestReading(text, said, options);
  const fault =
    otherDelimiter(text, reading, format.delimiter, options) ??
    blankHeader(reading, options) ??
    (delimiterSaid === undefined ? unsureDelimiter(text, reading, options) : undefined);
  if (fault !== undefined) return fault;
  const { delimiter, quote, rows, header, marked } = reading;
  return {
    delimiter,
    quote,
    lineEnd: isLoneCr ? 'cr' : lineEndOf(text, rows[0]?.end),
    headerRow: (marked ? undefined : format.headerRow) ?? rows[header]?.number ?? 1,
  };
}

function ourDialect(text: string, options: HeadOptions): { delimiter: string; quote: string } | undefined {
  const [, delimiter, quote] = OUR_DIALECT.exec(text) ?? [];
  if (delimiter === undefined || quote === undefined || delimiter === quote) return undefined;
  const dialect = { delimiter: delimiter.charCodeAt(0), quote: quote.charCodeAt(0) };
  return readHead(text, dialect, options).marked ? { delimiter, quote } : undefined;
}

/** A stated delimiter that leaves the header row in one piece, while another one finds names in it that are known. */
function otherDelimiter(
  text: string,
  reading: HeadReading,
  stated: string | undefined,
  options: HeadOptions,
): Refused | undefined {
  if (stated === undefined || reading.width !== 1 || reading.names > 0) return undefined;
  const other = otherReading(text, reading, options);
  if (other.width === 1 || other.names < 2) return undefined;
  const found = JSON.stringify(String.fromCharCode(other.delimiter));
  const says = `\`format.delimiter\` says ${JSON.stringify(stated)}`;
  return refused(says, `separates its columns by ${found}`, 'leave that out, so that the content tells it');
}

/**
 * Where no row names columns, two delimiters may both cut all rows into equally many cells: `1,5;2,5` are two values, or
 * three, and whichever is taken may change them without a word.
 */
function unsureDelimiter(text: string, reading: HeadReading, options: HeadOptions): Refused | undefined {
  if (options.headerRow !== 0 || reading.marked || !agreesFully(reading)) return undefined;
  const other = otherReading(text, reading, options);
  if (!agreesFully(other)) return undefined;
  const [one, two] = [reading, other].map(({ delimiter }) => JSON.stringify(String.fromCharCode(delimiter)));
  const what = `has equally many cells in all rows both with ${one} and with ${two} between them`;
  const says = '`format.header_row` says that no row names columns';
  return refused(says, what, 'state which one it is as `format.delimiter`');
}

function blankHeader(reading: HeadReading, { headerRow = 0, atEnd }: HeadOptions): Refused | undefined {
  const { rows, lines, marked } = reading;
  // The head may have cut the last line, which is not in `rows` then.
  const seen = atEnd ? lines : lines - 1;
  if (headerRow === 0 || headerRow > seen || marked) return undefined;
  if (rows.some(({ number }) => number === headerRow)) return undefined;
  const says = `\`format.header_row\` says ${headerRow}`;
  const advice = 'state the number of the row that names the columns, where blank lines count too';
  return refused(says, 'has nothing in that row', advice, { code: 'file_header_empty' });
}

/**
 * Text whose lines end as on old Macs, with no LF but in quoted cells. A CR at the end of the head may belong to an LF that
 * was cut off.
 */
function endsLinesWithCr(text: string, atEnd: boolean, { quote = '"', delimiter = '' }: FileFormat): boolean {
  const at = text.search(/\r(?!\n)/);
  if (at === -1 || (!atEnd && at === text.length - 1)) return false;
  if (!text.includes('\n')) return true;
  const beforeCell = `${DELIMITERS.join('')}${delimiter}\r\n`;
  // A quote after one that closed the cell is doubled: the cell goes on.
  const opens = (at: number) => at === 0 || beforeCell.includes(text[at - 1]!) || text[at - 1] === quote;
  let quoted = false;
  for (let at = 0; at < text.length; at++) {
    if (text[at] === quote) quoted = !quoted && opens(at);
    else if (text[at] === '\n' && !quoted) return false;
  }
  return true;
}

/** @param end of the first row that is not blank, after its line end */
function lineEndOf(text: string, end: number | undefined): LineEnd {
  const lf = end !== undefined && text.charCodeAt(end - 1) === LF ? end - 1 : text.indexOf('\n');
  return lf > 0 && text.charCodeAt(lf - 1) === CR ? 'crlf' : 'lf';
}
