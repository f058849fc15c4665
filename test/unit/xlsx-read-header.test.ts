import { describe, expect, test } from 'vitest';
import { ROOMY, readBook, shown } from '../support/xlsx-reading.ts';

/** Rows of texts, one a number or a blank line of the sheet. */
function rows(...lines: (string | null)[]): { rows: string } {
  const cells = (line: string) =>
    line
      .split('|')
      .map((text) =>
        text === '' ? '<c/>' : `<c t="inlineStr"><is><t xml:space="preserve">${text}</t></is></c>`,
      )
      .join('');
  return { rows: lines.map((line) => (line === null ? '<row/>' : `<row>${cells(line)}</row>`)).join('') };
}

const KNOWN = ['name', 'email', 'age'];

describe('the header row', () => {
  test('is the first that is not blank where nothing is known', async () => {
    const book = await readBook(rows(null, '', ' a |b', '1|2'));
    expect(book).toMatchObject({ columns: ['a', 'b'], records: 1, layout: { headerRow: 3 } });
  });

  test('is the one with the most known names', async () => {
    const book = await readBook(rows('Report', null, 'name|email|age|x', 'Ann|a@b.c|7|y'), { known: KNOWN });
    expect(book).toMatchObject({
      columns: ['name', 'email', 'age', 'x'],
      records: 1,
      layout: { headerRow: 3 },
    });
    expect(book.text).toBe('["Ann","a@b.c","7","y"]\n');
  });

  test('is looked for in 25 rows', async () => {
    const titles = (count: number) => Array.from({ length: count }, (_, i) => `Title ${i}`);
    const at25 = await readBook(rows(...titles(24), 'name|email', 'Ann|a@b.c'), { known: KNOWN });
    expect(at25).toMatchObject({ columns: ['name', 'email'], records: 1, layout: { headerRow: 25 } });
    const at26 = await readBook(rows(...titles(25), 'name|email', 'Ann|a@b.c'), { known: KNOWN });
    expect(at26).toMatchObject({ columns: ['Title 0'], records: 26, layout: { headerRow: 1 } });
  });

  test('is the one that is stated, as the sheet counts', async () => {
    const table = rows('name|email', null, 'a|b', '1|2');
    const book = await readBook(table, { known: KNOWN, format: { headerRow: 3 } });
    expect(book).toMatchObject({ columns: ['a', 'b'], records: 1, layout: { headerRow: 3 } });
  });

  test('cannot be a blank row', async () => {
    const { fault, records, columns } = await readBook(rows('a', null, '1'), { format: { headerRow: 2 } });
    expect(fault).toMatchObject({ code: 'file_header_empty', record: 0 });
    expect({ records, columns }).toEqual({ records: 0, columns: null });
  });

  test('cannot be after the last row', async () => {
    const { fault } = await readBook(rows('a', '1'), { format: { headerRow: 9 } });
    expect(fault).toMatchObject({ code: 'file_header_malformed', record: 0 });
    expect(fault?.message).toContain('nothing after row 2');
  });

  test('may be none', async () => {
    const book = await readBook(rows(null, '|x|y', '1|2|3', '1|2|3|4'), { format: { headerRow: 0 } });
    expect(book).toMatchObject({
      columns: ['column_1', 'column_2', 'column_3'],
      records: 3,
      layout: { headerRow: 0 },
    });
    expect(book.rows.map(shown)).toEqual([['', 'x', 'y'], ['1', '2', '3'], 'cells_too_many']);
  });

  test('holds numbers and dates as texts', async () => {
    const header = '<row><c><v>2024</v></c><c t="b"><v>1</v></c></row><row><c><v>1</v></c></row>';
    expect((await readBook({ rows: header })).columns).toEqual(['2024', 'TRUE']);
  });

  test.each([
    ['a||b', 'file_header_empty', 'Column 2 of 3 has no name'],
    ['a| |b', 'file_header_empty', 'Column 2'],
    ['a|b|a ', 'file_header_duplicate', 'Columns 1 and 3'],
    ['a|x.__proto__', 'file_header_reserved', '__proto__'],
  ])('%s is told, and the records are counted', async (header, code, message) => {
    const { fault, records, columns } = await readBook(rows(header, '1|2|3', '4|5|6'));
    expect(fault).toMatchObject({ code, record: 0 });
    expect(fault?.message).toContain(message);
    expect(records).toBe(2);
    expect(columns).not.toBeNull();
  });

  test('with a cell that cannot be read', async () => {
    const { fault } = await readBook({
      rows: '<row><c t="str"><v>a</v></c><c t="e"><v>#REF!</v></c></row><row><c><v>1</v></c></row>',
    });
    expect(fault).toMatchObject({ code: 'file_header_malformed', record: 0 });
    expect(fault?.message).toContain('Column 2 of the header row holds the error #REF!');
  });

  test('with too many columns or bytes', async () => {
    const wide = await readBook({
      rows: '<row><c t="str"><v>a</v></c><c r="CTS1" t="str"><v>b</v></c></row><row><c><v>1</v></c></row>',
    });
    expect(wide).toMatchObject({ columns: null, records: 1, fault: { code: 'file_header_malformed' } });
    const long = await readBook(rows(`a|${'b'.repeat(300_000)}`, '1'), {
      limits: { ...ROOMY, cellBytes: 1 << 19 },
    });
    expect(long).toMatchObject({ columns: null, fault: { code: 'file_header_malformed' } });
    const heavy = await readBook(rows(`a|${'b'.repeat(3000)}`, '1'), {
      limits: { ...ROOMY, recordBytes: 2000 },
    });
    expect(heavy).toMatchObject({ columns: null, fault: { code: 'file_header_malformed' } });
  });
});

describe('a file of ours that came back', () => {
  test('is told by its marker, and neutralising is undone', async () => {
    const book = await readBook(rows("'=x|b|_sheaf", "'=1+1|'plain|", "''@a|+49 30|"), { known: ['b'] });
    expect(book).toMatchObject({
      marked: true,
      columns: ['=x', 'b', '_sheaf'],
      layout: { marked: true, headerRow: 1 },
    });
    expect(book.rows.map(shown)).toEqual([
      ['=1+1', "'plain", ''],
      ["'@a", '+49 30', ''],
    ]);
  });

  test.each([0, 3])('has its header in row 1, and not in row %s as is stated', async (headerRow) => {
    const book = await readBook(rows('a|_sheaf', 'x|', 'name|email'), {
      known: KNOWN,
      format: { headerRow },
    });
    expect(book).toMatchObject({
      marked: true,
      columns: ['a', '_sheaf'],
      records: 2,
      layout: { headerRow: 1 },
    });
  });

  test('has the marker in row 1 and nowhere else', async () => {
    const { marked, records, columns } = await readBook(rows('a|b', '_sheaf|x'));
    expect({ marked, records, columns }).toEqual({ marked: false, records: 1, columns: ['a', 'b'] });
  });

  test('leaves apostrophes alone where there is no marker', async () => {
    expect((await readBook(rows('a', "'=1+1"))).rows.map(shown)).toEqual([["'=1+1"]]);
  });
});
