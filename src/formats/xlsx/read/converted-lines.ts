import type { ChunkLimits, ChunkRange } from '../../../core/chunk.ts';
import { BrokenFile } from '../../broken-file.ts';
import { ChunkCutter } from '../../chunk-cutter.ts';
import { tooManyRecords } from '../../too-many-records.ts';
import { broken } from './broken.ts';

const PIECE_BYTES = 256 * 1024;

/** The converted file: one line a record. Each piece is cut into chunks just before it is written. */
export class ConvertedLines {
  readonly #cutter: ChunkCutter;
  readonly #write: (piece: Buffer) => Promise<void>;
  readonly #mostBytes: number;
  readonly #mostRecords: number;
  #text = '';
  /** Of each line of the piece the place after its end. */
  #ends: number[] = [];
  #bytes = 0;

  /** @param mostBytes as many as the file may have: a long text that many cells share is in it as often */
  constructor(limits: ChunkLimits, write: (piece: Buffer) => Promise<void>, mostBytes: number) {
    this.#cutter = new ChunkCutter(limits);
    this.#write = write;
    this.#mostBytes = mostBytes;
    this.#mostRecords = limits.fileRecords ?? Number.POSITIVE_INFINITY;
  }

  get records(): number {
    return this.#cutter.records + this.#ends.length;
  }

  get chunks(): ChunkRange[] {
    return this.#cutter.chunks;
  }

  limitCells(columns: number): void {
    this.#cutter.limitCells(columns);
  }

  /** Adds a record, bytes in a string. @returns whether `flush` must be called before another is added */
  add(line: string): boolean {
    if (this.records >= this.#mostRecords) throw new BrokenFile(tooManyRecords(this.#mostRecords));
    this.#text += `${line}\n`;
    this.#ends.push(this.#text.length);
    return this.#text.length >= PIECE_BYTES;
  }

  async flush(): Promise<void> {
    if (this.#ends.length === 0) return;
    const piece = Buffer.from(this.#text, 'latin1');
    const ends = this.#ends;
    this.#text = '';
    this.#ends = [];
    const base = this.#bytes;
    this.#bytes += piece.length;
    if (this.#bytes > this.#mostBytes) {
      const message = `The table takes more than the limit of ${this.#mostBytes} bytes`;
      throw broken('file_bomb', message);
    }
    this.#cutter.open(piece, base);
    let start = base;
    for (const end of ends) {
      this.#cutter.record(start, base + end);
      start = base + end;
    }
    this.#cutter.endPiece(this.#bytes);
    await this.#write(piece);
  }

  /** No records come after it. */
  finish(): void {
    this.#cutter.open(Buffer.alloc(0), this.#bytes);
    this.#cutter.finish();
  }
}
