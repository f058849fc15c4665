import type { Encoding, FileFormat } from '../../core/file-format.ts';
import { type Refused, refused } from './stated.ts';
import { hasHighNul, seemsUtf16 } from './utf-16.ts';

/** Text, after a byte order mark of so many bytes. Without one `utf-8` may still turn out to be Windows-1252. */
export interface SniffedEncoding {
  encoding: Encoding;
  bomBytes: number;
  container?: undefined;
  fault?: undefined;
}

const MARKS: readonly { bytes: Buffer; encoding: Encoding }[] = [
  { bytes: Buffer.from([0xef, 0xbb, 0xbf]), encoding: 'utf-8' },
  { bytes: Buffer.from([0xff, 0xfe]), encoding: 'utf-16le' },
  { bytes: Buffer.from([0xfe, 0xff]), encoding: 'utf-16be' },
];

/** More NUL bytes than one in so many are no accident: UTF-16 has them in every second place. */
const BYTES_PER_NUL = 10;

const SAVE_AS_UTF8 = 'save it as UTF-8';

/** Tells the encoding of what begins like text; refuses what is binary, and what is not in the encoding that was stated. */
export function sniffEncoding(head: Buffer, { encoding: stated }: FileFormat): SniffedEncoding | Refused {
  const mark = MARKS.find(({ bytes }) => head.subarray(0, bytes.length).equals(bytes));
  if (mark !== undefined) {
    return stated === undefined || stated === mark.encoding
      ? { encoding: mark.encoding, bomBytes: mark.bytes.length }
      : contradicted(stated, `begins with the byte order mark of ${mark.encoding}`);
  }
  if (stated === 'utf-16le' || stated === 'utf-16be') return withoutMark(head, stated);
  const nul = tellingNul(head.toString('latin1'));
  if (nul === -1) return { encoding: stated ?? 'utf-8', bomBytes: 0 };
  const utf16 = seemsUtf16(head);
  if (utf16 === null) {
    const what = 'holds NUL bytes, so it seems to be binary data or text in another encoding than UTF-8';
    return refused(undefined, what, SAVE_AS_UTF8, { offset: nul });
  }
  return stated === undefined
    ? { encoding: utf16, bomBytes: 0 }
    : contradicted(stated, `seems to be text in ${utf16}`);
}

/** Line ends and delimiters alone give UTF-16 some bytes that are 0, and those on one side. */
function withoutMark(head: Buffer, stated: 'utf-16le' | 'utf-16be'): SniffedEncoding | Refused {
  const text: SniffedEncoding = { encoding: stated, bomBytes: 0 };
  if (head.length < 2 || hasHighNul(head, stated)) return text;
  return contradicted(
    stated,
    head.includes(0)
      ? `seems to be text in ${stated === 'utf-16le' ? 'utf-16be' : 'utf-16le'}`
      : 'holds no character of two bytes that is a line end, a blank or a Latin letter',
  );
}

function contradicted(stated: Encoding, what: string): SniffedEncoding | Refused {
  const advice = 'leave that out, or state the encoding that it has';
  return refused(`\`format.encoding\` says ${stated}`, what, advice, { code: 'file_encoding' });
}

/**
 * Where the first NUL is, if it says something about the file: they are many, or one stands in the first line that is not
 * blank. Otherwise it is one record's trouble, as it is further on; -1 then.
 */
function tellingNul(text: string): number {
  const first = text.indexOf('\0');
  if (first === -1) return -1;
  const many = (text.split('\0').length - 1) * BYTES_PER_NUL > text.length;
  const end = text.indexOf('\n', text.search(/[^ \t\r\n]/));
  return many || end === -1 || first < end ? first : -1;
}
