import type { ChunkLimits } from '../../core/chunk.ts';
import type { FileFault } from '../../core/errors.ts';
import { ChunkCutter } from '../chunk-cutter.ts';
import { HeldRecord } from '../held-record.ts';
import { LF } from '../line-ends.ts';
import type { RecordIndex, RecordIndexer } from '../record-indexer.ts';
import { isBlank } from './blank.ts';
import { keyPathsOf } from './key-paths.ts';

const NO_BYTES = Buffer.alloc(0);

/**
 * Finds the records and chunks of an NDJSON file in one streaming pass: each line that holds more than JSON's white
 * space is one, whatever is in it. Holds offsets and the first record, whatever the size of the file.
 *
 * How many cells a chunk has is not limited: the first record does not tell how many keys the others have, and those that
 * they have take bytes, which are.
 */
export class NdjsonIndexer implements RecordIndexer {
  readonly #cutter: ChunkCutter;
  /** Offset of the first byte that is not scanned yet. */
  #scanned: number;
  /** Offset of the line that is being scanned, and whether earlier pieces had nothing but white space of it. */
  #lineStart: number;
  #blank = true;
  readonly #firstRecord: HeldRecord;
  #firstDone = false;
  #columns: string[] | null = null;

  /** @param options `start` is the offset of the first byte, after a byte order mark */
  constructor(options: { limits: ChunkLimits; start: number }) {
    this.#scanned = options.start;
    this.#lineStart = options.start;
    this.#cutter = new ChunkCutter(options.limits);
    this.#firstRecord = new HeldRecord(options.limits.recordBytes);
  }

  scan(piece: Buffer): void {
    this.#cutter.open(piece, this.#scanned);
    let from = 0;
    for (let lf = piece.indexOf(LF); lf !== -1; lf = piece.indexOf(LF, from)) {
      this.#take(piece, from, lf + 1);
      this.#endLine(this.#scanned + lf + 1);
      from = lf + 1;
    }
    this.#take(piece, from, piece.length);
    this.#scanned += piece.length;
    this.#cutter.endPiece(this.#lineStart);
  }

  get isFull(): boolean {
    return this.#cutter.fault !== undefined;
  }

  finish(cut?: FileFault): RecordIndex {
    // The last piece is not ours any more, and all of it has been hashed.
    this.#cutter.open(NO_BYTES, this.#scanned);
    if (this.#lineStart < this.#scanned) this.#endLine(this.#scanned, cut);
    this.#cutter.finish();
    const { records, chunks } = this.#cutter;
    const fault = this.#cutter.fault ?? (records === 0 ? noRecords(this.#scanned) : undefined);
    return {
      columns: this.#columns,
      marked: false,
      records,
      chunks,
      ...(fault && { fault }),
    };
  }

  /** The bytes `[from, to)` of the piece belong to the line that is being scanned. */
  #take(piece: Buffer, from: number, to: number): void {
    this.#blank &&= isBlank(piece, from, to);
    if (!this.#firstDone) this.#firstRecord.add(piece.subarray(from, to));
  }

  /** The line ends at offset `end`, after its LF if it has one. */
  #endLine(end: number, cut?: FileFault): void {
    const start = this.#lineStart;
    if (!this.#firstDone) this.#endFirst();
    if (this.#blank) this.#cutter.blank(start, end);
    else if (cut === undefined) this.#cutter.record(start, end);
    else this.#cutter.unreadable(start, end, { ...cut, record: this.#cutter.nextRecord });
    this.#lineStart = end;
    this.#blank = true;
  }

  #endFirst(): void {
    const line = this.#firstRecord.take();
    this.#firstDone = !this.#blank;
    if (this.#firstDone && line !== null) this.#columns = keyPathsOf(line);
  }
}

function noRecords(bytes: number): FileFault {
  const message = bytes === 0 ? 'The file is empty' : 'The file holds only blank lines';
  return { code: 'file_no_records', message };
}
