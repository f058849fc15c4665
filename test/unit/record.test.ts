import fc from 'fast-check';
import Type from 'typebox';
import { describe, expect, test } from 'vitest';
import { bindColumns, type ColumnBinding, RecordReader } from '../../src/core/record.ts';
import { closed, operationOf } from '../support/operation-of.ts';

const person = operationOf(
  Type.Object(
    {
      id: Type.String({ minLength: 1, maxLength: 5 }),
      name: Type.Optional(Type.String()),
      age: Type.Optional(Type.Integer({ minimum: 0 })),
      score: Type.Optional(Type.Number({ multipleOf: 0.01 })),
      active: Type.Optional(Type.Boolean()),
      address: Type.Optional(
        Type.Object({ city: Type.Optional(Type.String()), floor: Type.Optional(Type.Integer()) }, closed),
      ),
    },
    closed,
  ),
);

/** The binding as pairs; fails on a file fault. */
function bound(columns: string[], mapping: Record<string, string> = {}, operation = person) {
  const binding = bindColumns(columns, mapping, operation);
  if ('code' in binding) throw new Error(binding.message);
  return binding.columns.map(({ name, field }) => [name, field]);
}

function reader(columns: string[], mapping: Record<string, string> = {}, operation = person) {
  return new RecordReader(operation, bindColumns(columns, mapping, operation) as ColumnBinding);
}

/** Reads one row of `{column: text}`, after the id that every record needs. */
function read(cells: Record<string, string>) {
  return reader(['id', ...Object.keys(cells)]).read(['x', ...Object.values(cells)]);
}

describe('bindColumns', () => {
  test('a column fills the field of its own name, in any order; others are ignored and listed', () => {
    expect(bound(['age', 'shoe size', 'id', 'Name', 'address.city'])).toEqual([
      ['age', 'age'],
      ['shoe size', null],
      ['id', 'id'],
      ['Name', null],
      ['address.city', 'address.city'],
    ]);
  });

  test('the object above a field is no field', () => {
    expect(bound(['id', 'address'])).toEqual([
      ['id', 'id'],
      ['address', null],
    ]);
  });

  test('the mapping wins over the column’s own name', () => {
    expect(bound(['Nr', 'name', 'id'], { Nr: 'id', name: 'address.city' })).toEqual([
      ['Nr', 'id'],
      ['name', 'address.city'],
      ['id', null],
    ]);
  });

  test('two columns can change places', () => {
    expect(bound(['id', 'name'], { id: 'name', name: 'id' })).toEqual([
      ['id', 'name'],
      ['name', 'id'],
    ]);
  });

  test('a column that is mapped to no field is ignored, not guessed', () => {
    expect(bound(['id', 'name'], { name: 'nickname' })).toEqual([
      ['id', 'id'],
      ['name', null],
    ]);
  });

  test('a column that the mapping names must be there', () => {
    expect(bindColumns(['id', 'name'], { Nr: 'id' }, person)).toEqual({
      code: 'file_column_missing',
      message:
        'the mapping names the column "Nr", but the header row has only "id", "name"; rename a column or map one',
      record: 0,
    });
  });

  describe('where no column is known, the message names the option that may be what is wrong', () => {
    const shown = (columns: string[], file?: Parameters<typeof bindColumns>[4]) => {
      const fault = bindColumns(columns, {}, person, null, file);
      expect(fault).toMatchObject({ code: 'file_column_missing', record: 0 });
      return (fault as { message: string }).message;
    };
    const delimiter = ', or state what separates columns (format.delimiter)';
    const headerRow = ', or state which row names the columns, 0 if none does (format.header_row)';

    test.each([['Nr;name'], ['Nr\tname'], ['Nr|name', 'b'], ['Nr^name'], ['Nr,name']])(
      'another delimiter in the names: %j',
      (...columns) => {
        expect(shown(columns)).toContain(`; rename a column or map one${delimiter}`);
        expect(shown(columns, { format: 'csv' })).toContain(delimiter);
        expect(shown(columns, { format: 'xlsx' })).not.toContain('format.delimiter');
      },
    );

    test.each([['17'], ['1.5'], ['31.12.1999'], ['1999-12-31'], ['23:59'], ['ada@example.org'], ['-1']])(
      'a row of data instead of names: %j',
      (cell) => {
        expect(shown(['x', cell])).toContain(`; rename a column or map one${headerRow}`);
        expect(shown(['x', cell], { format: 'xlsx', headerRow: 3 })).toContain(headerRow);
        expect(shown(['x', cell], { headerRow: 0 })).not.toContain('format.header_row');
      },
    );

    test.each([['Nr'], ['Name (1)'], ['at @ home'], ['Q1'], ['-'], ['Straße']])('%j is a name', (name) => {
      expect(shown([name])).not.toContain('format.');
    });

    test('nothing is hinted where a column is known', () => {
      expect(shown(['name', '17', 'a;b'])).not.toContain('format.');
    });

    test('without a header row there is none to change', () => {
      expect(shown(['column_1', 'column_2'], { format: 'csv', headerRow: 0 })).toBe(
        'register needs the field "id", but without a header row there are only "column_1", "column_2"; map one',
      );
    });

    test('of a workbook the sheet that was read is told', () => {
      expect(shown(['Nr', 'Name'], { format: 'xlsx', headerRow: 1, sheet: 'Januar' })).toBe(
        'register needs the field "id", but the header row of the sheet "Januar" has only "Nr", "Name"; rename a column or map one, or state another sheet (format.sheet)',
      );
    });

    test('also of names of a megabyte', () => {
      for (const unit of ['1', '1.', '@', 'a@', '-', ';']) {
        expect(shown([unit.repeat(1 << 20)]).length).toBeLessThan(1000);
      }
    });
  });

  test('the column that custom_id names must be there, whatever it is mapped to', () => {
    expect(bindColumns(['id', 'name'], {}, person, 'Nr')).toEqual({
      code: 'file_column_missing',
      message:
        'custom_id names the column "Nr", but the header row has only "id", "name"; rename a column or map one',
      record: 0,
    });
    expect(bindColumns(['id', 'Nr'], {}, person, 'Nr')).not.toHaveProperty('code');
  });

  test('a required field must have a column', () => {
    const message = (columns: string) =>
      `register needs the field "id", but the header row has only ${columns}; rename a column or map one`;
    const fault = { code: 'file_column_missing', record: 0 };
    expect(bindColumns(['ID', 'name'], {}, person)).toEqual({ ...fault, message: message('"ID", "name"') });
    // Mapped away, it is missing although a column has its name.
    expect(bindColumns(['id'], { id: 'name' }, person)).toEqual({ ...fault, message: message('"id"') });
  });

  test('the message shows twenty columns at most, and short ones', () => {
    const columns = Array.from({ length: 500 }, (_, i) => `${i}${'x'.repeat(1000)}`);
    const { message } = bindColumns(columns, {}, person) as { message: string };
    expect(message.match(/"/g)).toHaveLength(2 * 21);
    expect(message).toContain('…"');
    expect(message).toContain(', …; rename');
    expect(message.length).toBeLessThan(3000);
  });

  describe.each(['constructor', 'toString', '__proto__', 'hasOwnProperty', 'valueOf'])(
    'with the name %s',
    (name) => {
      test('a column names no field', () => {
        expect(bound(['id', name])).toEqual([
          ['id', 'id'],
          [name, null],
        ]);
        expect(reader(['id', name]).read(['x', 'y'])).toEqual({ input: { id: 'x' }, errors: [] });
      });

      test('a column can be mapped', () => {
        const mapping = JSON.parse(`{"${name}": "id"}`) as Record<string, string>;
        expect(bound([name], mapping)).toEqual([[name, 'id']]);
        expect(reader([name], mapping).read(['x'])).toEqual({ input: { id: 'x' }, errors: [] });
      });

      test('a mapping to it fills nothing', () => {
        expect(bound(['id', 'name'], { name })).toEqual([
          ['id', 'id'],
          ['name', null],
        ]);
        const { input } = reader(['id', 'name'], { name }).read(['x', 'y']);
        expect(Object.keys(input as object)).toEqual(['id']);
      });

      test('a mapped column that is missing is told', () => {
        const mapping = JSON.parse(`{"${name}": "name"}`) as Record<string, string>;
        expect(bindColumns(['id'], mapping, person)).toMatchObject({ code: 'file_column_missing' });
      });
    },
  );
});

describe('reading a row', () => {
  test.each([
    ['007'],
    ['+49 030 1234'],
    [' x '],
    [' '],
    ['12345678901234567890'],
    ['1e3'],
    ['true'],
    ['2026-01-01'],
    ['=1+1'],
    ['null'],
    ['"'],
    ['\u00A0'],
    ['e\u0301'],
    ['a\nb'],
  ])('a text field keeps %j to the letter', (text) => {
    expect(read({ name: text })).toEqual({ input: { id: 'x', name: text }, errors: [] });
  });

  test('a text field keeps any text but NUL and the blank', () => {
    const texts = fc.string({ unit: 'binary', minLength: 1 }).filter((text) => !text.includes('\0'));
    fc.assert(
      fc.property(texts, (text) => {
        expect(read({ name: text })).toEqual({ input: { id: 'x', name: text }, errors: [] });
      }),
    );
  });

  test.each([
    ['age', '7', 7],
    ['age', '007', 7],
    ['age', '+7', 7],
    ['age', ' 7 ', 7],
    ['age', '7.0', 7],
    ['age', '1e3', 1000],
    ['age', '9007199254740991', Number.MAX_SAFE_INTEGER],
    ['score', '.5', 0.5],
    ['score', '-4.35', -4.35],
    ['score', '99.990', 99.99],
    ['active', 'true', true],
    ['active', 'TRUE', true],
    ['active', 'True', true],
    ['active', ' false ', false],
    ['active', 'FALSE', false],
    ['active', 'False', false],
  ])('%s: %j', (column, text, value) => {
    expect(read({ [column]: text })).toEqual({ input: { id: 'x', [column]: value }, errors: [] });
  });

  test.each([
    ['age', '7.5', 'invalid_type', 'must be a whole number', '7.5'],
    ['age', 'seven', 'invalid_type', 'must be a number, with a point before decimals', 'seven'],
    ['age', ' ', 'invalid_type', 'must be a number, with a point before decimals', ' '],
    [
      'age',
      '7,5',
      'invalid_type',
      'must be a number, with a point before decimals; for a comma state format.decimal',
      '7,5',
    ],
    [
      'age',
      '9007199254740993',
      'too_precise',
      'has more digits than can be kept exactly',
      '9007199254740993',
    ],
    ['age', '-1', 'out_of_range', 'must be at least 0', '-1'],
    ['score', '99.990000000001', 'too_precise', 'must be a multiple of 0.01', '99.990000000001'],
    ['score', '1e999', 'too_precise', 'has more digits than can be kept exactly', '1e999'],
    ['active', '1', 'invalid_type', 'must be true or false', '1'],
    ['active', 'yes', 'invalid_type', 'must be true or false', 'yes'],
    ['active', 'tRUE', 'invalid_type', 'must be true or false', 'tRUE'],
    ['active', 'constructor', 'invalid_type', 'must be true or false', 'constructor'],
    ['active', '__proto__', 'invalid_type', 'must be true or false', '__proto__'],
    ['active', 'toString', 'invalid_type', 'must be true or false', 'toString'],
    ['name', 'a\0b', 'nul_character', 'holds a NUL character, which cannot be stored', 'a\0b'],
  ])('%s: %j is %s', (column, text, code, message, value) => {
    expect(read({ [column]: text })).toEqual({
      input: null,
      errors: [{ code, message, field: column, column, value }],
    });
  });

  test('a blank cell is a field that is not given', () => {
    const columns = { name: '', age: '', score: '', active: '', 'address.city': '' };
    expect(read(columns)).toEqual({ input: { id: 'x' }, errors: [] });
    expect(reader(['id', 'name']).read(['x'])).toEqual({ input: { id: 'x' }, errors: [] });
  });

  test('a blank cell of a required field is told with its column', () => {
    expect(reader(['Nr'], { Nr: 'id' }).read([''])).toEqual({
      input: null,
      errors: [{ code: 'required', message: 'must be given', field: 'id', column: 'Nr' }],
    });
  });

  test('dotted fields nest, and the object is there only when one of them is', () => {
    const columns = ['id', 'address.floor', 'address.city'];
    expect(reader(columns).read(['x', '3', 'Ulm']).input).toEqual({
      id: 'x',
      address: { floor: 3, city: 'Ulm' },
    });
    expect(reader(columns).read(['x', '', '']).input).toEqual({ id: 'x' });
  });

  test('an ignored column is not looked at', () => {
    expect(reader(['id', 'remark']).read(['x', 'a\0b'])).toEqual({ input: { id: 'x' }, errors: [] });
  });

  test('every broken rule of a record is told at once, each by the column’s name in the file', () => {
    const mapping = { Nr: 'id', Alter: 'age', Punkte: 'score', Stadt: 'address.city', Aktiv: 'active' };
    const { input, errors } = reader(['Aktiv', 'Nr', 'Alter', 'Stadt', 'Punkte', 'name'], mapping).read([
      'ja',
      '123456',
      '-1',
      'U\0lm',
      'x',
      'Ada',
    ]);
    expect(input).toBeNull();
    expect(errors.map(({ column, field, code }) => [column, field, code]).sort()).toEqual([
      ['Aktiv', 'active', 'invalid_type'],
      ['Alter', 'age', 'out_of_range'],
      ['Nr', 'id', 'too_long'],
      ['Punkte', 'score', 'invalid_type'],
      ['Stadt', 'address.city', 'nul_character'],
    ]);
  });

  test('a required cell that cannot be read is told once, not as missing too', () => {
    const operation = operationOf(Type.Object({ id: Type.Integer() }, closed));
    expect(
      reader(['id'], {}, operation)
        .read(['x'])
        .errors.map((error) => error.code),
    ).toEqual(['invalid_type']);
  });

  describe('a required field in an object', () => {
    const operation = operationOf(
      Type.Object({ address: Type.Object({ floor: Type.Integer(), city: Type.String() }, closed) }, closed),
    );
    const both = reader(['address.floor', 'City'], { City: 'address.city' }, operation);

    test('is told by its own column when it is blank', () => {
      expect(both.read(['', '']).errors).toEqual([
        { code: 'required', message: 'must be given', field: 'address.floor', column: 'address.floor' },
        { code: 'required', message: 'must be given', field: 'address.city', column: 'City' },
      ]);
    });

    test('is told once when it cannot be read', () => {
      expect(both.read(['x', '']).errors.map(({ field, code }) => [field, code])).toEqual([
        ['address.floor', 'invalid_type'],
        ['address.city', 'required'],
      ]);
    });
  });

  test('a value that was read and then refused is shown as the file has it, in short', () => {
    const values = { decimal: ',', thousands: '.', dates: [], timeZone: null } as const;
    const columns = ['id', 'age', 'score'].map((name) => ({ name, field: name }));
    const { errors } = new RecordReader(person, { columns, values }).read(['x', ' -1.000', '101,505']);
    expect(errors.map(({ column, value }) => [column, value])).toEqual([
      ['age', ' -1.000'],
      ['score', '101,505'],
    ]);
    expect(read({ age: `-${'0'.repeat(200)}1` }).errors[0]?.value).toBe(`-${'0'.repeat(99)}…`);
  });

  test('the value is shown in short', () => {
    const long = '9'.repeat(500);
    expect(read({ age: long }).errors[0]?.value).toBe(`${'9'.repeat(100)}…`);
    expect(reader(['id']).read(['y'.repeat(500)]).errors[0]?.value).toBe(`${'y'.repeat(100)}…`);
  });

  test('one record leaves nothing for the next', () => {
    const twice = reader(['id', 'name', 'address.city']);
    twice.read(['x', 'Ada', 'Ulm']);
    expect(twice.read(['y', '', ''])).toEqual({ input: { id: 'y' }, errors: [] });
    twice.read(['', 'a\0', '']);
    expect(twice.read(['z', '', ''])).toEqual({ input: { id: 'z' }, errors: [] });
  });

  test('columnOf tells what the file calls a field', () => {
    const mapped = reader(['Nr', 'name', 'remark'], { Nr: 'id' });
    expect(mapped.columnOf('id')).toBe('Nr');
    expect(mapped.columnOf('name')).toBe('name');
    expect(mapped.columnOf('age')).toBeUndefined();
    expect(mapped.columnOf('remark')).toBeUndefined();
    expect(mapped.columnOf(undefined)).toBeUndefined();
  });
});

describe('a result file of ours that came back', () => {
  const outcome = operationOf(
    Type.Object({ id: Type.Optional(Type.String()), _status: Type.Optional(Type.String()) }, closed),
  );

  test('has no data in our columns, whatever the operation calls its fields', () => {
    const columns = ['id', '_rest', '_record', '_status', '_error_code', '_error', '_sheaf'];
    const marked = bindColumns(columns, {}, outcome, null, { marked: true }) as ColumnBinding;
    expect(marked.columns).toEqual(columns.map((name) => ({ name, field: name === 'id' ? 'id' : null })));
    const unmarked = bindColumns(columns, {}, outcome) as ColumnBinding;
    expect(unmarked.columns).toContainEqual({ name: '_status', field: '_status' });
  });

  test('has none that a mapping or custom_id could name', () => {
    const file = { marked: true };
    for (const fault of [
      bindColumns(['id', '_record', '_sheaf'], { _record: 'id' }, outcome, null, file),
      bindColumns(['id', '_record', '_sheaf'], {}, outcome, '_record', file),
    ]) {
      expect(fault).toMatchObject({
        code: 'file_column_missing',
        message: expect.stringContaining('"_record", but the header row has only "id"; rename'),
      });
    }
    expect(bindColumns(['id', '_record'], { _record: 'id' }, outcome)).not.toHaveProperty('code');
  });

  describe('with _rest', () => {
    const columns = ['id', 'name', 'address.city', 'remark', '_rest', '_sheaf'];
    const binding = bindColumns(columns, {}, person, null, { marked: true }) as ColumnBinding;
    const read = (rest: string, marked = true) =>
      new RecordReader(person, { ...binding, marked }).read(['x', 'Ada', '', 'r', rest, '']);
    const good = { input: { id: 'x', name: 'Ada' }, errors: [] };

    test.each(['', ' ', '\t', '{}', '{"zip":1}', ' {"a":{"city":"Ulm"}} ', '{"remark":1}', '{"name":null}'])(
      '%j a record is read as it is',
      (rest) => {
        expect(read(rest)).toEqual(good);
      },
    );

    test.each(['{"address":{}}', '{"name":""}', '{"constructor":1,"__proto__":2}'])(
      '%j gives no field',
      (rest) => {
        expect(read(rest)).toEqual(good);
      },
    );

    test.each(['x,Ada', 'null', '7', '"x"', '[]', '[{"id":"x"}]', '{', '{"a":1}{', "'"])(
      '%j a record is not mended',
      (rest) => {
        expect(read(rest)).toEqual({
          input: null,
          errors: [
            {
              code: 'rest_not_empty',
              message:
                'holds a row that could not be read; put what it holds into the other columns and clear it',
              column: '_rest',
              value: rest,
            },
          ],
        });
        expect(read(rest, false)).toEqual(good);
      },
    );

    test.each([
      ['{"address.city":"Ulm"}', 'address.city'],
      ['{"zip":1,"address":"Ulm"}', 'address'],
      ['{"address":{"zip":1}}', 'address'],
      ['{"name":[]}', 'name'],
    ])('%s what a column has too is not mended', (rest, path) => {
      expect(read(rest)).toEqual({
        input: null,
        errors: [
          {
            code: 'rest_not_empty',
            message: `holds ${path}, which is a column too; put what it holds into the other columns and clear it`,
            column: '_rest',
            value: rest,
          },
        ],
      });
    });

    test('is read whatever it is, nested however deep', () => {
      const deep = '{"a":'.repeat(200_000);
      expect(read(deep).errors).toMatchObject([{ code: 'rest_not_empty', value: expect.any(String) }]);
      expect(read(`${deep}1${'}'.repeat(200_000)}`)).toEqual(good);
    });
  });

  test('has a column _rest that is the client’s own where it is not marked', () => {
    const binding = bindColumns(['id', '_rest'], {}, person) as ColumnBinding;
    expect(new RecordReader(person, binding).read(['x', 'y']).input).toEqual({ id: 'x' });
  });
});

describe('cells of a workbook that cannot be read', () => {
  const columns = ['id', 'remark', 'age', 'name'];
  const sheet = new RecordReader(person, {
    ...(bindColumns(columns, {}, person) as ColumnBinding),
    format: 'xlsx',
  });
  const problem = { code: 'cell_error', message: 'holds #N/A' } as const;

  test('are errors of their columns', () => {
    expect(sheet.read(['x', '', '', 'Ada'], new Map([[2, problem]]))).toEqual({
      input: null,
      errors: [{ ...problem, field: 'age', column: 'age' }],
    });
  });

  test('are told once where a field is required', () => {
    expect(sheet.read(['', '', '', ''], new Map([[0, problem]])).errors).toEqual([
      { ...problem, field: 'id', column: 'id' },
    ]);
  });

  test('do not matter in a column that is ignored', () => {
    expect(sheet.read(['x', '', '7', ''], new Map([[1, problem]]))).toEqual({
      input: { id: 'x', age: 7 },
      errors: [],
    });
  });

  test('are not counted as blank', () => {
    const counted = new RecordReader(person, { columns: [{ name: 'id', field: 'id' }] });
    counted.read([''], new Map([[0, problem]]));
    expect(counted.coerced).toEqual({});
    counted.read([''], new Map());
    expect(counted.coerced).toEqual({ id: { blank: 1 } });
  });
});

describe('what was coerced', () => {
  test('is counted by column and rule; what fills no field or is kept as it is, is not', () => {
    const long = 'x'.repeat(500);
    const counted = reader(['Nr', 'age', 'score', 'active', 'address.city', 'remark', long], {
      Nr: 'id',
      [long]: 'name',
    });
    expect(counted.coerced).toEqual({});
    counted.read(['1', '7', '1.5', 'TRUE', 'Ulm', '', '']);
    counted.read(['2', '', 'x', 'false', '', '', 'Ada']);
    counted.read(['', '-1', '', 'ja', '', '7', '']);
    expect(counted.coerced).toEqual({
      Nr: { blank: 1 },
      age: { blank: 1, number: 2 },
      score: { blank: 1, number: 1 },
      active: { boolean: 2 },
      'address.city': { blank: 2 },
      [long]: { blank: 2 },
    });
  });

  test('dates count where they were not ISO', () => {
    const dated = operationOf(
      Type.Object({ day: Type.String({ format: 'date' }), at: Type.String({ format: 'date-time' }) }, closed),
    );
    const counted = new RecordReader(dated, {
      ...(bindColumns(['day', 'at'], {}, dated) as ColumnBinding),
      values: { decimal: '.', thousands: null, dates: ['DD.MM.YYYY'], timeZone: '+01:00' },
    });
    expect(counted.read(['31.12.1999', '1999-12-31T23:59:00']).input).toEqual({
      day: '1999-12-31',
      at: '1999-12-31T23:59:00+01:00',
    });
    expect(counted.read(['1999-12-31', '1999-12-31T23:59:00Z']).input).toEqual({
      day: '1999-12-31',
      at: '1999-12-31T23:59:00Z',
    });
    expect(counted.read(['31.02.1999', '1999-12-31']).errors.map(({ code }) => code)).toEqual([
      'invalid_format',
      'invalid_format',
    ]);
    expect(counted.coerced).toEqual({ day: { date: 1 }, at: { date_time: 1 } });
  });

  test('a column may be called as no key of an object should', () => {
    const mapping = JSON.parse('{"__proto__": "id"}') as Record<string, string>;
    const counted = reader(['__proto__'], mapping);
    counted.read(['']);
    expect(JSON.stringify(counted.coerced)).toBe('{"__proto__":{"blank":1}}');
  });
});

describe('no silent change', () => {
  const amounts = operationOf(Type.Object({ amount: Type.Number() }, closed));
  const amount = reader(['amount'], {}, amounts);

  /** The number of a text times 10 ** 60, in whole numbers. */
  function scaled(text: string): bigint {
    const [, sign, whole = '', decimals = '', exponent = '0'] =
      /^([+-]?)(\d*)\.?(\d*)(?:[eE]([+-]?\d+))?$/.exec(text.trim()) ?? [];
    return (
      BigInt(`${sign === '-' ? '-' : ''}${whole}${decimals}`) *
      10n ** BigInt(60 + Number(exponent) - decimals.length)
    );
  }

  test('a number that is accepted is the one in the cell', () => {
    const digits = (least: number, most: number) =>
      fc.string({ unit: fc.constantFrom(...'0123456789'), minLength: least, maxLength: most });
    const cell = fc
      .tuple(
        fc.constantFrom('', ' ', '\t'),
        fc.constantFrom('', '+', '-'),
        digits(1, 19),
        fc.oneof(
          fc.constant(''),
          digits(1, 19).map((decimals) => `.${decimals}`),
        ),
        fc.oneof(
          fc.constant(''),
          fc.integer({ min: -20, max: 40 }).map((exponent) => `e${exponent}`),
        ),
        fc.constantFrom('', ' '),
      )
      .map((parts) => parts.join(''));
    let accepted = 0;
    fc.assert(
      fc.property(cell, (text) => {
        const { input, errors } = amount.read([text]);
        if (input === null) {
          expect(errors).toMatchObject([{ code: 'too_precise', column: 'amount' }]);
          return;
        }
        accepted += 1;
        expect(scaled(String((input as { amount: number }).amount)), text).toBe(scaled(text));
      }),
      { numRuns: 5000 },
    );
    expect(accepted).toBeGreaterThan(500);
  });

  test('a text that is neither number nor boolean is an error in both, and never another value', () => {
    const texts = fc
      .string({ unit: 'binary', minLength: 1 })
      .filter((text) => !/^\s*([+-]?[\d.]|true\s*$|false\s*$)/i.test(text));
    fc.assert(
      fc.property(texts, (text) => {
        const { input, errors } = read({ active: text, age: text });
        expect(input).toBeNull();
        expect(errors.map(({ column, code, value }) => [column, code, value])).toEqual([
          ['active', 'invalid_type', text],
          ['age', 'invalid_type', text],
        ]);
      }),
    );
  });
});
