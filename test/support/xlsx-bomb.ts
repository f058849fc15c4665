import { constants, crc32, deflateRawSync } from 'node:zlib';
import { bookOf, sheetOf } from './xlsx-book.ts';

const [BEFORE = '', AFTER = ''] = sheetOf('|').split('|');

/**
 * A workbook whose sheet has so many rows of a megabyte each, which is nearly all blanks. Deflated pieces can be joined where each is flushed, so
 * that this takes no time.
 */
export function bomb(megabytes: number, stated: { unpackedBytes?: number } = {}): Buffer {
  const rows = Buffer.from('<row><c><v>1</v></c></row>'.padEnd(1 << 20));
  const piece = deflateRawSync(rows, { level: 9, finishFlush: constants.Z_FULL_FLUSH });
  const end = Buffer.from(AFTER);
  const packed = [deflateRawSync(BEFORE, { finishFlush: constants.Z_FULL_FLUSH })];
  let sum = crc32(BEFORE);
  for (let i = 0; i < megabytes; i++) {
    packed.push(piece);
    sum = crc32(rows, sum);
  }
  packed.push(deflateRawSync(end));
  const unpackedBytes = Buffer.byteLength(BEFORE) + rows.length * megabytes + end.length;
  const odd = { packed: Buffer.concat(packed), crc32: crc32(end, sum), unpackedBytes, ...stated };
  return bookOf({ odd: { 'xl/worksheets/sheet1.xml': odd } });
}
