import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { ChunkLimits } from '../../src/core/chunk.ts';
import { type FileIndex, FileIndexer } from '../../src/formats/index-pass.ts';

const LIMITS: ChunkLimits = { records: 1000, bytes: 1 << 20, recordBytes: 1 << 20, cellBytes: 1 << 20 };

/** Empty lines, as many as the indexer holds back to sniff: only after them does it see pieces as they are cut. */
const PADDING = '\n'.repeat(5000);

function index(file: string | Buffer, limits: Partial<ChunkLimits> = {}, pieceBytes = 1 << 16): FileIndex {
  const bytes = Buffer.from(file);
  const indexer = new FileIndexer({ limits: { ...LIMITS, ...limits } });
  for (let at = 0; at < bytes.length; at += pieceBytes) indexer.push(bytes.subarray(at, at + pieceBytes));
  return indexer.finish();
}

function sha256(bytes: string | Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** The chunks as the text that their ranges cover. */
function texts(file: string, { chunks }: FileIndex): string[] {
  return chunks.map(({ start, end }) => Buffer.from(file).subarray(start, end).toString());
}

describe('records', () => {
  test.each([
    ['LF', 'a,b\n1,2\n3,4\n', 2],
    ['CRLF', 'a,b\r\n1,2\r\n3,4\r\n', 2],
    ['both mixed', 'a,b\n1,2\r\n3,4\n', 2],
    ['no line end at the end', 'a,b\n1,2\n3,4', 2],
    ['a lone CR is data', 'a\n1\r2\n3\n', 2],
    ['a lone CR at the end is a record', 'a\n1\n\r', 2],
    ['empty lines are none', '\n\r\na\n\n1\r\n\r\n\n2\n\n', 2],
    ['a quoted empty cell is one', 'a\n""\n\n""', 2],
    ['a line of a blank is one', 'a\n \n', 1],
    ['a line of delimiters is one', 'a,b\n,\n', 1],
    ['line ends inside quotes', 'a,b\n"1\n\r\n2",3\n4,5\n', 2],
    ['doubled quotes', 'a,b\n"1""\n""",3\n4,5\n', 2],
    ['a quote in an unquoted cell opens nothing', 'a,b\n1",2\n3,4"\n', 2],
    ['a quote after a blank opens nothing', 'a,b\n1, "2\n3,4\n', 2],
    ['what follows a closing quote is unquoted', 'a,b\n"1"x"\n3,4\n', 2],
    ['a cell after a misplaced quote may be quoted', 'a,b\n"1"x,"2\n"\n3,4\n', 2],
  ])('%s', (_, file, records) => {
    expect(index(file).records).toBe(records);
    for (const pieceBytes of [1, 2, 3]) {
      const padded = PADDING + file;
      const found = index(padded, {}, pieceBytes);
      expect(found).toMatchObject({ records, sha256: sha256(padded), bytes: Buffer.byteLength(padded) });
      expect(found.fault).toBeUndefined();
    }
  });

  test('an empty line cut in two before the header is no part of it', () => {
    expect(index(`${PADDING}\r\n"a",b\n1,2\n`, {}, 1)).toMatchObject({ columns: ['a', 'b'], records: 1 });
  });

  test('a byte order mark is told and is no part of the first name', () => {
    expect(index('\uFEFFa,b\n1,2\n')).toMatchObject({
      bom: true,
      columns: ['a', 'b'],
      chunks: [{ start: 7, end: 11 }],
    });
    expect(index('\uFEFF"a",b\n1,2\n', {}, 1)).toMatchObject({ bom: true, columns: ['a', 'b'], records: 1 });
    expect(index('a,b\n1,2\n').bom).toBe(false);
  });
});

describe('chunks', () => {
  const file = 'a,b\n1,2\n3,4\n5,6\n7,8\n9,0\n';

  test('close at the number of records', () => {
    const found = index(file, { records: 2 });
    expect(texts(file, found)).toEqual(['1,2\n3,4\n', '5,6\n7,8\n', '9,0\n']);
    expect(found.chunks[1]).toEqual({
      number: 2,
      firstRecord: 3,
      records: 2,
      start: 12,
      end: 20,
      sha256: sha256('5,6\n7,8\n'),
    });
  });

  test('close with the record that reaches the bytes', () => {
    expect(texts(file, index(file, { bytes: 5 }))).toEqual(['1,2\n3,4\n', '5,6\n7,8\n', '9,0\n']);
    expect(texts(file, index(file, { bytes: 4 }))).toHaveLength(5);
  });

  test('have fewer records where they have many columns', () => {
    const header = Array.from({ length: 2000 }, (_, n) => `c${n}`).join(',');
    const found = index(`${header}\n${'1\n'.repeat(1100)}`);
    expect(found.chunks.map((chunk) => chunk.records)).toEqual([500, 500, 100]);
    expect(index(`${header}\n1\n2\n3\n`, { records: 2 }).chunks).toHaveLength(2);
  });

  test('take in the empty lines after a record, and close by them too', () => {
    const sparse = 'a\n\n1\n\n\n2\n\n\n\n\n3\n\n';
    expect(texts(sparse, index(sparse, { bytes: 8 }))).toEqual(['1\n\n\n2\n\n\n', '3\n\n']);
    expect(texts(sparse, index(sparse, { records: 1 }))).toEqual(['1\n', '2\n', '3\n']);
  });

  test('are the same however the pieces are cut', () => {
    const padded = `${PADDING}${file}\r\n${'x'.repeat(50)}\n\r\n1,2`;
    const limits = { records: 3, recordBytes: 40 };
    for (const pieceBytes of [1, 2, 3, 5, 11])
      expect(index(padded, limits, pieceBytes)).toEqual(index(padded, limits));
  });

  test.each([1, 7, 1 << 16])('a record over the limit gets one of its own, in pieces of %i', (pieceBytes) => {
    const long = `${'x'.repeat(20)},y\n`;
    const file = `${PADDING}a,b\n1,2\n${long}3,4\n5,6\n`;
    const found = index(file, { recordBytes: 20 }, pieceBytes);
    expect(texts(file, found)).toEqual(['1,2\n', long, '3,4\n5,6\n']);
    expect(found).toMatchObject({ records: 4 });
    expect(found.fault).toBeUndefined();
    expect(found.chunks[1]).toMatchObject({ firstRecord: 2, records: 1, sha256: sha256(long) });
    expect(found.chunks[1]?.fault).toEqual({
      code: 'record_too_large',
      message: 'The record has 23 bytes with its line end; the limit is 20',
    });
    expect(found.chunks[2]).toMatchObject({ firstRecord: 3, records: 2, sha256: sha256('3,4\n5,6\n') });
  });

  test('a record of exactly the limit is read', () => {
    expect(index('a,b\n12345,789\n', { recordBytes: 10 }).chunks[0]?.fault).toBeUndefined();
    expect(index('a,b\n12345,7890\n', { recordBytes: 10 }).chunks[0]?.fault).toBeDefined();
  });

  test.each([1, 5, 1 << 16])('a quote that is never closed is told, in pieces of %i', (pieceBytes) => {
    const file = `\uFEFF${PADDING}a,b\n1,2\n3,"4""\n5,6\n`;
    const found = index(file, {}, pieceBytes);
    const fault = { code: 'file_unclosed_quote', record: 2, offset: PADDING.length + 13 };
    expect(found).toMatchObject({ records: 2, fault, sha256: sha256(file) });
    expect(texts(file, found)).toEqual(['1,2\n', '3,"4""\n5,6\n']);
    expect(found.chunks[1]).toMatchObject({ firstRecord: 2, records: 1, fault: found.fault });
    expect(found.fault?.message).toContain('record 2');
  });

  test('an unclosed quote over the record limit is told as such', () => {
    const found = index(`a\n1\n"${'x\n'.repeat(5000)}`, { recordBytes: 20 }, 8);
    expect(found).toMatchObject({ records: 2, fault: { code: 'file_unclosed_quote', record: 2, offset: 4 } });
  });
});

describe('what is wrong with the whole file', () => {
  test.each([
    ['', 'The file is empty'],
    ['\uFEFF', 'The file holds only empty lines'],
    ['\n\r\n', 'The file holds only empty lines'],
    ['a,b', 'The file holds only a header row'],
    ['a,b\n\n\r\n', 'The file holds only a header row'],
  ])('no records: %j', (file, message) => {
    const found = index(file);
    expect(found).toMatchObject({ records: 0, chunks: [], sha256: sha256(file) });
    expect(found.fault).toEqual({ code: 'file_no_records', message });
    expect(found.columns).toEqual(file.startsWith('a') ? ['a', 'b'] : null);
  });

  test('no records: a file with the line ends of old Macs is told so', () => {
    expect(index('a,b\r1,2\r3,4\r').fault).toEqual({
      code: 'file_no_records',
      message: 'The file holds only a header row; the row holds a CR without LF: lines end in LF or CRLF',
    });
    expect(index('"a","b"\r"1","2"\r').fault).toMatchObject({
      code: 'file_header_malformed',
      message: expect.stringContaining('a CR without LF'),
    });
    expect(index('a,\r\n').fault?.message).not.toContain('CR');
  });

  test.each([
    ['gzip', Buffer.from([0x1f, 0x8b, 8, 0]), /gzip.*unpack/],
    ['XLSX', Buffer.from('PK\x03\x04rest'), /XLSX.*save the sheet as CSV/],
    ['XLS', Buffer.from([0xd0, 0xcf, 0x11, 0xe0]), /XLS workbook/],
    ['an empty ZIP archive', Buffer.from('PK\x05\x06rest'), /an empty ZIP archive/],
    ['PNG', Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d]), /PNG/],
    ['JPEG', Buffer.from([0xff, 0xd8, 0xff, 0xe0]), /JPEG/],
    ['Parquet', Buffer.from('PAR1\x15\x04'), /Parquet/],
    ['UTF-32, little end first', Buffer.from([0xff, 0xfe, 0, 0, 0x61, 0, 0, 0]), /UTF-32.*save it as UTF-8/],
    ['UTF-32, big end first', Buffer.from([0, 0, 0xfe, 0xff, 0, 0, 0, 0x61]), /UTF-32/],
    ['Zstandard', Buffer.from([0x28, 0xb5, 0x2f, 0xfd]), /Zstandard/],
    ['PDF', Buffer.from('%PDF-1.7\n'), /PDF/],
    ['UTF-16, little end first', Buffer.from('\uFEFFa,b\n1,2\n', 'utf16le'), /UTF-16.*save it as UTF-8/],
    ['UTF-16, big end first', Buffer.from('\uFEFFa,b\n1,2\n', 'utf16le').swap16(), /UTF-16/],
    ['UTF-16 without a mark', Buffer.from('a,b\n1,2\n', 'utf16le'), /NUL/],
    ['a JSON array', Buffer.from('\uFEFF[\n  { "a\\"b": 1 }\n]\n'), /JSON.*an array/],
  ])('not CSV but %s', (_, file, message) => {
    for (const pieceBytes of [1, 1 << 16]) {
      const found = index(file, {}, pieceBytes);
      expect(found).toMatchObject({
        format: null,
        records: 0,
        chunks: [],
        columns: null,
        sha256: sha256(file),
      });
      expect(found.fault).toMatchObject({
        code: 'file_not_supported',
        message: expect.stringMatching(message),
      });
    }
  });

  test('the hash covers what comes after the fault', () => {
    const file = Buffer.concat([Buffer.from([0x1f, 0x8b]), Buffer.alloc(50_000, 7)]);
    expect(index(file, {}, 999)).toMatchObject({ sha256: sha256(file), bytes: 50_002 });
  });

  test('a NUL byte is looked for in the first 4096 bytes only', () => {
    const padded = (length: number) => `${'x'.repeat(length)}\0\n1\n`;
    const further = { code: 'file_header_malformed', record: 0 };
    for (const pieceBytes of [1, 100, 1 << 16]) {
      expect(index(padded(4095), {}, pieceBytes).fault).toMatchObject({
        code: 'file_not_supported',
        offset: 4095,
      });
      expect(index(padded(4096), {}, pieceBytes).fault).toMatchObject(further);
    }
    expect(index(`\uFEFF${padded(4095)}`).fault).toMatchObject({ code: 'file_not_supported', offset: 4098 });
    expect(index(`\uFEFF${padded(4096)}`).fault).toMatchObject(further);
  });

  test.each([
    ['{,}\n1,2\n'],
    ['[a],b\n1,2\n'],
    ['{a: 1}\n2\n'],
    ['{},b\n1,2\n'],
    ['[\n"a"\n'],
    ['"a"\n1\n'],
    ['PK,b\n1,2\n'],
  ])('is not guessed: %j', (file) => {
    expect(index(file)).toMatchObject({ format: 'csv', records: 1 });
    expect(index(file).fault).toBeUndefined();
  });

  test('with a bad header the records are still counted', () => {
    const found = index('a,,c\n1,2,3\n4,5,6\n');
    expect(found).toMatchObject({
      records: 2,
      columns: ['a', '', 'c'],
      fault: { code: 'file_header_empty' },
    });
    expect(found.chunks).toHaveLength(1);
  });

  test('a header over the record limit is not held', () => {
    for (const pieceBytes of [1, 8, 1 << 16]) {
      const found = index(`${PADDING}name,name,name\n1,2\n`, { recordBytes: 10 }, pieceBytes);
      const fault = { code: 'file_header_malformed', record: 0, offset: PADDING.length };
      expect(found).toMatchObject({ columns: null, records: 1, fault });
    }
    expect(index('123456789\n1\n', { recordBytes: 10 })).toMatchObject({ columns: ['123456789'] });
  });

  test('a header whose quote is never closed', () => {
    const found = index('\na,"b\n1,2\n');
    expect(found).toMatchObject({ columns: null, records: 0, chunks: [] });
    expect(found.fault).toMatchObject({ code: 'file_unclosed_quote', record: 0, offset: 3 });
    expect(found.fault?.message).toContain('the header row');
  });

  test('a fault of the header comes before an unclosed quote further on', () => {
    expect(index('a,a\n1,"2\n').fault?.code).toBe('file_header_duplicate');
  });
});
