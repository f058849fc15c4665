import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import type { ChunkLimits } from '../../src/core/chunk.ts';
import { type FileFormat, UNSTATED } from '../../src/core/file-format.ts';
import { HEAD_BYTES } from '../../src/formats/detect/head.ts';
import { type FileIndex, FileIndexer } from '../../src/formats/index-pass.ts';

const LIMITS: ChunkLimits = { records: 1000, bytes: 1 << 20, recordBytes: 1 << 20, cellBytes: 1 << 20 };

function index(
  file: string | Buffer,
  stated: Partial<FileFormat> = {},
  { pieceBytes = 1 << 16, known = [] as string[] } = {},
): FileIndex {
  const bytes = Buffer.from(file);
  const format = { ...UNSTATED, ...stated };
  const indexer = new FileIndexer({ limits: LIMITS, format, known: new Set(known) });
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    const piece = Buffer.from(bytes.subarray(at, at + pieceBytes));
    indexer.push(piece);
    piece.fill(0x22);
  }
  return indexer.finish();
}

function sha256(bytes: string | Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

const latin = (text: string) => Buffer.from(text, 'latin1');
const NOTHING = { records: 0, chunks: [], columns: null, marked: false, layout: null };
/** More than is held to tell what the file is. */
const LONG = 'id;name\n'.concat('1;x\n'.repeat(HEAD_BYTES / 2));

describe('what is cut as it is', () => {
  test('a CSV file with all that was found', () => {
    const file = '\uFEFFTitle\r\n\r\nid;name\r\n1;"Gr""ö""ße"\r\n2;b\r\n';
    for (const pieceBytes of [1, 2, 7, 1 << 16]) {
      const found = index(file, {}, { pieceBytes, known: ['id'] });
      expect(found).toEqual({
        columns: ['id', 'name'],
        marked: false,
        records: 2,
        chunks: [expect.objectContaining({ start: 21, end: Buffer.byteLength(file), records: 2 })],
        sha256: sha256(file),
        bytes: Buffer.byteLength(file),
        conversion: null,
        layout: {
          format: 'csv',
          compression: null,
          encoding: 'utf-8',
          bom: true,
          delimiter: ';',
          quote: '"',
          lineEnd: 'crlf',
          headerRow: 3,
          marked: false,
        },
      });
    }
  });

  test('NDJSON', () => {
    const found = index('\uFEFF{"a":1}\n', {}, { pieceBytes: 1 });
    const layout = { format: 'ndjson', compression: null, encoding: 'utf-8', bom: true };
    expect(found).toMatchObject({ layout, conversion: null, records: 1, columns: ['a'], marked: false });
    expect(found.chunks).toMatchObject([{ start: 3, end: 11 }]);
  });

  test('a table of ours', () => {
    const found = index("id|text|_sheaf\n1|'=1|\n", { headerRow: 2 });
    expect(found).toMatchObject({ marked: true, records: 1 });
    expect(found.layout).toMatchObject({ marked: true, delimiter: '|', headerRow: 1 });
  });

  test('pieces make no difference, nor does what comes after the first bytes', () => {
    const bytes = Buffer.byteLength(LONG);
    const whole = index(LONG);
    expect(whole).toMatchObject({
      bytes,
      sha256: sha256(LONG),
      records: HEAD_BYTES / 2,
      columns: ['id', 'name'],
    });
    for (const pieceBytes of [1000, HEAD_BYTES + 2, HEAD_BYTES + 3, HEAD_BYTES + 4, bytes]) {
      expect(index(LONG, {}, { pieceBytes })).toEqual(whole);
    }
  });

  test.each([-1, 0, 1, 2, 3, 4, 5])('a file of the first bytes and %i more', (more) => {
    const text = 'id;name\n'.padEnd(HEAD_BYTES + more, '1;x\n');
    for (const file of [text, `\uFEFF${text}`]) {
      const found = index(file, {}, { pieceBytes: 1000 });
      expect(found).toEqual(index(file));
      expect(found).toMatchObject({
        bytes: Buffer.byteLength(file),
        records: Math.ceil((HEAD_BYTES + more) / 4) - 2,
      });
      expect(found.layout).toMatchObject({ delimiter: ';' });
    }
  });

  test('a fault of the whole file comes with what was found', () => {
    const found = index('a;;c\n1;2;3\n');
    expect(found).toMatchObject({ records: 1, fault: { code: 'file_header_empty' }, conversion: null });
    expect(found.layout).toMatchObject({ format: 'csv', delimiter: ';' });
    expect(index('')).toMatchObject({ records: 0, fault: { code: 'file_no_records' } });
    expect(index('\uFEFF').fault).toEqual({
      code: 'file_no_records',
      message: 'The file holds only empty lines',
    });
  });
});

describe('what is only hashed, to be converted', () => {
  const utf16 = Buffer.from('\uFEFFid,name\r\n1,ö\r\n', 'utf16le');

  test.each<[string, Buffer | string, Partial<FileFormat>, FileIndex['conversion']]>([
    ['gzip', gzipSync('a,b\n1,2\n'), {}, { encoding: null }],
    ['gzip, its encoding stated', gzipSync('a,b\n1,2\n'), { encoding: 'windows-1252' }, { encoding: null }],
    ['XLSX', 'PK\x03\x04rest', {}, { encoding: null }],
    ['UTF-16 with a mark', utf16, {}, { encoding: 'utf-16le' }],
    ['UTF-16, the other end first', Buffer.from(utf16).swap16(), {}, { encoding: 'utf-16be' }],
    ['UTF-16 without a mark', utf16.subarray(2), {}, { encoding: 'utf-16le' }],
    ['stated UTF-16', utf16.subarray(2), { encoding: 'utf-16le' }, { encoding: 'utf-16le' }],
    ['stated Windows-1252', 'a,b\n1,2\n', { encoding: 'windows-1252' }, { encoding: 'windows-1252' }],
    ['an array', '[{"a":1}]', {}, { encoding: 'utf-8' }],
    ['a stated array', '[\n1]', { type: 'json' }, { encoding: 'utf-8' }],
    ['an array in Windows-1252', latin('[{"a":"\xe9"}]'), {}, { encoding: 'windows-1252' }],
    ['line ends of old Macs', '\uFEFFa,b\r1,2\r', {}, { encoding: 'utf-8' }],
    ['the same in Windows-1252', latin('a,b\r1,\xe9\r'), {}, { encoding: 'windows-1252' }],
    ['CSV in Windows-1252', latin('a,b\n1,Gr\xf6\xdfe\n'), {}, { encoding: 'windows-1252' }],
    ['NDJSON in Windows-1252', latin('{"a":"\xe9"}\n'), {}, { encoding: 'windows-1252' }],
  ])('%s', (_, file, stated, conversion) => {
    const bytes = Buffer.from(file);
    for (const pieceBytes of [1, 5, 1 << 16]) {
      const found = index(bytes, stated, { pieceBytes });
      expect(found).toEqual({ ...NOTHING, conversion, sha256: sha256(bytes), bytes: bytes.length });
    }
  });

  test('Windows-1252 that shows only at the end', () => {
    const file = Buffer.concat([Buffer.from(LONG.repeat(3)), latin('9;Ren\xe9\n')]);
    for (const pieceBytes of [1000, 1 << 16]) {
      const found = index(file, {}, { pieceBytes });
      const known = { conversion: { encoding: 'windows-1252' }, sha256: sha256(file), bytes: file.length };
      expect(found).toEqual({ ...NOTHING, ...known });
    }
  });

  test('hashes cover what comes after the first bytes', () => {
    const file = Buffer.concat([Buffer.from([0x1f, 0x8b]), Buffer.alloc(500_000, 7)]);
    expect(index(file, {}, { pieceBytes: 999 })).toMatchObject({ sha256: sha256(file), bytes: 500_002 });
  });
});

describe('UTF-8 that is damaged', () => {
  const damaged = Buffer.concat([Buffer.from('id,name\n1,ö\n'), latin('2,Ren\xe9\n')]);

  test.each<[string, Buffer, Partial<FileFormat>]>([
    ['holds right characters too', damaged, {}],
    ['is said to be UTF-8', latin('id,name\n1,Ren\xe9\n2,x\n'), { encoding: 'utf-8' }],
    ['has a byte order mark', Buffer.concat([Buffer.from('\uFEFF'), latin('id,name\n1,Ren\xe9\n2,x\n')]), {}],
    ['has a byte that Windows-1252 has not', latin('id,name\n1,Ren\xe9\n2,\x81\n'), {}],
  ])('stays UTF-8 where it %s', (_, file, stated) => {
    const found = index(file, stated, { pieceBytes: 3 });
    expect(found).toMatchObject({ conversion: null, records: 2, columns: ['id', 'name'] });
    expect(found.layout).toMatchObject({ format: 'csv', encoding: 'utf-8' });
    expect(found.fault).toBeUndefined();
  });
});

describe('what is refused', () => {
  test.each<[string, Buffer | string, Partial<FileFormat>, string, number]>([
    ['a PDF document', '%PDF-1.7\n', {}, 'file_not_supported', 0],
    ['XLS', Buffer.from([0xd0, 0xcf, 0x11, 0xe0]), {}, 'file_not_supported', 0],
    ['an HTML page', '\uFEFF\n<html>', {}, 'file_not_supported', 4],
    ['an object over lines', '\n{\n"a":1}', {}, 'file_not_supported', 1],
    ['NUL bytes', 'a,\0\n', {}, 'file_not_supported', 2],
    ['a stated encoding', '\uFEFFa,b\n', { encoding: 'utf-16le' }, 'file_encoding', 0],
    ['a stated type', '{"a":1}\n', { type: 'csv' }, 'file_not_supported', 0],
    ['a stated type, no workbook', 'a,b\n', { type: 'xlsx' }, 'file_not_supported', 0],
  ])('%s', (_, file, stated, code, offset) => {
    const bytes = Buffer.from(file);
    for (const pieceBytes of [1, 1 << 16]) {
      const found = index(Buffer.concat([bytes, Buffer.alloc(100_000, 0x20)]), stated, { pieceBytes });
      expect(found).toMatchObject({ ...NOTHING, conversion: null, bytes: bytes.length + 100_000 });
      expect(found.fault).toMatchObject({ code, offset });
    }
  });

  test('a NUL byte is looked for in the first bytes only', () => {
    const padded = (length: number) => `${'x'.repeat(length)}\0\n1\n`;
    const further = { code: 'file_header_malformed', record: 0 };
    for (const pieceBytes of [1000, 1 << 16]) {
      const nul = index(padded(HEAD_BYTES - 1), {}, { pieceBytes });
      expect(nul.fault).toMatchObject({ code: 'file_not_supported', offset: HEAD_BYTES - 1 });
      expect(index(padded(HEAD_BYTES), {}, { pieceBytes }).fault).toMatchObject(further);
    }
  });
});
