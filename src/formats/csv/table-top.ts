import type { ChunkLimits } from '../../core/chunk.ts';
import type { FileFault } from '../../core/errors.ts';
import type { Encoding } from '../../core/file-format.ts';
import { HeldRecord } from '../held-record.ts';
import type { CsvDialect } from './dialect.ts';
import { LONGEST_HEADER, type ParsedHeader, parseFirstRecord, parseHeader } from './header.ts';

/**
 * The lines of a CSV file down to the row that tells its columns: the first row from the header row's number on that is not
 * blank, or the first record where there is no header row. Holds that row alone.
 */
export class TableTop {
  columns: string[] | null = null;
  marked = false;
  fault: FileFault | undefined;
  /** Whether the row was found; what comes after it are records. */
  isOver = false;
  readonly #dialect: CsvDialect;
  readonly #encoding: Encoding;
  readonly #headerRow: number;
  readonly #longest: number;
  readonly #held: HeldRecord;
  #lines = 0;
  /** Whether nothing but blank lines came before the header row's number. */
  #blankAbove = true;

  /** @param encoding of the file as it came */
  constructor(dialect: CsvDialect & { headerRow: number }, limits: ChunkLimits, encoding: Encoding) {
    this.#dialect = dialect;
    this.#encoding = encoding;
    this.#headerRow = dialect.headerRow;
    this.#longest = this.isRecord ? limits.recordBytes : Math.min(limits.recordBytes, LONGEST_HEADER);
    this.#held = new HeldRecord(this.#longest);
  }

  /** Whether the row that tells the columns is a record as well. */
  get isRecord(): boolean {
    return this.#headerRow === 0;
  }

  /** Bytes of the line that is being read, as they come. */
  add(part: Buffer): void {
    if (this.#lines + 1 >= this.#headerRow) this.#held.add(part);
  }

  /** The line of the bytes `[start, end)` is over. */
  endLine(start: number, end: number, blank: boolean): void {
    this.#lines += 1;
    if (this.#lines < this.#headerRow) {
      this.#blankAbove &&= blank;
    } else if (blank) {
      this.#held.clear();
    } else {
      this.isOver = true;
      this.#read(this.#held.take(), start, end);
    }
  }

  /** The file ends within a cell of the line, whose quote at `offset` is never closed. */
  endUnclosed(offset: number): void {
    const row = this.#lines + 1 < this.#headerRow ? `row ${this.#lines + 1}` : 'the header row';
    const where = this.isRecord ? 'the first row' : row;
    const message = `The quote that opens a cell of ${where} is never closed, so the rest of the file cannot be read`;
    this.fault = { code: 'file_unclosed_quote', message, record: 0, offset };
  }

  /** Why there are no records. */
  nothing(bytes: number): FileFault {
    const none = (message: string): FileFault => ({ code: 'file_no_records', message });
    if (bytes === 0) return none('The file is empty');
    if (this.isOver) return none('The file holds only a header row');
    if (this.#blankAbove) return none('The file holds only empty lines');
    if (this.#lines >= this.#headerRow) return none(`The file holds nothing from row ${this.#headerRow} on`);
    const message = `\`format.header_row\` says ${this.#headerRow}, but the file has no more than ${this.#lines}`;
    return { code: 'file_header_malformed', message, record: 0 };
  }

  #read(row: Buffer | null, start: number, end: number): void {
    const place = { dialect: this.#dialect, offset: start, encoding: this.#encoding };
    const parse = this.isRecord ? parseFirstRecord : parseHeader;
    const parsed =
      row === null ? tooLong(this.isRecord, end - start, this.#longest, start) : parse(row, place);
    this.columns = parsed.header;
    this.marked = parsed.marked;
    this.fault = parsed.fault;
  }
}

function tooLong(isRecord: boolean, size: number, longest: number, offset: number): ParsedHeader {
  const what = isRecord ? 'The first row, which tells how many columns there are,' : 'The header row';
  const message = `${what} has ${size} bytes; at most ${longest} are read`;
  return {
    header: null,
    marked: false,
    fault: { code: 'file_header_malformed', message, record: 0, offset },
  };
}
