import type { Book } from './book.ts';
import { SheetWriter } from './sheet-writer.ts';
import type { CellMark, SheetColumn, WrittenCell } from './table.ts';

const NO_MARKS: readonly CellMark[] = [];

/** One table, on as many sheets as its rows need, each with the header row. */
export class TableWriter {
  readonly #columns: readonly SheetColumn[];
  readonly #rowsPerSheet: number;
  readonly #newSheet: () => SheetWriter;
  #sheet: SheetWriter;

  constructor(
    book: Book,
    columns: readonly SheetColumn[],
    options: { nextName: () => string; rowsPerSheet: number },
  ) {
    this.#columns = columns;
    this.#rowsPerSheet = options.rowsPerSheet;
    this.#newSheet = () => new SheetWriter(book, options.nextName(), columns);
    this.#sheet = this.#newSheet();
  }

  /**
   * Resolves when there is room for more.
   * @throws {RangeError} for what stands outside of the columns
   */
  async row(cells: readonly WrittenCell[], marks: readonly CellMark[] = NO_MARKS): Promise<void> {
    const widest = marks.reduce((most, { column }) => Math.max(most, column + 1), cells.length);
    if (widest > this.#columns.length) {
      throw new RangeError(`a row of ${widest} cells in a table of ${this.#columns.length} columns`);
    }
    if (this.#sheet.rows >= this.#rowsPerSheet) {
      await this.#sheet.close();
      this.#sheet = this.#newSheet();
    }
    await this.#sheet.row(cells, marks);
  }

  async close(): Promise<void> {
    await this.#sheet.close();
  }
}
