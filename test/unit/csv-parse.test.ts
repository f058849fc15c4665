import { describe, expect, test } from 'vitest';
import { RFC_4180 } from '../../src/formats/csv/dialect.ts';
import { type ParseOptions, parseCsvChunk } from '../../src/formats/csv/parse.ts';

const OPTIONS: ParseOptions = {
  dialect: RFC_4180,
  columns: 2,
  firstRecord: 11,
  start: 1000,
  limits: { cellBytes: 1 << 20 },
};

function parse(chunk: string | Buffer, options: Partial<ParseOptions> = {}) {
  return parseCsvChunk(Buffer.from(chunk), { ...OPTIONS, ...options });
}

function cells(chunk: string | Buffer, options: Partial<ParseOptions> = {}) {
  return parse(chunk, options).map((row) => row.cells ?? row.fault.code);
}

describe('values', () => {
  test.each([
    [
      'simple',
      '1,2\n3,4\n',
      [
        ['1', '2'],
        ['3', '4'],
      ],
    ],
    [
      'CRLF',
      '1,2\r\n3,4\r\n',
      [
        ['1', '2'],
        ['3', '4'],
      ],
    ],
    [
      'no line end at the end',
      '1,2\n3,4',
      [
        ['1', '2'],
        ['3', '4'],
      ],
    ],
    [
      'empty cells',
      ',\n"",\n,""',
      [
        ['', ''],
        ['', ''],
        ['', ''],
      ],
    ],
    [
      'an empty last cell',
      '1,\r\n2,',
      [
        ['1', ''],
        ['2', ''],
      ],
    ],
    ['blanks are kept', ' 1 ,\t2\n', [[' 1 ', '\t2']]],
    ['delimiters in quotes', '"1,2",3\n', [['1,2', '3']]],
    ['quotes in quotes', '"1 ""2""","""\n"""\n', [['1 "2"', '"\n"']]],
    ['only quotes', '"""",""""""\n', [['"', '""']]],
    [
      'line ends in quotes',
      '"1\n2","3\r\n4"\r\n5,6\n',
      [
        ['1\n2', '3\r\n4'],
        ['5', '6'],
      ],
    ],
    [
      'JSON in quotes',
      '1,"{""type"": ""Point"", ""at"": [1, 2]}"\n',
      [['1', '{"type": "Point", "at": [1, 2]}']],
    ],
    [
      'lone CRs',
      '1\r,\r2\r\n"3\r",4\r',
      [
        ['1\r', '\r2'],
        ['3\r', '4\r'],
      ],
    ],
    [
      'empty lines',
      '\n1,2\n\r\n\n3,4\n\n',
      [
        ['1', '2'],
        ['3', '4'],
      ],
    ],
    [
      'many scripts',
      'Łukasz,"Ελένη"\n名前,🦊\n',
      [
        ['Łukasz', 'Ελένη'],
        ['名前', '🦊'],
      ],
    ],
    ['a byte order mark inside is data', '\uFEFF1,2\n', [['\uFEFF1', '2']]],
    [
      'what looks like a number',
      '007,1e5\n+49,-0\n',
      [
        ['007', '1e5'],
        ['+49', '-0'],
      ],
    ],
    ['NUL is data', '1\0,"\0"\n', [['1\0', '\0']]],
    ['line separators of Unicode', '1\u2028,2\u0085\n', [['1\u2028', '2\u0085']]],
  ])('%s', (_, chunk, rows) => {
    expect(cells(chunk)).toEqual(rows);
  });

  test('one column: a quoted empty cell is a record, an empty line none', () => {
    expect(cells('""\n\n1\n', { columns: 1 })).toEqual([[''], ['1']]);
  });

  test('another dialect', () => {
    const dialect = { delimiter: 0x3b, quote: 0x27 };
    expect(cells(`1,5;'it''s; "so"'\n`, { dialect })).toEqual([['1,5', 'it\'s; "so"']]);
  });
});

test('a table of ours: what was neutralised is undone in every cell', () => {
  const chunk = `'=1+1,"'-x"\n'a,''b\n"''=""",\n1,2,3\n`;
  expect(cells(chunk, { marked: true })).toEqual([
    ['=1+1', '-x'],
    ["'a", "''b"],
    [`'="`, ''],
    'cells_too_many',
  ]);
  expect(cells(chunk)[0]).toEqual(["'=1+1", "'-x"]);
});

describe('faults', () => {
  test('the number of cells', () => {
    expect(parse('1\n2,3\n4,5,6\n"7"\n').map((row) => row.fault)).toEqual([
      { code: 'cells_too_few', message: 'The row has 1 cell, the header has 2' },
      undefined,
      { code: 'cells_too_many', message: 'The row has 3 cells, the header has 2' },
      { code: 'cells_too_few', message: 'The row has 1 cell, the header has 2' },
    ]);
  });

  test.each([
    ['1,2"\n', 2],
    ['1, "2"\n', 2],
    ['"1"x,2\n', 1],
    ['"1" ,2\n', 1],
    ['"1"\r,2\n', 1],
    ['1"2,"3"x\n', 1],
    ['1"2,3"4\n', 1],
    ['"1"x"y,2,3,4\n', 1],
  ])('a misplaced quote spoils its own row only: %j', (row, cell) => {
    const rows = parse(`a,"b"\n${row}\nc,"d"\n`);
    expect(rows[0]).toEqual({ cells: ['a', 'b'] });
    expect(rows[1]?.fault).toMatchObject({ code: 'quote_misplaced' });
    expect(rows[1]?.fault?.message).toContain(`Cell ${cell} has a quote`);
    expect(rows[1]?.offset).toBe(6);
    expect(rows[2]).toEqual({ cells: ['c', 'd'] });
  });

  test('a lone CR after a closing quote is no line end, not even at the end', () => {
    expect(cells('1,"2"\r')).toEqual(['quote_misplaced']);
    expect(cells('1,"2"\r\n')).toEqual([['1', '2']]);
  });

  test('a cell over the limit, in bytes and without its quotes', () => {
    const limits = { cellBytes: 8 };
    const message = 'The cell of column 2 has 9 bytes; the limit is 8';
    expect(parse('1,123456789\n1,漢字漢\n', { limits }).map((row) => row.fault)).toEqual([
      { code: 'cell_too_large', message },
      { code: 'cell_too_large', message },
    ]);
    expect(cells('12345678,"1234567"""\n漢字ab,""\n', { limits })).toEqual([
      ['12345678', '1234567"'],
      ['漢字ab', ''],
    ]);
  });

  test('offsets are bytes, also after characters of many', () => {
    const rows = parse('漢,🦊\n1\né,"ü"\n2\n');
    expect(rows.map((row) => row.offset)).toEqual([undefined, 9, undefined, 19]);
  });

  test('a quote that is never closed takes the rest', () => {
    const rows = parse('é,1\n2,"3\n4,5\n');
    expect(rows).toHaveLength(2);
    expect(rows[1]).toMatchObject({
      offset: 5,
      fault: { code: 'file_unclosed_quote', record: 12, offset: 1007 },
    });
  });
});

describe('encoding', () => {
  test('a record with a byte of Windows-1252 is told; the others are read', () => {
    const chunk = Buffer.concat([
      Buffer.from('é,1\n\n'),
      Buffer.from('Ren\xe9,2\r\n', 'latin1'),
      Buffer.from('ü,"3"\n'),
    ]);
    const rows = parse(chunk);
    expect(rows.map((row) => row.cells)).toEqual([['é', '1'], undefined, ['ü', '3']]);
    expect(rows[1]).toMatchObject({ offset: 6, fault: { code: 'file_encoding', record: 12, offset: 1009 } });
    expect(rows[1]?.fault?.message).toMatch(/0xE9.*seems to be Windows-1252/);
  });

  test('damaged UTF-8 is not taken for Windows-1252', () => {
    const [row] = parse(Buffer.concat([Buffer.from('é,'), Buffer.from([0xe6, 0xbc, 0x0a])]));
    expect(row?.fault).toMatchObject({ code: 'file_encoding', offset: 1003 });
    expect(row?.fault?.message).toBe(
      'The byte 0xE6 is not valid UTF-8 here; save the file as UTF-8, or state its encoding as `format.encoding`',
    );
  });

  test('the rules for quotes hold between damaged records', () => {
    const chunk = Buffer.from('"\xff\n",1\n"a\nb",2\n3"\xff,4\nc"d,5\n6\n', 'latin1');
    expect(cells(chunk)).toEqual([
      'file_encoding',
      ['a\nb', '2'],
      'file_encoding',
      'quote_misplaced',
      'cells_too_few',
    ]);
    expect(parse(chunk).map((row) => row.offset)).toEqual([0, undefined, 15, 21, 27]);
  });
});
