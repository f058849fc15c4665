import type { Encoding } from '../../core/file-format.ts';
import {
  type ConversionSource,
  type ConvertedFile,
  type ConvertOptions,
  refusedFile,
  type Write,
} from '../converted-file.ts';
import { FIRST_BYTES, HEAD_BYTES } from '../detect/head.ts';
import { sniffBytes } from '../detect/sniff-bytes.ts';
import { convertWorkbook } from '../xlsx/read/convert-workbook.ts';
import { convertGzip } from './convert-gzip.ts';
import { convertText } from './convert-text.ts';
import { firstBytes } from './first-bytes.ts';
import { NO_BYTES } from './text-step.ts';
import { wholeFile } from './whole-file.ts';

export type { ConversionSource, ConvertedFile, ConvertOptions } from '../converted-file.ts';

/**
 * Turns a file whose records cannot be cut out as they are into one of which they can: UTF-8 without a byte order mark,
 * lines that end in LF or CRLF, CSV or NDJSON; and finds its records on the way. Memory stays flat whatever the file.
 *
 * What is wrong with the file is its `fault`, and what was read before stays. Whatever `source` or `write` throw is thrown.
 *
 * @returns `again` where only the end of the file has shown its encoding: then what was written does not count
 */
export async function convertFile(
  source: ConversionSource,
  write: Write,
  options: ConvertOptions,
): Promise<ConvertedFile | { again: Encoding }> {
  const end = Math.min(source.bytes, FIRST_BYTES);
  const head = end === 0 ? { bytes: NO_BYTES } : await firstBytes(await source.read({ start: 0, end }));
  const sniffed = sniffBytes(head.bytes.subarray(0, HEAD_BYTES), options.format);
  if (sniffed.fault !== undefined) return refusedFile(sniffed.fault);
  if (sniffed.container !== undefined) {
    const convert = sniffed.container === 'zip' ? convertWorkbook : convertGzip;
    return await convert(source, write, options);
  }
  const read = () => wholeFile(source, options.progress);
  return await convertText({ head, read, compression: null }, sniffed, write, options);
}
