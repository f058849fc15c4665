import type { CsvDialect } from '../csv/dialect.ts';
import { readRow } from '../csv/read-row.ts';
import { CR, LF } from '../line-ends.ts';
import { columnNames, isMarked } from '../table-header.ts';
import { headerIndex, knownNames } from './header-row.ts';

/** A row that is not blank, read with one delimiter and quote. */
interface HeadRow {
  /** From 1, counting blank lines too. */
  number: number;
  cells: string[];
  /** Position in the text after its line end. */
  end: number;
  /** Whether some of the cells are in quotes. */
  quoted: boolean;
  /** Whether no quote in it is misplaced. */
  sound: boolean;
}

/** What the beginning of a text looks like with one delimiter and quote. */
export interface HeadReading extends CsvDialect {
  /** Without the last one, if the head has cut it and it is not the only one. */
  rows: HeadRow[];
  /** How many rows there are, blank ones and the last one too. */
  lines: number;
  /**
   * Whether the first row has our marker. It says more than the client, who may repeat what was true of the file before:
   * then that row names the columns.
   */
  marked: boolean;
  /** Place in `rows` of the row that names the columns; the first one where none does or it is further on. */
  header: number;
  /** How many cells that row has, and how many of them are known names. */
  width: number;
  names: number;
  /** The share of rows after it that have as many cells, from 0 to 1. */
  share: number;
}

export interface HeadOptions {
  atEnd: boolean;
  known: ReadonlySet<string>;
  /** Number of the header row, if it is known. */
  headerRow: number | undefined;
  /** How many rows at the start are certainly no header row. */
  above: number;
}

export function readHead(text: string, dialect: CsvDialect, options: HeadOptions): HeadReading {
  const { rows, lines } = rowsOf(text, dialect, options.atEnd);
  const marked = isMarked(columnNames(rows[0]?.cells ?? []));
  const header = marked ? 0 : headerOf(rows, options);
  const cells = rows[header]?.cells ?? [];
  const after = rows.slice(header + 1);
  const agreeing = after.filter((row) => row.sound && row.cells.length === cells.length).length;
  return {
    ...dialect,
    rows,
    lines,
    marked,
    header,
    width: cells.length,
    names: options.headerRow === 0 && !marked ? 0 : knownNames(cells, options.known),
    share: after.length === 0 ? 0 : agreeing / after.length,
  };
}

function headerOf(rows: readonly HeadRow[], { headerRow, above, known }: HeadOptions): number {
  if (headerRow === undefined) return above + headerIndex(rows.slice(above), known);
  const stated = rows.findIndex(({ number }) => number === headerRow);
  return Math.max(stated, 0);
}

function rowsOf(text: string, dialect: CsvDialect, atEnd: boolean): Pick<HeadReading, 'rows' | 'lines'> {
  const rows: HeadRow[] = [];
  let lines = 0;
  for (let start = 0; start < text.length; ) {
    lines += 1;
    const blank = lengthOfBlankLine(text, start);
    if (blank > 0) {
      start += blank;
      continue;
    }
    const { cells, end, misplacedIn, unclosedAt } = readRow(text, start, dialect);
    const sound = misplacedIn === 0 && unclosedAt === -1;
    const quoted = sound && hasQuotedCell(text, start, cells, dialect.quote);
    start = end;
    const whole = atEnd || (unclosedAt === -1 && text.charCodeAt(end - 1) === LF);
    const row = { number: lines, cells, end, quoted, sound };
    if (whole) rows.push(row);
    else if (rows.length === 0) rows.push({ ...row, cells: cells.slice(0, Math.max(cells.length - 1, 1)) });
  }
  return { rows, lines };
}

/** @param start of a row without a misplaced quote, so that its cells tell where each of them begins in the text */
function hasQuotedCell(text: string, start: number, cells: readonly string[], quote: number): boolean {
  let at = start;
  for (const cell of cells) {
    if (text.charCodeAt(at) === quote) return true;
    at += cell.length + 1;
  }
  return false;
}

function lengthOfBlankLine(text: string, at: number): number {
  if (text.charCodeAt(at) === LF) return 1;
  return text.charCodeAt(at) === CR && text.charCodeAt(at + 1) === LF ? 2 : 0;
}
