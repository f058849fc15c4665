import type { Book, OpenSheet, SheetEnd, SheetLook } from '../xlsx/write/book.ts';
import { rowXml, type StyledCell } from './cell-xml.ts';

const PIECE_LENGTH = 64 * 1024;

/** The rows of one sheet, on their way to it. */
export class SheetRows {
  readonly #sheet: OpenSheet;
  #pending = '';
  #count = 0;

  constructor(book: Book, name: string, widths: readonly number[], look: SheetLook) {
    this.#sheet = book.openSheet(name, widths, look);
  }

  /** Resolves when there is room for more. */
  async add(cells: readonly StyledCell[]): Promise<void> {
    this.#count += 1;
    this.#pending += rowXml(this.#count, cells);
    if (this.#pending.length >= PIECE_LENGTH) await this.#flush();
  }

  async close(end: SheetEnd = {}): Promise<void> {
    await this.#flush();
    await this.#sheet.close(end);
  }

  async #flush(): Promise<void> {
    await this.#sheet.entry.send(this.#pending);
    this.#pending = '';
  }
}
