import { MOST_COLUMNS } from './cell-tag.ts';
import type { StringTable } from './string-table.ts';
import { BLANK, type CellLiteral } from './texts.ts';

/** So many blank cells in a row are written one by one. */
const FEW = 16;
/** A shared string of which only the number is known has as many in a line at least. */
const SHARED_BYTES = BLANK.length + 1;
const FEW_BLANKS = Array.from({ length: FEW }, (_, count) => `,${BLANK}`.repeat(count));

/** A row of a sheet without its blank cells. One is used for all rows. */
export class SheetRow {
  /** In the sheet, from 1. */
  number = 0;
  /** Whether the cells are more than a record may hold: then they are not kept. */
  tooLarge = false;
  readonly #recordBytes: number;
  /** Places from 0, and the literal of each or the number of its shared string. */
  readonly #columns: number[] = [];
  readonly #values: (CellLiteral | number)[] = [];
  #count = 0;
  #bytes = 0;
  #inOrder = true;
  #hasShared = false;

  constructor(recordBytes: number) {
    this.#recordBytes = recordBytes;
  }

  begin(number: number): void {
    this.number = number;
    this.tooLarge = false;
    this.#count = 0;
    // They are views of a window each, which must not stay for them.
    this.#columns.length = 0;
    this.#values.length = 0;
    this.#bytes = 0;
    this.#inOrder = true;
    this.#hasShared = false;
  }

  /** None may be added when it `isFull`. */
  add(column: number, value: CellLiteral | number): void {
    if (value === BLANK || this.tooLarge) return;
    const isShared = typeof value === 'number';
    this.#grow(isShared ? SHARED_BYTES : value.length + 1);
    if (this.tooLarge) return;
    const at = this.#count;
    if (at > 0 && column <= (this.#columns[at - 1] ?? 0)) this.#inOrder = false;
    if (isShared) this.#hasShared = true;
    this.#columns[at] = column;
    this.#values[at] = value;
    this.#count = at + 1;
  }

  /** Puts shared strings in their places, if those are in memory; else `load` does. */
  resolve(strings: StringTable): boolean {
    if (!this.#hasShared) return true;
    for (let at = 0; at < this.#count; at++) {
      const value = this.#values[at];
      if (typeof value !== 'number') continue;
      const literal = strings.get(value);
      if (literal === undefined) return false;
      this.#put(at, literal);
    }
    return true;
  }

  async load(strings: StringTable): Promise<void> {
    for (let at = 0; at < this.#count; at++) {
      const value = this.#values[at];
      if (typeof value === 'number') this.#put(at, await strings.load(value));
    }
  }

  /** @returns the place of a cell that is there twice, -1 when there is none */
  sort(): number {
    if (this.#inOrder) return -1;
    const cells = this.#columns
      .slice(0, this.#count)
      .map((column, at) => ({ column, value: this.#values[at] ?? BLANK }));
    cells.sort((a, b) => a.column - b.column);
    for (const [at, { column, value }] of cells.entries()) {
      if (at > 0 && cells[at - 1]?.column === column) return column;
      this.#columns[at] = column;
      this.#values[at] = value;
    }
    return -1;
  }

  /** Whether it has as many cells as a sheet has columns: another would be there twice, which `sort` would find too late. */
  get isFull(): boolean {
    return this.#count === MOST_COLUMNS;
  }

  get isBlank(): boolean {
    return !this.tooLarge && this.width === 0;
  }

  /** How many cells it has up to the last that is not blank. */
  get width(): number {
    for (let at = this.#count - 1; at >= 0; at--) {
      if (this.#values[at] !== BLANK) return (this.#columns[at] ?? 0) + 1;
    }
    return 0;
  }

  /** Its cells that are not blank, in order. */
  *cells(): Generator<{ column: number; literal: CellLiteral }> {
    for (let at = 0; at < this.#count; at++) {
      const literal = String(this.#values[at]);
      if (literal !== BLANK) yield { column: this.#columns[at] ?? 0, literal };
    }
  }

  /**
   * The cells as an array of JSON. A number in it stands for so many blank cells, where they are many: a few bytes may fill
   * the last of 16,384 in a row. Blank cells at the end are left out.
   */
  line(): string {
    let line = '';
    let next = 0;
    for (let at = 0; at < this.#count; at++) {
      const literal = this.#values[at];
      if (literal === BLANK) continue;
      const column = this.#columns[at] ?? 0;
      line += blanks(column - next);
      line += `,${literal}`;
      next = column + 1;
    }
    return `[${line.slice(1)}]`;
  }

  #put(at: number, literal: CellLiteral): void {
    if (this.tooLarge) return;
    this.#values[at] = literal;
    this.#grow(literal.length + 1 - SHARED_BYTES);
  }

  #grow(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes <= this.#recordBytes) return;
    this.tooLarge = true;
    this.#count = 0;
  }
}

function blanks(count: number): string {
  return FEW_BLANKS[count] ?? `,${count}`;
}
