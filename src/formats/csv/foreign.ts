import type { FileFault } from '../../core/errors.ts';

/** How many bytes at the start of a file are looked at to tell that it is no CSV. */
export const SNIFFED_BYTES = 4096;

const SAVE_AS_CSV = 'save the sheet as CSV (UTF-8) and upload that';
const SAVE_AS_UTF8 = 'save it as UTF-8';

const SIGNATURES: readonly { bytes: readonly number[]; seems: string; advice: string }[] = [
  { bytes: [0x1f, 0x8b], seems: 'gzip data', advice: 'unpack it and upload the CSV itself' },
  {
    bytes: [0x50, 0x4b, 0x03, 0x04],
    seems: 'a ZIP archive or an XLSX workbook',
    advice: `unpack it, or ${SAVE_AS_CSV}`,
  },
  { bytes: [0xd0, 0xcf, 0x11, 0xe0], seems: 'an XLS workbook', advice: SAVE_AS_CSV },
  { bytes: [0x28, 0xb5, 0x2f, 0xfd], seems: 'Zstandard data', advice: 'unpack it and upload the CSV itself' },
  { bytes: [0x25, 0x50, 0x44, 0x46], seems: 'a PDF document', advice: 'export the table as CSV' },
  { bytes: [0xff, 0xfe], seems: 'UTF-16 text', advice: SAVE_AS_UTF8 },
  { bytes: [0xfe, 0xff], seems: 'UTF-16 text', advice: SAVE_AS_UTF8 },
];

/**
 * A JSON object with its first key at the very start, alone or in an array. Read as CSV that key would have a
 * misplaced quote, so no sound CSV is refused by this, but the message is of more use.
 */
const JSON_OBJECT = /^\s*(?:\[\s*)?\{\s*"(?:[^"\\\n]|\\.)*"\s*:/;

/**
 * Tells a file that is certainly no CSV text by its first bytes (at most `SNIFFED_BYTES`, without a UTF-8 byte
 * order mark).
 *
 * @returns what it seems to be and what to do, or undefined
 */
export function foreignFormat(head: Buffer): FileFault | undefined {
  const known = SIGNATURES.find(({ bytes }) => bytes.every((byte, index) => head[index] === byte));
  if (known) return notCsv(`It seems to be ${known.seems}`, known.advice, 0);
  const nul = head.indexOf(0);
  if (nul !== -1) {
    return notCsv('It holds NUL bytes, so it seems to be binary data or UTF-16 text', SAVE_AS_UTF8, nul);
  }
  if (JSON_OBJECT.test(head.toString('latin1'))) {
    return notCsv('It seems to be JSON', 'convert it to CSV with a header row', 0);
  }
  return undefined;
}

function notCsv(what: string, advice: string, offset: number): FileFault {
  return { code: 'file_not_csv', message: `${what}; ${advice}`, offset };
}
