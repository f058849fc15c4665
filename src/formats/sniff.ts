import type { FileFault } from '../core/errors.ts';

/** How many bytes at the start of a file are looked at to tell what it is. */
export const SNIFFED_BYTES = 4096;

export type Sniffed =
  | { format: 'csv' | 'ndjson'; fault?: undefined }
  | { format: null; fault: FileFault & { offset: number } };

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
  { bytes: [0xd0, 0xcf, 0x11, 0xe0], seems: 'an XLS workbook', advice: SAVE_AS_CSV },
  { bytes: [0x28, 0xb5, 0x2f, 0xfd], seems: 'Zstandard data', advice: UNPACK },
  { bytes: [0x25, 0x50, 0x44, 0x46], seems: 'a PDF document', advice: 'export the table as CSV' },
  { bytes: [0xff, 0xfe], seems: 'UTF-16 text', advice: SAVE_AS_UTF8 },
  { bytes: [0xfe, 0xff], seems: 'UTF-16 text', advice: SAVE_AS_UTF8 },
];

/**
 * JSON is told by a brace or bracket and, after nothing but blanks, a quote. Read as CSV that quote is misplaced, so
 * no sound CSV is taken for JSON: `{a: 1}`, `[a],b` and `{}` may all be headers.
 */
const KEY = String.raw`"(?:[^"\\\n]|\\.)*"[ \t\r]*:`;
/** An object that begins on one line with its first key, after nothing but blank lines and empty objects. */
const OBJECT_LINE = new RegExp(String.raw`^(?:[ \t\r\n]|\{[ \t]*\}[ \t\r]*\n)*\{[ \t\r]*${KEY}`);
const OBJECT_OVER_LINES = new RegExp(String.raw`^[ \t\r\n]*\{[ \t\r\n]*${KEY}`);
const ARRAY = new RegExp(String.raw`^[ \t\r\n]*\[(?:[ \t\r]*"|[ \t\r\n]*\{[ \t\r\n]*${KEY})`);

/**
 * Tells by the first bytes of a file (at most `SNIFFED_BYTES`, without a UTF-8 byte order mark) what it is. What is
 * certainly neither CSV nor NDJSON is refused; all other text is CSV, as any text can be.
 */
export function sniff(head: Buffer): Sniffed {
  const known = SIGNATURES.find(({ bytes }) => bytes.every((byte, index) => head[index] === byte));
  if (known) return refused(`It seems to be ${known.seems}`, known.advice, 0);
  const nul = head.indexOf(0);
  if (nul !== -1) {
    return refused('It holds NUL bytes, so it seems to be binary data or UTF-16 text', SAVE_AS_UTF8, nul);
  }
  const text = head.toString('latin1');
  if (OBJECT_LINE.test(text)) return { format: 'ndjson' };
  const at = text.search(/[^ \t\r\n]/);
  const line = `Line ${text.slice(0, at).split('\n').length} looks like JSON but is not an object`;
  if (ARRAY.test(text)) return refused(`${line}: it begins an array`, ONE_LINE_EACH, at);
  if (OBJECT_OVER_LINES.test(text)) {
    return refused(`${line}: it begins one that goes on over several lines`, ONE_LINE_EACH, at);
  }
  return { format: 'csv' };
}

function refused(what: string, advice: string, offset: number): Sniffed {
  return { format: null, fault: { code: 'file_not_supported', message: `${what}; ${advice}`, offset } };
}
