import Type, { type TObject } from 'typebox';
import { describe, expect, test } from 'vitest';
import { compileSchema } from '../../src/core/schema.ts';

const closed = { additionalProperties: false };

/** What the check says about the one field `at` of a record. */
function told(field: object, value: unknown) {
  return compileSchema(Type.Object({ at: Type.Unsafe(field) }, closed))({ at: value });
}

describe('each keyword in plain words', () => {
  const text = { type: 'string' };
  const number = { type: 'number' };
  test.each<[object, unknown, string, string, string]>([
    [text, 5, 'invalid_type', 'must be a string', '5'],
    [number, 'x', 'invalid_type', 'must be a number', 'x'],
    [{ type: 'integer' }, 1.5, 'invalid_type', 'must be a whole number', '1.5'],
    [{ type: 'boolean' }, 'yes', 'invalid_type', 'must be true or false', 'yes'],
    [{ type: 'object' }, [], 'invalid_type', 'must be an object', '[]'],
    [{ type: 'array' }, {}, 'invalid_type', 'must be an array', '{}'],
    [{ ...text, minLength: 1 }, '', 'too_short', 'must have at least 1 character', ''],
    [{ ...text, minLength: 3 }, 'ab', 'too_short', 'must have at least 3 characters', 'ab'],
    [{ ...text, maxLength: 1 }, 'ab', 'too_long', 'must have at most 1 character', 'ab'],
    [{ ...text, maxLength: 2 }, '😀😀😀', 'too_long', 'must have at most 2 characters', '😀😀😀'],
    [{ ...number, minimum: 0 }, -1, 'out_of_range', 'must be at least 0', '-1'],
    [{ ...number, maximum: 100 }, 100.5, 'out_of_range', 'must be at most 100', '100.5'],
    [{ ...number, exclusiveMinimum: 0 }, 0, 'out_of_range', 'must be more than 0', '0'],
    [{ ...number, exclusiveMaximum: 1 }, 1, 'out_of_range', 'must be less than 1', '1'],
    [{ ...number, multipleOf: 0.01 }, 0.005, 'too_precise', 'must be a multiple of 0.01', '0.005'],
    [
      { ...text, format: 'date' },
      '31.12.1999',
      'invalid_format',
      'must be a date such as 1999-12-31',
      '31.12.1999',
    ],
    [
      { ...text, format: 'date-time' },
      'now',
      'invalid_format',
      'must be a date and time with its zone such as 1999-12-31T23:59:00Z',
      'now',
    ],
    [
      { ...text, format: 'email' },
      'ada',
      'invalid_format',
      'must be an e-mail address such as ada@example.org',
      'ada',
    ],
    [{ ...text, format: 'uuid' }, 'ada', 'invalid_format', 'must be a UUID', 'ada'],
    [{ ...text, format: 'uri' }, 'ada', 'invalid_format', 'must be a URI', 'ada'],
    [{ ...text, format: 'time' }, '25:00', 'invalid_format', 'must be a time such as 23:59:00Z', '25:00'],
    [{ ...text, pattern: '^[a-z]+$' }, 'A1', 'invalid_format', 'must match ^[a-z]+$', 'A1'],
    [{ ...text, enum: ['red', 'blue'] }, 'green', 'not_allowed', 'must be one of red, blue', 'green'],
    [
      { ...text, enum: [...'abcdefghij'] },
      'x',
      'not_allowed',
      'must be one of a, b, c, d, e, f, g, h, … (10 values)',
      'x',
    ],
    [{ const: 'red' }, 'green', 'not_allowed', 'must be one of red', 'green'],
    [{ not: { const: 'red' } }, 'red', 'invalid', 'must NOT be valid', 'red'],
  ])('%j refuses %j: %s, %s', (field, value, code, message, shown) => {
    expect(told(field, value)).toEqual([{ code, message, field: 'at', value: shown }]);
  });

  test('required names the field and shows no value', () => {
    const check = compileSchema(Type.Object({ a: Type.String(), b: Type.String() }, closed));
    expect(check({ a: 'x' })).toEqual([{ code: 'required', message: 'must be given', field: 'b' }]);
  });

  test('an unknown field is named', () => {
    const check = compileSchema(Type.Object({}, closed));
    expect(check({ extra: 1 })).toMatchObject([
      { code: 'unknown_field', message: 'is not a known field', field: 'extra' },
    ]);
  });

  test('nested fields are named with dots, and whatever their names hold', () => {
    const leaf = Type.Number();
    const schema = Type.Object(
      {
        address: Type.Object({ city: leaf, street: leaf }, closed),
        'a/b': leaf,
        'c~d': leaf,
        'e~1f': leaf,
      },
      closed,
    );
    const record = { address: { city: 'x', extra: 1 }, 'a/b': 'x', 'c~d': 'x', 'e~1f': 'x' };
    const fields = compileSchema(schema)(record).map(({ code, field }) => [field, code]);
    expect(Object.fromEntries(fields)).toEqual({
      'address.city': 'invalid_type',
      'address.street': 'required',
      'address.extra': 'unknown_field',
      'a/b': 'invalid_type',
      'c~d': 'invalid_type',
      'e~1f': 'invalid_type',
    });
  });

  test('a fault of the whole has no field', () => {
    const check = compileSchema(Type.Object({ a: Type.Optional(Type.String()) }, closed));
    expect(check(5)).toEqual([{ code: 'invalid_type', message: 'must be an object', value: '5' }]);
  });

  test('a long value is shown in short', () => {
    expect(told({ type: 'string', maxLength: 5 }, 'x'.repeat(5000))[0]?.value).toBe(`${'x'.repeat(100)}…`);
  });
});

describe('multipleOf', () => {
  test.each([0.07, 4.35, 99.99, 0.01, 0, -1.1, 100, 1e21])('%d has no more than two decimals', (value) => {
    expect(told({ type: 'number', multipleOf: 0.01 }, value)).toEqual([]);
  });

  test.each([99.990000000001, 1e-7, 0.005, 0.070000000000001, -0.001])('%d has', (value) => {
    expect(told({ type: 'number', multipleOf: 0.01 }, value)).toMatchObject([{ code: 'too_precise' }]);
  });

  test('of steps that are no power of ten', () => {
    for (const value of [0.15, 0.3, 1.05])
      expect(told({ type: 'number', multipleOf: 0.05 }, value)).toEqual([]);
    expect(told({ type: 'number', multipleOf: 0.05 }, 0.12)).toHaveLength(1);
    expect(told({ type: 'integer', multipleOf: 3 }, 9)).toEqual([]);
    expect(told({ type: 'integer', multipleOf: 3 }, 10)).toHaveLength(1);
  });
});

describe('how much is told', () => {
  const many = (count: number): TObject =>
    Type.Object(
      Object.fromEntries(Array.from({ length: count }, (_, i) => [`f${i}`, Type.String()])),
      closed,
    );

  test('a good value breaks nothing', () => {
    const check = compileSchema(Type.Object({ a: Type.String({ minLength: 1 }) }, closed));
    expect(check({ a: 'x' })).toEqual([]);
  });

  test('every broken rule, up to twenty', () => {
    expect(compileSchema(many(19))({})).toHaveLength(19);
    expect(compileSchema(many(20))({})).toHaveLength(20);
    expect(compileSchema(many(21))({})).toHaveLength(20);
    expect(compileSchema(many(500))({}).map((error) => error.field)).toEqual(
      Array.from({ length: 20 }, (_, i) => `f${i}`),
    );
  });

  test('two rules of one field', () => {
    const codes = told({ type: 'string', minLength: 3, pattern: '^[a-z]*$' }, 'A').map((error) => error.code);
    expect(codes.sort()).toEqual(['invalid_format', 'too_short']);
  });

  test('what one check finds is not changed by the next', () => {
    const check = compileSchema(many(1));
    const first = check({});
    check({ f0: 'x' });
    expect(first).toHaveLength(1);
  });
});

describe('defaults', () => {
  const schema = Type.Object(
    { mode: Type.Unsafe<string>({ type: 'string', enum: ['fail', 'update'], default: 'fail' }) },
    closed,
  );

  test('are filled in where that is asked for', () => {
    const value: Record<string, unknown> = {};
    expect(compileSchema(schema, { useDefaults: true })(value)).toEqual([]);
    expect(value).toEqual({ mode: 'fail' });
  });

  test('do not replace what is given', () => {
    const value = { mode: 'update' };
    expect(compileSchema(schema, { useDefaults: true })(value)).toEqual([]);
    expect(value).toEqual({ mode: 'update' });
  });

  test('are no part of a plain check: a record is never changed', () => {
    const value = {};
    expect(compileSchema(schema)(value)).toMatchObject([{ code: 'required', field: 'mode' }]);
    expect(value).toEqual({});
  });

  test('nothing is coerced', () => {
    const value = { mode: 5 };
    expect(compileSchema(schema, { useDefaults: true })(value).map((error) => error.code)).toContain(
      'invalid_type',
    );
    expect(value).toEqual({ mode: 5 });
  });
});

test('a schema that is wrong is refused when it is compiled', () => {
  for (const field of [
    { type: 'text' },
    { type: 'string', minLenght: 1 },
    { type: 'string', format: 'phone' },
  ]) {
    expect(
      () => compileSchema(Type.Object({ a: Type.Unsafe(field) }, closed)),
      JSON.stringify(field),
    ).toThrow();
  }
});
