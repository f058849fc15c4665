import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Comments } from '../../src/formats/xlsx/write/comments.ts';
import { columnLetters } from '../../src/formats/xlsx/write/table.ts';
import { opened, valuesOf, type WrittenRow, written } from './xlsx-write-book.ts';

const columns = [{ name: 'id' }, { name: 'born' }, { name: 'score' }];
const LIGHT_RED = { type: 'pattern', pattern: 'solid', fgColor: { argb: 'FFFFC7CE' } };

function many(count: number): WrittenRow[] {
  return Array.from({ length: count }, (_, index) => ({ cells: [`id ${index}`, null, index] }));
}

describe('a table', () => {
  test('comes back with its texts, numbers and blank cells', async () => {
    const rows = [
      ['007', '2024-01-31', 12.5],
      ['12345678901234567890', null, -3],
      [' a ', '\ta\r\nb\rc\n', 0],
      ['=1+1', '', 1e21],
      [null, null, null],
      ["'=1+1", 'TRUE', 1e-7],
    ];
    const { worksheets } = await opened(
      await written(
        { columns },
        rows.map((cells) => ({ cells })),
      ),
    );
    expect(worksheets.map(({ name }) => name)).toEqual(['Results']);
    expect(valuesOf(worksheets[0], 3)).toEqual([
      ['id', 'born', 'score'],
      ...rows.map((cells) => cells.map((cell) => (cell === '' ? null : cell))),
    ]);
  });

  test('has a bold header that stays in sight and a filter over all of it', async () => {
    const [sheet] = (await opened(await written({ columns }, many(3)))).worksheets;
    expect(sheet!.getCell('A1').font.bold).toBe(true);
    expect(sheet!.getCell('A2').font?.bold).toBeUndefined();
    expect(sheet!.views).toMatchObject([{ state: 'frozen', ySplit: 1, topLeftCell: 'A2' }]);
    expect(sheet!.autoFilter).toBe('A1:C4');
  });

  test('keeps what is typed into it a text, but for its numbers', async () => {
    const [sheet] = (await opened(await written({ columns }, many(1)))).worksheets;
    expect(sheet!.getCell('A2').numFmt).toBe('@');
    expect(sheet!.getCell('B2').numFmt).toBe('@');
    expect(sheet!.getCell('C2').numFmt).toBeUndefined();
  });

  test('has columns as wide as their first rows need, within bounds, or as was said', async () => {
    const wide = [
      { name: 'a' },
      { name: 'a longer name' },
      { name: 'a' },
      { name: 'a' },
      { name: 'a', width: 3 },
    ];
    const cells = ['x', 'x', `${'x'.repeat(20)}\n${'x'.repeat(30)}\r\nx`, 'x'.repeat(500), 'x'.repeat(20)];
    const [sheet] = (await opened(await written({ columns: wide }, [{ cells }]))).worksheets;
    expect(wide.map((_, index) => sheet!.getColumn(index + 1).width)).toEqual([9, 17, 31, 60, 3]);
  });

  test('without a row is a header', async () => {
    const { worksheets } = await opened(await written({ columns, report: true }, []));
    expect(worksheets.map((sheet) => [sheet.name, sheet.rowCount, sheet.autoFilter])).toEqual([
      ['Results', 1, 'A1:C1'],
      ['Errors', 1, 'A1:G1'],
    ]);
  });

  test('goes on in further sheets when one is full, each with the header', async () => {
    const rows = many(23);
    const bytes = await written({ columns, rowsPerSheet: 10, sheet: 'People' }, rows);
    const { worksheets } = await opened(bytes);
    expect(worksheets.map((sheet) => [sheet.name, sheet.rowCount, sheet.autoFilter])).toEqual([
      ['People', 10, 'A1:C10'],
      ['People 2', 10, 'A1:C10'],
      ['People 3', 6, 'A1:C6'],
    ]);
    const values = worksheets.map((sheet) => valuesOf(sheet, 3));
    for (const [header] of values) expect(header).toEqual(['id', 'born', 'score']);
    expect(values.flatMap((sheet) => sheet.slice(1))).toEqual(rows.map(({ cells }) => cells));
  });

  test('opens no sheet for rows that do not come', async () => {
    const { worksheets } = await opened(await written({ columns, rowsPerSheet: 10 }, many(9)));
    expect(worksheets.map(({ name }) => name)).toEqual(['Results']);
  });

  test('may be as wide as a sheet, and no wider', async () => {
    const wide = Array.from({ length: 16_384 }, (_, index) => ({ name: `column ${index}` }));
    const cells = wide.map((_, index) => index);
    const [sheet] = (await opened(await written({ columns: wide }, [{ cells }]))).worksheets;
    expect(sheet!.getCell('XFD1').value).toBe('column 16383');
    expect(sheet!.getCell('XFD2').value).toBe(16_383);
    await expect(written({ columns: [...wide, { name: 'x' }] }, [])).rejects.toThrow(RangeError);
    await expect(written({ columns: [] }, [])).rejects.toThrow(RangeError);
  });

  test('takes no row that is wider than it', async () => {
    await expect(written({ columns }, [{ cells: [1, 2, 3, 4] }])).rejects.toThrow('4 cells in a table of 3');
    const marks = [{ column: 3, comment: 'x' }];
    await expect(written({ columns }, [{ cells: [1], marks }])).rejects.toThrow('4 cells in a table of 3');
  });

  test('says loudly that a text was too long for a cell', async () => {
    const longest = 'x'.repeat(32_767);
    const cells = [longest, `${longest}y`, null];
    const [sheet] = (await opened(await written({ columns }, [{ cells }]))).worksheets;
    expect(sheet!.getCell('A2').value).toBe(longest);
    expect(sheet!.getCell('B2').value).toMatch(/^#### TOO LONG: .*32,768 characters.*NDJSON or CSV/);
  });

  test('has no cell that is not a number where one was expected', async () => {
    const cells = [Number.NaN, Number.POSITIVE_INFINITY, -0];
    const [sheet] = (await opened(await written({ columns }, [{ cells }]))).worksheets;
    expect(valuesOf(sheet, 3)[1]).toEqual(['NaN', 'Infinity', 0]);
  });

  test('of any texts comes back as it was', async () => {
    const piece = fc.oneof(
      fc.constantFrom(
        '_',
        'x',
        '0041',
        '_x',
        '_x0041',
        '_x005F_',
        '_xD83D',
        '_xabcd_',
        '\r',
        '\n',
        '\t',
        ' ',
      ),
      fc.constantFrom(
        '\0',
        '\x0b',
        '\x7f',
        '\x85',
        '\ud83d',
        '\ude00',
        '😀',
        '\ufffe',
        '\uffff',
        '\ufeff',
        '\u2028',
      ),
      fc.constantFrom('&', '<', '>', '"', "'", '&amp;', '&#13;', ']]>', '</t>', '=', '-1', '1e5', 'true'),
      fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)),
    );
    const text = fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join(''));
    const cell = fc.oneof({ weight: 4, arbitrary: text }, fc.constant(null), fc.double({ noNaN: true }));
    const table = fc.integer({ min: 1, max: 4 }).chain((width) =>
      fc.record({
        names: fc.array(text, { minLength: width, maxLength: width }),
        rows: fc.array(fc.array(cell, { minLength: width, maxLength: width }), { maxLength: 6 }),
      }),
    );
    await fc.assert(
      fc.asyncProperty(table, async ({ names, rows }) => {
        const named = names.map((name) => ({ name }));
        // The last row shows how many there are.
        const all = [...rows, names.map(() => 'end')];
        const [sheet] = (
          await opened(
            await written(
              { columns: named },
              all.map((cells) => ({ cells })),
            ),
          )
        ).worksheets;
        const expected = [names, ...all].map((cells) => cells.map(asRead));
        expect(valuesOf(sheet, names.length)).toEqual(expected);
      }),
      { numRuns: 150 },
    );
  });
});

function asRead(cell: string | number | null) {
  if (cell === '') return null;
  if (typeof cell !== 'number') return cell;
  return Number.isFinite(cell) ? cell + 0 : String(cell);
}

describe('marked cells', () => {
  test('are filled and have a comment with everything that is wrong', async () => {
    const marks = [
      { column: 2, comment: 'too low' },
      { column: 0, comment: 'too short\nand <strange> & _x0041_ 😀' },
      { column: 1, comment: 'missing' },
      { column: 0, comment: ' and\0again ' },
    ];
    const rows = [{ cells: ['a', null, 1], marks }, { cells: ['b', null, 2] }];
    const [sheet] = (await opened(await written({ columns }, rows))).worksheets;
    expect(['A2', 'B2', 'C2'].map((cell) => sheet!.getCell(cell).fill)).toMatchObject([
      LIGHT_RED,
      LIGHT_RED,
      LIGHT_RED,
    ]);
    expect(valuesOf(sheet, 3)[1]).toEqual(['a', null, 1]);
    expect(sheet!.getCell('A2').numFmt).toBe('@');
    expect(sheet!.getCell('A3').fill).not.toMatchObject(LIGHT_RED);
    expect(['A2', 'B2', 'C2'].map((cell) => noteOf(sheet!.getCell(cell)))).toEqual([
      'too short\nand <strange> & _x0041_ 😀\n and\0again ',
      'missing',
      'too low',
    ]);
    expect(noteOf(sheet!.getCell('A3'))).toBeUndefined();
  });

  test('behind the last cell of a row are filled too', async () => {
    const rows = [{ cells: ['a'], marks: [{ column: 2, comment: 'missing' }] }];
    const [sheet] = (await opened(await written({ columns }, rows))).worksheets;
    expect(sheet!.getCell('C2').fill).toMatchObject(LIGHT_RED);
    expect(sheet!.getCell('B2').fill).not.toMatchObject(LIGHT_RED);
  });

  test('of each sheet have their own comments', async () => {
    const rows = many(5).map((row, index) => ({ ...row, marks: [{ column: 1, comment: `of ${index}` }] }));
    const { worksheets } = await opened(await written({ columns, rowsPerSheet: 3, report: true }, rows));
    const notes = worksheets.map((sheet) => ['B2', 'B3'].map((cell) => noteOf(sheet.getCell(cell))));
    expect(notes).toEqual([
      ['of 0', 'of 1'],
      ['of 2', 'of 3'],
      ['of 4', undefined],
      [undefined, undefined],
    ]);
  });

  test('have no comments once there are 20,000, and the last one says so', async () => {
    const rows = many(20_005).map((row) => ({ ...row, marks: [{ column: 0, comment: 'bad' }] }));
    const [sheet] = (await opened(await written({ columns }, rows))).worksheets;
    expect(noteOf(sheet!.getCell('A20000'))).toBe('bad');
    expect(noteOf(sheet!.getCell('A20001'))).toMatch(/^bad\n\nThe marked cells below/);
    expect(noteOf(sheet!.getCell('A20002'))).toBeUndefined();
    expect(sheet!.getCell('A20006').fill).toMatchObject(LIGHT_RED);
  });

  test('have no comments once these are 4 MiB of text', async () => {
    const marks = [{ column: 0, comment: 'x'.repeat(2_000) }];
    const rows = many(2_200).map((row) => ({ ...row, marks }));
    const [sheet] = (await opened(await written({ columns }, rows))).worksheets;
    const notes = rows.map((_, index) => noteOf(sheet!.getCell(`A${index + 2}`)));
    expect(notes.filter((note) => note !== undefined)).toHaveLength(Math.floor((4 * 1024 * 1024) / 2_000));
    expect(notes.findLast((note) => note !== undefined)).toMatch(/x\n\nThe marked cells below/);
  });

  test('have boxes inside of the sheet, with numbers that no other sheet has', () => {
    const comments = new Comments();
    for (let row = 1_048_576 - 1_099; row <= 1_048_576; row += 1) {
      comments.add({ row, column: 16_383, text: 'x'.repeat(400) });
    }
    const vml = [...comments.shapes(3)].join('');
    expect(comments.blocks).toBe(2);
    expect(vml).toContain('data="3,4"');
    const ids = [...vml.matchAll(/_x0000_s(\d+)"/g)].map(([, id]) => Number(id));
    expect(ids).toEqual(Array.from({ length: 1_100 }, (_, index) => 3 * 1024 + 1 + index));
    for (const [, anchor] of vml.matchAll(/<x:Anchor>(.*?)<\/x:Anchor>/g)) {
      const [left, , top, , right, , bottom] = anchor!.split(', ').map(Number);
      expect(left).toBeLessThan(right!);
      expect(top).toBeLessThan(bottom!);
      expect(right).toBeLessThan(16_384);
      expect(bottom).toBeLessThan(1_048_576);
    }
  });

  test('have comments of a length that can be read', async () => {
    const rows = [{ cells: ['a'], marks: [{ column: 0, comment: `x${'😀'.repeat(5_000)}` }] }];
    const [sheet] = (await opened(await written({ columns }, rows))).worksheets;
    expect(noteOf(sheet!.getCell('A2'))).toBe(`x${'😀'.repeat(999)}…`);
  });
});

/** exceljs undoes ST_Xstring in comments. */
function noteOf({ note }: { note?: string | { texts?: { text: string }[] } }): string | undefined {
  return typeof note === 'object' ? note.texts?.map(({ text }) => text).join('') : note;
}

describe('the report', () => {
  const line = (record: number) => [
    `${record}`,
    `id ${record}`,
    'born',
    'birth.date',
    'format',
    'x'.repeat(300),
    '',
  ];

  test('is the last sheet, a row for each broken rule', async () => {
    const report = [
      ['12', 'A 12', 'born', 'birth.date', 'format', 'must be\na date', '31.02.\ud800\0'],
      ['012', '', '', '', 'unknown', '', '_x0041_'],
    ];
    const { worksheets } = await opened(await written({ columns, report: true }, many(2), report));
    expect(worksheets.map(({ name }) => name)).toEqual(['Results', 'Errors']);
    expect(valuesOf(worksheets[1], 7)).toEqual([
      ['record', 'custom_id', 'column', 'field', 'code', 'message', 'value'],
      [12, 'A 12', 'born', 'birth.date', 'format', 'must be\na date', '31.02.\ud800\0'],
      ['012', null, null, null, 'unknown', null, '_x0041_'],
    ]);
    expect(worksheets[1]!.getCell('A1').font.bold).toBe(true);
    expect(worksheets[1]!.autoFilter).toBe('A1:G3');
  });

  test('may be larger than is kept in memory', async () => {
    const report = Array.from({ length: 5_000 }, (_, index) => line(index + 1));
    const { worksheets } = await opened(await written({ columns, report: true }, many(1), report));
    expect(valuesOf(worksheets[1], 7).slice(1)).toEqual(
      report.map(([record, ...others]) => [Number(record), ...others.slice(0, -1), null]),
    );
  });

  test('goes on in further sheets too', async () => {
    const report = Array.from({ length: 20 }, (_, index) => line(index + 1));
    const options = { columns, report: true, rowsPerSheet: 10, sheet: 'Errors 2' };
    const { worksheets } = await opened(await written(options, many(1), report));
    expect(worksheets.map((sheet) => [sheet.name, sheet.rowCount])).toEqual([
      ['Errors 2', 2],
      ['Errors', 10],
      ['Errors 3', 10],
      ['Errors 4', 3],
    ]);
    expect(worksheets.slice(1).flatMap((sheet) => valuesOf(sheet, 1).slice(1))).toEqual(
      report.map(([record]) => [Number(record)]),
    );
  });

  test('is refused where none was announced, or of another width', async () => {
    await expect(written({ columns }, [], [line(1)])).rejects.toThrow('without a report');
    await expect(written({ columns, report: true }, [], [[...line(1), 'x']])).rejects.toThrow(RangeError);
  });
});

test.each([
  [0, 'A'],
  [25, 'Z'],
  [26, 'AA'],
  [701, 'ZZ'],
  [702, 'AAA'],
  [16_383, 'XFD'],
])('column %i is %s', (column, letters) => {
  expect(columnLetters(column)).toBe(letters);
});
