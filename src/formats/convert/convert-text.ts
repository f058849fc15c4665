import type { FileFault } from '../../core/errors.ts';
import type { Encoding } from '../../core/file-format.ts';
import { faultOf } from '../broken-file.ts';
import {
  type ConvertedFile,
  type ConvertOptions,
  refusedFile,
  type Write,
  withoutOffset,
} from '../converted-file.ts';
import type { FileLayout } from '../description.ts';
import { FIRST_BYTES, HEAD_BYTES } from '../detect/head.ts';
import type { SniffedEncoding } from '../detect/sniff-encoding.ts';
import { sniffText } from '../detect/sniff-text.ts';
import { evenPieces } from './even-pieces.ts';
import type { FirstBytes } from './first-bytes.ts';
import { TextConversion } from './text-conversion.ts';
import { decoderOf, TextSteps } from './text-steps.ts';

/** A text, as it came or unpacked. */
interface TextSource {
  head: FirstBytes;
  /** All of it. */
  read(): AsyncIterable<Buffer>;
  compression: FileLayout['compression'];
}

/** Turns a text into lines of UTF-8, and finds its records. */
export async function convertText(
  source: TextSource,
  { encoding: sniffed, bomBytes }: SniffedEncoding,
  write: Write,
  options: ConvertOptions,
): Promise<ConvertedFile | { again: Encoding }> {
  const { format, known } = options;
  const encoding = options.encoding ?? sniffed;
  const { bytes, broken } = source.head;
  const head = new TextSteps(decoderOf(encoding)).push(bytes.subarray(bomBytes));
  const isWhole = bytes.length < FIRST_BYTES && broken === undefined;
  const atEnd = isWhole && head.length <= HEAD_BYTES;
  const text = sniffText(head.subarray(0, HEAD_BYTES), { atEnd, format, known });
  if (text.fault !== undefined) return refusedFile(broken ?? withoutOffset(text.fault));

  const decided = options.encoding !== null || format.encoding !== undefined || bomBytes > 0;
  const { compression } = source;
  const conversion = new TextConversion(
    text,
    { compression, encoding, bomBytes, decided },
    write,
    options.limits,
  );
  let end: FileFault | undefined;
  try {
    for await (const piece of evenPieces(from(source.read(), bomBytes))) {
      await conversion.take(piece);
      if (conversion.isOver) break;
    }
  } catch (error) {
    end = faultOf(error);
  }
  return await conversion.finish(end);
}

async function* from(pieces: AsyncIterable<Buffer>, start: number): AsyncGenerator<Buffer> {
  let before = start;
  for await (const piece of pieces) {
    if (before < piece.length) yield piece.subarray(before);
    before = Math.max(before - piece.length, 0);
  }
}
