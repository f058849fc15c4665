import type { ChunkLimits } from '../../core/chunk.ts';
import type { FileFault } from '../../core/errors.ts';
import type { Encoding } from '../../core/file-format.ts';
import { ChunkCutter } from '../chunk-cutter.ts';
import { CR } from '../line-ends.ts';
import type { RecordIndex, RecordIndexer } from '../record-indexer.ts';
import { BoundaryScanner } from './boundaries.ts';
import type { CsvDialect } from './dialect.ts';
import { TableTop } from './table-top.ts';

const NO_BYTES = Buffer.alloc(0);

/**
 * Finds the records and chunks of a CSV file in one streaming pass (RFC 4180). Neither empty lines nor the rows down to
 * the header row are records, and they have no number. Holds offsets and one row, whatever the size of the file.
 */
export class CsvIndexer implements RecordIndexer {
  /** Offset of the first byte that is scanned. */
  readonly #start: number;
  readonly #top: TableTop;
  readonly #scanner: BoundaryScanner;
  readonly #cutter: ChunkCutter;
  /** Offset of the first byte that is not scanned yet. */
  #scanned: number;
  /** Offset of the line that is being scanned, and its first byte. */
  #lineStart: number;
  #firstByte: number | undefined;
  #fault: FileFault | undefined;

  /**
   * @param options `start` is the offset of the first byte, after a byte order mark; `encoding` is that of the file as it
   * came, UTF-8 where it is left out
   */
  constructor(options: {
    dialect: CsvDialect & { headerRow: number };
    limits: ChunkLimits;
    start: number;
    encoding?: Encoding;
  }) {
    this.#start = options.start;
    this.#scanned = options.start;
    this.#lineStart = options.start;
    this.#top = new TableTop(options.dialect, options.limits, options.encoding ?? 'utf-8');
    this.#scanner = new BoundaryScanner(options.dialect);
    this.#cutter = new ChunkCutter(options.limits);
  }

  scan(piece: Buffer): void {
    const base = this.#scanned;
    this.#scanner.feed(piece);
    this.#cutter.open(piece, base);
    for (let end = this.#scanner.next(); end !== -1; end = this.#scanner.next()) {
      this.#line(piece, base, base + end);
    }
    this.#scanned += piece.length;
    if (this.#lineStart >= base) this.#firstByte = piece[this.#lineStart - base];
    if (!this.#top.isOver) this.#top.add(piece.subarray(Math.max(this.#lineStart - base, 0)));
    if (this.#mayBeRecord) this.#cutter.endPiece(this.#lineStart);
  }

  get isFull(): boolean {
    return this.#cutter.fault !== undefined;
  }

  finish(cut?: FileFault): RecordIndex {
    // The last piece is not ours any more, and all of it has been hashed.
    this.#cutter.open(NO_BYTES, this.#scanned);
    if (this.#lineStart < this.#scanned) this.#lastLine(this.#lineStart, this.#scanned, cut);
    this.#cutter.finish();
    const { records, chunks } = this.#cutter;
    const { columns, marked } = this.#top;
    const found = this.#top.fault ?? this.#cutter.fault ?? this.#fault;
    const fault = found ?? (records === 0 ? this.#top.nothing(this.#scanned) : undefined);
    return { columns, marked, records, chunks, ...(fault && { fault }) };
  }

  /** Whether the line that is being scanned is a record if it is not blank. */
  get #mayBeRecord(): boolean {
    return this.#top.isOver || this.#top.isRecord;
  }

  /** A line ends at offset `end`, after its LF. */
  #line(piece: Buffer, base: number, end: number): void {
    const start = this.#lineStart;
    this.#lineStart = end;
    const size = end - start;
    const blank = size === 1 || (size === 2 && this.#byteAt(start, piece, base) === CR);
    if (!this.#top.isOver) {
      this.#top.add(piece.subarray(Math.max(start - base, 0), end - base));
      this.#endOfTop(start, end, blank);
    } else if (blank) {
      this.#cutter.blank(start, end);
    } else {
      this.#cutter.record(start, end);
    }
  }

  /** The first byte of the line that begins at `start`, in this piece or an earlier one. */
  #byteAt(start: number, piece: Buffer, base: number): number | undefined {
    return start >= base ? piece[start - base] : this.#firstByte;
  }

  /** A line ends that came before the records, or is the first of them; `cut`: why it may not be whole. */
  #endOfTop(start: number, end: number, blank: boolean, cut?: FileFault): void {
    this.#top.endLine(start, end, blank);
    if (this.#top.columns !== null) this.#cutter.limitCells(this.#top.columns.length);
    if (!this.#top.isRecord) return;
    if (blank) this.#cutter.blank(start, end);
    else this.#record(start, end, cut);
  }

  #record(start: number, end: number, cut: FileFault | undefined): void {
    if (cut === undefined) this.#cutter.record(start, end);
    else this.#cutter.unreadable(start, end, { ...cut, record: this.#cutter.nextRecord });
  }

  /** The last line has no LF: it may be a record all the same, or the remains of one. */
  #lastLine(start: number, end: number, cut: FileFault | undefined): void {
    const opened = this.#scanner.unclosedQuote;
    if (opened === -1) {
      if (!this.#top.isOver) this.#endOfTop(start, end, false, cut);
      else this.#record(start, end, cut);
      return;
    }
    if (!this.#top.isOver) this.#top.endUnclosed(this.#start + opened);
    if (!this.#mayBeRecord) return;
    // A quote that was cut off is not one that its writer forgot.
    if (cut !== undefined) {
      this.#record(start, end, cut);
      return;
    }
    const fault = unclosedQuote(this.#cutter.nextRecord, this.#start + opened);
    this.#fault = fault;
    this.#cutter.unreadable(start, end, fault);
  }
}

function unclosedQuote(record: number, offset: number): FileFault & { record: number } {
  const message = `The quote that opens a cell of record ${record} is never closed, so the rest of the file cannot be read`;
  return { code: 'file_unclosed_quote', message, record, offset };
}
