import type { FileFault } from '../core/errors.ts';

/** How many bytes at the start of a file are looked at to tell what it is. */
export const SNIFFED_BYTES = 4096;

export type Sniffed =
  | { format: 'csv' | 'ndjson'; fault?: undefined }
  | { format: null; fault: FileFault & { offset: number } };

const EXPORT = 'export the table as CSV';
const UNPACK = 'unpack it and upload the CSV or NDJSON itself';
const SAVE_AS_CSV = 'save the sheet as CSV (UTF-8) and upload that';
const SAVE_AS_UTF8 = 'save it as UTF-8';
const ONE_LINE_EACH =
  'write each record as a JSON object on a line of its own (NDJSON), or convert it to CSV';

const SIGNATURES: readonly { bytes: readonly number[]; seems: string; advice: string }[] = [
  { bytes: [0x1f, 0x8b], seems: 'gzip data', advice: UNPACK },
  {
    bytes: [0x50, 0x4b, 0x03, 0x04],
    seems: 'a ZIP archive or an XLSX workbook',
    advice: `unpack it, or ${SAVE_AS_CSV}`,
  },
  { bytes: [0x50, 0x4b, 0x05, 0x06], seems: 'an empty ZIP archive', advice: UNPACK },
  { bytes: [0xd0, 0xcf, 0x11, 0xe0], seems: 'an XLS workbook', advice: SAVE_AS_CSV },
  { bytes: [0x28, 0xb5, 0x2f, 0xfd], seems: 'Zstandard data', advice: UNPACK },
  { bytes: [0x25, 0x50, 0x44, 0x46], seems: 'a PDF document', advice: EXPORT },
  { bytes: [0x89, 0x50, 0x4e, 0x47], seems: 'a PNG image', advice: EXPORT },
  { bytes: [0xff, 0xd8, 0xff], seems: 'a JPEG image', advice: EXPORT },
  // A column may be named PAR1: no text goes on with this byte, with which every Parquet structure begins.
  { bytes: [0x50, 0x41, 0x52, 0x31, 0x15], seems: 'a Parquet file', advice: EXPORT },
  // Before UTF-16, whose mark begins that of UTF-32.
  { bytes: [0xff, 0xfe, 0x00, 0x00], seems: 'UTF-32 text', advice: SAVE_AS_UTF8 },
  { bytes: [0x00, 0x00, 0xfe, 0xff], seems: 'UTF-32 text', advice: SAVE_AS_UTF8 },
  { bytes: [0xff, 0xfe], seems: 'UTF-16 text', advice: SAVE_AS_UTF8 },
  { bytes: [0xfe, 0xff], seems: 'UTF-16 text', advice: SAVE_AS_UTF8 },
];

const MARKUP: readonly { begins: RegExp; seems: string }[] = [
  { begins: /^[ \t\r\n]*<(?:!doctype\s+html|html)[\s>]/i, seems: 'an HTML page' },
  { begins: /^[ \t\r\n]*<(?:\?xml|!doctype)\s/i, seems: 'an XML document' },
];

/** More NUL bytes than one in so many are no accident: UTF-16 has them in every second place. */
const BYTES_PER_NUL = 10;

/**
 * JSON is told by a brace or bracket and, after nothing but blanks, a quote. Read as CSV that quote is misplaced, so
 * no sound CSV is taken for JSON: `{a: 1}` and `[a],b` may all be headers. `{}` and `[1,2]` could be too, but nobody
 * names columns so, while programs write them.
 */
const KEY = String.raw`"(?:[^"\\\n]|\\.)*"[ \t\r]*:`;
/** An object that begins on one line with its first key, or an empty one, after nothing but blank lines. */
const OBJECT_LINE = new RegExp(String.raw`^[ \t\r\n]*\{[ \t\r]*(?:${KEY}|\}[ \t\r]*(?:\n|$))`);
const OBJECT_OVER_LINES = new RegExp(String.raw`^[ \t\r\n]*\{[ \t\r\n]*${KEY}`);
const SCALAR = String.raw`(?:-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)[ \t\r]*`;
/** `[1],b` is none: where a line's only array ends, the line does. */
const ITEM = String.raw`[ \t\r]*(?:"|${SCALAR},|(?:${SCALAR})?\][ \t\r]*(?:\n|$)|\[[ \t\r]*(?:["[{\]]|${SCALAR}[,\]]))`;
const ARRAY = new RegExp(String.raw`^[ \t\r\n]*\[(?:${ITEM}|[ \t\r\n]*\{[ \t\r\n]*${KEY})`);

/**
 * Tells by the first bytes of a file (at most `SNIFFED_BYTES`, without a UTF-8 byte order mark) what it is. What is
 * certainly neither CSV nor NDJSON is refused; all other text is CSV, as any text can be.
 */
export function sniff(head: Buffer): Sniffed {
  const known = SIGNATURES.find(({ bytes }) => bytes.every((byte, index) => head[index] === byte));
  if (known) return refused(`It seems to be ${known.seems}`, known.advice, 0);
  const text = head.toString('latin1');
  const nul = tellingNul(text);
  if (nul !== -1) {
    return refused('It holds NUL bytes, so it seems to be binary data or UTF-16 text', SAVE_AS_UTF8, nul);
  }
  if (OBJECT_LINE.test(text)) return { format: 'ndjson' };
  const at = text.search(/[^ \t\r\n]/);
  const markup = MARKUP.find(({ begins }) => begins.test(text));
  if (markup) return refused(`It seems to be ${markup.seems}`, EXPORT, at);
  const line = `Line ${text.slice(0, at).split('\n').length} looks like JSON but is not an object`;
  if (ARRAY.test(text)) return refused(`${line}: it begins an array`, ONE_LINE_EACH, at);
  if (OBJECT_OVER_LINES.test(text)) {
    return refused(`${line}: it begins one that goes on over several lines`, ONE_LINE_EACH, at);
  }
  return { format: 'csv' };
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

function refused(what: string, advice: string, offset: number): Sniffed {
  return { format: null, fault: { code: 'file_not_supported', message: `${what}; ${advice}`, offset } };
}
