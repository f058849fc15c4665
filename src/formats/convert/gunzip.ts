import { crc32 } from 'node:zlib';
import { BYTES_OF_ANY_RATIO, MOST_RATIO } from '../bomb.ts';
import { BrokenFile } from '../broken-file.ts';
import { damaged, foreign, MAGIC, takeHeader, truncated } from './gzip-header.ts';
import { inflate } from './inflate.ts';
import { PackedBytes } from './packed-bytes.ts';

/** Each member costs its own engine, however little comes out of it: so many may give next to nothing. */
const FREE_MEMBERS = 10_000;
/** What members that are more than these have to give on average. */
const FEWEST_BYTES = 1024;

/**
 * Unpacks a gzip file (RFC 1952): one member after another, with nothing after the last one but zeros, with which tapes
 * and some programs fill it up.
 *
 * @param limit how many bytes may come out of it
 * @throws BrokenFile after all that could be unpacked
 */
export async function* gunzip(pieces: AsyncIterable<Buffer>, limit: number): AsyncGenerator<Buffer> {
  const packed = new PackedBytes(pieces);
  let unpacked = 0;
  let members = 0;
  try {
    do {
      checkMembers(members, unpacked);
      members += 1;
      await takeHeader(packed);
      const before = unpacked;
      let crc = 0;
      for await (const { piece, taken } of inflate(packed)) {
        unpacked += piece.length;
        checkSize(unpacked, taken, limit);
        crc = crc32(piece, crc);
        yield piece;
      }
      await checkTrailer(packed, crc, unpacked - before);
    } while (await goesOn(packed));
  } finally {
    await packed.close();
  }
}

function checkSize(unpacked: number, taken: number, limit: number): void {
  if (unpacked > limit) {
    throw bomb(`The file unpacks to more than the ${limit} bytes that it may have`);
  }
  if (unpacked > BYTES_OF_ANY_RATIO && unpacked > taken * MOST_RATIO) {
    throw bomb(`The file unpacks to more than ${MOST_RATIO} times its size`);
  }
}

function checkMembers(members: number, unpacked: number): void {
  if (members < FREE_MEMBERS || unpacked >= members * FEWEST_BYTES) return;
  throw bomb(
    `The gzip file is made of more than ${FREE_MEMBERS} parts of less than ${FEWEST_BYTES} bytes on average; compress it as one`,
  );
}

export function bomb(message: string): BrokenFile {
  return new BrokenFile({ code: 'file_bomb', message });
}

/** After the data of a member its CRC-32 and its length are kept. */
async function checkTrailer(packed: PackedBytes, crc: number, bytes: number): Promise<void> {
  const offset = packed.taken;
  const trailer = await packed.take(8);
  if (trailer === null) throw truncated(packed.taken);
  if (trailer.readUInt32LE(0) !== crc) throw damaged('its data does not match its checksum', offset);
  if (trailer.readUInt32LE(4) !== bytes % 2 ** 32) throw damaged('its data does not have its length', offset);
}

/** Whether another member follows. Takes the zeros after the last one. */
async function goesOn(packed: PackedBytes): Promise<boolean> {
  for (let zeros = false; ; zeros = true) {
    const piece = await packed.peek();
    if (piece === null) return false;
    if (!zeros && piece[0] === MAGIC[0]) return true;
    const other = piece.findIndex((byte) => byte !== 0);
    if (other !== -1) throw foreign(packed.taken + other);
    packed.skip(piece.length);
  }
}
