import type { Book, OpenSheet } from './book.ts';
import { Comments } from './comments.ts';
import { RowXml } from './row-xml.ts';
import { type CellMark, columnLetters, type SheetColumn, type WrittenCell } from './table.ts';

const PIECE_LENGTH = 64 * 1024;
const NARROWEST = 9;
const WIDEST = 60;
/** The filter's button lies over the end of a name. */
const BESIDE_NAME = 4;

/** One sheet while it is written: the header row, then rows. */
export class SheetWriter {
  readonly #book: Book;
  readonly #name: string;
  readonly #columns: readonly SheetColumn[];
  readonly #xml: RowXml;
  readonly #comments = new Comments();
  readonly #widths: number[];
  #pending: string;
  #open: OpenSheet | null = null;
  #rows = 1;

  constructor(book: Book, name: string, columns: readonly SheetColumn[]) {
    this.#book = book;
    this.#name = name;
    this.#columns = columns;
    this.#xml = new RowXml(book.styles, columns.length);
    this.#widths = columns.map((column) => longestLine(column.name) + BESIDE_NAME);
    this.#pending = this.#xml.header(columns.map((column) => column.name));
  }

  /** With the header row. */
  get rows(): number {
    return this.#rows;
  }

  /** Resolves when there is room for more. */
  async row(cells: readonly WrittenCell[], marks: readonly CellMark[]): Promise<void> {
    this.#rows += 1;
    const comments = marks.length === 0 ? null : commentsOf(marks);
    const marked = comments === null ? null : new Set(comments.keys());
    this.#pending += this.#xml.row(this.#rows, cells, marked);
    for (const [column, text] of comments ?? []) this.#comments.add({ row: this.#rows, column, text });
    if (this.#open === null) this.#widen(cells);
    if (this.#pending.length >= PIECE_LENGTH) await this.#flush();
  }

  async close(): Promise<void> {
    const { close } = await this.#flush();
    const filter = `A1:${columnLetters(this.#columns.length - 1)}${this.#rows}`;
    await close({ filter, comments: this.#comments });
  }

  /** Opens the sheet with its first piece: how wide its columns are is written before its rows. */
  async #flush(): Promise<OpenSheet> {
    this.#open ??= this.#book.openSheet(this.#name, this.#columns.map(this.#widthOf));
    const text = this.#pending;
    this.#pending = '';
    await this.#open.entry.send(text);
    return this.#open;
  }

  readonly #widthOf = ({ width }: SheetColumn, index: number): number =>
    width ?? Math.min(Math.max(this.#widths[index]!, NARROWEST), WIDEST);

  #widen(cells: readonly WrittenCell[]): void {
    for (const [column, cell] of cells.entries()) {
      if (cell === null) continue;
      this.#widths[column] = Math.max(this.#widths[column]!, longestLine(String(cell)) + 1);
    }
  }
}

/** A cell has one comment; the cells of a row in their order. */
function commentsOf(marks: readonly CellMark[]): Map<number, string> {
  const comments = new Map<number, string>();
  for (const { column, comment } of [...marks].sort((a, b) => a.column - b.column)) {
    const known = comments.get(column);
    comments.set(column, known === undefined ? comment : `${known}\n${comment}`);
  }
  return comments;
}

function longestLine(text: string): number {
  return text.split(/\r\n|\r|\n/, 100).reduce((longest, line) => Math.max(longest, line.length), 0);
}
