import { randomBytes } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import ExcelJS from 'exceljs';
import Type, { type TObject } from 'typebox';
import { describe, expect, test } from 'vitest';
import { inputColumns, readOnlyColumn } from '../../src/formats/template/column.ts';
import type { TemplateTable } from '../../src/formats/template/table.ts';
import { templateFile } from '../../src/formats/template/template-file.ts';
import { closed, operationOf } from '../support/operation-of.ts';
import { readTemplate } from '../support/read-template.ts';
import { opened, unescaped } from './xlsx-write-book.ts';

const COUNTRIES = Array.from({ length: 300 }, (_, index) => `C${String(index).padStart(3, '0')}`);

const INPUT = Type.Object(
  {
    id: Type.String({ minLength: 1, maxLength: 64, description: 'The key' }),
    born: Type.Optional(Type.String({ format: 'date' })),
    seen_at: Type.Optional(Type.String({ format: 'date-time' })),
    size: Type.Optional(Type.Integer({ minimum: 1, maximum: 10 })),
    above: Type.Optional(Type.Integer({ exclusiveMinimum: 0 })),
    share: Type.Optional(Type.Number({ minimum: 0, maximum: 1, multipleOf: 0.01 })),
    weight: Type.Optional(Type.Number({ exclusiveMinimum: 0 })),
    local: Type.Optional(Type.Boolean()),
    kind: Type.Optional(Type.Unsafe<string>({ type: 'string', enum: ['online', 'in person'] })),
    country: Type.Optional(Type.Unsafe<string>({ type: 'string', enum: COUNTRIES })),
    code: Type.Optional(Type.Unsafe<string>({ type: 'string', enum: ['=1+1', '007', 'a,b', '"x"'] })),
    level: Type.Optional(Type.Unsafe<number>({ type: 'integer', enum: [1, 2, 3] })),
    address: Type.Optional(Type.Object({ city: Type.String({ pattern: '^[A-Z]' }) }, closed)),
  },
  closed,
);

const RECORD = {
  id: '00123456789012345678',
  born: '1999-12-31',
  seen_at: '2026-01-31T08:00:00+01:00',
  size: 3,
  above: 7,
  share: 0.29,
  weight: 1e-7,
  local: false,
  kind: 'in person',
  country: 'C299',
  code: '=1+1',
  level: 2,
  address: { city: 'Ålesund'.replace('Å', 'A') },
};

function tableOf(
  input: TObject,
  records: readonly unknown[],
  change: Partial<TemplateTable> = {},
): TemplateTable {
  const columns = inputColumns(input);
  return {
    title: 'Register people',
    description: 'Registers people.',
    columns,
    records,
    filled: false,
    ...change,
  };
}

async function workbook(table: TemplateTable): Promise<{ bytes: Buffer; book: ExcelJS.Workbook }> {
  const bytes = await buffer(templateFile('xlsx', table));
  return { bytes, book: await opened(bytes) };
}

function validationAt(sheet: ExcelJS.Worksheet, name: string, row = 2): ExcelJS.DataValidation {
  const column = (sheet.getRow(1).values as string[]).indexOf(name);
  return sheet.getCell(row, column).dataValidation;
}

describe('a workbook to fill in', async () => {
  const { bytes, book } = await workbook(tableOf(INPUT, [RECORD]));
  const [sheet, columns, lists] = book.worksheets as [
    ExcelJS.Worksheet,
    ExcelJS.Worksheet,
    ExcelJS.Worksheet,
  ];
  const names = inputColumns(INPUT).map(({ name }) => name);
  const cell = (name: string, row = 2) => sheet.getCell(row, names.indexOf(name) + 1);

  test('has the table first, then what explains it', () => {
    expect(book.worksheets.map(({ name, state }) => [name, state])).toEqual([
      ['Register people', 'visible'],
      ['Columns', 'visible'],
      ['Lists', 'visible'],
    ]);
    expect((sheet.getRow(1).values as string[]).slice(1)).toEqual(names);
    expect(sheet.views[0]).toMatchObject({ state: 'frozen', ySplit: 1 });
    expect(sheet.autoFilter).toBe('A1:M2');
    expect(sheet.rowCount).toBe(2);
  });

  test('shows which columns are required', () => {
    expect(cell('id', 1)).toMatchObject({ font: { bold: true }, fill: { fgColor: { argb: 'FFFFD966' } } });
    expect(cell('born', 1).font?.bold).toBeFalsy();
    expect(cell('born', 1).fill).toMatchObject({ fgColor: { argb: 'FFDDEBF7' } });
  });

  test('holds the example as values, and texts that stay texts', () => {
    expect(cell('id').value).toBe('00123456789012345678');
    expect(cell('born').value).toEqual(new Date('1999-12-31T00:00:00Z'));
    expect(cell('seen_at').value).toBe('2026-01-31T08:00:00+01:00');
    expect(cell('size').value).toBe(3);
    expect(cell('weight').value).toBe(1e-7);
    expect(cell('local').value).toBe('false');
    expect(cell('code')).toMatchObject({ type: ExcelJS.ValueType.String, value: '=1+1' });
    expect(cell('address.city').value).toBe('Alesund');
  });

  test.each([
    ['id', '@'],
    ['born', 'yyyy-mm-dd'],
    ['seen_at', '@'],
    ['size', '0'],
    ['local', '@'],
    ['country', '@'],
    ['address.city', '@'],
  ])('the cells of %s have the format %s, those that are still empty too', (name, format) => {
    expect(cell(name).numFmt).toBe(format);
    expect(sheet.getColumn(names.indexOf(name) + 1).numFmt).toBe(format);
  });

  test.each([
    ['id', { type: 'textLength', operator: 'between', formulae: [1, 64], errorStyle: 'warning' }],
    ['born', { type: 'date', operator: 'greaterThanOrEqual', errorStyle: 'warning' }],
    ['size', { type: 'whole', operator: 'between', formulae: [1, 10], errorStyle: 'stop' }],
    ['above', { type: 'whole', formulae: [1, Number.MAX_SAFE_INTEGER] }],
    ['share', { type: 'decimal', operator: 'between', formulae: [0, 1] }],
    ['weight', { type: 'decimal', operator: 'greaterThan', formulae: [0] }],
    ['local', { type: 'list', formulae: ['"true,false"'], errorStyle: 'stop' }],
    ['kind', { type: 'list', formulae: ['"online,in person"'] }],
    ['country', { type: 'list', formulae: ['Lists!$A$2:$A$301'] }],
    ['code', { type: 'list', formulae: ['Lists!$B$2:$B$5'] }],
    ['level', { type: 'list', formulae: ['Lists!$C$2:$C$4'] }],
  ])('the cells of %s take what the schema does', (name, rule) => {
    expect(validationAt(sheet, name)).toMatchObject({ ...rule, allowBlank: true, showErrorMessage: true });
    expect(validationAt(sheet, name, 10_000)).toMatchObject(rule);
    expect(validationAt(sheet, name, 10_003)).toBeUndefined();
  });

  test('its lists hold every value as it is to be written', () => {
    const values = (column: number) =>
      (lists.getColumn(column).values as ExcelJS.CellValue[]).slice(1).filter((value) => value !== null);
    expect(values(1)).toEqual(['country', ...COUNTRIES]);
    expect(values(2)).toEqual(['code', '=1+1', '007', 'a,b', '"x"']);
    expect(values(3)).toEqual(['level', 1, 2, 3]);
    expect(lists.getCell('B2').type).toBe(ExcelJS.ValueType.String);
  });

  test('explains each column', () => {
    const rows = columns.getSheetValues() as (string[] | undefined)[];
    const texts = Array.from(rows, (row) => Array.from(row?.slice(1) ?? [], (text) => text ?? ''));
    expect(texts[1]).toEqual(['Register people']);
    const header = texts.findIndex(([first]) => first === 'Column');
    expect(texts[header]).toEqual([
      'Column',
      'Required',
      'What it holds',
      'Allowed values',
      'Rules',
      'Example',
      'Description',
    ]);
    const of = (name: string) => texts.slice(header).find(([first]) => first === name) ?? [];
    expect(texts.slice(header + 1).map(([name]) => name)).toEqual(names);
    expect(of('id')).toEqual(['id', 'yes', 'a text', '', 'at most 64 characters', RECORD.id, 'The key']);
    expect(of('size').slice(1, 6)).toEqual(['no', 'a whole number', '', 'from 1 to 10', '3']);
    expect(of('share')[4]).toBe('from 0 to 1; a multiple of 0.01');
    expect(of('born')[2]).toBe('a date such as 2026-01-31');
    expect(of('seen_at')[2]).toContain('with its zone');
    expect(of('kind')[3]).toBe('online, in person');
    expect(of('country')[3]).toBe(`${COUNTRIES.slice(0, 12).join(', ')}, … (300 values, on the sheet Lists)`);
    expect(of('code')[5]).toBe('=1+1');
    expect(of('address.city')[4]).toBe('matches ^[A-Z]');
    expect(texts.flat().join('\n')).toContain('format.time_zone');
  });

  test('comes back as the record that it shows', async () => {
    const { fault, read, records } = await readTemplate(bytes, operationOf(INPUT));
    expect(fault).toBeNull();
    expect(read).toMatchObject({ format: 'xlsx', sheet: 'Register people', marked: false });
    expect(records).toEqual([{ input: RECORD, errors: [] }]);
  });
});

describe('what a workbook to fill in may hold', () => {
  const simple = Type.Object(
    { id: Type.String({ description: '=HYPERLINK("http://example.org")' }) },
    closed,
  );

  test('nothing that is run as a formula, and nothing that breaks its XML', async () => {
    const texts = ['=1+1', '+1', '@SUM(A1)', '-2', '<b>&"\'', 'a\u0000b\u0007', ' x ', '_x0041_', '\ud800'];
    const records = texts.map((id) => ({ id }));
    const description = "=cmd|' /C calc'!A0\n@x\u0001";
    const { book } = await workbook(tableOf(simple, records, { title: '=A1:[x]/*', description }));
    expect(book.worksheets.map(({ name }) => name)).toEqual(['=A1__x___', 'Columns']);
    book.eachSheet((sheet) =>
      sheet.eachRow((row) => row.eachCell((cell) => expect(cell.type).toBe(ExcelJS.ValueType.String))),
    );
    const cells = book.worksheets[0]!.getColumn(1)
      .values.slice(2)
      .map((text) => unescaped(String(text)));
    expect(cells).toEqual(texts);
    expect(validationAt(book.worksheets[0]!, 'id').prompt).toContain('=HYPERLINK');
  });

  test('messages of validations are as long as Excel takes them', async () => {
    const long = Type.Object(
      {
        [`a${'b'.repeat(100)}`]: Type.String({ description: `${'😀'.repeat(300)}\u0002\n\tx`, maxLength: 9 }),
      },
      closed,
    );
    const { book } = await workbook(tableOf(long, []));
    const { prompt, promptTitle, error, errorTitle } = book.worksheets[0]!.getCell('A2').dataValidation;
    expect([promptTitle, errorTitle].map((text) => text?.length)).toEqual([32, 32]);
    expect(prompt!.length).toBeLessThanOrEqual(255);
    expect(prompt).toMatch(/😀…$/u);
    expect(error!.length).toBeLessThanOrEqual(255);
  });

  test('dates that a workbook cannot count are texts, and come back', async () => {
    const input = Type.Object({ born: Type.String({ format: 'date' }) }, closed);
    const records = ['0001-01-01', '1899-12-31', '1900-02-28', '1900-03-01', '9999-12-31'].map((born) => ({
      born,
    }));
    const { bytes, book } = await workbook(tableOf(input, records));
    const types = [2, 3, 4, 5, 6].map((row) => book.worksheets[0]!.getCell(row, 1).type);
    const { String: text, Date: date } = ExcelJS.ValueType;
    expect(types).toEqual([text, text, text, date, date]);
    const { records: read } = await readTemplate(bytes, operationOf(input));
    expect(read.map(({ input }) => input)).toEqual(records);
  });

  test('columns to be read only, which are ignored when it comes back', async () => {
    const columns = [readOnlyColumn('name', 'Whose it is'), ...inputColumns(simple)];
    const records = [{ id: 'L-1', name: '=Ada' }, { id: 'L-2' }];
    const { bytes, book } = await workbook(tableOf(simple, records, { columns, filled: true }));
    const [sheet, explained] = book.worksheets;
    expect(sheet!.getCell('A1').fill).toMatchObject({ fgColor: { argb: 'FFE7E6E6' } });
    expect(sheet!.getCell('A2')).toMatchObject({ value: '=Ada', fill: { fgColor: { argb: 'FFE7E6E6' } } });
    expect(sheet!.getColumn(1).fill).toMatchObject({ fgColor: { argb: 'FFE7E6E6' } });
    const texts = explained!.getSheetValues().flat().map(String);
    expect(texts).toContain('to read only; what is in it is ignored');
    expect(texts).toContain('A grey column is there to be read: what is in it is ignored.');
    expect(texts.join()).not.toContain('L-1');
    const { read, records: came } = await readTemplate(bytes, operationOf(simple));
    expect(read).toMatchObject({
      columns: [
        { name: 'name', field: null },
        { name: 'id', field: 'id' },
      ],
    });
    expect(came.map(({ input }) => input)).toEqual([{ id: 'L-1' }, { id: 'L-2' }]);
  });

  test('many rows, in memory that does not grow with them', async () => {
    // Nothing that the compressor would make small: 40 MB.
    const records = Array.from({ length: 40_000 }, (_, n) => ({
      id: `${n} ${randomBytes(500).toString('hex')}`,
    }));
    const before = process.memoryUsage().arrayBuffers;
    const content = templateFile('xlsx', tableOf(simple, records, { filled: true }));
    // Whoever reads slowly is waited for: what is ready meanwhile is bounded.
    await new Promise((resolve) => setTimeout(resolve, 1500));
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(10 << 20);
    const sheet = (await opened(await buffer(content))).worksheets[0]!;
    expect(sheet.rowCount).toBe(40_001);
    expect(sheet.getCell('A40001').value).toBe(records[39_999]!.id);
  });

  test('an output that goes away ends it', async () => {
    const records = Array.from({ length: 200_000 }, (_, index) => ({ id: `L-${index}` }));
    const content = templateFile('xlsx', tableOf(simple, records));
    await new Promise((resolve) => content.once('readable', resolve));
    const closedAt = new Promise((resolve) => content.once('close', resolve));
    content.destroy();
    await closedAt;
    expect(content.readableEnded).toBe(false);
  });
});
