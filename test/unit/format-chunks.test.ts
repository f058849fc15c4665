import { describe, expect, test } from 'vitest';
import {
  type CsvDescription,
  csvDescription,
  type NdjsonDescription,
} from '../../src/formats/description.ts';
import { parseChunk, recordSlices } from '../../src/formats/parse-chunk.ts';

const columns = [
  { name: 'a', field: null },
  { name: 'b', field: null },
];
const CSV = csvDescription({ bom: false, columns });
const NDJSON: NdjsonDescription = { format: 'ndjson', encoding: 'utf-8', bom: false, columns, mapping: {} };
const PLACE = { firstRecord: 1, start: 0, limits: { cellBytes: 100 } };

/** Each row with the bytes of its record. */
function both(chunk: string | Buffer, description: CsvDescription | NdjsonDescription) {
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
