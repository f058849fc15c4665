import { createHash, type Hash } from 'node:crypto';
import type { ChunkLimits, ChunkRange, RecordFault } from '../core/chunk.ts';
import type { FileFault } from '../core/errors.ts';
import { tooManyRecords } from './too-many-records.ts';

/** Of tables: as many cells as a worker and the result files take at once; one of many columns has fewer records in a chunk. */
const MOST_CELLS = 1_000_000;

/** A record that goes on after the end of the piece. Its bytes are gone; only their hashes are kept. */
interface CutRecord {
  /** SHA-256 of the record so far, in case it gets a chunk of its own. */
  alone: Hash;
  /** SHA-256 of the open chunk with the record so far; null when no chunk is open. */
  inChunk: Hash | null;
}

/**
 * Gathers records into chunks and hashes each chunk while the pieces of the file pass by. A record is added to a
 * chunk only when its end is known, because one that turns out unreadable gets a chunk of its own; so the hash of
 * a record that is cut by the end of a piece is kept both ways.
 *
 * All offsets are bytes from the start of the file, and records are told in order. Chunks do not overlap; what lies
 * between two of them is only blank lines.
 */
export class ChunkCutter {
  readonly chunks: ChunkRange[] = [];
  records = 0;
  /** Set once a record came that is one too many: it and all that follow are neither counted nor cut. */
  fault: FileFault | undefined;
  readonly #limits: ChunkLimits;
  #mostRecords: number;
  #piece: Buffer = Buffer.alloc(0);
  #base = 0;
  /** SHA-256 of the open chunk's bytes up to `#hashed`; null when no chunk is open. */
  #hash: Hash | null = null;
  #hashed = 0;
  #start = 0;
  #end = 0;
  #count = 0;
  #cut: CutRecord | null = null;

  constructor(limits: ChunkLimits) {
    this.#limits = limits;
    this.#mostRecords = limits.records;
  }

  /** Told before the first record, as soon as it is known how many columns the records have. */
  limitCells(columns: number): void {
    const records = Math.max(Math.floor(MOST_CELLS / Math.max(columns, 1)), 1);
    this.#mostRecords = Math.min(this.#limits.records, records);
  }

  /** The piece that the next calls are about, and its offset. */
  open(piece: Buffer, base: number): void {
    this.#piece = piece;
    this.#base = base;
  }

  /** A record of the bytes `[start, end)` ends in this piece. */
  record(start: number, end: number): void {
    if (this.#isFull(start)) return;
    const size = end - start;
    if (size > this.#limits.recordBytes) {
      this.unreadable(start, end, tooLarge(size, this.#limits.recordBytes));
      return;
    }
    this.#join(start);
    this.#count += 1;
    this.records += 1;
    this.#extend(end);
  }

  /** A blank line of the bytes `[start, end)`: the open chunk, if there is one, takes them, unless they are too many. */
  blank(start: number, end: number): void {
    if (this.fault) return;
    if (end - start > this.#limits.recordBytes) {
      this.#close(this.#end);
    } else if (this.#hash) {
      this.#takeCut();
      this.#extend(end);
    }
    this.#cut = null;
  }

  /** A record that cannot be read: it gets a chunk of its own, whose bytes nobody will fetch. */
  unreadable(start: number, end: number, fault: RecordFault): void {
    if (this.#isFull(start)) return;
    const alone = this.#cut?.alone ?? createHash('sha256');
    alone.update(this.#slice(Math.max(start, this.#base), end));
    this.#close(start);
    this.#cut = null;
    this.records += 1;
    this.#push({ firstRecord: this.records, records: 1, start, end, sha256: alone.digest('hex'), fault });
  }

  /**
   * The piece is over and may be overwritten by its owner.
   *
   * @param rest where the line begins whose end was not seen yet; the end of the piece if there is none
   */
  endPiece(rest: number): void {
    if (this.fault) return;
    const end = this.#base + this.#piece.length;
    this.#hashUpTo(rest);
    if (rest >= end) return;
    const tail = this.#slice(Math.max(rest, this.#base), end);
    this.#cut ??= { alone: createHash('sha256'), inChunk: this.#hash?.copy() ?? null };
    this.#cut.alone.update(tail);
    // Over the limit it will not join the chunk, however it ends.
    if (end - rest > this.#limits.recordBytes) this.#cut.inChunk = null;
    this.#cut.inChunk?.update(tail);
  }

  /** Closes the last chunk. */
  finish(): void {
    this.#close(this.#end);
  }

  get nextRecord(): number {
    return this.records + 1;
  }

  /** Whether the file has as many records as it may have, and there comes another. */
  #isFull(start: number): boolean {
    const most = this.#limits.fileRecords ?? Number.POSITIVE_INFINITY;
    if (this.records < most) return false;
    if (this.fault === undefined) this.#close(this.#end);
    this.fault ??= { ...tooManyRecords(most), offset: start };
    return true;
  }

  /** Makes the record at `start` part of the open chunk, or opens one with it. */
  #join(start: number): void {
    if (this.#hash) {
      this.#takeCut();
      return;
    }
    this.#start = start;
    this.#hash = this.#cut?.alone ?? createHash('sha256');
    this.#hashed = Math.max(start, this.#base);
    this.#cut = null;
  }

  /** The line that earlier pieces began belongs to the open chunk. */
  #takeCut(): void {
    if (!this.#cut) return;
    this.#hash = this.#cut.inChunk;
    this.#hashed = this.#base;
    this.#cut = null;
  }

  #extend(end: number): void {
    this.#end = end;
    if (this.#count >= this.#mostRecords || end - this.#start >= this.#limits.bytes) this.#close(end);
  }

  #close(end: number): void {
    if (!this.#hash) return;
    this.#hashUpTo(end);
    this.#push({
      firstRecord: this.records - this.#count + 1,
      records: this.#count,
      start: this.#start,
      end,
      sha256: this.#hash.digest('hex'),
    });
    this.#hash = null;
    this.#count = 0;
  }

  #push(range: Omit<ChunkRange, 'number'>): void {
    this.chunks.push({ number: this.chunks.length + 1, ...range });
  }

  #hashUpTo(end: number): void {
    if (!this.#hash || end <= this.#hashed) return;
    this.#hash.update(this.#slice(this.#hashed, end));
    this.#hashed = end;
  }

  #slice(start: number, end: number): Buffer {
    return this.#piece.subarray(start - this.#base, end - this.#base);
  }
}

function tooLarge(size: number, limit: number): RecordFault {
  return {
    code: 'record_too_large',
    message: `The record has ${size} bytes with its line end; the limit is ${limit}`,
  };
}
