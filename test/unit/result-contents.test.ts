import { describe, expect, test } from 'vitest';
import type { ResultsFormat } from '../../src/core/batch.ts';
import type { RecordFault } from '../../src/core/chunk.ts';
import {
  failedLine,
  type RecordError,
  type ResultLine,
  succeededLine,
  unprocessedLine,
} from '../../src/core/result.ts';
import type { InputDescription } from '../../src/formats/description.ts';
import { ChunkResults } from '../../src/formats/results/chunk-results.ts';
import { ClientChunk } from '../../src/formats/results/client-chunk.ts';
import { rawRecords } from '../../src/formats/results/csv-contents.ts';
import { type FileKind, recordsIn } from '../../src/formats/results/file-content.ts';
import { PIECE_BYTES } from '../../src/formats/results/pieces.ts';
import { ResultChunk } from '../../src/formats/results/result-chunk.ts';
import {
  chunkOf,
  contentsOf,
  csv,
  type Given,
  markedCsv,
  ndjson,
  textOf,
  xlsx,
} from '../support/result-contents.ts';

const required: RecordError = {
  code: 'required',
  message: 'must be given',
  field: 'email',
  column: 'E-Mail',
};
const tooLong: RecordError = { code: 'too_long', message: 'must be short', field: 'name', value: 'a, "b"' };
const bare: RecordError = { code: 'cells_too_many', message: 'The row has 4 cells, the header has 3' };
/** As a row of a workbook is shown that was not cut into cells. */
const CELLS = ['1', '', '', 'x', { error: 'c', message: 'm' }];
const rows = (...lines: string[]) => lines.map((line) => `${line}\r\n`).join('');

describe('a table of a CSV file', () => {
  const given: Given = {
    description: csv('Id', 'name', 'E-Mail'),
    input: '007,"Ana ""x"", B",\n8,"two\nlines",a@b\n\n9,,\n',
    lines: [failedLine(4, [required, tooLong], 0), succeededLine(5, { id: 1 }, 1), succeededLine(6, {}, 1)],
  };
  const header = 'Id,name,E-Mail,_rest,_record,_status,_error_code,_error,"_sheaf"';
  const failed =
    '007,"Ana ""x"", B",,,4,failed,required; too_long,E-Mail: must be given; name: must be short,';
  const good = '8,"two\nlines",a@b,,5,succeeded,,,';
  const last = '9,,,,6,succeeded,,,';

  test.each<[FileKind, string[]]>([
    ['all', [header, failed, good, last]],
    ['succeeded', [header, good, last]],
    ['failed', [header, failed]],
  ])('%s: the client’s own columns, then ours', (kind, lines) => {
    expect(textOf(kind, 'csv', given)).toBe(rows(...lines));
  });

  test('our columns take the place of those that the client’s file has', () => {
    const table = textOf('all', 'csv', {
      description: csv('_status', 'Id', '_record', '_error', 'note', '_error_code'),
      input: 'failed,7,3,bad,x,required\n',
      lines: [succeededLine(1, {}, 1)],
    });
    expect(table).toBe(
      rows('Id,note,_rest,_record,_status,_error_code,_error,"_sheaf"', '7,x,,1,succeeded,,,'),
    );
  });

  test('nothing in it is run by a spreadsheet; numbers and phone numbers stay as they are', () => {
    const evil: RecordError = { code: '@code', message: '=HYPERLINK("x")', column: '=2+5', value: '-cmd' };
    const dangerous: Given = {
      description: csv('=name', 'b', 'c', 'd'),
      input: '=1+1,-5,+49 (170) 123-45,\'@x\n@a,\tb,\'y,"-a,b"\n+x,1,2\n',
      lines: [succeededLine(1, {}, 1), succeededLine(2, {}, 1), failedLine(3, [evil], 0)],
    };
    expect(textOf('all', 'csv', dangerous)).toBe(
      rows(
        '\'=name,b,c,d,_rest,_record,_status,_error_code,_error,"_sheaf"',
        "'=1+1,-5,+49 (170) 123-45,''@x,,1,succeeded,,,",
        "'@a,'\tb,'y,\"'-a,b\",,2,succeeded,,,",
        ',,,,"\'+x,1,2",3,failed,\'@code,"\'=2+5: =HYPERLINK(""x"")",',
      ),
    );
    expect(textOf('errors', 'csv', { ...dangerous, customIds: true })).toBe(
      rows(
        'record,custom_id,column,field,code,message,value',
        '3,,\'=2+5,,\'@code,"\'=HYPERLINK(""x"")",\'-cmd',
      ),
    );
    const failed = JSON.parse(textOf('failed', 'ndjson', dangerous));
    expect(failed).toMatchObject({ error: evil, input: '+x,1,2' });
    expect(
      textOf('unprocessed', 'csv', { ...dangerous, input: '=a,b,c,d\n', lines: [unprocessedLine(1)] }),
    ).toBe(rows('\'=name,b,c,d,_rest,"_sheaf"', "'=a,b,c,d,,"));
  });

  test.each([
    ['tabs', { delimiter: '\t' }, '"x\t""y"""\t1,2', 'a\tb\t_rest\t'],
    ['semicolons and apostrophes', { delimiter: ';', quote: "'" }, "'it''s;';\"x\"", 'a;b;_rest;'],
    [
      'what has a meaning in regular expressions',
      { delimiter: '^', quote: ']' },
      ']x^]]]^1\\2',
      'a^b^_rest^',
    ],
  ])('is written with %s where the file has them', (_, dialect, row, header) => {
    const description = { ...csv('a', 'b'), ...dialect };
    const given: Given = { description, input: `${row}\n`, lines: [succeededLine(1, {}, 1)] };
    const { delimiter } = description;
    const [first, second] = textOf('all', 'csv', given).split('\r\n');
    expect(first?.startsWith(header)).toBe(true);
    expect(second).toBe([row, '', '1', 'succeeded', '', '', ''].join(delimiter));
  });

  test.each<[string, Given['description'], boolean]>([
    ['UTF-8 without a byte order mark', csv('a'), false],
    ['UTF-8 with one', { ...csv('a'), bom: true }, true],
    ['UTF-16', { ...csv('a'), encoding: 'utf-16le' }, true],
    ['Windows-1252', { ...csv('a'), encoding: 'windows-1252' }, true],
    ['lines of JSON', ndjson('a'), false],
    ['a workbook', xlsx('a'), true],
  ])('of %s begins with a byte order mark or not', (_, description, mark) => {
    for (const kind of ['all', 'errors', 'unprocessed'] as const) {
      const text = textOf(kind, 'csv', { description, input: '', lines: [] });
      expect(text.startsWith('\uFEFF')).toBe(mark);
    }
  });

  test('a row that cannot be read stands whole in _rest under blank columns, so that it fails again unmended', () => {
    const lines = [1, 2, 3, 4, 5, 6].map((record) => failedLine(record, [bare], 0));
    const table = textOf('failed', 'csv', {
      description: csv('a', 'b', 'c'),
      input: Buffer.concat([
        Buffer.from('1,2,3,4\n5\r\n6,"x"y,7\n"8","8\r\n",\uFEFF,8\n'),
        Buffer.from('9,\xe9t\xe9,9\n', 'latin1'),
        Buffer.from(`10,${'z'.repeat(101)},11`),
      ]),
      lines,
    });
    const ends = lines.map(
      ({ record }) => `,${record},failed,cells_too_many,"The row has 4 cells, the header has 3",`,
    );
    expect(table).toBe(
      rows(
        'a,b,c,_rest,_record,_status,_error_code,_error,"_sheaf"',
        `,,,"1,2,3,4"${ends[0]}`,
        `,,,5${ends[1]}`,
        `,,,"6,""x""y,7"${ends[2]}`,
        `,,,"""8"",""8\r\n"",\uFEFF,8"${ends[3]}`,
        `,,,"9,\uFFFDt\uFFFD,9"${ends[4]}`,
        // It has all its cells, and is too large again.
        `10,${'z'.repeat(101)},11,${ends[5]}`,
      ),
    );
  });

  test('what a file that comes back has in _rest stays there, wherever the column is', () => {
    const table = textOf('failed', 'csv', {
      description: csv('_rest', 'a', '_record'),
      input: '"m1,Smith",,1\n,x,2\n1,2,3,4\n',
      lines: [1, 2, 3].map((record) => failedLine(record, [required], 0)),
    });
    const broken = 'failed,required,E-Mail: must be given,';
    expect(table).toBe(
      rows(
        'a,_rest,_record,_status,_error_code,_error,"_sheaf"',
        `,"m1,Smith",1,${broken}`,
        `x,,2,${broken}`,
        `,"1,2,3,4",3,${broken}`,
      ),
    );
  });

  test('of a file that came back is made anew: its apostrophes are undone, and our columns are no data', () => {
    const description = markedCsv(
      '=x',
      'a',
      '_rest',
      '_record',
      '_status',
      '_error_code',
      '_error',
      '_sheaf',
    );
    const given: Given = {
      description,
      input:
        '\'=1,\'\'@,,7,failed,required,\'=x: must be given,\r\n=2,b,"{""n"":1}",8,failed,a,b,\r\n' +
        `,,"'=1,2",9,failed,a,b,\r\n'=${'z'.repeat(101)},c,,1,,,,\n`,
      lines: [
        succeededLine(1, {}, 1),
        succeededLine(2, {}, 1),
        failedLine(3, [bare], 0),
        failedLine(4, [bare], 0),
      ],
    };
    const error = 'failed,cells_too_many,"The row has 4 cells, the header has 3",';
    expect(textOf('all', 'csv', given)).toBe(
      rows(
        '\'=x,a,_rest,_record,_status,_error_code,_error,"_sheaf"',
        "'=1,''@,,1,succeeded,,,",
        '\'=2,b,"{""n"":1}",2,succeeded,,,',
        `,,"'=1,2",3,${error}`,
        `'=${'z'.repeat(101)},c,,4,${error}`,
      ),
    );
    const [third, fourth] = textOf('failed', 'ndjson', given).trimEnd().split('\n');
    expect(JSON.parse(third ?? '').input).toEqual({ '=x': '', a: '', _rest: '=1,2' });
    // It was never cut into cells.
    expect(JSON.parse(fourth ?? '').input).toMatch(/^'=z/);
  });

  test('of a row of a workbook that cannot be read its cells stand in _rest', () => {
    const table = textOf('failed', 'csv', {
      description: xlsx('a', 'b'),
      input: '["1",1,"x"]\n{"code":"record_too_large","message":"The record has 9 bytes"}\n',
      lines: [failedLine(1, [bare], 0), failedLine(2, [bare], 0)],
    });
    const [, first, second] = table.split('\r\n');
    expect(first).toMatch(/^,,"\[""1"","""",""x""\]",1,failed/);
    expect(second).toMatch(/^,,The record has 9 bytes,2,failed/);
  });

  test('a row that cannot be read and could pass for an object of what has no column stands in brackets', () => {
    const table = textOf('failed', 'csv', {
      description: csv('a', 'b'),
      input: '{}\n{"a"\n',
      lines: [failedLine(1, [required], 0), failedLine(2, [required], 0)],
    });
    expect(table.split('\r\n')[1]).toMatch(/^,,\[\{\}\],1,failed/);
    expect(table.split('\r\n')[2]).toMatch(/^,,"\{""a""",2,failed/);
  });

  test('of a record that was not read at all it says why in _rest, so that blank cells do not pass', () => {
    const fault: RecordFault = { code: 'record_too_large', message: 'The record has 9 bytes' };
    const unread: Given = {
      description: csv('a', 'b'),
      input: '',
      fault,
      lines: [failedLine(3, [fault], 0)],
    };
    expect(textOf('all', 'csv', unread)).toBe(
      rows(
        'a,b,_rest,_record,_status,_error_code,_error,"_sheaf"',
        ',,The record has 9 bytes,3,failed,record_too_large,The record has 9 bytes,',
      ),
    );
    expect(JSON.parse(textOf('failed', 'ndjson', unread))).toMatchObject({ record: 3, input: null });
  });

  test('of a file whose columns are not known has ours alone, and each row whole', () => {
    const table = textOf('all', 'csv', { description: csv(), input: 'x,y\n', lines: [unprocessedLine(1)] });
    expect(table).toBe(rows('_rest,_record,_status,_error_code,_error,"_sheaf"', '"x,y",1,unprocessed,,,'));
  });

  test('is only a header when there are no records', () => {
    const nothing: Given = { description: csv('a'), input: '', lines: [] };
    expect(textOf('all', 'csv', nothing)).toBe(rows('a,_rest,_record,_status,_error_code,_error,"_sheaf"'));
    expect(textOf('failed', 'ndjson', nothing)).toBe('');
    expect(textOf('unprocessed', 'csv', nothing)).toBe(rows('a,_rest,"_sheaf"'));
  });
});

describe('a table of an NDJSON file', () => {
  const description = ndjson('id', 'address.city', 'tags', '_status', '_rest', 'note');
  // All others fill fields.
  description.columns[2]!.field = null;
  const table = (line: string, result: ResultLine = succeededLine(1, {}, 1)) =>
    textOf('all', 'csv', { description, input: `${line}\n`, lines: [result] }).split('\r\n');

  test('has the key paths of the first record, and what is in none of them', () => {
    const [header, row] = table(
      '{"id":12345678901234567890,"address":{"city":"Ωmega, \\"x\\"","zip":1.50},"tags":["a",1.0],"note":null,"more":{"k":[1]},"_status":"x"}',
    );
    expect(header).toBe('id,address.city,tags,note,_rest,_record,_status,_error_code,_error,"_sheaf"');
    expect(row).toBe(
      '12345678901234567890,"Ωmega, ""x""","[""a"",1.0]",,"{""address.zip"":1.50,""more"":{""k"":[1]},""_status"":""x""}",1,succeeded,,,',
    );
  });

  test.each([
    ['an object where a field is read', '{"id":{"a":true}}', ',,,,"{""id"":{""a"":true}}",1'],
    ['an array where a field is read', '{"id":[],"note":[1]}', ',,,,"{""id"":[],""note"":[1]}",1'],
    ['a text where the first record has an object', '{"address":"here"}', ',,,,"{""address"":""here""}",1'],
    ['an empty object where there are columns', '{"address":{}}', ',,,,"{""address"":{}}",1'],
    ['a key with a dot', '{"address.city":"x"}', ',x,,,,1'],
    [
      'two ways to one column',
      '{"address.city":"x","address":{"city":"y"}}',
      ',x,,,"{""address.city"":""y""}",1',
    ],
    ['a key of the name of that column', '{"_rest":1}', ',,,,"{""_rest"":1}",1'],
    ['nothing', '{}', ',,,,,1'],
    ['true and a blank text', '{"id":true,"note":""}', 'true,,,,,1'],
  ])('%s', (_, line, row) => {
    expect(table(line)[1]).toBe(`${row},succeeded,,,`);
  });

  test('a line that cannot be read stands in the last of the client’s columns', () => {
    const [, row] = table('{"id":1,"id":', failedLine(1, [bare], 0));
    expect(row).toMatch(/^,,,,"\{""id"":1,""id"":",1,failed,cells_too_many,/);
  });
});

describe('the failed records with what was sent', () => {
  test('a row of CSV is an object of its columns in their order, to the letter', () => {
    const text = textOf('failed', 'ndjson', {
      description: csv('b', '2024', 'a'),
      input: '007," x ",\n',
      lines: [failedLine(1, [required], 2, 'c1')],
    });
    expect(text).toBe(
      '{"record":1,"custom_id":"c1","status":"failed","error":{"code":"required","message":"must be given","field":"email","column":"E-Mail"},"attempts":2,"input":{"b":"007","2024":" x ","a":""}}\n',
    );
  });

  test('an object of NDJSON is as in the file', () => {
    const object = '{ "n":12345678901234567890.50,\t"a":"\\u00e9" }';
    const text = textOf('failed', 'ndjson', {
      description: ndjson('n'),
      input: `${object} \r\n`,
      lines: [failedLine(1, [required], 0)],
    });
    expect(text.endsWith(`,"attempts":0,"input":${object}}\n`)).toBe(true);
  });

  test.each([
    ['a row with cells too many', csv('a', 'b'), '1,"2",3\r\n', '1,"2",3'],
    ['a row with a misplaced quote', csv('a', 'b'), '1,x"y', '1,x"y'],
    ['a line that is no object', ndjson('a'), '[1]\n', '[1]'],
    ['a line that is no JSON', ndjson('a'), ' {"a":\r\n', ' {"a":'],
    ['a row of a workbook with cells too many', xlsx('a'), '["1",2,"x",{"code":"c","message":"m"}]\n', CELLS],
    ['a row of a workbook that was not kept', xlsx('a'), '{"code":"record_too_large","message":"m"}\n', null],
    ['bytes that are no UTF-8', csv('a'), Buffer.from('\xe9\n', 'latin1'), '\uFFFD'],
  ])('%s is what was sent of it', (_, description, input, shown) => {
    const text = textOf('failed', 'ndjson', { description, input, lines: [failedLine(1, [bare], 0)] });
    expect(JSON.parse(text).input).toEqual(shown);
  });

  test('is nothing where none has failed, and nobody needs what was sent then', () => {
    const good: Given = { description: csv('a'), input: null, lines: [succeededLine(1, {}, 1)] };
    expect(textOf('failed', 'ndjson', good)).toBe('');
    expect(() => textOf('all', 'csv', good)).toThrow('was not read');
  });
});

describe('the error report', () => {
  const lines = [
    succeededLine(1, {}, 1),
    failedLine(2, [required, tooLong], 0, 'b,2'),
    failedLine(3, [bare], 0),
  ];
  const given: Given = { description: csv('a'), input: null, lines };

  test('as a table has a row for each broken rule', () => {
    expect(textOf('errors', 'csv', given)).toBe(
      rows(
        'record,column,field,code,message,value',
        '2,E-Mail,email,required,must be given,',
        '2,,name,too_long,must be short,"a, ""b"""',
        '3,,,cells_too_many,"The row has 4 cells, the header has 3",',
      ),
    );
  });

  test('tells the custom id when the batch has one', () => {
    const [header, first, , last] = textOf('errors', 'csv', { ...given, customIds: true }).split('\r\n');
    expect(header).toBe('record,custom_id,column,field,code,message,value');
    expect(first).toBe('2,"b,2",E-Mail,email,required,must be given,');
    expect(last?.startsWith('3,,,,cells_too_many')).toBe(true);
  });

  test('as lines has one for each record, with all that it breaks', () => {
    const text = textOf('errors', 'ndjson', given);
    expect(text).toBe(
      `${lines
        .slice(1)
        .map((line) => JSON.stringify(line))
        .join('\n')}\n`,
    );
  });
});

describe('records that take more room than was sent of them', () => {
  const names = Array.from({ length: 3000 }, (_, index) => `c${index}`);
  const count = 2000;
  const wide = (description: InputDescription, input: string) => {
    const bytes = Buffer.from(
      Array.from({ length: count }, (_, n) => `${JSON.stringify(failedLine(n + 1, [bare], 0))}\n`).join(''),
    );
    const results = new ChunkResults(bytes, { firstRecord: 1, records: count }, 'unprocessed');
    const place = { firstRecord: 1, records: count, start: 0, limits: { cellBytes: 100 } };
    return new ResultChunk(results, new ClientChunk(Buffer.from(input), description, place));
  };
  test.each<[string, InputDescription, string]>([
    ['rows with cells too few', csv(...names), 'x\n'.repeat(count)],
    ['objects that lack most keys', ndjson(...names), '{"c0":1}\n'.repeat(count)],
    ['lines that are no JSON', ndjson(...names), 'x\n'.repeat(count)],
  ])('%s are made in pieces, and the second file is as the first', (_, description, input) => {
    const chunk = wide(description, input);
    const made = contentsOf({ description }, ['csv']).flatMap((content) =>
      content.format === 'csv' && content.kind !== 'errors' ? [content] : [],
    );
    const [all, failed] = [made[0]!, made[2]!].map((content) => {
      const pieces = [...content.of(chunk)].map((piece) => piece.toString());
      expect(pieces.length).toBeGreaterThan(5);
      expect(Math.max(...pieces.map(({ length }) => length))).toBeLessThan(PIECE_BYTES + 10_000);
      const text = pieces.join('');
      expect(text.split('\r\n')).toHaveLength(count + 1);
      // The store is told what may come of each record.
      expect(content.cells).toBe(names.length + 6);
      return text;
    });
    expect(failed).toBe(all);
  });

  test('records that are repeated as they came are made in pieces too', () => {
    const long = `${'y'.repeat(1500)}\n`;
    const description = csv('a');
    const bytes = Buffer.from(
      Array.from({ length: count }, (_, n) => `${JSON.stringify(unprocessedLine(n + 1))}\n`).join(''),
    );
    const results = new ChunkResults(bytes, { firstRecord: 1, records: count }, 'unprocessed');
    const place = { firstRecord: 1, records: count, start: 0, limits: { cellBytes: 10_000 } };
    const chunk = new ResultChunk(
      results,
      new ClientChunk(Buffer.from(long.repeat(count)), description, place),
    );
    const content = rawRecords(description, Buffer.alloc(0));
    const pieces = [...content.of(chunk)];
    expect(pieces.map(({ length }) => length <= PIECE_BYTES + long.length)).toEqual([true, true, true]);
    expect(pieces.join('')).toBe(long.repeat(count));
  });
});

describe('which files there are', () => {
  const named = (description: InputDescription, formats: readonly ResultsFormat[], head?: Buffer | null) =>
    contentsOf({ description, ...(head !== undefined && { head }) }, formats).map(
      ({ kind, format }) => `${kind}.${format}`,
    );
  const each = (...formats: ResultsFormat[]) =>
    ['all', 'succeeded', 'failed', 'errors'].flatMap((kind) => formats.map((format) => `${kind}.${format}`));

  test('each kind in each format, and the unprocessed records in the input’s own besides', () => {
    expect(named(ndjson('a'), ['xlsx', 'csv'])).toEqual([
      ...each('xlsx', 'csv'),
      ...['unprocessed.xlsx', 'unprocessed.csv', 'unprocessed.ndjson'],
    ]);
    expect(named({ ...ndjson('a'), format: 'json' }, ['csv']).slice(-2)).toEqual([
      ...['unprocessed.csv', 'unprocessed.ndjson'],
    ]);
    expect(named(csv('a'), ['csv']).slice(-2)).toEqual(['errors.csv', 'unprocessed.csv']);
    expect(named(xlsx('a'), ['ndjson'])).toEqual([
      ...each('ndjson'),
      ...['unprocessed.ndjson', 'unprocessed.xlsx'],
    ]);
  });

  test('of a file whose columns are not known the unprocessed records are only there as they came', () => {
    const head = Buffer.from('a,a\n');
    expect(named(csv(), ['xlsx', 'ndjson'], head)).toEqual([...each('xlsx', 'ndjson'), 'unprocessed.csv']);
    expect(named(xlsx(), ['xlsx'], null)).toEqual(each('xlsx'));
  });

  test('how many records each tells of', () => {
    const lines = [succeededLine(1, {}, 1), failedLine(2, [bare, bare], 0), succeededLine(3, {}, 1)];
    const { results } = chunkOf({ description: csv('a'), input: null, lines });
    const counted = (nothingProcessed: boolean) =>
      contentsOf({ description: csv('a'), nothingProcessed }, ['csv', 'xlsx']).map((content) =>
        recordsIn(content, results),
      );
    expect(counted(false)).toEqual([3, 3, 2, 2, 1, 1, 1, 1, 0, 0]);
    // The workbook of errors is the whole table then.
    expect(counted(true)).toEqual([3, 3, 2, 2, 1, 1, 1, 3, 0, 0]);
  });
});
