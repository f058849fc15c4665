import { describe, expect, test } from 'vitest';
import type { Field } from '../../src/core/field.ts';
import { failedLine, type RecordError, succeededLine, unprocessedLine } from '../../src/core/result.ts';
import { PLAIN_VALUES } from '../../src/core/value-rules.ts';
import { csv, type Given, ndjson, sheetOf, xlsx } from '../support/result-contents.ts';

const field = (name: string, type: Field['type']): Field => ({ name, path: [name], type, required: false });
const FIELDS = [field('id', 'string'), field('n', 'number'), field('i', 'integer'), field('ok', 'boolean')];

const required: RecordError = { code: 'required', message: 'must be given', field: 'id', column: 'id' };
const tooLong: RecordError = {
  code: 'too_long',
  message: 'must be short',
  field: 'id',
  column: 'id',
  value: '=x',
};
const bare: RecordError = { code: 'taken', message: 'is taken' };

describe('the cells of a workbook', () => {
  const cellsOf = (input: string, given: Partial<Given> = {}) => {
    const description = csv('id', 'n', 'i', 'ok', 'other');
    const lines = [succeededLine(1, {}, 1)];
    const { rows } = sheetOf('all', { description, input: `${input}\n`, lines, fields: FIELDS, ...given });
    return rows[0]?.cells.slice(0, 5);
  };

  test('are numbers where the field is one and the text is what a number looks like', () => {
    expect(cellsOf('7,1.5,-12,true,9')).toEqual(['7', 1.5, -12, 'true', '9']);
    expect(cellsOf('7,0.000123,0,,')).toEqual(['7', 0.000123, 0, null, null]);
    expect(cellsOf('7,123456789012345,0.25,,')).toEqual(['7', 123456789012345, 0.25, null, null]);
  });

  test.each([
    '1.50',
    '007',
    '+1',
    '-0',
    '1e3',
    '1e+21',
    ' 1',
    '.5',
    '5.',
    '1234567890123456',
    '0.1234567890123456',
    'NaN',
    'Infinity',
    '0x10',
    '1,5',
  ])('are text where a spreadsheet would show another: %j', (text) => {
    const quoted = `"${text}"`;
    expect(cellsOf(`,${quoted},${quoted},,`)?.slice(1, 3)).toEqual([text, text]);
  });

  test('with a point are text where a point may be something else', () => {
    const description = {
      ...csv('id', 'n', 'i', 'ok', 'other'),
      values: { ...PLAIN_VALUES, thousands: '.' },
    };
    expect(cellsOf(',1.234,12,,', { description })).toEqual([null, '1.234', 12, null, null]);
    const decimal = { ...description, values: { ...PLAIN_VALUES, decimal: ',' as const } };
    expect(cellsOf(',1.5,-7,,', { description: decimal })).toEqual([null, '1.5', -7, null, null]);
    // As a text it could be two numbers where it comes back.
    const grouped = { ...description, values: { ...PLAIN_VALUES, decimal: ',' as const, thousands: '.' } };
    expect(cellsOf(',1.234,-12.345.678,,', { description: grouped })).toEqual([
      null,
      1234,
      -12345678,
      null,
      null,
    ]);
  });

  test('are neutralised, and so are the names of the columns', () => {
    const description = csv('=id', 'b');
    const { names, rows } = sheetOf('all', {
      description,
      input: '@x,-5\n',
      lines: [succeededLine(1, {}, 1)],
    });
    expect(names).toEqual(["'=id", 'b', '_rest', '_record', '_status', '_error_code', '_error', '_sheaf']);
    expect(rows[0]?.cells).toEqual(["'@x", '-5', null, 1, 'succeeded', null, null, null]);
  });

  test('of keys that a record lacks are blank, and what has no column is in _rest', () => {
    const { rows } = sheetOf('all', {
      description: ndjson('id', 'n'),
      input: '{"n":1.5,"x":1}\n{"n":\n',
      lines: [succeededLine(1, {}, 1), failedLine(2, [bare], 0)],
      fields: FIELDS,
    });
    expect(rows.map(({ cells }) => cells)).toEqual([
      [null, 1.5, '{"x":1}', 1, 'succeeded', null, null, null],
      [null, null, '{"n":', 2, 'failed', 'taken', 'is taken', null],
    ]);
  });

  test('too long for any workbook are told in _rest, so that the row is not taken for whole', () => {
    const [long, longest] = [32_768, 32_767].map((length) => 'x'.repeat(length));
    const rest = (text: string | undefined) =>
      sheetOf('all', {
        description: ndjson('id'),
        input: `{"id":"${text}"}\n`,
        cellBytes: 100_000,
        lines: [succeededLine(1, {}, 1)],
      }).rows[0]?.cells[1];
    expect(rest(longest)).toBeNull();
    expect(rest(long)).toMatch(/^a cell of this row has more than 32767 characters/);
  });
});

describe('the marks of a failed record', () => {
  const given: Given = {
    description: csv('id', 'n'),
    input: 'a,b\nc,d\ne,f\n',
    lines: [
      failedLine(1, [required, tooLong, { ...required, field: 'n', column: 'n' }], 0),
      failedLine(2, [bare, { ...bare, field: 'id' }, { ...bare, column: 'gone' }], 1),
      succeededLine(3, {}, 1),
    ],
  };

  test('are on the cells of the columns that its errors name, each with its rules', () => {
    const [first, , last] = sheetOf('all', given).rows;
    expect(first?.marks).toEqual([
      { column: 0, comment: 'must be given (required)\nmust be short (too_long)' },
      { column: 1, comment: 'must be given (required)' },
    ]);
    expect(last?.marks).toEqual([]);
  });

  test('are on _error where an error names no column', () => {
    const { rows, names } = sheetOf('failed', given);
    expect(names[6]).toBe('_error');
    expect(rows[1]?.marks).toEqual([
      { column: 6, comment: 'is taken (taken)\nis taken (taken)\nis taken (taken)' },
    ]);
  });

  test('find a column whose name is shown shortened, and the first of two that look alike', () => {
    const long = 'x'.repeat(120);
    const error = { ...required, column: `${'x'.repeat(100)}…` };
    const { rows } = sheetOf('all', {
      description: csv('a', long, `${long}y`),
      input: '1,2,3\n',
      lines: [failedLine(1, [error], 0)],
    });
    expect(rows[0]?.marks.map(({ column }) => column)).toEqual([1]);
  });

  test('are on _rest where that is what is wrong', () => {
    const { rows } = sheetOf('all', {
      description: { ...csv('a', '_rest', '_sheaf'), marked: true },
      input: ',x,\n',
      lines: [failedLine(1, [{ code: 'rest_not_empty', message: 'holds a row', column: '_rest' }], 0)],
    });
    expect(rows[0]).toMatchObject({
      cells: [null, 'x', 1, 'failed', 'rest_not_empty', '_rest: holds a row', null],
    });
    expect(rows[0]?.marks).toEqual([{ column: 1, comment: 'holds a row (rest_not_empty)' }]);
  });

  test('are on every cell of a workbook that could not be read, and it is blank', () => {
    const problem = (code: string, message: string) => ({ code, message });
    const cells = [
      '1',
      problem('cell_error', 'holds the error #N/A'),
      problem('cell_error', 'holds the error #REF!'),
    ];
    const description = xlsx('id', 'n', 'note');
    description.columns[2]!.field = null;
    const error = { ...problem('cell_error', 'holds the error #N/A'), column: 'n', field: 'n' };
    const { rows } = sheetOf('all', {
      description,
      input: `${JSON.stringify(cells)}\n`,
      lines: [failedLine(1, [error], 0)],
    });
    expect(rows[0]?.cells.slice(0, 4)).toEqual(['1', null, null, null]);
    expect(rows[0]?.marks).toEqual([
      { column: 1, comment: 'holds the error #N/A (cell_error)' },
      { column: 2, comment: 'holds the error #REF! (cell_error)' },
    ]);
  });
});

describe('the workbook of errors', () => {
  const given: Given = {
    description: csv('id', 'n'),
    input: 'a,b\nc,d\n',
    lines: [unprocessedLine(1), failedLine(2, [required, tooLong], 0, '=c2')],
    customIds: true,
  };

  test('is the failed part of the client’s table, with a row for each broken rule', () => {
    const { rows } = sheetOf('errors', given);
    expect(rows).toHaveLength(1);
    expect(rows[0]?.cells.slice(0, 2)).toEqual(['c', 'd']);
    expect(rows[0]?.report).toEqual([
      ['2', "'=c2", 'id', 'id', 'required', 'must be given', ''],
      ['2', "'=c2", 'id', 'id', 'too_long', 'must be short', "'=x"],
    ]);
  });

  test('is all of it as long as nothing was processed', () => {
    const { rows } = sheetOf('errors', { ...given, nothingProcessed: true });
    expect(rows.map(({ cells, marks, report }) => [cells[0], marks.length, report.length])).toEqual([
      ['a', 0, 0],
      ['c', 1, 2],
    ]);
    expect(sheetOf('failed', { ...given, nothingProcessed: true }).rows).toHaveLength(1);
  });

  test('has a place for custom ids in any case', () => {
    const [row] = sheetOf('errors', {
      ...given,
      customIds: false,
      lines: [unprocessedLine(1), failedLine(2, [bare], 0)],
    }).rows;
    expect(row?.report).toEqual([['2', '', '', '', 'taken', 'is taken', '']]);
  });

  test('has the name of the client’s sheet, where there is one', () => {
    const nothing = { input: '', lines: [] };
    expect(sheetOf('errors', { description: xlsx('a'), ...nothing }).sheet).toBe('Learners');
    expect(sheetOf('errors', { description: csv('a'), ...nothing }).sheet).toBe('Records');
  });
});
