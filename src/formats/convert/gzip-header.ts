import { crc32 } from 'node:zlib';
import { BrokenFile } from '../broken-file.ts';
import type { PackedBytes } from './packed-bytes.ts';

export const MAGIC = Buffer.from([0x1f, 0x8b]);
const DEFLATE = 8;
const HAS_CRC = 0x02;
const HAS_EXTRA = 0x04;
const HAS_NAME = 0x08;
const HAS_COMMENT = 0x10;
const RESERVED = 0xe0;

/** Takes the header of a member of a gzip file (RFC 1952, section 2.3), which says nothing that is needed. */
export async function takeHeader(packed: PackedBytes): Promise<void> {
  const header = new HeaderBytes(packed);
  if (!MAGIC.equals(await header.take(MAGIC.length))) throw foreign(header.start);
  const [method, flags = 0] = await header.take(8);
  if (method !== DEFLATE || flags & RESERVED)
    throw damaged('the header of its data cannot be read', header.start);
  if (flags & HAS_EXTRA) {
    const length = await header.take(2);
    await header.take(length.readUInt16LE());
  }
  if (flags & HAS_NAME) await header.takeText();
  if (flags & HAS_COMMENT) await header.takeText();
  if (flags & HAS_CRC) {
    const { crc } = header;
    const stated = await header.take(2);
    if (stated.readUInt16LE() !== (crc & 0xffff))
      throw damaged('the header of its data does not match its checksum', header.start);
  }
}

class HeaderBytes {
  readonly start: number;
  readonly #packed: PackedBytes;
  crc = 0;

  constructor(packed: PackedBytes) {
    this.#packed = packed;
    this.start = packed.taken;
  }

  async take(count: number): Promise<Buffer> {
    const bytes = await this.#packed.take(count);
    if (bytes === null) throw truncated(this.#packed.taken);
    this.crc = crc32(bytes, this.crc);
    return bytes;
  }

  /** Takes a text of any length, up to its NUL. */
  async takeText(): Promise<void> {
    for (let nul = -1; nul === -1; ) {
      const piece = await this.#packed.peek();
      if (piece === null) throw truncated(this.#packed.taken);
      nul = piece.indexOf(0);
      const text = nul === -1 ? piece : piece.subarray(0, nul + 1);
      this.crc = crc32(text, this.crc);
      this.#packed.skip(text.length);
    }
  }
}

/** @param offset where the file ends */
export function truncated(offset: number): BrokenFile {
  const message = 'The gzip file ends before it is complete; was all of it uploaded?';
  return new BrokenFile({ code: 'file_truncated', message, offset });
}

/** @param offset where what is wrong begins */
export function damaged(what: string, offset: number): BrokenFile {
  return new BrokenFile({ code: 'file_damaged', message: `The gzip file is damaged: ${what}`, offset });
}

/** @param offset where the gzip data is over, and something else begins */
export function foreign(offset: number): BrokenFile {
  return damaged('after its end there is something else', offset);
}
