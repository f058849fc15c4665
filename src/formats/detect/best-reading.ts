import { type HeadOptions, type HeadReading, readHead } from './head-reading.ts';

/** Of two that fit as well as each other, the first: a comma is in numbers and sentences more often than the others. */
export const DELIMITERS = ['\t', ';', '|', ','];
/** Where none fits. */
const COMMA = ',';
const DOUBLE = '"';
const SINGLE = "'";

/**
 * The beginning of a text as it is read best.
 *
 * @param said delimiter and quote, where they are known
 */
export function bestReading(
  text: string,
  said: { delimiter?: string | undefined; quote?: string | undefined },
  options: HeadOptions,
): HeadReading {
  const { delimiter, quote } = said;
  const delimiters = delimiter === undefined ? DELIMITERS : [delimiter];
  const readingWith = (quote: string) => bestWith(text, delimiters, quote, options);
  if (quote !== undefined) return readingWith(quote);
  if (delimiter === DOUBLE) return readingWith(SINGLE);
  const double = readingWith(DOUBLE);
  if (delimiter === SINGLE || !text.includes(SINGLE)) return double;
  const single = readingWith(SINGLE);
  return isSingleQuoted(single, double, options) ? single : double;
}

/** As it is read best with another delimiter than this one. */
export function otherReading(
  text: string,
  { delimiter, quote }: HeadReading,
  options: HeadOptions,
): HeadReading {
  const others = DELIMITERS.filter((other) => other.charCodeAt(0) !== delimiter);
  return bestWith(text, others, String.fromCharCode(quote), options);
}

/** Where rows have more than one cell and agree; more known names weigh more than any agreement. */
function bestWith(
  text: string,
  delimiters: readonly string[],
  quote: string,
  options: HeadOptions,
): HeadReading {
  const possible = delimiters.filter((delimiter) => delimiter !== quote);
  const found = possible.filter((delimiter) => text.includes(delimiter));
  const read = (delimiter: string) =>
    readHead(text, { delimiter: delimiter.charCodeAt(0), quote: quote.charCodeAt(0) }, options);
  let best: HeadReading | undefined;
  for (const reading of found.map(read)) {
    if (fits(reading) && (best === undefined || isBetter(reading, best))) best = reading;
  }
  return best ?? read(possible.includes(COMMA) ? COMMA : (possible[0] ?? COMMA));
}

function fits({ width, names, share, rows, header }: HeadReading): boolean {
  return width > 1 && (names > 0 || share > 0 || rows.length === header + 1);
}

function isBetter(one: HeadReading, other: HeadReading): boolean {
  if (one.names !== other.names) return one.names > other.names;
  if (one.share !== other.share) return one.share > other.share;
  return one.share < 1 && one.width > other.width;
}

/** Whether all rows have equally many cells, more than one, and no quote in them is misplaced. */
export function agreesFully({ width, share, rows }: HeadReading): boolean {
  return width > 1 && (share === 1 || rows.length === 1) && rows.every(({ sound }) => sound);
}

/**
 * To take an apostrophe for a quote changes values, so much has to speak for it: it begins and ends cells and stands nowhere
 * else, no cell begins with a double quote, and either names of columns have it, or, where there are none, all cells, or
 * without it rows have other numbers of cells. Of our own files the marker tells.
 */
function isSingleQuoted(single: HeadReading, double: HeadReading, { headerRow }: HeadOptions): boolean {
  if (single.marked || double.marked) return !double.marked;
  if (single.rows.some((row) => !row.sound || row.cells.some((cell) => cell.startsWith(DOUBLE))))
    return false;
  if (!single.rows.some(({ quoted }) => quoted)) return false;
  if (single.names > double.names || single.share > double.share) return true;
  if (headerRow !== 0) return single.rows[single.header]?.quoted === true;
  return double.rows.every(({ cells }) => cells.every((cell) => /^'.*'$/s.test(cell)));
}
