import { buffer } from 'node:stream/consumers';
import Type from 'typebox';
import { describe, expect, test } from 'vitest';
import { inputColumns, readOnlyColumn } from '../../src/formats/template/column.ts';
import { madeUpRecord } from '../../src/formats/template/made-up.ts';
import { type TemplateTable, unfitFor } from '../../src/formats/template/table.ts';
import { templateFile } from '../../src/formats/template/template-file.ts';
import { closed, operationOf } from '../support/operation-of.ts';
import { readTemplate } from '../support/read-template.ts';

const input = Type.Object(
  {
    id: Type.String(),
    note: Type.Optional(Type.String()),
    size: Type.Optional(Type.Number()),
    local: Type.Optional(Type.Boolean()),
  },
  closed,
);
const columns = inputColumns(input);

function tableOf(records: readonly unknown[], change: Partial<TemplateTable> = {}): TemplateTable {
  return { title: 'Register', description: 'Registers', columns, records, filled: false, ...change };
}

async function written(table: TemplateTable): Promise<{ bytes: Buffer; text: string }> {
  const bytes = await buffer(templateFile('csv', table));
  return { bytes, text: bytes.toString('utf8') };
}

describe('a CSV file to fill in', () => {
  test('has a byte order mark, the columns and the examples', async () => {
    const records = [
      { id: '007', note: 'a "b", c\nd', size: 1.5, local: true },
      { id: 'Ünal', local: false },
    ];
    const { bytes, text } = await written(tableOf(records));
    expect(bytes.subarray(0, 3)).toEqual(Buffer.from([0xef, 0xbb, 0xbf]));
    expect(text.slice(1)).toBe('id,note,size,local\r\n007,"a ""b"", c\nd",1.5,true\r\nÜnal,,,false\r\n');
    const { fault, read, records: came } = await readTemplate(bytes, operationOf(input));
    expect(fault).toBeNull();
    expect(read).toMatchObject({
      format: 'csv',
      encoding: 'utf-8',
      delimiter: ',',
      quote: '"',
      marked: false,
    });
    expect(came).toEqual(records.map((record) => ({ input: record, errors: [] })));
  });

  test('texts that a spreadsheet would run are neutralised, and come back to the letter', async () => {
    const records = [
      { id: '=1+1', note: "'=x" },
      { id: '+49 30 1', note: '-5' },
      { id: "'x", note: '@SUM(A1)' },
    ];
    const { bytes, text } = await written(tableOf(records));
    expect(text.slice(1).split('\r\n')).toEqual([
      'id,note,size,local,"_sheaf"',
      "'=1+1,''=x,,,",
      '+49 30 1,-5,,,',
      "'x,'@SUM(A1),,,",
      '',
    ]);
    const { records: came } = await readTemplate(bytes, operationOf(input));
    expect(came).toEqual(records.map((record) => ({ input: record, errors: [] })));
  });

  test('so is what is there to be read only', async () => {
    const shown = { columns: [readOnlyColumn('name', 'Whose it is'), ...columns], filled: true };
    const { bytes, text } = await written(tableOf([{ id: 'L-1', name: '=cmd' }], shown));
    expect(text).toContain("\r\n'=cmd,L-1,");
    const { read, records } = await readTemplate(bytes, operationOf(input));
    expect(read.columns.slice(0, 2)).toEqual([
      { name: 'name', field: null },
      { name: 'id', field: 'id' },
    ]);
    expect(records).toEqual([{ input: { id: 'L-1' }, errors: [] }]);
  });

  test('without records it is a header row', async () => {
    expect((await written(tableOf([]))).text.slice(1)).toBe('id,note,size,local\r\n');
  });
});

describe('what no file can hold', () => {
  const wide = Array.from({ length: 2049 }, (_, index) => ({ ...columns[0]!, name: `c${index}` }));
  const rows = Array(1_048_576).fill({});

  test.each([
    ['xlsx', { columns: wide }, 'NDJSON'],
    ['csv', { columns: wide }, 'NDJSON'],
    ['csv', { columns: [] }, 'no fields'],
    ['xlsx', { records: rows }, 'ask for csv'],
    ['xlsx', { records: [{ id: 'a'.repeat(32_768) }] }, 'ask for csv'],
  ] as const)('as %s: %o', (format, change, why) => {
    expect(unfitFor(format, tableOf([], change))).toContain(why);
  });

  test('all else fits', () => {
    expect(unfitFor('csv', tableOf(rows))).toBeNull();
    expect(unfitFor('csv', tableOf([{ id: 'a'.repeat(32_768) }]))).toBeNull();
    expect(unfitFor('xlsx', tableOf(rows.slice(1)))).toBeNull();
    expect(unfitFor('xlsx', tableOf([{ id: 'a'.repeat(32_767) }]))).toBeNull();
  });
});

describe('an example that is made up', () => {
  const madeUp = (properties: Record<string, object>, required: string[] = Object.keys(properties)) => {
    const schema = Type.Unsafe<object>({ type: 'object', properties, required, ...closed }) as never;
    return madeUpRecord(inputColumns(schema), operationOf(schema).checkInput);
  };

  test.each([
    [{ type: 'string', minLength: 6, maxLength: 8 }, 'text..'],
    [{ type: 'string', maxLength: 2 }, 'te'],
    [{ type: 'string', format: 'email' }, 'ada@example.org'],
    [{ type: 'string', format: 'uuid' }, '123e4567-e89b-12d3-a456-426614174000'],
    [{ type: 'string', format: 'uri' }, 'https://example.org/page'],
    [{ type: 'string', format: 'time' }, '08:00:00Z'],
    [{ type: 'string', pattern: '^x', examples: [1, 'xyz'] }, 'xyz'],
    [{ type: 'string', enum: ['b', 'a'] }, 'b'],
    [{ type: 'string', const: 'c' }, 'c'],
    [{ type: 'integer', minimum: 18 }, 18],
    [{ type: 'integer', exclusiveMaximum: 0 }, -1],
    [{ type: 'integer', multipleOf: 7 }, 7],
    [{ type: 'number', minimum: 0.3, maximum: 0.35, multipleOf: 0.05 }, 0.35],
    [{ type: 'number', exclusiveMinimum: 0, maximum: 0.01, multipleOf: 0.01 }, 0.01],
    [{ type: 'number', minimum: -5, maximum: -1.5, multipleOf: 2 }, -2],
    [{ type: 'boolean' }, true],
  ])('%o', (schema, value) => {
    expect(madeUp({ field: schema })).toEqual({ field: value });
  });

  test('leaves out what could not be made up', () => {
    const fields = { id: { type: 'string' }, code: { type: 'string', pattern: '^x{3}$' } };
    expect(madeUp(fields, ['id'])).toEqual({ id: 'text' });
    const refused = { id: { type: 'string' }, code: { type: 'string', enum: ['ab'], minLength: 3 } };
    expect(madeUp(refused, ['id'])).toEqual({ id: 'text' });
  });

  test('is none where the operation would not take it', () => {
    expect(madeUp({ code: { type: 'string', pattern: '^x{3}$' } })).toBeNull();
    expect(madeUp({ code: { type: 'string', enum: ['ab'], minLength: 3 } })).toBeNull();
  });
});
