import { describe, expect, test } from 'vitest';
import { customIdReader } from '../../src/formats/custom-id.ts';
import type { InputDescription } from '../../src/formats/description.ts';
import { parseChunk } from '../../src/formats/parse-chunk.ts';
import { csv, markedCsv, ndjson, xlsx } from '../support/result-contents.ts';

const CSV = csv('id', 'ref');
const NDJSON = ndjson();

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

  test('a sheet', () => {
    const lines = [
      '["1","a"]',
      '["2"," b "]',
      '["3"]',
      '["4",{"code":"cell_error","message":"#N/A"}]',
      '["5","x","y"]',
    ];
    const text = lines.map((line) => `${line}\n`).join('');
    expect(ids(xlsx('id', 'ref'), text)).toEqual(['a', ' b ', ...Array(3)]);
  });

  test('a file that came back: what keeps a spreadsheet from running it is no part of it', () => {
    expect(ids(markedCsv('ref', '_sheaf'), "'=a,\n''@b,\n'c,\n")).toEqual(['=a', "'@b", "'c"]);
  });
});
