import { expect, test } from 'vitest';
import { RFC_4180 } from '../../src/formats/csv/dialect.ts';
import { readRow } from '../../src/formats/csv/read-row.ts';

test.each([
  ['"a"b,c\r\n', ['"a"b', 'c'], 1],
  ['c,"a""b" \r\n', ['c', '"a""b" '], 2],
  ['a"b,"c"\n', ['a"b', 'c'], 1],
  ['"a","b""c"\r\n', ['a', 'b"c'], 0],
])('a cell with a misplaced quote keeps its text: %j', (text, cells, misplacedIn) => {
  const row = { cells, end: text.length, misplacedIn, unclosedAt: -1 };
  expect(readRow(text, 0, RFC_4180)).toEqual(row);
});
