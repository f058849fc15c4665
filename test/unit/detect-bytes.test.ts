import { describe, expect, test } from 'vitest';
import { type Encoding, type FileFormat, UNSTATED } from '../../src/core/file-format.ts';
import { sniffBytes } from '../../src/formats/detect/sniff-bytes.ts';

function sniffed(head: Buffer, stated: Partial<FileFormat> = {}) {
  return sniffBytes(head, { ...UNSTATED, ...stated });
}

function utf16(text: string, encoding: Encoding): Buffer {
  const bytes = Buffer.from(text, 'utf16le');
  return encoding === 'utf-16be' ? bytes.swap16() : bytes;
}

const GZIP = Buffer.from([0x1f, 0x8b, 8, 0]);
const ZIP = Buffer.from('PK\x03\x04rest');
const OLE = Buffer.from([0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1]);
const PROTECTED = Buffer.concat([OLE, Buffer.alloc(1000), Buffer.from('EncryptedPackage', 'utf16le')]);

describe('what is no text', () => {
  test('containers', () => {
    expect(sniffed(GZIP)).toEqual({ container: 'gzip' });
    expect(sniffed(ZIP)).toEqual({ container: 'zip' });
    expect(sniffed(GZIP, { type: 'csv', encoding: 'windows-1252', delimiter: ';' })).toEqual({
      container: 'gzip',
    });
    expect(sniffed(ZIP, { type: 'xlsx', sheet: 'One', encoding: 'utf-8' })).toEqual({ container: 'zip' });
  });

  test.each([
    ['XLS', OLE, /XLS workbook.*save it as XLSX/],
    ['an empty ZIP archive', Buffer.from('PK\x05\x06rest'), /an empty ZIP archive/],
    ['PNG', Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d]), /PNG/],
    ['JPEG', Buffer.from([0xff, 0xd8, 0xff, 0xe0]), /JPEG/],
    ['Parquet', Buffer.from('PAR1\x15\x04'), /Parquet/],
    ['UTF-32, little end first', Buffer.from([0xff, 0xfe, 0, 0, 0x61, 0, 0, 0]), /UTF-32.*save it as UTF-8/],
    ['UTF-32, big end first', Buffer.from([0, 0, 0xfe, 0xff, 0, 0, 0, 0x61]), /UTF-32/],
    ['Zstandard', Buffer.from([0x28, 0xb5, 0x2f, 0xfd]), /Zstandard.*gzip/],
    ['bzip2', Buffer.from('BZh91AY&SY\0'), /bzip2/],
    ['XZ', Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0]), /XZ/],
    ['7-Zip', Buffer.from([0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c]), /7-Zip/],
    ['PDF', Buffer.from('%PDF-1.7\n'), /PDF/],
    ['SQLite', Buffer.from('SQLite format 3\0'), /SQLite/],
  ])('%s is refused, whatever is said of it', (_, head, message) => {
    const { fault } = sniffed(head);
    expect(fault).toMatchObject({ code: 'file_not_supported', offset: 0 });
    expect(fault?.message).toMatch(message);
    expect(fault?.message).toMatch(/^It seems to be /);
    const stated = sniffed(head, { type: 'csv', encoding: 'utf-8' }).fault;
    expect(stated?.code).toBe('file_not_supported');
    expect(stated?.message).toMatch(/^`format.type` says csv, but it seems to be /);
  });

  test('a workbook with a password', () => {
    expect(sniffed(PROTECTED).fault).toMatchObject({ code: 'file_encrypted' });
    expect(sniffed(PROTECTED).fault?.message).toMatch(/protected with a password/);
    expect(sniffed(PROTECTED, { type: 'xlsx' }).fault?.code).toBe('file_encrypted');
  });

  test.each([
    ['PK,b\n1,2\n'],
    ['PAR1,PK\n1,2\n'],
    ['BZh,b\n'],
    ['%a,b\n'],
    ['7z,Rar!\n'],
    ['SQLite format 3,b\n'],
  ])('text is not taken for it: %j', (text) => {
    expect(sniffed(Buffer.from(text))).toEqual({ encoding: 'utf-8', bomBytes: 0 });
  });
});

describe('what was stated of a container or of text', () => {
  test.each<[string, Buffer, Partial<FileFormat>, string, RegExp]>([
    ['ZIP', ZIP, { type: 'csv' }, 'file_not_supported', /`format.type` says csv, but it is an XLSX workbook/],
    ['ZIP', ZIP, { type: 'ndjson' }, 'file_not_supported', /`format.type` says ndjson/],
    ['ZIP', ZIP, { delimiter: ';' }, 'file_not_supported', /`format.delimiter` is for CSV/],
    ['ZIP', ZIP, { quote: "'" }, 'file_not_supported', /`format.quote` is for CSV/],
    [
      'ZIP',
      ZIP,
      { encoding: 'utf-16le' },
      'file_encoding',
      /`format.encoding` says utf-16le, but it is an XLSX/,
    ],
    [
      'text',
      Buffer.from('a,b\n'),
      { type: 'xlsx' },
      'file_not_supported',
      /says xlsx, but it is no workbook/,
    ],
    ['text', Buffer.from('a,b\n'), { sheet: 'S' }, 'file_not_supported', /`format.sheet` is for XLSX/],
  ])('%s is not %o', (_, head, stated, code, message) => {
    const { fault } = sniffed(head, stated);
    expect(fault).toMatchObject({ code, message: expect.stringMatching(message) });
  });

  test('an empty file is anything', () => {
    expect(sniffed(Buffer.alloc(0), { type: 'xlsx' })).toEqual({ encoding: 'utf-8', bomBytes: 0 });
    expect(sniffed(Buffer.alloc(0), { encoding: 'utf-16be' })).toEqual({
      encoding: 'utf-16be',
      bomBytes: 0,
    });
  });
});

describe('encodings', () => {
  const text = 'Größe,名前\r\n1,🦊\r\n';

  test.each<[Encoding, Buffer, number]>([
    ['utf-8', Buffer.from(`\uFEFF${text}`), 3],
    ['utf-16le', utf16(`\uFEFF${text}`, 'utf-16le'), 2],
    ['utf-16be', utf16(`\uFEFF${text}`, 'utf-16be'), 2],
  ])('%s is told by its mark', (encoding, head, bomBytes) => {
    expect(sniffed(head)).toEqual({ encoding, bomBytes });
    expect(sniffed(head, { encoding })).toEqual({ encoding, bomBytes });
    for (const other of ['utf-8', 'utf-16le', 'utf-16be', 'windows-1252'] as const) {
      if (other === encoding) continue;
      const { fault } = sniffed(head, { encoding: other });
      expect(fault?.code).toBe('file_encoding');
      expect(fault?.message).toContain(
        `\`format.encoding\` says ${other}, but it begins with the byte order mark of ${encoding}`,
      );
    }
  });

  test.each(['utf-16le', 'utf-16be'] as const)('%s is told without a mark too', (encoding) => {
    for (const cut of [0, 1, 2, 3]) {
      const bytes = utf16(text, encoding);
      const head = bytes.subarray(0, bytes.length - cut);
      expect(sniffed(head)).toEqual({ encoding, bomBytes: 0 });
      expect(sniffed(head, { encoding })).toEqual({ encoding, bomBytes: 0 });
    }
    expect(sniffed(utf16('id;name\n1;Ann\n', encoding))).toEqual({ encoding, bomBytes: 0 });
  });

  test('a head that is cut within a pair of surrogates', () => {
    const head = utf16('id,name\n🦊', 'utf-16le');
    expect(sniffed(head.subarray(0, head.length - 2))).toEqual({ encoding: 'utf-16le', bomBytes: 0 });
  });

  test.each<[string, Buffer]>([
    ['control characters', utf16('a\n\u0001\u0002b\n', 'utf-16le')],
    ['half of a pair', utf16('a\n\ud800b\n', 'utf-16le')],
    ['no line end', utf16('a,b', 'utf-16le')],
    ['numbers of 32 bits', Buffer.from(new Uint32Array([10, 13, 65, 66, 10]).buffer)],
    ['NULs alone', Buffer.alloc(100)],
  ])('nothing is guessed where it may be binary: %s', (_, head) => {
    expect(sniffed(head).fault?.code).toBe('file_not_supported');
    expect(sniffed(head).fault?.message).toMatch(/NUL bytes/);
  });

  test.each<[string, Encoding, Buffer, RegExp]>([
    ['ASCII', 'utf-16le', Buffer.from('a,b\n1,2\n'), /says utf-16le, but it holds no character of two bytes/],
    ['the other end first', 'utf-16le', utf16('a,b\n', 'utf-16be'), /seems to be text in utf-16be/],
    ['the other end first', 'utf-16be', utf16('a,b\n', 'utf-16le'), /seems to be text in utf-16le/],
    ['UTF-16', 'utf-8', utf16('a,b\n1,2\n', 'utf-16le'), /says utf-8, but it seems to be text in utf-16le/],
    ['UTF-16', 'windows-1252', utf16('a,b\n1,2\n', 'utf-16be'), /seems to be text in utf-16be/],
  ])('%s is not %s', (_, encoding, head, message) => {
    const { fault } = sniffed(head, { encoding });
    expect(fault).toMatchObject({ code: 'file_encoding', message: expect.stringMatching(message) });
  });

  test('what is stated is taken where nothing is against it', () => {
    const latin = Buffer.from('Gr\xf6\xdfe\n', 'latin1');
    expect(sniffed(latin)).toEqual({ encoding: 'utf-8', bomBytes: 0 });
    expect(sniffed(latin, { encoding: 'utf-8' })).toEqual({ encoding: 'utf-8', bomBytes: 0 });
    expect(sniffed(latin, { encoding: 'windows-1252' })).toEqual({ encoding: 'windows-1252', bomBytes: 0 });
  });
});

describe('NUL bytes', () => {
  test.each([
    ['few, after the first line', 'a,b\n1,2\n3,\0\n4,5\n', true],
    ['few, after blank lines and the first', '\r\n\na,b\n1,2\n3,\0\n4,5\n', true],
    ['few, in a record of NDJSON', '{"a":1}\n{"a":"\0"}\n', true],
    ['one in the first line', `a,\0b\n${'1,2\n'.repeat(100)}`, false],
    ['one in the first line after blank ones', `\n\na,\0b\n${'1,2\n'.repeat(100)}`, false],
    ['one in the only line', `a,${'b'.repeat(100)}\0`, false],
    ['one in ten bytes', 'a,b\n1,2\n,\0', true],
    ['more than one in ten bytes', 'a,b\n1,\0\n3', false],
  ])('%s', (_, text, isText) => {
    const { fault } = sniffed(Buffer.from(text));
    if (isText) expect(fault).toBeUndefined();
    else expect(fault).toMatchObject({ code: 'file_not_supported', offset: text.indexOf('\0') });
  });
});
