import { pipeline } from 'node:stream';
import { crc32, createInflateRaw } from 'node:zlib';
import { BYTES_OF_ANY_RATIO, MOST_RATIO } from '../../bomb.ts';
import { type Archive, leftOut } from './archive.ts';
import { broken, damaged } from './broken.ts';
import type { ZipDirectory, ZipEntry } from './zip-directory.ts';

const STORED = 0;
const DEFLATED = 8;
const PIECE_BYTES = 256 * 1024;

export interface UnpackOptions {
  /** Told of how many packed bytes have been read. */
  packed?: (bytes: number) => void;
}

/** Refuses an entry that cannot be read, or should not be, by what the directory says of it. */
export function checkEntry(entry: ZipEntry, unpackedBytes: number): void {
  const { name } = entry;
  if (entry.encrypted) {
    throw broken(
      'file_encrypted',
      `The file ${name} in the archive is encrypted; save it without a password`,
    );
  }
  if (entry.method !== STORED && entry.method !== DEFLATED) {
    const message = `The file ${name} in the archive is packed with method ${entry.method}; only deflate is read`;
    throw broken('file_not_supported', message);
  }
  if (entry.unpackedBytes > unpackedBytes) {
    const message = `The file ${name} in the archive unpacks to ${entry.unpackedBytes} bytes; the limit is ${unpackedBytes}`;
    throw broken('file_bomb', message);
  }
  const ratio = entry.unpackedBytes / Math.max(entry.packedBytes, 1);
  if (entry.unpackedBytes > BYTES_OF_ANY_RATIO && ratio > MOST_RATIO) {
    const message = `The file ${name} in the archive unpacks to ${Math.round(ratio)} times its size; a table has at most ${MOST_RATIO} times`;
    throw broken('file_bomb', message);
  }
}

/**
 * The bytes of a file in an archive. What is not as its directory says (size, CRC-32) is damaged: it is found as soon as
 * one byte too many comes out, or else at the end, after all bytes.
 */
export async function* unpacked(
  archive: Archive,
  zip: ZipDirectory,
  entry: ZipEntry,
  options: UnpackOptions = {},
): AsyncGenerator<Buffer> {
  const start = await zip.dataStart(entry);
  const packed = new PackedEntry(archive, { start, end: start + entry.packedBytes }, options);
  let bytes = 0;
  let sum = 0;
  for await (const piece of entry.method === STORED ? packed.pieces() : inflated(packed, entry)) {
    bytes += piece.length;
    if (bytes > entry.unpackedBytes) {
      throw damaged(`The file ${entry.name} unpacks to more than the ${entry.unpackedBytes} bytes it states`);
    }
    sum = crc32(piece, sum);
    yield piece;
  }
  if (bytes < entry.unpackedBytes) {
    throw damaged(`The file ${entry.name} unpacks to ${bytes} of the ${entry.unpackedBytes} bytes it states`);
  }
  if (sum !== entry.crc32) throw damaged(`The file ${entry.name} does not have the CRC-32 that it states`);
}

/** Reads a range of the archive, and remembers what the store has thrown: that says nothing about the file. */
class PackedEntry {
  trouble: { error: unknown } | null = null;
  readonly #archive: Archive;
  readonly #range: { start: number; end: number };
  readonly #told: (bytes: number) => void;

  constructor(archive: Archive, range: { start: number; end: number }, { packed }: UnpackOptions) {
    this.#archive = archive;
    this.#range = range;
    this.#told = packed ?? (() => undefined);
  }

  async *pieces(): AsyncGenerator<Buffer> {
    const { start, end } = this.#range;
    let bytes = 0;
    if (start === end) return;
    try {
      for await (const piece of await this.#archive.read({ start, end })) {
        bytes += piece.length;
        this.#told(bytes);
        yield piece;
      }
      if (bytes !== end - start) throw leftOut(bytes, { start, end });
    } catch (error) {
      this.trouble = { error };
      throw error;
    }
  }
}

async function* inflated(packed: PackedEntry, entry: ZipEntry): AsyncGenerator<Buffer> {
  const inflate = createInflateRaw({ chunkSize: PIECE_BYTES });
  // What goes wrong in it is thrown to whoever reads from it.
  pipeline(packed.pieces(), inflate, () => undefined);
  try {
    yield* inflate as AsyncIterable<Buffer>;
  } catch (error) {
    if (packed.trouble !== null) throw packed.trouble.error;
    const { code } = error as { code?: unknown };
    if (typeof code !== 'string' || !code.startsWith('Z_')) throw error;
    throw damaged(`The file ${entry.name} cannot be unpacked: ${(error as Error).message}`);
  }
  if (inflate.bytesWritten !== entry.packedBytes) {
    throw damaged(`The file ${entry.name} ends before the ${entry.packedBytes} packed bytes it states`);
  }
}
