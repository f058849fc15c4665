import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseCsvChunk } from '../../src/formats/csv/parse.ts';
import { CsvWriter, csvLine } from '../../src/formats/csv/write.ts';

const DIALECTS = [',"', ";'", '\t"', '|"', '^]', '$&', '(.', '-^'];

describe('a row of CSV', () => {
  test.each([
    [['a', 'b'], 'a,b\r\n'],
    [['', ''], ',\r\n'],
    [[''], '""\r\n'],
    [['a', ''], 'a,\r\n'],
    [['', 'a', '', ''], ',a,,\r\n'],
    [['a,b', 'c'], '"a,b",c\r\n'],
    [['a "b"'], '"a ""b"""\r\n'],
    [['a\nb', 'c\rd'], '"a\nb","c\rd"\r\n'],
    [[' a '], ' a \r\n'],
    [['\uFEFFa'], '"\uFEFFa"\r\n'],
  ])('%j', (cells, line) => {
    expect(csvLine(cells)).toBe(line);
  });

  test('is filled up with blank cells before others', () => {
    const writer = new CsvWriter();
    expect(writer.filled(['a', ''], 4, ['x', ''])).toBe('a,,,,x,\r\n');
    expect(writer.filled([], 2, ['x'])).toBe(',,x\r\n');
    expect(writer.filled([], 1, ['x'])).toBe(',x\r\n');
    expect(writer.filled([], 0, ['x', 'y'])).toBe('x,y\r\n');
    expect(writer.filled(['a', 'b'], 2, [])).toBe('a,b\r\n');
  });

  test('may have its last cell in quotes', () => {
    expect(new CsvWriter().lineWithQuotes(['a,b', 'c'])).toBe('"a,b","c"\r\n');
    expect(new CsvWriter({ delimiter: 59, quote: 39 }).lineWithQuotes(['a', ''])).toBe("a;''\r\n");
  });

  test.each([
    [';', "'", ["it's", 'a;b', '"x",'], "'it''s';'a;b';\"x\",\r\n"],
    ['\t', '"', ['a\tb', 'c,d'], '"a\tb"\tc,d\r\n'],
    ['|', '"', ['a|b', ''], '"a|b"|\r\n'],
    ['^', ']', ['a^b', 'c]', '\\'], ']a^b]^]c]]]^\\\r\n'],
    [';', "'", [''], "''\r\n"],
  ])('with %j and %j', (delimiter, quote, cells, line) => {
    const dialect = { delimiter: delimiter.charCodeAt(0), quote: quote.charCodeAt(0) };
    expect(new CsvWriter(dialect).line(cells)).toBe(line);
  });

  test('comes back from a reader of the same dialect as it was, whatever is in it', () => {
    const cell = fc.oneof(
      fc.constantFrom('', '"', "'", '\n', '\r', '\r\n', '\uFEFF', ' ', ';', ',', '\t', '""', "a'b"),
      fc.string({ unit: 'grapheme', maxLength: 8 }),
    );
    const dialect = fc.constantFrom(...DIALECTS).map(([delimiter = '', quote = '']) => {
      return { delimiter: delimiter.charCodeAt(0), quote: quote.charCodeAt(0) };
    });
    fc.assert(
      fc.property(dialect, fc.array(fc.array(cell, { minLength: 3, maxLength: 3 })), (dialect, rows) => {
        const writer = new CsvWriter(dialect);
        const text = rows.map(([first = '', ...others]) => writer.filled([first], 2, others)).join('');
        const place = { firstRecord: 1, start: 0, limits: { cellBytes: 100 } };
        const read = parseCsvChunk(Buffer.from(text), { ...place, dialect, columns: 4, marked: false });
        expect(read.map((row) => row.cells)).toEqual(
          rows.map(([first, ...others]) => [first, '', ...others]),
        );
      }),
    );
  });
});
