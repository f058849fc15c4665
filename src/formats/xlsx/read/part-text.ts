import { isUtf8 } from 'node:buffer';
import { brokenOff, firstInvalidByte } from '../../encoding.ts';
import { damaged } from './broken.ts';

/** An XML declaration is no longer, and stands at the very beginning. */
const HEAD_BYTES = 256;
const DECLARED_ENCODING = /^(?:\xef\xbb\xbf)?<\?xml[^>]*?\sencoding\s*=\s*["']([^"'>]*)["']/;
const READ_ENCODINGS: readonly string[] = ['utf-8', 'utf8', 'us-ascii', 'ascii'];
const UTF_8_MARK = Buffer.from([0xef, 0xbb, 0xbf]);
const NO_BYTES = Buffer.alloc(0);

/**
 * The text of an XML part, as UTF-8 without a byte order mark. No piece ends within a character. Parts may be UTF-16 as well
 * (OPC 6.2.5).
 */
export async function* partText(part: string, pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const source = pieces[Symbol.asyncIterator]();
  try {
    let head: Buffer = NO_BYTES;
    while (head.length < HEAD_BYTES) {
      const { value, done } = await source.next();
      if (done === true) break;
      head = Buffer.concat([head, value]);
    }
    const encoding = utf16Of(head);
    if (encoding === null) yield* utf8Text(part, head, source);
    else yield* utf16Text(part, head, source, encoding);
  } finally {
    await source.return?.();
  }
}

function utf16Of(head: Buffer): 'utf-16le' | 'utf-16be' | null {
  const first = head.length < 2 ? 0 : head.readUInt16BE(0);
  if (first === 0xfffe || first === 0x3c00) return 'utf-16le';
  return first === 0xfeff || first === 0x003c ? 'utf-16be' : null;
}

async function* utf8Text(part: string, head: Buffer, source: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  const declared = DECLARED_ENCODING.exec(head.toString('latin1', 0, HEAD_BYTES))?.[1];
  if (declared !== undefined && !READ_ENCODINGS.includes(declared.toLowerCase())) {
    throw damaged(`${part} in the workbook is written in ${declared}; workbooks are in UTF-8 or UTF-16`);
  }
  const from = head.subarray(0, UTF_8_MARK.length).equals(UTF_8_MARK) ? UTF_8_MARK.length : 0;
  let cut = NO_BYTES;
  for (let piece: Buffer | null = head.subarray(from); piece !== null; piece = await nextOf(source)) {
    const bytes: Buffer = cut.length === 0 ? piece : Buffer.concat([cut, piece]);
    const whole = bytes.length - brokenOff(bytes);
    const text = bytes.subarray(0, whole);
    cut = Buffer.from(bytes.subarray(whole));
    if (!isUtf8(text)) {
      yield text.subarray(0, firstInvalidByte(text));
      throw notUtf8(part);
    }
    yield text;
  }
  if (cut.length > 0) throw notUtf8(part);
}

async function* utf16Text(
  part: string,
  head: Buffer,
  source: AsyncIterator<Buffer>,
  encoding: 'utf-16le' | 'utf-16be',
): AsyncGenerator<Buffer> {
  const decoder = new TextDecoder(encoding, { fatal: true });
  const decoded = (bytes: Buffer, stream: boolean) => {
    try {
      return Buffer.from(decoder.decode(bytes, { stream }));
    } catch (error) {
      throw damaged(`${part} in the workbook is no text in UTF-16: ${(error as Error).message}`);
    }
  };
  for (let piece: Buffer | null = head; piece !== null; piece = await nextOf(source)) {
    yield decoded(piece, true);
  }
  yield decoded(NO_BYTES, false);
}

async function nextOf(source: AsyncIterator<Buffer>): Promise<Buffer | null> {
  const { value, done } = await source.next();
  return done === true ? null : value;
}

function notUtf8(part: string) {
  return damaged(`${part} in the workbook holds bytes that are no UTF-8`);
}

/**
 * A text as *bytes in a string*: each character of it is one byte of UTF-8. So nothing is decoded that nobody looks at, a
 * window of a megabyte takes a megabyte, and values go into the converted file as they came.
 */
export function asBytes(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

/** The text that bytes in a string are. */
export function asText(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString('utf8');
}
