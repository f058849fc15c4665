import { describe, expect, test } from 'vitest';
import type { CsvDescription, InputDescription } from '../../src/formats/description.ts';
import { parseChunk, recordSlices } from '../../src/formats/parse-chunk.ts';
import { csv, ndjson, xlsx } from '../support/result-contents.ts';

const CSV = csv('a', 'b');
const NDJSON = ndjson('a', 'b');
const PLACE = { firstRecord: 1, start: 0, limits: { cellBytes: 100 } };

/** Each row with the bytes of its record. */
function both(chunk: string | Buffer, description: InputDescription) {
  const bytes = Buffer.from(chunk);
  const slices = recordSlices(bytes, description);
  const rows = parseChunk(bytes, description, PLACE);
  expect(slices).toHaveLength(rows.length);
  return rows.map((row, index) => [
    row.cells ?? row.value ?? row.fault.code,
    slices[index]?.toString('latin1'),
  ]);
}

describe('the rows of a chunk and their bytes', () => {
  test('CSV', () => {
    expect(both('1,2\r\n\n"x\n",""\n\r\n3\n4,"5"6\n7,8', CSV)).toEqual([
      [['1', '2'], '1,2\r\n'],
      [['x\n', ''], '"x\n",""\n'],
      ['cells_too_few', '3\n'],
      ['quote_misplaced', '4,"5"6\n'],
      [['7', '8'], '7,8'],
    ]);
  });

  test('CSV, a lone CR being a record', () => {
    expect(both('1,2\n\r', CSV).map(([, slice]) => slice)).toEqual(['1,2\n', '\r']);
  });

  test('CSV of another dialect', () => {
    expect(both("1;'2;\n'\n", { ...CSV, delimiter: ';', quote: "'" })).toEqual([
      [['1', '2;\n'], "1;'2;\n'\n"],
    ]);
  });

  test('NDJSON', () => {
    expect(both('{"a":1}\r\n\n \t\r\n[1]\n{"a":2', NDJSON)).toEqual([
      [{ a: 1 }, '{"a":1}\r\n'],
      ['json_not_object', '[1]\n'],
      ['json_malformed', '{"a":2'],
    ]);
  });

  test('a JSON array, which was converted to lines', () => {
    expect(both('{"a":1}\n[1]\n', { ...NDJSON, format: 'json' })).toEqual([
      [{ a: 1 }, '{"a":1}\n'],
      ['json_not_object', '[1]\n'],
    ]);
  });

  test('a sheet', () => {
    expect(
      both('["1","2"]\n[2]\n["1",1,"x"]\n{"code":"record_too_large","message":"m"}\n', xlsx('a', 'b')),
    ).toEqual([
      [['1', '2'], '["1","2"]\n'],
      [['', ''], '[2]\n'],
      ['cells_too_many', '["1",1,"x"]\n'],
      ['record_too_large', '{"code":"record_too_large","message":"m"}\n'],
    ]);
  });

  test.each([
    ['CSV', CSV, Buffer.from('1,\xe9\n\n2,3\n', 'latin1'), ['1,\xe9\n', '2,3\n']],
    ['NDJSON', NDJSON, Buffer.from('{"a":"\xe9"}\n \n{}\n', 'latin1'), ['{"a":"\xe9"}\n', '{}\n']],
  ])('%s with bytes that are no UTF-8', (_, description, chunk, slices) => {
    const found = both(chunk, description);
    expect(found.map(([, slice]) => slice)).toEqual(slices);
    expect(found[0]?.[0]).toBe('file_encoding');
  });

  test('no record: no row', () => {
    expect(both('\n\r\n', CSV)).toEqual([]);
    expect(both(' \n', NDJSON)).toEqual([]);
  });
});

describe('where a record is that cannot be read', () => {
  const faultsOf = (description: InputDescription, chunk: Buffer) =>
    parseChunk(chunk, description, { ...PLACE, firstRecord: 7 }).map((row) => row.fault);
  const chunk = Buffer.from('1,\x81\n3,"4', 'latin1');
  const told = [
    { code: 'file_encoding', record: 7, message: expect.stringContaining('0x81') },
    { code: 'file_unclosed_quote', record: 8, message: expect.any(String) },
  ];

  test('is told by the offset in a file that is read as it came', () => {
    expect(faultsOf(CSV, chunk)).toEqual([
      { ...told[0], offset: 2 },
      { ...told[1], offset: 6 },
    ]);
  });

  test.each<[string, Partial<CsvDescription>]>([
    ['compressed', { compression: 'gzip' }],
    ['lone CR', { lineEnd: 'cr' }],
    ['UTF-16', { encoding: 'utf-16le' }],
  ])('is told by the record alone in one that was converted: %s', (_, form) => {
    expect(faultsOf({ ...CSV, ...form }, chunk)).toEqual(told);
  });

  test('in words of the encoding in which it came', () => {
    const inWords = 'The byte 0x81 stands for no character in Windows-1252';
    const [first] = faultsOf({ ...CSV, encoding: 'windows-1252' }, chunk);
    expect(first).toEqual({ ...told[0], message: inWords });
    const item = Buffer.from('{"a":"\x81"}\n', 'latin1');
    for (const format of ['ndjson', 'json'] as const) {
      const [fault] = faultsOf({ ...NDJSON, format, encoding: 'windows-1252' }, item);
      expect(fault).toEqual({ ...told[0], message: inWords });
    }
    const half = Buffer.from([0x31, 0x2c, 0xed, 0xa0, 0xbd, 0x0a]);
    const [second] = faultsOf({ ...CSV, encoding: 'utf-16be' }, half);
    expect(second).toEqual({ ...told[0], message: expect.stringContaining('half of a surrogate pair') });
  });
});
