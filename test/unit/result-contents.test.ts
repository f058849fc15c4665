import { describe, expect, test } from 'vitest';
import type { RecordFault } from '../../src/core/chunk.ts';
import {
  failedLine,
  type RecordError,
  type ResultLine,
  succeededLine,
  unprocessedLine,
} from '../../src/core/result.ts';
import { csvDescription, type InputDescription } from '../../src/formats/description.ts';
import { ChunkResults } from '../../src/formats/results/chunk-results.ts';
import { ClientChunk } from '../../src/formats/results/client-chunk.ts';
import { type FileKind, fileContents, recordsIn } from '../../src/formats/results/file-contents.ts';
import { PIECE_BYTES } from '../../src/formats/results/pieces.ts';
import { ResultChunk } from '../../src/formats/results/result-chunk.ts';

const csv = (...names: string[]) =>
  csvDescription({ bom: false, columns: names.map((name) => ({ name, field: name })) });

const ndjson = (...names: string[]): InputDescription => ({
  format: 'ndjson',
  encoding: 'utf-8',
  bom: false,
  columns: names.map((name) => ({ name, field: name })),
  mapping: {},
});

interface Given {
  description: InputDescription;
  /** The bytes of the chunk, null where they were not read. */
  input: string | Buffer | null;
  lines: readonly ResultLine[];
  fault?: RecordFault;
  customIds?: boolean;
  head?: Buffer;
}

/** What a file of this kind holds of one chunk, its head first. */
function file(kind: FileKind, format: 'ndjson' | 'csv', given: Given): string {
  const { description, input, lines, fault, customIds = false, head } = given;
  const bytes = Buffer.from(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  const first = lines[0]?.record ?? 1;
  const others = lines.some(({ status }) => status === 'succeeded') ? 'succeeded' : 'unprocessed';
  const results = new ChunkResults(bytes, { firstRecord: first, records: lines.length }, others);
  const place = { firstRecord: first, start: 0, limits: { cellBytes: 100 } };
  const client =
    input === null ? null : new ClientChunk(Buffer.from(input as string), description, place, fault);
  const contents = fileContents({
    description,
    formats: ['ndjson', 'csv'],
    withCustomIds: customIds,
    ...(head !== undefined && { head }),
  });
  const content = contents.find((it) => it.kind === kind && it.format === format);
  if (content === undefined) throw new Error(`there is no ${kind}.${format}`);
  const chunk = new ResultChunk(results, client);
  return Buffer.concat(
    [content.head, ...content.of(chunk)].map((it) => Buffer.from(it as string)),
  ).toString();
}

const required: RecordError = {
  code: 'required',
  message: 'must be given',
  field: 'email',
  column: 'E-Mail',
};
const tooLong: RecordError = { code: 'too_long', message: 'must be short', field: 'name', value: 'a, "b"' };
const bare: RecordError = { code: 'cells_too_many', message: 'The row has 4 cells, the header has 3' };
const rows = (...lines: string[]) => lines.map((line) => `${line}\r\n`).join('');

describe('a table of a CSV file', () => {
  const given: Given = {
    description: csv('Id', 'name', 'E-Mail'),
    input: '007,"Ana ""x"", B",\n8,"two\nlines",a@b\n\n9,,\n',
    lines: [failedLine(4, [required, tooLong], 0), succeededLine(5, { id: 1 }, 1), succeededLine(6, {}, 1)],
  };
  const header = 'Id,name,E-Mail,_rest,_record,_status,_error_code,_error';
  const failed =
    '007,"Ana ""x"", B",,,4,failed,required; too_long,E-Mail: must be given; name: must be short';
  const good = '8,"two\nlines",a@b,,5,succeeded,,';
  const last = '9,,,,6,succeeded,,';

  test.each<[FileKind, string[]]>([
    ['all', [header, failed, good, last]],
    ['succeeded', [header, good, last]],
    ['failed', [header, failed]],
  ])('%s: the client’s own columns, then ours', (kind, lines) => {
    expect(file(kind, 'csv', given)).toBe(rows(...lines));
  });

  test('our columns take the place of those that a mended file brings back', () => {
    const table = file('all', 'csv', {
      description: csv('_status', 'Id', '_record', '_error', 'note', '_error_code'),
      input: 'failed,7,3,bad,x,required\n',
      lines: [succeededLine(1, {}, 1)],
    });
    expect(table).toBe(rows('Id,note,_rest,_record,_status,_error_code,_error', '7,x,,1,succeeded,,'));
  });

  test('a row that cannot be read stands whole in _rest under blank columns, so that it fails again unmended', () => {
    const lines = [1, 2, 3, 4, 5, 6].map((record) => failedLine(record, [bare], 0));
    const table = file('failed', 'csv', {
      description: csv('a', 'b', 'c'),
      input: Buffer.concat([
        Buffer.from('1,2,3,4\n5\r\n6,"x"y,7\n"8","8\r\n",\uFEFF,8\n'),
        Buffer.from('9,\xe9t\xe9,9\n', 'latin1'),
        Buffer.from(`10,${'z'.repeat(101)},11`),
      ]),
      lines,
    });
    const ends = lines.map(
      ({ record }) => `,${record},failed,cells_too_many,"The row has 4 cells, the header has 3"`,
    );
    expect(table).toBe(
      rows(
        'a,b,c,_rest,_record,_status,_error_code,_error',
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
    const table = file('failed', 'csv', {
      description: csv('_rest', 'a', '_record'),
      input: '"m1,Smith",,1\n,x,2\n1,2,3,4\n',
      lines: [1, 2, 3].map((record) => failedLine(record, [required], 0)),
    });
    const broken = 'failed,required,E-Mail: must be given';
    expect(table).toBe(
      rows(
        'a,_rest,_record,_status,_error_code,_error',
        `,"m1,Smith",1,${broken}`,
        `x,,2,${broken}`,
        `,"1,2,3,4",3,${broken}`,
      ),
    );
  });

  test('a record that was not read at all is a row of blank cells', () => {
    const fault: RecordFault = { code: 'record_too_large', message: 'The record has 9 bytes' };
    const unread: Given = {
      description: csv('a', 'b'),
      input: '',
      fault,
      lines: [failedLine(3, [fault], 0)],
    };
    expect(file('all', 'csv', unread)).toBe(
      rows(
        'a,b,_rest,_record,_status,_error_code,_error',
        ',,,3,failed,record_too_large,The record has 9 bytes',
      ),
    );
    expect(JSON.parse(file('failed', 'ndjson', unread))).toMatchObject({ record: 3, input: null });
  });

  test('of a file whose columns are not known has ours alone, and each row whole', () => {
    const table = file('all', 'csv', { description: csv(), input: 'x,y\n', lines: [unprocessedLine(1)] });
    expect(table).toBe(rows('_rest,_record,_status,_error_code,_error', '"x,y",1,unprocessed,,'));
  });

  test('is only a header when there are no records', () => {
    const nothing: Given = { description: csv('a'), input: '', lines: [] };
    expect(file('all', 'csv', nothing)).toBe(rows('a,_rest,_record,_status,_error_code,_error'));
    expect(file('failed', 'ndjson', nothing)).toBe('');
    expect(file('unprocessed', 'csv', nothing)).toBe(rows('a'));
  });
});

describe('a table of an NDJSON file', () => {
  const description = ndjson('id', 'address.city', 'tags', '_status', '_rest', 'note');
  const table = (line: string, result: ResultLine = succeededLine(1, {}, 1)) =>
    file('all', 'csv', { description, input: `${line}\n`, lines: [result] }).split('\r\n');

  test('has the key paths of the first record, and what is in none of them', () => {
    const [header, row] = table(
      '{"id":12345678901234567890,"address":{"city":"Ωmega, \\"x\\"","zip":1.50},"tags":["a",1.0],"note":null,"more":{"k":[1]},"_status":"x"}',
    );
    expect(header).toBe('id,address.city,tags,note,_rest,_record,_status,_error_code,_error');
    expect(row).toBe(
      '12345678901234567890,"Ωmega, ""x""","[""a"",1.0]",,"{""address.zip"":1.50,""more"":{""k"":[1]}}",1,succeeded,,',
    );
  });

  test.each([
    ['an object where the first record has a text', '{"id":{"a":true}}', '"{""a"":true}",,,,,1'],
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
    expect(table(line)[1]).toBe(`${row},succeeded,,`);
  });

  test('a line that cannot be read stands in the last of the client’s columns', () => {
    const [, row] = table('{"id":1,"id":', failedLine(1, [bare], 0));
    expect(row).toMatch(/^,,,,"\{""id"":1,""id"":",1,failed,cells_too_many,/);
  });
});

describe('the failed records with what was sent', () => {
  test('a row of CSV is an object of its columns in their order, to the letter', () => {
    const text = file('failed', 'ndjson', {
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
    const text = file('failed', 'ndjson', {
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
    ['bytes that are no UTF-8', csv('a'), Buffer.from('\xe9\n', 'latin1'), '\uFFFD'],
  ])('%s is its text', (_, description, input, shown) => {
    const text = file('failed', 'ndjson', { description, input, lines: [failedLine(1, [bare], 0)] });
    expect(JSON.parse(text).input).toBe(shown);
  });

  test('is nothing where none has failed, and nobody needs what was sent then', () => {
    const good: Given = { description: csv('a'), input: null, lines: [succeededLine(1, {}, 1)] };
    expect(file('failed', 'ndjson', good)).toBe('');
    expect(() => file('all', 'csv', good)).toThrow('was not read');
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
    expect(file('errors', 'csv', given)).toBe(
      rows(
        'record,column,field,code,message,value',
        '2,E-Mail,email,required,must be given,',
        '2,,name,too_long,must be short,"a, ""b"""',
        '3,,,cells_too_many,"The row has 4 cells, the header has 3",',
      ),
    );
  });

  test('tells the custom id when the batch has one', () => {
    const [header, first, , last] = file('errors', 'csv', { ...given, customIds: true }).split('\r\n');
    expect(header).toBe('record,custom_id,column,field,code,message,value');
    expect(first).toBe('2,"b,2",E-Mail,email,required,must be given,');
    expect(last?.startsWith('3,,,,cells_too_many')).toBe(true);
  });

  test('as lines has one for each record, with all that it breaks', () => {
    const text = file('errors', 'ndjson', given);
    expect(text).toBe(
      `${lines
        .slice(1)
        .map((line) => JSON.stringify(line))
        .join('\n')}\n`,
    );
  });
});

describe('the unprocessed records', () => {
  const around = (...statuses: ('u' | 'f')[]) =>
    statuses.map((status, index) =>
      status === 'u' ? unprocessedLine(index + 1) : failedLine(index + 1, [bare], 0),
    );

  test('of a CSV file are its own bytes under its header row', () => {
    const given: Given = {
      description: csv('a', 'b, c'),
      input: '1,"x\r\n""y"""\r\n\r\n2,2,2\n 3 ,\n',
      lines: around('u', 'f', 'u'),
    };
    expect(file('unprocessed', 'csv', given)).toBe('a,"b, c"\r\n1,"x\r\n""y"""\r\n 3 ,\n');
  });

  test('a last row without a line end gets one, which changes no cell', () => {
    const last = (input: string) =>
      file('unprocessed', 'csv', { description: csv('a'), input, lines: around('u') });
    expect(last('1')).toBe('a\r\n1\r\n');
    expect(last('1\r')).toBe('a\r\n1\r\r\n');
    expect(last('1\n')).toBe('a\r\n1\n');
  });

  test('a byte order mark is kept, and so is a header row that could not be read', () => {
    const description = { ...csv('a'), bom: true } as InputDescription;
    const given: Given = { description, input: '1\n', lines: around('u') };
    expect(file('unprocessed', 'csv', given)).toBe('\uFEFFa\r\n1\n');
    const head = Buffer.from('"a\n');
    expect(file('unprocessed', 'csv', { ...given, head })).toBe('"a\n1\n');
  });

  test('of an NDJSON file are its lines', () => {
    const given: Given = {
      description: ndjson('a'),
      input: '{"a":1.0}\r\n\n{"b": 2}\n{"a":3}',
      lines: around('u', 'f', 'u'),
    };
    expect(file('unprocessed', 'ndjson', given)).toBe('{"a":1.0}\r\n{"a":3}\n');
  });
});

describe('records that take more room than was sent of them', () => {
  const names = Array.from({ length: 3000 }, (_, index) => `c${index}`);
  const count = 2000;
  const chunkOf = (description: InputDescription, input: string) => {
    const bytes = Buffer.from(
      Array.from({ length: count }, (_, n) => `${JSON.stringify(failedLine(n + 1, [bare], 0))}\n`).join(''),
    );
    const results = new ChunkResults(bytes, { firstRecord: 1, records: count }, 'unprocessed');
    const place = { firstRecord: 1, start: 0, limits: { cellBytes: 100 } };
    return new ResultChunk(results, new ClientChunk(Buffer.from(input), description, place));
  };
  const contentsOf = (description: InputDescription) =>
    fileContents({ description, formats: ['ndjson', 'csv'], withCustomIds: false });

  test.each<[string, InputDescription, string]>([
    ['rows with cells too few', csv(...names), 'x\n'.repeat(count)],
    ['objects that lack most keys', ndjson(...names), '{"c0":1}\n'.repeat(count)],
    ['lines that are no JSON', ndjson(...names), 'x\n'.repeat(count)],
  ])('%s are made in pieces, and the second file is as the first', (_, description, input) => {
    const chunk = chunkOf(description, input);
    const made = contentsOf(description).filter(({ kind, format }) => format === 'csv' && kind !== 'errors');
    const [all, failed] = [made[0]!, made[2]!].map((content) => {
      const pieces = [...content.of(chunk)].map((piece) => piece.toString());
      expect(pieces.length).toBeGreaterThan(5);
      expect(Math.max(...pieces.map(({ length }) => length))).toBeLessThan(PIECE_BYTES + 10_000);
      const text = pieces.join('');
      expect(text.split('\r\n')).toHaveLength(count + 1);
      // The store is told what may come of each record.
      expect(content.cells).toBe(names.length + 5);
      return text;
    });
    expect(failed).toBe(all);
  });

  test('unprocessed records are made in pieces too', () => {
    const long = `${'y'.repeat(1500)}\n`;
    const description = csv('a');
    const bytes = Buffer.from(
      Array.from({ length: count }, (_, n) => `${JSON.stringify(unprocessedLine(n + 1))}\n`).join(''),
    );
    const results = new ChunkResults(bytes, { firstRecord: 1, records: count }, 'unprocessed');
    const place = { firstRecord: 1, start: 0, limits: { cellBytes: 10_000 } };
    const chunk = new ResultChunk(
      results,
      new ClientChunk(Buffer.from(long.repeat(count)), description, place),
    );
    const content = contentsOf(description).find(({ kind }) => kind === 'unprocessed')!;
    const pieces = [...content.of(chunk)];
    expect(pieces.map(({ length }) => length <= PIECE_BYTES + long.length)).toEqual([true, true, true]);
    expect(pieces.join('')).toBe(long.repeat(count));
  });
});

describe('which files there are', () => {
  test('each kind in each format, the unprocessed records in the input’s own, and how many each tells of', () => {
    const contents = fileContents({
      description: ndjson('a'),
      formats: ['csv', 'ndjson'],
      withCustomIds: false,
    });
    expect(contents.map(({ kind, format }) => `${kind}.${format}`)).toEqual([
      'all.csv',
      'all.ndjson',
      'succeeded.csv',
      'succeeded.ndjson',
      'failed.csv',
      'failed.ndjson',
      'errors.csv',
      'errors.ndjson',
      'unprocessed.ndjson',
    ]);
    const lines = [succeededLine(1, {}, 1), failedLine(2, [bare, bare], 0), succeededLine(3, {}, 1)];
    const bytes = Buffer.from(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
    const results = new ChunkResults(bytes, { firstRecord: 1, records: 3 }, 'succeeded');
    const counted = contents.map(({ kind }) => recordsIn(kind, results));
    expect(counted).toEqual([3, 3, 2, 2, 1, 1, 1, 1, 0]);
  });
});
