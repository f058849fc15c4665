import { columnLetters, LONGEST_TEXT, type WrittenCell } from './table.ts';
import { textXml } from './xstring.ts';

/** The numbers of the styles that cells are shown in. */
export interface CellStyles {
  header: number;
  text: number;
  markedText: number;
  markedNumber: number;
}

/**
 * Writes the rows of one table. A blank cell is written only where it is marked: an empty text is a blank cell too,
 * since nobody who looks at one could tell them apart.
 *
 * Texts are in the number format `@`, so that nothing that is typed over them is turned into a date or loses its zeros.
 */
export class RowXml {
  readonly #styles: CellStyles;
  readonly #letters: readonly string[];

  constructor(styles: CellStyles, columns: number) {
    this.#styles = styles;
    this.#letters = Array.from({ length: columns }, (_, column) => columnLetters(column));
  }

  header(names: readonly string[]): string {
    return wrapped(
      1,
      names.map((name, column) => this.#text(`${this.#letters[column]}1`, name, 'header')).join(''),
    );
  }

  /** @param number of the row, from 1 */
  row(number: number, cells: readonly WrittenCell[], marked: ReadonlySet<number> | null): string {
    let xml = '';
    const length = marked === null ? cells.length : this.#letters.length;
    for (let column = 0; column < length; column += 1) {
      const cell = cells[column] ?? null;
      const isMarked = marked?.has(column) ?? false;
      const reference = `${this.#letters[column]}${number}`;
      if (typeof cell === 'number' && Number.isFinite(cell)) {
        const style = isMarked ? ` s="${this.#styles.markedNumber}"` : '';
        xml += `<c r="${reference}"${style}><v>${cell}</v></c>`;
      } else if (cell !== null && cell !== '') {
        xml += this.#text(reference, String(cell), isMarked ? 'markedText' : 'text');
      } else if (isMarked) xml += `<c r="${reference}" s="${this.#styles.markedText}"/>`;
    }
    return wrapped(number, xml);
  }

  #text(reference: string, text: string, style: keyof CellStyles): string {
    const shown = text.length > LONGEST_TEXT ? tooLong(text) : text;
    return `<c r="${reference}" s="${this.#styles[style]}" t="inlineStr"><is>${textXml(shown)}</is></c>`;
  }
}

function wrapped(number: number, cells: string): string {
  return `<row r="${number}">${cells}</row>`;
}

/** What stands in place of a text that is too long for a cell: nobody may take it for the value. */
function tooLong({ length }: string): string {
  const [characters, most] = [length, LONGEST_TEXT].map((count) => count.toLocaleString('en-US'));
  return `#### TOO LONG: this text has ${characters} characters and no cell holds more than ${most}. It is whole in the NDJSON or CSV results. ####`;
}
