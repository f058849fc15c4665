import type { XmlScanner } from './xml-scanner.ts';

const [SPACE, QUOTE, EQUALS] = [0x20, 0x22, 0x3d];
const [R, S, T] = [0x72, 0x73, 0x74];
const [ZERO, NINE, LETTER_A, LETTER_Z] = [0x30, 0x39, 0x41, 0x5a];

/** XFD. */
export const MOST_COLUMNS = 16_384;

/** What the start tag of a cell (`c`) says. One is used for all cells. */
export class CellTag {
  /** From 0; the place after the last cell where the tag names none. */
  column = -1;
  style = 0;
  /** `n` where the tag names none. */
  type = 'n';

  /** A row begins. */
  beginRow(): void {
    this.column = -1;
  }

  /** @param row the number of the row that the cell is in */
  read(xml: XmlScanner, row: number): void {
    const before = this.column;
    this.column = -1;
    this.style = 0;
    this.type = 'n';
    if (!this.#readPlain(xml, row)) this.#readAny(xml, row);
    if (this.column === -1) this.column = before + 1;
    if (this.column < MOST_COLUMNS) return;
    const name = xml.attribute('r')?.slice(0, 40) ?? `in column ${this.column + 1}`;
    throw xml.damaged(`has a cell ${name}; a sheet has ${MOST_COLUMNS} columns, up to XFD`);
  }

  /** Reads the tag in one go, as programs write it. @returns whether it is so */
  #readPlain(xml: XmlScanner, row: number): boolean {
    const { window, to } = xml;
    for (let at = xml.from; at < to; ) {
      if (window.charCodeAt(at) !== SPACE) return false;
      const name = window.charCodeAt(at + 1);
      if (window.charCodeAt(at + 2) !== EQUALS || window.charCodeAt(at + 3) !== QUOTE) return false;
      const from = at + 4;
      let end = from;
      while (window.charCodeAt(end) !== QUOTE) end += 1;
      if (name === R) this.column = columnAt(window, from, end, row);
      else if (name === S) this.style = digitsAt(window, from, end);
      else if (name === T) this.type = window.slice(from, end);
      if ((name === R && this.column === -1) || this.style === -1) return false;
      at = end + 1;
    }
    return true;
  }

  #readAny(xml: XmlScanner, row: number): void {
    const reference = xml.attribute('r');
    this.column = reference === null ? -1 : columnAt(reference, 0, reference.length, row);
    if (reference !== null && this.column === -1) {
      throw xml.damaged(`has a cell "${reference.slice(0, 40)}" in row ${row}`);
    }
    this.style = Number(xml.attribute('s') ?? 0);
    this.type = xml.attribute('t') ?? 'n';
  }
}

/** The place of the column that a reference such as `AB12` names, if it is in that row, else -1. */
function columnAt(text: string, from: number, end: number, row: number): number {
  let column = 0;
  let at = from;
  for (; at < end; at++) {
    const unit = text.charCodeAt(at);
    if (unit < LETTER_A || unit > LETTER_Z) break;
    // Further letters would only make it larger than there are.
    if (column <= MOST_COLUMNS) column = column * 26 + unit - LETTER_A + 1;
  }
  return column > 0 && digitsAt(text, at, end) === row ? column - 1 : -1;
}

/** The whole number between two places of a text; -1 when it is none. */
export function digitsAt(text: string, from: number, end: number): number {
  if (from === end) return -1;
  let number = 0;
  for (let at = from; at < end; at++) {
    const unit = text.charCodeAt(at);
    if (unit < ZERO || unit > NINE) return -1;
    number = number * 10 + unit - ZERO;
  }
  return number;
}
