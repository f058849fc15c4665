import { describe, expect, test } from 'vitest';
import { dateText, isoDateText } from '../../src/formats/xlsx/read/cell-date.ts';
import { numberFormat } from '../../src/formats/xlsx/read/number-format.ts';
import { cellsOf, readBook } from '../support/xlsx-reading.ts';

const HEADER = '<row><c t="str"><v>a</v></c><c t="str"><v>b</v></c></row>';

/** What a number is in a format. */
async function shown(value: number | string, code: string, workbookPr = ''): Promise<string> {
  const book = {
    formats: { 164: code },
    styleIds: [0, 164],
    workbookPr,
    rows: `${HEADER}<row><c s="1"><v>${value}</v></c></row>`,
  };
  const [row] = await cellsOf(book);
  return row?.[0] ?? '';
}

function kindOf(code: string, value = 1): string {
  const shown = numberFormat(code)?.(value) ?? { kind: 'number' };
  if (shown.kind !== 'date') return shown.kind;
  return shown.elapsed ? 'elapsed' : `${shown.date ? 'date' : ''}${shown.time ? 'time' : ''}`;
}

describe('a number format', () => {
  test.each([
    ['yyyy-mm-dd', 'date'],
    ['DD.MM.YYYY', 'date'],
    ['m/d/yy h:mm', 'datetime'],
    ['mmm', 'date'],
    ['h:mm AM/PM', 'time'],
    ['hh:mm:ss', 'time'],
    ['mm:ss.0', 'time'],
    ['[h]:mm:ss', 'elapsed'],
    ['[mm]:ss', 'elapsed'],
    ['[ss].00', 'elapsed'],
    ['[$-409]d-mmm-yyyy;@', 'date'],
    ['[$-F800]dddd\\,\\ mmmm\\ dd\\,\\ yyyy', 'date'],
    ['[$-F400]h:mm:ss\\ AM/PM', 'time'],
    ['[$-411]ge.m.d', 'date'],
    ['yyyy"年"m"月"d"日"', 'date'],
    ['[Red]dd/mm/yyyy', 'date'],
    ['dd\\.mm\\.yyyy\\ hh:mm', 'datetime'],
    ['[ENG][$-409]dd\\ mmmm\\ yyyy', 'date'],
  ])('%s shows a %s', (code, kind) => {
    expect(kindOf(code)).toBe(kind);
  });

  test.each([
    'General',
    'GENERAL',
    '0',
    '0.00',
    '#,##0',
    '#,##0.00_);[Red](#,##0.00)',
    '0.00E+00',
    '##0.0E+0',
    '# ?/?',
    '0%',
    '@',
    '"day "0',
    '0" days"',
    '0\\d\\m\\y',
    '"d"',
    '\\d',
    '_d0_h',
    '0*d',
    '[Red]0',
    '[Red]',
    '[Yellow]General',
    '[Magenta]0.0;[Blue]-0.0',
    '[$€-407] #,##0.00',
    '[$Mdm-1]0',
    '[DBNum1]General',
    '0 pcs',
    ';;;',
    '"unclosed yyyy',
    '[unclosed yyyy',
    '',
    'y'.repeat(300),
  ])('%s shows a number', (code) => {
    expect(kindOf(code)).toBe('number');
  });

  test.each([
    ['00000', 'digits'],
    ['[Blue]000', 'digits'],
    ['00000;-00000;@', 'digits'],
    ['00000-0000', 'number'],
    ['"DE"00000', 'number'],
  ])('%s shows %s', (code, kind) => {
    expect(kindOf(code)).toBe(kind);
  });

  test('decides by the number where it has sections', () => {
    expect(kindOf('yyyy;0', 1)).toBe('date');
    expect(kindOf('yyyy;0', 0)).toBe('date');
    expect(kindOf('yyyy;0', -1)).toBe('number');
    expect(kindOf('0;yyyy;00', 1)).toBe('number');
    expect(kindOf('0;yyyy;00', -1)).toBe('date');
    expect(kindOf('0;yyyy;00', 0)).toBe('digits');
    expect(kindOf('[<1]h:mm;yyyy', 0.5)).toBe('time');
    expect(kindOf('[<1]h:mm;yyyy', 5)).toBe('date');
    expect(kindOf('[>=100]0;[<50]yyyy;h:mm', 100)).toBe('number');
    expect(kindOf('[>=100]0;[<50]yyyy;h:mm', 49)).toBe('date');
    expect(kindOf('[>=100]0;[<50]yyyy;h:mm', 70)).toBe('time');
    expect(kindOf('[=0]"-";yyyy-mm-dd', 0)).toBe('number');
    expect(kindOf('[=0]"-";yyyy-mm-dd', 1)).toBe('date');
    expect(kindOf('[<>0]yyyy;0', 1)).toBe('date');
  });
});

describe('dates', () => {
  test.each([
    [45000, 'yyyy-mm-dd', '2023-03-15'],
    [45000, 'yyyy-mm-dd hh:mm', '2023-03-15T00:00:00'],
    [45000.5, 'yyyy-mm-dd hh:mm', '2023-03-15T12:00:00'],
    [45000.5, 'yyyy-mm-dd', '2023-03-15T12:00:00'],
    [45000.000_000_000_01, 'yyyy-mm-dd', '2023-03-15'],
    [45000.999_999_999_99, 'yyyy-mm-dd', '2023-03-16'],
    ['45000.25000578704', 'yyyy-mm-dd hh:mm:ss.000', '2023-03-15T06:00:00.500'],
    [1, 'yyyy-mm-dd', '1900-01-01'],
    [59, 'yyyy-mm-dd', '1900-02-28'],
    [60, 'yyyy-mm-dd', 'cell_date'],
    [61, 'yyyy-mm-dd', '1900-03-01'],
    [0, 'yyyy-mm-dd', 'cell_date'],
    [-1, 'yyyy-mm-dd', 'cell_date'],
    [2_958_465, 'yyyy-mm-dd', '9999-12-31'],
    ['2958465.99999', 'yyyy-mm-dd', '9999-12-31T23:59:59.136'],
    [2_958_466, 'yyyy-mm-dd', 'cell_date'],
    ['1e300', 'yyyy-mm-dd', 'cell_date'],
    ['4.5E4', 'yyyy-mm-dd', '2023-03-15'],
    ['abc', 'yyyy-mm-dd', 'cell_error'],
    [0.5, 'h:mm', '12:00:00'],
    [0, 'h:mm', '00:00:00'],
    ['0.99999999999', 'h:mm:ss', '23:59:59.999'],
    [1.5, 'h:mm', '1900-01-01T12:00:00'],
    [1.5, '[h]:mm', '36:00:00'],
    [0.25, '[mm]:ss', '06:00:00'],
    [100, '[h]:mm', '2400:00:00'],
    [-0.5, '[h]:mm', '-12:00:00'],
    ['1e12', '[h]:mm', 'cell_date'],
  ])('%s as %s is %s', async (value, code, text) => {
    expect(await shown(value, code)).toBe(text);
  });

  test.each([
    [0, 'yyyy-mm-dd', '1904-01-01'],
    [60, 'yyyy-mm-dd', '1904-03-01'],
    [43538, 'yyyy-mm-dd', '2023-03-15'],
    [0.5, 'yyyy-mm-dd hh:mm', '1904-01-01T12:00:00'],
    [0.5, 'h:mm', '12:00:00'],
    [2_957_003, 'yyyy-mm-dd', '9999-12-31'],
    [2_957_004, 'yyyy-mm-dd', 'cell_date'],
  ])('%s as %s is %s where days are counted from 1904', async (value, code, text) => {
    expect(await shown(value, code, '<workbookPr date1904="1"/>')).toBe(text);
    expect(await shown(value, code, '<workbookPr date1904="true"/>')).toBe(text);
  });

  test('the system is told', async () => {
    const rows = `${HEADER}<row><c><v>1</v></c></row>`;
    expect((await readBook({ rows, workbookPr: '<workbookPr date1904="1"/>' })).layout).toMatchObject({
      dateSystem: 1904,
    });
    expect((await readBook({ rows, workbookPr: '<workbookPr date1904="0"/>' })).layout).toMatchObject({
      dateSystem: 1900,
    });
  });

  test('of formats without a code', async () => {
    const styleIds = [0, 14, 22, 20, 46, 1, 49, 34, 57];
    const value = (style: number, number: number) =>
      cellsOf({ styleIds, rows: `${HEADER}<row><c s="${style}"><v>${number}</v></c></row>` }).then(
        ([row]) => row?.[0],
      );
    expect(await value(1, 45000)).toBe('2023-03-15');
    expect(await value(2, 45000)).toBe('2023-03-15T00:00:00');
    expect(await value(3, 0.5)).toBe('12:00:00');
    expect(await value(4, 1.5)).toBe('36:00:00');
    expect(await value(5, 45000)).toBe('45000');
    expect(await value(6, 45000)).toBe('45000');
    expect(await value(7, 0.5)).toBe('12:00:00');
    expect(await value(7, 45000)).toBe('2023-03-15');
    expect(await value(8, 45000)).toBe('2023-03-15');
  });

  test('a code of their own takes the place of a known one', async () => {
    const book = { styleIds: [0, 14], formats: { 14: '0.00' } };
    expect(await cellsOf({ ...book, rows: `${HEADER}<row><c s="1"><v>45000</v></c></row>` })).toEqual([
      ['45000', ''],
    ]);
  });

  test('are every day what the calendar says', () => {
    const shown = { kind: 'date', date: true, time: false, elapsed: false } as const;
    for (let day = 61; day < 60_000; day++) {
      const expected = new Date(Date.UTC(1899, 11, 30 + day)).toISOString().slice(0, 10);
      if (dateText(day, shown, 1900) !== expected) expect(dateText(day, shown, 1900)).toBe(expected);
    }
  });

  test.each([
    ['2024-02-29', '2024-02-29'],
    ['2024-02-29T00:00:00', '2024-02-29'],
    ['2024-02-29T12:30:00', '2024-02-29T12:30:00'],
    ['2024-02-29T12:30:00.250Z', '2024-02-29T12:30:00.250Z'],
    ['12:30:00', '12:30:00'],
    ['2023-02-29', null],
    ['2023-02-28T24:30:00', null],
    ['2023-13-01', null],
    ['45000', null],
    ['', null],
  ])('of type d: %s', async (value, text) => {
    expect(isoDateText(value, true)).toBe(text);
    const [row] = await cellsOf({
      styleIds: [0, 14],
      rows: `${HEADER}<row><c s="1" t="d"><v>${value}</v></c><c><v>1</v></c></row>`,
    });
    expect(row?.[0]).toBe(text ?? (value === '' ? '' : 'cell_date'));
  });

  test('of type d with a time that is shown', () => {
    expect(isoDateText('2024-02-29T00:00:00', false)).toBe('2024-02-29T00:00:00');
  });
});
