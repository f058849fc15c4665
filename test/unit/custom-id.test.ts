import { describe, expect, test } from 'vitest';
import { customIdReader } from '../../src/formats/custom-id.ts';
import { csvDescription, type InputDescription } from '../../src/formats/description.ts';
import { parseChunk } from '../../src/formats/parse-chunk.ts';

const CSV = csvDescription({ bom: false, columns: ['id', 'ref'].map((name) => ({ name, field: name })) });
const NDJSON: InputDescription = {
  format: 'ndjson',
  encoding: 'utf-8',
  bom: false,
  columns: [],
  mapping: {},
};

function ids(description: InputDescription, text: string) {
  const place = { firstRecord: 1, start: 0, limits: { cellBytes: 1000 } };
  return parseChunk(Buffer.from(text), description, place).map(customIdReader(description, 'ref'));
}

describe('the custom id of a record is its text to the letter, and what is blank is none', () => {
  test('CSV', () => {
    expect(ids(CSV, '1,a\n2," b "\n3,\n4, \n5,\t\u00A0\n6\n')).toEqual([
      'a',
      ' b ',
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
  });

  test('NDJSON', () => {
    const values = ['"a"', '" b "', '1.10', 'false', '""', '" "', 'null', '{"n":1}', '["a"]'];
    expect(ids(NDJSON, values.map((value) => `{"ref":${value}}\n`).join(''))).toEqual([
      'a',
      ' b ',
      '1.10',
      'false',
      ...Array(5),
    ]);
  });
});
