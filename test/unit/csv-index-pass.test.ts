import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { ChunkLimits } from '../../src/core/chunk.ts';
import { RFC_4180 } from '../../src/formats/csv/dialect.ts';
import { CsvIndexer } from '../../src/formats/csv/index-pass.ts';
import type { RecordIndex } from '../../src/formats/record-indexer.ts';

const LIMITS: ChunkLimits = { records: 1000, bytes: 1 << 20, recordBytes: 1 << 20, cellBytes: 1 << 20 };

function index(
  file: string | Buffer,
  limits: Partial<ChunkLimits> = {},
  pieceBytes = 1 << 16,
  { headerRow = 1, start = 0 } = {},
): RecordIndex {
  const bytes = Buffer.from(file);
  const dialect = { ...RFC_4180, headerRow };
  const indexer = new CsvIndexer({ dialect, limits: { ...LIMITS, ...limits }, start });
  for (let at = start; at < bytes.length; at += pieceBytes) {
    const piece = Buffer.from(bytes.subarray(at, at + pieceBytes));
    indexer.scan(piece);
    // Whoever reads the file uses the same memory for the next piece.
    piece.fill(0x22);
  }
  return indexer.finish();
}

function sha256(bytes: string | Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** The chunks as the text that their ranges cover. */
function texts(file: string, { chunks }: RecordIndex): string[] {
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
    for (const pieceBytes of [1, 2, 3, 100]) {
      const found = index(file, {}, pieceBytes);
      expect(found.records).toBe(records);
      expect(found.fault).toBeUndefined();
    }
  });

  test('an empty line cut in two before the header is no part of it', () => {
    expect(index('\r\n"a",b\n1,2\n', {}, 1)).toMatchObject({ columns: ['a', 'b'], records: 1 });
  });

  test('offsets count from the start of the file, not from where the text begins', () => {
    const found = index('\uFEFF"a",b\n1,2\n', {}, 1, { start: 3 });
    expect(found).toMatchObject({ columns: ['a', 'b'], chunks: [{ start: 9, end: 13 }] });
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
    const padded = `${file}\r\n${'x'.repeat(50)}\n\r\n1,2`;
    const limits = { records: 3, recordBytes: 40 };
    for (const pieceBytes of [1, 2, 3, 5, 11])
      expect(index(padded, limits, pieceBytes)).toEqual(index(padded, limits));
  });

  test.each([1, 7, 1 << 16])('a record over the limit gets one of its own, in pieces of %i', (pieceBytes) => {
    const long = `${'x'.repeat(20)},y\n`;
    const file = `a,b\n1,2\n${long}3,4\n5,6\n`;
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
    const file = '\uFEFFa,b\n1,2\n3,"4""\n5,6\n';
    const found = index(file, {}, pieceBytes, { start: 3 });
    const fault = { code: 'file_unclosed_quote', record: 2, offset: 13 };
    expect(found).toMatchObject({ records: 2, fault });
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
    ['\n\r\n', 'The file holds only empty lines'],
    ['a,b', 'The file holds only a header row'],
    ['a,b\n\n\r\n', 'The file holds only a header row'],
  ])('no records: %j', (file, message) => {
    const found = index(file);
    expect(found).toMatchObject({ records: 0, chunks: [], marked: false });
    expect(found.fault).toEqual({ code: 'file_no_records', message });
    expect(found.columns).toEqual(file.startsWith('a') ? ['a', 'b'] : null);
  });

  test('a header row with line ends of old Macs, or one CR too many, is told so', () => {
    const told = 'Column 2 of the header row holds a line end outside quotes; the row holds a CR without LF';
    for (const file of ['a,b\r1,2\r3,4\r', 'a,b\r1,2\r\n3,4\r\n', 'a,b\r\r\n1,2\r\r\n']) {
      const { fault } = index(file);
      expect(fault).toMatchObject({ code: 'file_header_malformed', offset: 0 });
      expect(fault?.message).toBe(`${told}: lines end in LF or CRLF`);
    }
    expect(index('"a","b"\r"1","2"\r').fault).toMatchObject({
      code: 'file_header_malformed',
      message: expect.stringContaining('a CR without LF'),
    });
    expect(index('a,\r\n').fault?.message).not.toContain('CR');
  });

  test('records without a header that have one CR too many are told so; elsewhere in a cell it is data', () => {
    const headless = (file: string) => index(file, {}, 1 << 16, { headerRow: 0 }).fault;
    expect(headless('1,2\r\r\n3,4\r\r\n')).toEqual({
      code: 'file_header_malformed',
      message: 'The end of the first row is CR CR LF; lines end in LF or CRLF',
      record: 0,
      offset: 0,
    });
    for (const file of ['1,2\r\n', '1\r,2\n', '1,"2\r"\r\n', '1,2\r']) expect(headless(file)).toBeUndefined();
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
      const found = index('name,name,name\n1,2\n', { recordBytes: 10 }, pieceBytes);
      const fault = { code: 'file_header_malformed', record: 0, offset: 0 };
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

describe('the header row in a row further down', () => {
  const file = 'Learners\r\n\r\n"a ""title"",\n""over lines""";\r\nid,name\r\n1,Anna\r\n2,"B\nob"\r\n';

  test.each([1, 2, 3, 7, 1 << 16])('rows above are no records, in pieces of %i', (pieceBytes) => {
    const found = index(file, {}, pieceBytes, { headerRow: 4 });
    expect(found.fault).toBeUndefined();
    expect(found).toMatchObject({ columns: ['id', 'name'], records: 2 });
    expect(texts(file, found)).toEqual(['1,Anna\r\n2,"B\nob"\r\n']);
    expect(found.chunks[0]?.sha256).toBe(sha256('1,Anna\r\n2,"B\nob"\r\n'));
  });

  test('a row above may be longer than any record', () => {
    const long = `${'x'.repeat(500)}\nid\n1\n`;
    for (const pieceBytes of [1, 30, 1 << 16]) {
      const found = index(long, { recordBytes: 20 }, pieceBytes, { headerRow: 2 });
      expect(found).toMatchObject({ columns: ['id'], records: 1 });
      expect(found.fault).toBeUndefined();
    }
  });

  test('blank lines from its number on are passed over', () => {
    const found = index('x\n\n\r\n\nid\n1\n', {}, 1, { headerRow: 3 });
    expect(found).toMatchObject({ columns: ['id'], records: 1 });
  });

  test.each([
    ['a\nb\n', 9, 'file_header_malformed', '`format.header_row` says 9, but the file has no more than 2'],
    ['a\nb', 9, 'file_header_malformed', '`format.header_row` says 9, but the file has no more than 2'],
    ['a\nb\n\n\n', 3, 'file_no_records', 'The file holds nothing from row 3 on'],
    ['\n\r\n', 9, 'file_no_records', 'The file holds only empty lines'],
    ['', 9, 'file_no_records', 'The file is empty'],
    ['a\nb\n', 2, 'file_no_records', 'The file holds only a header row'],
  ])('%j with header row %i: %s', (file, headerRow, code, message) => {
    const found = index(file, {}, 1, { headerRow });
    expect(found).toMatchObject({ records: 0, chunks: [], fault: { code, message } });
  });

  test.each([
    ['a\n"b\nc\nd\n', 'row 2'],
    ['a\nb\n"c\nd\n', 'the header row'],
  ])('%j: a quote that is never closed in %s', (file, where) => {
    const found = index(file, {}, 2, { headerRow: 3 });
    expect(found).toMatchObject({
      columns: null,
      records: 0,
      fault: { code: 'file_unclosed_quote', record: 0 },
    });
    expect(found.fault?.message).toContain(`a cell of ${where} is never closed`);
    expect(found.fault?.offset).toBe(file.indexOf('"'));
  });
});

describe('without a header row', () => {
  test.each([1, 2, 5, 1 << 16])('columns are named for the first record, in pieces of %i', (pieceBytes) => {
    const file = '\r\n"a,\n1",b,c\n\n2,3,4\n';
    const found = index(file, {}, pieceBytes, { headerRow: 0 });
    expect(found.fault).toBeUndefined();
    const columns = ['column_1', 'column_2', 'column_3'];
    expect(found).toMatchObject({ columns, records: 2, marked: false });
    expect(texts(file, found)).toEqual(['"a,\n1",b,c\n\n2,3,4\n']);
    expect(found.chunks[0]?.sha256).toBe(sha256('"a,\n1",b,c\n\n2,3,4\n'));
  });

  test('one record and no line end', () => {
    expect(index('a;b', {}, 1, { headerRow: 0 })).toMatchObject({ columns: ['column_1'], records: 1 });
  });

  test('many columns make chunks smaller from the first record on', () => {
    const row = `${'1,'.repeat(1999)}1\n`;
    const found = index(row.repeat(1100), { bytes: 1 << 24 }, 1 << 16, { headerRow: 0 });
    expect(found.chunks.map((chunk) => chunk.records)).toEqual([500, 500, 100]);
  });

  test('a first record in a damaged encoding tells its columns all the same', () => {
    const found = index(Buffer.from('\xe9,b\n1,2\n', 'latin1'), {}, 1, { headerRow: 0 });
    expect(found).toMatchObject({ columns: ['column_1', 'column_2'], records: 2 });
    expect(found.fault).toBeUndefined();
  });

  test.each([
    ['a"b,c\n1,2\n', /Column 1 of the first row has a quote/, 2],
    [`${','.repeat(2048)}\n1,2\n`, /There are 2049 columns in the first row; at most 2048/, 2],
    [`${'x'.repeat(99)},2\n1,2\n`, /The first row, which tells .* has 102 bytes; at most 50/, 2],
    ['a,"b\n1,2\n', /a cell of the first row is never closed/, 1],
  ])('a first record that tells nothing: %.20j', (file, message, records) => {
    for (const pieceBytes of [1, 1 << 16]) {
      const limits = file.startsWith('x') ? { recordBytes: 50 } : {};
      const found = index(file, limits, pieceBytes, { headerRow: 0 });
      expect(found).toMatchObject({ columns: null, records, fault: { record: 0 } });
      expect(found.fault?.message).toMatch(message);
    }
  });

  test('no records', () => {
    const none = { records: 0, columns: null, fault: { code: 'file_no_records' } };
    expect(index('\n\r\n', {}, 1, { headerRow: 0 })).toMatchObject(none);
    expect(index('', {}, 1, { headerRow: 0 })).toMatchObject(none);
  });
});

describe('a table of ours that came back', () => {
  test('is told by the column that marks it, and what was neutralised in names is undone', () => {
    const found = index("id,'=a,''-b,_status,_sheaf\n1,2,3,failed,\n");
    expect(found).toMatchObject({ marked: true, records: 1 });
    expect(found.columns).toEqual(['id', '=a', "'-b", '_status', '_sheaf']);
    expect(found.fault).toBeUndefined();
  });

  test('any other is not', () => {
    const found = index("id,'=a,sheaf\n1,2,3\n");
    expect(found).toMatchObject({ marked: false, columns: ['id', "'=a", 'sheaf'] });
  });
});

test('100,000 columns are refused at once, and nothing of them is held', () => {
  const names = Array.from({ length: 100_000 }, (_, n) => `c${n}`).join(',');
  for (const header of [names, ','.repeat(100_000)]) {
    const found = index(`${header}\n${'1\n'.repeat(10)}`, {}, 1000);
    const fault = { code: 'file_header_malformed', record: 0 };
    expect(found).toMatchObject({ columns: null, records: 10, fault });
    expect(found.fault?.message).toMatch(/at most (2048|262144) are read/);
  }
});
