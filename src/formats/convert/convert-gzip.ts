import type { FileFault } from '../../core/errors.ts';
import type { Encoding } from '../../core/file-format.ts';
import { BYTES_OF_ANY_RATIO } from '../bomb.ts';
import { faultOf } from '../broken-file.ts';
import {
  type ConversionSource,
  type ConvertedFile,
  type ConvertOptions,
  refusedFile,
  type Write,
  withoutOffset,
} from '../converted-file.ts';
import { HEAD_BYTES } from '../detect/head.ts';
import { sniffBytes } from '../detect/sniff-bytes.ts';
import type { Scratch } from '../scratch.ts';
import { convertWorkbook } from '../xlsx/read/convert-workbook.ts';
import { convertText } from './convert-text.ts';
import { evenPieces } from './even-pieces.ts';
import { firstBytes } from './first-bytes.ts';
import { bomb, gunzip } from './gunzip.ts';
import { wholeFile } from './whole-file.ts';

const PIECE_BYTES = 256 * 1024;

/** A workbook is compressed already: one that shrinks by more than this, once more, is made to fill a disk. */
const MOST_TIMES_A_ZIP = 4;

const PACKED_TWICE: FileFault = {
  code: 'file_not_supported',
  message: 'It is gzip data that was compressed with gzip once more; unpack it once',
};

/** Converts what is in a gzip file. */
export async function convertGzip(
  source: ConversionSource,
  write: Write,
  options: ConvertOptions,
): Promise<ConvertedFile | { again: Encoding }> {
  const unpacked = (progress?: (sourceBytes: number) => void) =>
    gunzip(evenPieces(wholeFile(source, progress)), options.unpackedBytes);
  const head = await firstBytes(unpacked());
  if (head.bytes.length === 0 && head.broken !== undefined) return refusedFile(head.broken);
  const sniffed = sniffBytes(head.bytes.subarray(0, HEAD_BYTES), options.format);
  if (sniffed.fault !== undefined) return refusedFile(head.broken ?? withoutOffset(sniffed.fault));
  if (sniffed.container !== undefined) {
    return sniffed.container === 'zip'
      ? await convertGzippedWorkbook(unpacked, source, write, options)
      : refusedFile(PACKED_TWICE);
  }
  const read = () => unpacked(options.progress);
  return await convertText({ head, read, compression: 'gzip' }, sniffed, write, options);
}

/** A workbook is read from its end, so all of it is unpacked first, which counts as half of the work. */
async function convertGzippedWorkbook(
  unpacked: (progress: (sourceBytes: number) => void) => AsyncIterable<Buffer>,
  { bytes, openScratch }: ConversionSource,
  write: Write,
  options: ConvertOptions,
): Promise<ConvertedFile> {
  const half = Math.floor(bytes / 2);
  const scratch = await openScratch();
  try {
    const pieces = unpacked((taken) => options.progress(Math.floor(taken / 2)));
    const fault = await keep(pieces, scratch, BYTES_OF_ANY_RATIO + MOST_TIMES_A_ZIP * bytes);
    if (fault !== undefined) return refusedFile(fault);
    const archive = {
      bytes: scratch.bytes,
      read: async (range: Range) => rangeOf(scratch, range),
      openScratch,
    };
    const converted = await convertWorkbook(archive, write, {
      ...options,
      progress: (taken) => options.progress(half + Math.floor((half * taken) / scratch.bytes)),
    });
    return { ...converted, layout: converted.layout && { ...converted.layout, compression: 'gzip' } };
  } finally {
    await scratch.close();
  }
}

async function keep(
  pieces: AsyncIterable<Buffer>,
  scratch: Scratch,
  limit: number,
): Promise<FileFault | undefined> {
  try {
    for await (const piece of evenPieces(pieces)) {
      if (scratch.bytes + piece.length > limit) {
        throw bomb(
          `The file unpacks to an archive of more than ${MOST_TIMES_A_ZIP} times its size, which no workbook does`,
        );
      }
      await scratch.append(piece);
    }
    return undefined;
  } catch (error) {
    return faultOf(error);
  }
}

interface Range {
  start: number;
  end: number;
}

async function* rangeOf(scratch: Scratch, { start, end }: Range): AsyncGenerator<Buffer> {
  for (let at = start; at < end; at += PIECE_BYTES) {
    yield await scratch.read(at, Math.min(at + PIECE_BYTES, end));
  }
}
