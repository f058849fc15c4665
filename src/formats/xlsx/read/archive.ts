import { RandomAccessReader } from 'yauzl';
import { RetryableFault } from '../../../core/errors.ts';
import type { OpenScratch } from '../../scratch.ts';

/** A file that can be read from anywhere, and room for what is found in it. */
export interface Archive {
  bytes: number;
  read(range: { start: number; end: number }): Promise<AsyncIterable<Buffer>>;
  openScratch: OpenScratch;
}

/** The directory of an archive is read by a few bytes at a time: each read of the store fetches as many as this. */
const BLOCK_BYTES = 256 * 1024;

/** Lets yauzl read an archive, block by block. */
export class ArchiveReader extends RandomAccessReader {
  readonly #archive: Archive;
  #block: Buffer = Buffer.alloc(0);
  #start = 0;
  #trouble: { error: unknown } | null = null;

  constructor(archive: Archive) {
    super();
    this.#archive = archive;
  }

  /** What the store threw, which says nothing about the file. */
  get trouble(): { error: unknown } | null {
    return this.#trouble;
  }

  override read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    callback: (error: Error | null) => void,
  ): void {
    if (position + length > this.#archive.bytes) {
      callback(new Error('unexpected end of the archive'));
      return;
    }
    const copied = this.#bytes(position, length).then((bytes) => bytes.copy(buffer, offset));
    copied.then(() => callback(null), callback);
  }

  async #bytes(position: number, length: number): Promise<Buffer> {
    const held = position >= this.#start && position + length <= this.#start + this.#block.length;
    if (!held) await this.#fetch(position, Math.max(length, BLOCK_BYTES));
    const from = position - this.#start;
    return this.#block.subarray(from, from + length);
  }

  async #fetch(start: number, length: number): Promise<void> {
    const end = Math.min(start + length, this.#archive.bytes);
    try {
      const pieces: Buffer[] = [];
      for await (const piece of await this.#archive.read({ start, end })) pieces.push(piece);
      const block = Buffer.concat(pieces);
      if (block.length !== end - start) throw leftOut(block.length, { start, end });
      this.#block = block;
      this.#start = start;
    } catch (error) {
      this.#trouble = { error };
      throw error;
    }
  }
}

/** What a store leaves out in silence is its trouble, and no archive that was truncated. */
export function leftOut(bytes: number, { start, end }: { start: number; end: number }): RetryableFault {
  return new RetryableFault(`of the bytes ${start} to ${end} of a file ${bytes} came`);
}
