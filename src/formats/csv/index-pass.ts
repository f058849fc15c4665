import type { ChunkLimits } from '../../core/chunk.ts';
import type { FileFault } from '../../core/errors.ts';
import { ChunkCutter } from '../chunk-cutter.ts';
import { HeldRecord } from '../held-record.ts';
import { CR } from '../line-ends.ts';
import type { RecordIndex, RecordIndexer } from '../record-indexer.ts';
import { BoundaryScanner } from './boundaries.ts';
import type { CsvDialect } from './dialect.ts';
import { LONE_CR, parseHeader } from './header.ts';

const NO_BYTES = Buffer.alloc(0);

/**
 * Finds the records and chunks of a CSV file in one streaming pass (RFC 4180; empty lines are no records and have no
 * number). Holds offsets and the header row, whatever the size of the file.
 */
export class CsvIndexer implements RecordIndexer {
  readonly #dialect: CsvDialect;
  readonly #limits: ChunkLimits;
  /** Offset of the first byte that is scanned. */
  readonly #start: number;
  readonly #scanner: BoundaryScanner;
  readonly #cutter: ChunkCutter;
  /** Offset of the first byte that is not scanned yet. */
  #scanned: number;
  /** Offset of the line that is being scanned, and its first byte. */
  #lineStart: number;
  #firstByte: number | undefined;
  readonly #headerRow: HeldRecord;
  #headerDone = false;
  #header: string[] | null = null;
  #fault: FileFault | undefined;

  /** @param options `start` is the offset of the first byte, after a byte order mark */
  constructor(options: { dialect: CsvDialect; limits: ChunkLimits; start: number }) {
    this.#dialect = options.dialect;
    this.#limits = options.limits;
    this.#start = options.start;
    this.#scanned = options.start;
    this.#lineStart = options.start;
    this.#headerRow = new HeldRecord(options.limits.recordBytes);
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
    if (this.#headerDone) this.#cutter.endPiece(this.#lineStart);
    else this.#headerRow.add(piece.subarray(Math.max(this.#lineStart - base, 0)));
  }

  finish(): RecordIndex {
    // The last piece is not ours any more, and all of it has been hashed.
    this.#cutter.open(NO_BYTES, this.#scanned);
    if (this.#lineStart < this.#scanned) this.#lastLine(this.#lineStart, this.#scanned);
    this.#cutter.finish();
    const { records, chunks } = this.#cutter;
    if (records === 0) this.#fault ??= noRecords(this.#scanned, this.#headerDone, this.#header);
    return { columns: this.#header, records, chunks, ...(this.#fault && { fault: this.#fault }) };
  }

  /** A line ends at offset `end`, after its LF. */
  #line(piece: Buffer, base: number, end: number): void {
    const start = this.#lineStart;
    this.#lineStart = end;
    const size = end - start;
    const blank = size === 1 || (size === 2 && this.#byteAt(start, piece, base) === CR);
    if (this.#headerDone) {
      if (blank) this.#cutter.blank(start, end);
      else this.#cutter.record(start, end);
    } else if (blank) {
      this.#headerRow.clear();
    } else {
      this.#headerRow.add(piece.subarray(Math.max(start - base, 0), end - base));
      this.#readHeader(start);
    }
  }

  /** The first byte of the line that begins at `start`, in this piece or an earlier one. */
  #byteAt(start: number, piece: Buffer, base: number): number | undefined {
    return start >= base ? piece[start - base] : this.#firstByte;
  }

  #readHeader(offset: number): void {
    this.#headerDone = true;
    const row = this.#headerRow.take();
    if (row === null) {
      const message = `The header row is longer than the ${this.#limits.recordBytes} bytes that a record may have`;
      this.#fault = { code: 'file_header_malformed', message, record: 0, offset };
      return;
    }
    const { header, fault } = parseHeader(row, { dialect: this.#dialect, offset });
    this.#header = header;
    this.#fault = fault;
    if (header !== null) this.#cutter.limitCells(header.length);
  }

  /** The last line has no LF: it may be a record all the same, or the remains of one. */
  #lastLine(start: number, end: number): void {
    const opened = this.#scanner.unclosedQuote;
    if (opened !== -1) {
      const record = this.#headerDone ? this.#cutter.nextRecord : 0;
      const fault = unclosedQuote(record, this.#start + opened);
      this.#fault ??= fault;
      if (this.#headerDone) this.#cutter.unreadable(start, end, fault);
    } else if (this.#headerDone) {
      this.#cutter.record(start, end);
    } else {
      this.#readHeader(start);
    }
  }
}

function unclosedQuote(record: number, offset: number): FileFault & { record: number } {
  const where = record === 0 ? 'the header row' : `record ${record}`;
  const message = `The quote that opens a cell of ${where} is never closed, so the rest of the file cannot be read`;
  return { code: 'file_unclosed_quote', message, record, offset };
}

function noRecords(bytes: number, hasHeader: boolean, header: readonly string[] | null): FileFault {
  if (bytes === 0) return { code: 'file_no_records', message: 'The file is empty' };
  const only = hasHeader ? 'only a header row' : 'only empty lines';
  const hint = header?.some((name) => name.includes('\r')) ? `; ${LONE_CR}` : '';
  return { code: 'file_no_records', message: `The file holds ${only}${hint}` };
}
