import type { ChunkLimits } from '../../../core/chunk.ts';
import { CellTag, digitsAt } from './cell-tag.ts';
import { type CellContext, cellLiteral, NOT_COMPUTED, type RawCell } from './cell-value.ts';
import { RichText } from './rich-text.ts';
import { SheetRow } from './sheet-row.ts';
import { BLANK, type CellLiteral, LONGEST_ESCAPE, plainLiteral, tooLarge } from './texts.ts';
import { MORE, OVER, START, TEXT, type XmlScanner } from './xml-scanner.ts';

/** `row` has the next row. */
const ROW = 1;
export const NEEDS_MORE = 2;
export const NO_MORE_ROWS = 3;

const [DATA_DEPTH, ROW_DEPTH, CELL_DEPTH, VALUE_DEPTH] = [2, 3, 4, 5];
const WHOLE_NUMBER = /^[0-9]{1,15}$/;

export interface SheetContext extends CellContext {
  /** Whether the values that the workbook holds for formulas do not count. */
  isStale: boolean;
  limits: ChunkLimits;
  /** How many shared strings there are. */
  strings: number;
}

/**
 * Reads the rows of a worksheet one by one, with the cells as they are: merged ones have a value in the first only, and
 * what is hidden is read like all else. It holds one row, and of that no more than a record may have.
 */
export class SheetReader {
  readonly row: SheetRow;
  readonly #xml: XmlScanner;
  readonly #context: SheetContext;
  readonly #tag = new CellTag();
  readonly #text: RichText;
  #inData = false;
  #wasInData = false;
  #inRow = false;
  /** Of the cell that is being read. */
  readonly #cell: RawCell = { type: 'n', style: 0, value: '', hasFormula: false };
  #inCell = false;
  #hasValue = false;
  #hasText = false;
  #reads: 'value' | 'text' | null = null;
  #tooLarge = false;

  constructor(xml: XmlScanner, context: SheetContext) {
    this.#xml = xml;
    this.#context = context;
    this.#text = new RichText(context.cellBytes);
    this.row = new SheetRow(context.limits.recordBytes);
  }

  next(): typeof ROW | typeof NEEDS_MORE | typeof NO_MORE_ROWS {
    const xml = this.#xml;
    for (;;) {
      const token = xml.next();
      if (token === START) this.#start(xml.depth);
      else if (token === TEXT) this.#characters();
      else if (token === MORE) return NEEDS_MORE;
      else if (token === OVER) return NO_MORE_ROWS;
      else if (xml.depth >= CELL_DEPTH) this.#end(xml.depth);
      else if (xml.depth === ROW_DEPTH && this.#inRow) {
        this.#inRow = false;
        this.#endRow();
        return ROW;
      } else if (xml.depth <= DATA_DEPTH) this.#inData = false;
    }
  }

  #start(depth: number): void {
    const { name } = this.#xml;
    if (depth === CELL_DEPTH) {
      this.#inCell = this.#inRow && name === 'c';
      if (this.#inCell) this.#startCell();
      else if (this.#inRow) this.#checkChoice();
    } else if (depth > VALUE_DEPTH) {
      if (this.#reads === 'text') this.#text.start(this.#xml, depth - VALUE_DEPTH);
    } else if (depth === VALUE_DEPTH) {
      if (this.#inCell) this.#startValue(name);
    } else if (depth === ROW_DEPTH) {
      this.#inRow = this.#inData && name === 'row';
      if (this.#inRow) this.#startRow();
      else if (this.#inData) throw this.#xml.damaged(`has a "${name.slice(0, 40)}" in place of a row`);
    } else if (depth === DATA_DEPTH) this.#startPart(name);
    else if (name !== 'worksheet') throw this.#xml.damaged('is no worksheet');
  }

  #startPart(name: string): void {
    this.#inData = name === 'sheetData';
    if (!this.#inData) return;
    if (this.#wasInData) throw this.#xml.damaged('has a second table of cells ("sheetData")');
    this.#wasInData = true;
  }

  /** Cells or values that are there in several versions would be passed over. */
  #checkChoice(): void {
    if (this.#xml.name === 'AlternateContent') {
      throw this.#xml.damaged(
        `has "AlternateContent" in row ${this.row.number}, of which no version is read`,
      );
    }
  }

  #startRow(): void {
    const last = this.row.number;
    const given = this.#xml.attribute('r');
    const number = given === null ? last + 1 : wholeNumber(given);
    if (number === null || number < 1) {
      throw this.#xml.damaged(`has a row with the number "${given?.slice(0, 40)}"`);
    }
    if (number <= last) throw this.#xml.damaged(`has row ${number} after row ${last}`);
    this.row.begin(number);
    this.#tag.beginRow();
  }

  #startCell(): void {
    const cell = this.#cell;
    this.#tag.read(this.#xml, this.row.number);
    cell.type = this.#tag.type;
    cell.style = this.#tag.style;
    cell.value = '';
    cell.hasFormula = false;
    this.#hasValue = false;
    this.#hasText = false;
    this.#reads = null;
    this.#tooLarge = false;
    if (cell.type === 'inlineStr') {
      if (!this.#xml.takeText('<is><t>', '</t></is></c>')) return;
      this.#add(this.#text.whole(this.#xml));
    } else {
      if (!this.#xml.takeText('<v>', '</v></c>')) return;
      this.#add(this.#plainValue());
    }
    this.#inCell = false;
  }

  /** Of a cell that is nothing but its value. */
  #plainValue(): CellLiteral | number {
    const { window, from, to, isPlain } = this.#xml;
    const { type } = this.#cell;
    const index = type === 's' ? digitsAt(window, from, to) : -1;
    if (index >= 0 && index < this.#context.strings) return index;
    const value = this.#xml.characters();
    if (type === 'str' && isPlain) return plainLiteral(value, this.#context.cellBytes);
    this.#hasValue = true;
    this.#cell.value = value;
    return this.#value();
  }

  #startValue(name: string): void {
    this.#reads = null;
    if (name === 'f') this.#cell.hasFormula = true;
    else if (name === 'v') {
      if (this.#hasValue) throw this.#xml.damaged(`has two values in cell ${this.#cellName()}`);
      this.#reads = 'value';
      this.#hasValue = true;
    } else if (name === 'is') {
      if (this.#hasText) throw this.#xml.damaged(`has two texts in cell ${this.#cellName()}`);
      this.#reads = 'text';
      this.#hasText = true;
      this.#text.begin();
    } else this.#checkChoice();
  }

  #characters(): void {
    if (this.#reads === null) return;
    if (this.#reads === 'text') this.#text.characters(this.#xml);
    else if (!this.#tooLarge) {
      this.#cell.value += this.#xml.characters();
      this.#tooLarge = this.#cell.value.length > this.#context.cellBytes * LONGEST_ESCAPE;
      if (this.#tooLarge) this.#cell.value = '';
    }
  }

  #end(depth: number): void {
    if (depth > VALUE_DEPTH) {
      if (this.#reads === 'text') this.#text.end();
    } else if (depth === VALUE_DEPTH) this.#reads = null;
    else if (this.#inCell) {
      this.#inCell = false;
      this.#add(this.#value());
    }
  }

  #add(value: CellLiteral | number): void {
    if (this.row.isFull && value !== BLANK) {
      throw this.#xml.damaged(`has more cells in row ${this.row.number} than a sheet has columns`);
    }
    this.row.add(this.#tag.column, value);
  }

  /** The literal of the cell, or the number of its shared string. */
  #value(): CellLiteral | number {
    const cell = this.#cell;
    if (cell.hasFormula && this.#context.isStale) return NOT_COMPUTED;
    if (this.#tooLarge) return tooLarge(this.#context.cellBytes);
    if (this.#hasText && !this.#hasValue) return this.#text.literal();
    if (cell.type === 's') return this.#sharedString();
    if (cell.type === 'inlineStr') cell.type = 'str';
    if (cell.type === 'str' && !this.#hasValue) return cell.hasFormula ? NOT_COMPUTED : BLANK;
    return cellLiteral(cell, this.#context);
  }

  #sharedString(): CellLiteral | number {
    const text = this.#cell.value.trim();
    if (text === '') return BLANK;
    const index = wholeNumber(text);
    const { strings } = this.#context;
    if (index !== null && index < strings) return index;
    throw this.#xml.damaged(
      `names the shared text "${text.slice(0, 20)}" in cell ${this.#cellName()}; there are ${strings}`,
    );
  }

  #cellName(): string {
    return columnName(this.#tag.column) + this.row.number;
  }

  #endRow(): void {
    const repeated = this.row.sort();
    if (repeated === -1) return;
    throw this.#xml.damaged(`has two cells ${columnName(repeated)}${this.row.number}`);
  }
}

function wholeNumber(text: string): number | null {
  return WHOLE_NUMBER.test(text) ? Number(text) : null;
}

/** A, …, Z, AA, …: the name of the column at this place, from 0. */
function columnName(place: number): string {
  let name = '';
  for (let rest = place + 1; rest > 0; rest = Math.floor((rest - 1) / 26)) {
    name = String.fromCharCode(65 + ((rest - 1) % 26)) + name;
  }
  return name;
}
