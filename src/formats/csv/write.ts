import { type CsvDialect, RFC_4180 } from './dialect.ts';

/**
 * Writes rows of a CSV file, each with its CRLF (RFC 4180, section 2); they come back from a reader of the same dialect
 * exactly as they are.
 *
 * Two things are quoted that the RFC would leave bare: a row of one empty cell, which would be an empty line, and
 * a cell that begins with U+FEFF, which at the start of a file would be taken for a byte order mark.
 */
export class CsvWriter {
  readonly #delimiter: string;
  readonly #quote: string;
  readonly #needsQuotes: RegExp;

  constructor({ delimiter, quote }: CsvDialect = RFC_4180) {
    this.#delimiter = String.fromCharCode(delimiter);
    this.#quote = String.fromCharCode(quote);
    // By their codes: some of them have a meaning in a regular expression.
    const [first, second] = [delimiter, quote].map((code) => `\\x${code.toString(16).padStart(2, '0')}`);
    this.#needsQuotes = new RegExp(`[${first}${second}\\r\\n]`);
  }

  /** One row. `cells` holds at least one. */
  line(cells: readonly string[]): string {
    if (cells.length === 1 && cells[0] === '') return `${this.#quoted('')}\r\n`;
    return this.filled(cells, cells.length, []);
  }

  /** One row whose last cell is in quotes, though it needs none: it shows both delimiter and quote. */
  lineWithQuotes(cells: readonly string[]): string {
    const texts = cells.slice(0, -1).map((cell) => this.#cell(cell));
    return `${[...texts, this.#quoted(cells.at(-1) ?? '')].join(this.#delimiter)}\r\n`;
  }

  /**
   * One row: cells, blank ones after them up to `count`, and others. Blank ones before the others cost nothing each: a row
   * may have thousands of them.
   */
  filled(cells: readonly string[], count: number, others: readonly string[]): string {
    let given = cells.length;
    while (given > 0 && cells[given - 1] === '') given -= 1;
    const texts: string[] = [];
    for (let index = 0; index < given; index += 1) texts.push(this.#cell(cells[index]!));
    // Between so many blank cells there is one delimiter less.
    if (given < count) texts.push(this.#delimiter.repeat(count - given - 1));
    for (const cell of others) texts.push(this.#cell(cell));
    // At once: what is put together piece by piece is put together again each time that it is written.
    return `${texts.join(this.#delimiter)}\r\n`;
  }

  #cell(cell: string): string {
    if (!this.#needsQuotes.test(cell) && cell.charCodeAt(0) !== BYTE_ORDER_MARK) return cell;
    return this.#quoted(cell);
  }

  #quoted(cell: string): string {
    const quote = this.#quote;
    return `${quote}${cell.replaceAll(quote, quote + quote)}${quote}`;
  }
}

const BYTE_ORDER_MARK = 0xfeff;
const PLAIN = new CsvWriter();

/** A row of a file with commas and double quotes. */
export function csvLine(cells: readonly string[]): string {
  return PLAIN.line(cells);
}
