import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SheetNames } from '../../src/formats/xlsx/write/sheet-names.ts';
import { opened, written } from './xlsx-write-book.ts';

test.each([
  ['People', 'People'],
  [' People ', 'People'],
  ['Q1/Q2: [a]*?\\', 'Q1_Q2_ _a____'],
  ["'It's'", "It's"],
  ['', 'Results'],
  [" '' ", 'Results'],
  ['History', 'History_'],
  ['HISTORY', 'HISTORY_'],
  ['Errors', 'Errors_'],
  ['errors', 'errors_'],
  ['a\0b\nc\ud800d\uffff', 'a_b_c_d_'],
  ['_x0041_', '-x0041_'],
  ['x'.repeat(40), 'x'.repeat(31)],
  [`${'x'.repeat(30)}😀`, 'x'.repeat(30)],
  [`${'x'.repeat(30)}' and more`, 'x'.repeat(30)],
  ['人 😀 é', '人 😀 é'],
])('%j is called %j', (wanted, name) => {
  expect(new SheetNames(['Errors']).take(wanted)).toBe(name);
});

test('where no report follows, a sheet may be called Errors', () => {
  expect(new SheetNames([]).take('Errors')).toBe('Errors');
});

test('no name is given twice, in any spelling', () => {
  const names = new SheetNames([]);
  const long = 'y'.repeat(31);
  expect(['Results', 'results', 'Results 2', 'Results', long, long].map((name) => names.take(name))).toEqual([
    'Results',
    'results 2',
    'Results 2 2',
    'Results 3',
    long,
    `${'y'.repeat(29)} 2`,
  ]);
});

test('any name is one that Excel takes and that comes back', async () => {
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: 'binary', maxLength: 40 }), async (wanted) => {
      const names = new SheetNames(['Errors']);
      const given = [names.take(wanted), names.take(wanted)];
      for (const name of given) {
        expect(name.length).toBeLessThanOrEqual(31);
        expect(name).toMatch(/^(?!')[^[\]:*?/\\\p{Cc}\p{Cs}]+(?<!')$/u);
        expect(['history', 'errors', '']).not.toContain(name.trim().toLowerCase());
      }
      expect(given[0]!.toLowerCase()).not.toBe(given[1]!.toLowerCase());
      const { worksheets } = await opened(
        await written({ columns: [{ name: 'a' }], sheet: wanted, report: true }, []),
      );
      expect(worksheets.map((sheet) => sheet.name)).toEqual([given[0], 'Errors']);
    }),
    { numRuns: 50 },
  );
});
