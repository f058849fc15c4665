import { createHash } from 'node:crypto';
import type { ChunkLimits, ChunkRange } from '../../core/chunk.ts';
import type { FileFault } from '../../core/errors.ts';
import { BoundaryScanner } from './boundaries.ts';
import { ChunkCutter } from './chunk-cutter.ts';
import { CR, type CsvDialect } from './dialect.ts';
import { foreignFormat, SNIFFED_BYTES } from './foreign.ts';
import { parseHeader } from './header.ts';
import { HeldRow } from './held-row.ts';

/** What the one pass over an uploaded CSV file found out. */
export interface CsvIndex {
  /** Hex SHA-256 of all bytes. */
  sha256: string;
  bytes: number;
  /** Whether the file begins with a UTF-8 byte order mark, which is no part of the first name. */
  bom: boolean;
  /** The names of the first record, trimmed; null when there is none or it cannot be read. */
  header: string[] | null;
  /** Without the header row. */
  records: number;
  /** In the file's order, without overlap; only empty lines lie outside of them. */
  chunks: ChunkRange[];
  /** What is wrong with the file as a whole. Records and chunks are counted all the same, unless it is no CSV. */
  fault?: FileFault;
}

const BOM = Buffer.from([0xef, 0xbb, 0xbf]);
const NO_BYTES = Buffer.alloc(0);

/**
 * Hashes an upload and finds its records and chunks in one streaming pass (RFC 4180; empty lines are no records and
 * have no number). Holds offsets, the first `SNIFFED_BYTES` and the header row, whatever the size of the file.
 */
export class CsvIndexer {
  readonly #dialect: CsvDialect;
  readonly #limits: ChunkLimits;
  readonly #sha256 = createHash('sha256');
  readonly #scanner: BoundaryScanner;
  readonly #cutter: ChunkCutter;
  #bytes = 0;
  /** The first bytes, held until there are enough to tell what the file is; null once that is told. */
  #head: Buffer | null = NO_BYTES;
  #bom = false;
  /** Offset of the first byte that is not scanned yet. */
  #scanned = 0;
  /** Offset of the line that is being scanned, and its first byte. */
  #lineStart = 0;
  #firstByte: number | undefined;
  readonly #headerRow: HeldRow;
  #headerDone = false;
  #header: string[] | null = null;
  #fault: FileFault | undefined;

  constructor(options: { dialect: CsvDialect; limits: ChunkLimits }) {
    this.#dialect = options.dialect;
    this.#limits = options.limits;
    this.#headerRow = new HeldRow(options.limits.recordBytes);
    this.#scanner = new BoundaryScanner(options.dialect);
    this.#cutter = new ChunkCutter(options.limits);
  }

  /** Takes the next bytes of the file, as many as there are. They may be overwritten afterwards. */
  push(piece: Uint8Array): void {
    const bytes = Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength);
    this.#sha256.update(bytes);
    this.#bytes += bytes.length;
    if (this.#head === null) {
      this.#scan(bytes);
      return;
    }
    const head = Buffer.concat([this.#head, bytes]);
    if (head.length < SNIFFED_BYTES + BOM.length) this.#head = head;
    else this.#begin(head);
  }

  /** The file is over. */
  finish(): CsvIndex {
    if (this.#head !== null) this.#begin(this.#head);
    if (this.#fault?.code !== 'file_not_csv') this.#endOfFile();
    return {
      sha256: this.#sha256.digest('hex'),
      bytes: this.#bytes,
      bom: this.#bom,
      header: this.#header,
      records: this.#cutter.records,
      chunks: this.#cutter.chunks,
      ...(this.#fault && { fault: this.#fault }),
    };
  }

  #begin(head: Buffer): void {
    this.#head = null;
    this.#bom = head.subarray(0, BOM.length).equals(BOM);
    this.#scanned = this.#bom ? BOM.length : 0;
    this.#lineStart = this.#scanned;
    const text = head.subarray(this.#scanned);
    const foreign = foreignFormat(text.subarray(0, SNIFFED_BYTES));
    if (foreign) this.#fault = { ...foreign, offset: (foreign.offset ?? 0) + this.#scanned };
    else this.#scan(text);
  }

  #scan(piece: Buffer): void {
    if (this.#fault?.code === 'file_not_csv') return;
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

  /** A line ends at offset `end`, after its LF. */
  #line(piece: Buffer, base: number, end: number): void {
    const start = this.#lineStart;
    this.#lineStart = end;
    const size = end - start;
    const blank = size === 1 || (size === 2 && this.#byteAt(start, piece, base) === CR);
    if (this.#headerDone) {
      if (blank) this.#cutter.blank(end);
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
  }

  #endOfFile(): void {
    // The last piece is not ours any more, and all of it has been hashed.
    this.#cutter.open(NO_BYTES, this.#scanned);
    if (this.#lineStart < this.#scanned) this.#lastLine(this.#lineStart, this.#scanned);
    this.#cutter.finish();
    if (this.#cutter.records === 0) this.#fault ??= noRecords(this.#bytes, this.#headerDone);
  }

  /** The last line has no LF: it may be a record all the same, or the remains of one. */
  #lastLine(start: number, end: number): void {
    const opened = this.#scanner.unclosedQuote;
    if (opened !== -1) {
      const record = this.#headerDone ? this.#cutter.nextRecord : 0;
      const fault = unclosedQuote(record, opened + (this.#bom ? BOM.length : 0));
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

function noRecords(bytes: number, hasHeader: boolean): FileFault {
  if (bytes === 0) return { code: 'file_no_records', message: 'The file is empty' };
  const only = hasHeader ? 'only a header row' : 'only empty lines';
  return { code: 'file_no_records', message: `The file holds ${only}` };
}
