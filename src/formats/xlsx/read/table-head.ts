import type { FileFault } from '../../../core/errors.ts';
import { restored } from '../../../core/neutralise.ts';
import { MARKER_COLUMN } from '../../../core/our-columns.ts';
import { BrokenFile } from '../../broken-file.ts';
import { LONGEST_HEADER } from '../../csv/header.ts';
import { headerIndex, MOST_ROWS } from '../../detect/header-row.ts';
import { checkHeader, columnNames, isMarked, tooManyColumns, unnamedColumns } from '../../table-header.ts';
import { asText } from './part-text.ts';
import type { SheetRow } from './sheet-row.ts';

/** Stands for a text that is no name which anybody looks for. */
const OTHER = '\0';

/** The first rows of a sheet, to tell which of them names the columns. Of what is in them only known names are held. */
export class FirstRows {
  readonly #known: ReadonlySet<string>;
  readonly #rows: { number: number; cells: string[] }[] = [];

  constructor(known: ReadonlySet<string>) {
    this.#known = known;
  }

  /** @returns whether no more are needed */
  add(row: SheetRow): boolean {
    const cells = [...row.cells()].map(({ literal }) => {
      const text = textOf(literal).trim();
      return this.#known.has(text) || text === MARKER_COLUMN ? text : OTHER;
    });
    this.#rows.push({ number: row.number, cells: row.tooLarge ? [OTHER] : cells });
    return this.#rows.length === MOST_ROWS;
  }

  /** Number in the sheet of the row that names the columns. */
  get headerRow(): number {
    const [first] = this.#rows;
    if (first?.number === 1 && isMarked(first.cells)) return 1;
    return this.#rows[headerIndex(this.#rows, this.#known)]?.number ?? 1;
  }
}

/** What the row that tells the columns says of them. */
export class TableHead {
  columns: string[] | null = null;
  marked = false;
  fault: FileFault | undefined;
  /** Whether the columns were told: what comes after it are records. */
  isOver = false;
  headerRow: number;

  /** @param headerRow its number in the sheet; 0: the first row that is not blank is a record, and columns have no names */
  constructor(headerRow: number) {
    this.headerRow = headerRow;
  }

  /** Looks at the next row that is not blank. @returns whether it is a record */
  isRecord(row: SheetRow): boolean {
    if (this.isOver) return true;
    if (row.number === 1 && isMarked(columnNames(textsOf(row)))) this.headerRow = 1;
    if (row.number < this.headerRow) return false;
    this.isOver = true;
    if (this.headerRow === 0) this.#count(row);
    else if (row.number > this.headerRow) throw blankHeader(this.headerRow);
    else this.#read(row);
    return this.headerRow === 0;
  }

  /** @param lastRow number of the last row that is not blank, 0 if there is none */
  nothing(lastRow: number): FileFault {
    if (this.isOver) return { code: 'file_no_records', message: 'The sheet holds only a header row' };
    if (lastRow === 0) return { code: 'file_no_records', message: 'The sheet is empty' };
    const message = `\`format.header_row\` says ${this.headerRow}, but the sheet has nothing after row ${lastRow}`;
    return { code: 'file_header_malformed', message, record: 0 };
  }

  #read(row: SheetRow): void {
    const tooMany = tooManyColumns(row.width, 'the header row');
    const texts = tooMany === undefined ? textsOf(row) : [];
    const bytes = Buffer.byteLength(texts.join(''));
    if (tooMany !== undefined || row.tooLarge || bytes > LONGEST_HEADER) {
      const message =
        tooMany?.message ?? `The header row has more than the ${LONGEST_HEADER} bytes that are read`;
      this.fault = { code: 'file_header_malformed', message, record: 0 };
      return;
    }
    const names = columnNames(texts);
    this.marked = isMarked(names);
    this.columns = this.marked ? names.map(restored) : names;
    const problem = unreadable(row) ?? checkHeader(this.columns);
    if (problem !== undefined) this.fault = { ...problem, record: 0 };
  }

  #count(row: SheetRow): void {
    const problem = tooManyColumns(row.width, 'the first row');
    if (problem === undefined) this.columns = unnamedColumns(row.width);
    else this.fault = { ...problem, record: 0 };
  }
}

/** Its cells up to the last that is not blank. */
function textsOf(row: SheetRow): string[] {
  const texts: string[] = Array(row.width).fill('');
  for (const { column, literal } of row.cells()) texts[column] = textOf(literal);
  return texts;
}

/** What is wrong with a cell of the header row. */
function unreadable(row: SheetRow): Pick<FileFault, 'code' | 'message'> | undefined {
  for (const { column, literal } of row.cells()) {
    if (literal.startsWith('"')) continue;
    const { message } = JSON.parse(asText(literal)) as { message: string };
    return { code: 'file_header_malformed', message: `Column ${column + 1} of the header row ${message}` };
  }
  return undefined;
}

function textOf(literal: string): string {
  return literal.startsWith('"') ? (JSON.parse(asText(literal)) as string) : OTHER;
}

function blankHeader(headerRow: number): BrokenFile {
  const says = `\`format.header_row\` says ${headerRow}, but the sheet has nothing in that row`;
  const message = `${says}; state the number of the row that names the columns, as the sheet counts it`;
  return new BrokenFile({ code: 'file_header_empty', message, record: 0 });
}
