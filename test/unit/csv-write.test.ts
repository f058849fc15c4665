import { expect, test } from 'vitest';
import { csvLine } from '../../src/formats/csv/write.ts';

test.each([
  [['a', 'b'], 'a,b\r\n'],
  [['', ''], ',\r\n'],
  [[''], '""\r\n'],
  [['a,b', 'c'], '"a,b",c\r\n'],
  [['a "b"'], '"a ""b"""\r\n'],
  [['a\nb', 'c\rd'], '"a\nb","c\rd"\r\n'],
  [[' a '], ' a \r\n'],
  [['\uFEFFa'], '"\uFEFFa"\r\n'],
])('%j', (cells, line) => {
  expect(csvLine(cells)).toBe(line);
});
