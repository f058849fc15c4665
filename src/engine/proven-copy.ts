import { createHash } from 'node:crypto';
import { PermanentFault } from '../core/errors.ts';
import { ObjectGone, type ObjectStore, type ReadOptions } from './ports/object-store.ts';
import { READINGS, readProven } from './read-proven.ts';

/** So much of the copy is held while it is compared; of 50 GB the hashes are 6 MB. */
const BLOCK_BYTES = 256 * 1024;
const SHA256_BYTES = 32;

interface Range {
  start: number;
  end: number;
}

/**
 * A private copy of which nothing is given out but what was hashed. Before it is cut there are no hashes but that of the
 * whole, which tells nothing until all of it is read: so it is read once, and each block hashed on the way. After that any
 * bytes of it can be read, by the hashes of the blocks that they are in. Whoever reads cannot come to another verdict
 * about the file because of what was damaged on its way, neither early nor from other records.
 */
export class ProvenCopy {
  readonly bytes: number;
  readonly #objects: Pick<ObjectStore, 'read'>;
  readonly #key: string;
  readonly #blocks: Buffer;
  readonly #signal: AbortSignal;

  private constructor(
    objects: Pick<ObjectStore, 'read'>,
    key: string,
    signal: AbortSignal,
    { bytes, blocks }: Hashed,
  ) {
    this.#objects = objects;
    this.#key = key;
    this.#signal = signal;
    this.bytes = bytes;
    this.#blocks = blocks;
  }

  /**
   * @param alive is told now and then that the reading goes on
   * @throws {PermanentFault} input_changed, input_gone
   */
  static async read(
    objects: Pick<ObjectStore, 'read'>,
    { inputKey, hash }: { inputKey: string | null; hash: string | null },
    { signal, alive }: { signal: AbortSignal; alive: () => void },
  ): Promise<ProvenCopy> {
    if (inputKey === null) throw gone(new ObjectGone('of the input'));
    for (let reading = 1; reading <= READINGS; reading += 1) {
      const pieces = await open(objects, inputKey, { signal });
      const hashed = await hashBlocks(pieces, alive);
      if (hashed.sha256 === hash) return new ProvenCopy(objects, inputKey, signal, hashed);
    }
    throw changed();
  }

  /** The bytes of a range that is not empty, or all of them. @throws {PermanentFault} input_changed, input_gone */
  async *pieces({ start, end }: Range = { start: 0, end: this.bytes }): AsyncGenerator<Buffer> {
    const from = start - (start % BLOCK_BYTES);
    const until = Math.min(Math.ceil(end / BLOCK_BYTES) * BLOCK_BYTES, this.bytes);
    if (from >= until) return;
    const range = { start: from, end: until };
    const pieces = await open(this.#objects, this.#key, { range, signal: this.#signal });
    let at = from;
    for await (const read of blocksOf(pieces)) {
      // More than was asked for.
      if (at >= until) break;
      const block = await this.#proven(read, at);
      yield block.subarray(Math.max(start - at, 0), end - at);
      at += block.length;
    }
    // What the store has left out in silence.
    for (; at < until; at = this.#endOf(at)) {
      yield (await this.#again(at)).subarray(Math.max(start - at, 0), end - at);
    }
  }

  async #proven(block: Buffer, start: number): Promise<Buffer> {
    return sha256(block).equals(this.#hashAt(start)) ? block : await this.#again(start);
  }

  async #again(start: number): Promise<Buffer> {
    const range = { start, end: this.#endOf(start) };
    const hash = this.#hashAt(start).toString('hex');
    const bytes = await toldAsGone(() =>
      readProven(this.#objects, this.#key, hash, { range, signal: this.#signal }),
    );
    if (bytes === null) throw changed();
    return bytes;
  }

  #endOf(start: number): number {
    return Math.min(start + BLOCK_BYTES, this.bytes);
  }

  #hashAt(start: number): Buffer {
    const at = (start / BLOCK_BYTES) * SHA256_BYTES;
    return this.#blocks.subarray(at, at + SHA256_BYTES);
  }
}

interface Hashed {
  bytes: number;
  sha256: string;
  /** The hashes of its blocks, one after the other. */
  blocks: Buffer;
}

async function hashBlocks(pieces: AsyncIterable<Buffer>, alive: () => void): Promise<Hashed> {
  const whole = createHash('sha256');
  const hashes: Buffer[] = [];
  let bytes = 0;
  for await (const block of blocksOf(pieces)) {
    whole.update(block);
    hashes.push(sha256(block));
    bytes += block.length;
    alive();
  }
  return { bytes, sha256: whole.digest('hex'), blocks: Buffer.concat(hashes) };
}

/** The same bytes in blocks of the same length; only the last one may be shorter. */
async function* blocksOf(pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let held: Buffer[] = [];
  let missing = BLOCK_BYTES;
  for await (const piece of pieces) {
    for (let from = 0; from < piece.length; ) {
      const part = piece.subarray(from, from + missing);
      held.push(part);
      from += part.length;
      missing -= part.length;
      if (missing > 0) continue;
      yield held.length === 1 ? held[0]! : Buffer.concat(held);
      held = [];
      missing = BLOCK_BYTES;
    }
  }
  if (held.length > 0) yield Buffer.concat(held);
}

function sha256(bytes: Buffer): Buffer {
  return createHash('sha256').update(bytes).digest();
}

async function open(
  objects: Pick<ObjectStore, 'read'>,
  key: string,
  options: ReadOptions,
): Promise<AsyncIterable<Buffer>> {
  return await toldAsGone(() => objects.read(key, options));
}

async function toldAsGone<Read>(read: () => Promise<Read>): Promise<Read> {
  try {
    return await read();
  } catch (error) {
    throw error instanceof ObjectGone ? gone(error) : error;
  }
}

function gone(cause: ObjectGone): PermanentFault {
  return new PermanentFault('input_gone', 'the private copy of the input is gone', { cause });
}

function changed(): PermanentFault {
  return new PermanentFault('input_changed', 'the private copy of the file is not what was hashed');
}
