export interface Signature {
  bytes: readonly number[];
  seems: string;
  advice: string;
}

const EXPORT = 'export the table as CSV or XLSX';
const PACK_WITH_GZIP = 'upload the file itself, or pack it with gzip';
const SAVE_AS_UTF8 = 'save it as UTF-8';

/** What begins with these bytes is no file that we read, whatever its name is. */
export const SIGNATURES: readonly Signature[] = [
  { bytes: latin('PK\x05\x06'), seems: 'an empty ZIP archive', advice: PACK_WITH_GZIP },
  { bytes: latin('PK\x07\x08'), seems: 'a part of a ZIP archive', advice: PACK_WITH_GZIP },
  { bytes: [0x28, 0xb5, 0x2f, 0xfd], seems: 'Zstandard data', advice: PACK_WITH_GZIP },
  { bytes: latin('BZh91AY&SY'), seems: 'bzip2 data', advice: PACK_WITH_GZIP },
  { bytes: [0xfd, ...latin('7zXZ\0')], seems: 'XZ data', advice: PACK_WITH_GZIP },
  { bytes: latin('7z\xbc\xaf\x27\x1c'), seems: 'a 7-Zip archive', advice: PACK_WITH_GZIP },
  { bytes: latin('Rar!\x1a\x07'), seems: 'a RAR archive', advice: PACK_WITH_GZIP },
  { bytes: latin('%PDF'), seems: 'a PDF document', advice: EXPORT },
  { bytes: latin('\x89PNG'), seems: 'a PNG image', advice: EXPORT },
  { bytes: [0xff, 0xd8, 0xff], seems: 'a JPEG image', advice: EXPORT },
  { bytes: latin('{\\rtf'), seems: 'an RTF document', advice: EXPORT },
  { bytes: latin('SQLite format 3\0'), seems: 'an SQLite database', advice: EXPORT },
  // A column may be named PAR1: no text goes on with this byte, with which every Parquet structure begins.
  { bytes: latin('PAR1\x15'), seems: 'a Parquet file', advice: EXPORT },
  { bytes: latin('ARROW1\0'), seems: 'an Arrow file', advice: EXPORT },
  { bytes: latin('Obj\x01'), seems: 'an Avro file', advice: EXPORT },
  // Before UTF-16 is looked for, whose mark begins that of UTF-32.
  { bytes: [0xff, 0xfe, 0x00, 0x00], seems: 'UTF-32 text', advice: SAVE_AS_UTF8 },
  { bytes: [0x00, 0x00, 0xfe, 0xff], seems: 'UTF-32 text', advice: SAVE_AS_UTF8 },
];

export const GZIP = [0x1f, 0x8b];
export const ZIP = latin('PK\x03\x04');

/** Compound files: workbooks of Excel 97 to 2003, and whatever Office protects with a password. */
export const OLE = [0xd0, 0xcf, 0x11, 0xe0];
/** The stream that holds a protected workbook, as the directory of the compound file names it. */
const ENCRYPTED_PACKAGE = Buffer.from('EncryptedPackage', 'utf16le');

export function beginsWith(head: Buffer, bytes: readonly number[]): boolean {
  return bytes.every((byte, index) => head[index] === byte);
}

export function holdsEncryptedPackage(head: Buffer): boolean {
  return head.includes(ENCRYPTED_PACKAGE);
}

function latin(text: string): number[] {
  return [...Buffer.from(text, 'latin1')];
}
