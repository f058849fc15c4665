import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { textReader } from '../../src/core/coerce.ts';
import type { Field } from '../../src/core/field.ts';
import { PLAIN_VALUES, type ValueRules } from '../../src/core/value-rules.ts';

const score: Field = { name: 'score', path: ['score'], type: 'number', required: false };

function number(text: string, rules: Partial<ValueRules>, format?: 'csv' | 'xlsx') {
  return textReader(score, { ...PLAIN_VALUES, ...rules }, format)(text);
}

describe('numbers with a decimal comma', () => {
  test.each([
    ['1,5', 1.5],
    [' -1,5 ', -1.5],
    [',5', 0.5],
    ['+007,50', 7.5],
    ['1234', 1234],
    ['1,5e3', 1500],
    ['9007199254740991', Number.MAX_SAFE_INTEGER],
    ['0', 0],
  ])('%j', (text, value) => {
    expect(number(text, { decimal: ',' })).toBe(value);
  });

  test.each(['1.5', '1,', ',', '1,2,3', '1.234,5', '', '1 234', '1,5,', 'x', '1.5,'])(
    '%j is none',
    (text) => {
      expect(number(text, { decimal: ',' })).toMatchObject({ code: 'invalid_type' });
    },
  );

  test('keep their digits or are refused', () => {
    const rules = { decimal: ',' } as const;
    expect(number('0,12345678901234567', rules)).toMatchObject({ code: 'too_precise' });
    expect(number('1,5e999', rules)).toMatchObject({ code: 'too_precise' });
    expect(number('1e-999', rules)).toMatchObject({ code: 'too_precise' });
  });
});

describe('thousands', () => {
  test.each([
    [',', '1,234', 1234],
    [',', '-1,234,567.89', -1234567.89],
    [',', '1234567.89', 1234567.89],
    [',', '12', 12],
    [',', '123,456', 123456],
    [',', '.5', 0.5],
    [' ', '1 234', 1234],
    [' ', '1\u00a0234\u202f567', 1234567],
    ['\u202f', '1 234', 1234],
    ["'", "1'234.5", 1234.5],
    ["'", '1\u2019234', 1234],
  ])('by %j: %j', (thousands, text, value) => {
    expect(number(text, { thousands })).toBe(value);
  });

  test.each([
    ['.', '1.234', 1234],
    ['.', '1.234.567,8', 1234567.8],
    ['.', '1,5', 1.5],
    [' ', '1 234,5', 1234.5],
  ])('by %j with a decimal comma: %j', (thousands, text, value) => {
    expect(number(text, { decimal: ',', thousands })).toBe(value);
  });

  test.each([
    [',', '1,23'],
    [',', '1234,567'],
    [',', '1,2345'],
    [',', ',234'],
    [',', '1,,234'],
    [',', '1,234,'],
    [',', '1.234,567'],
    [',', '1.5.6'],
    [' ', '1  234'],
    [' ', '1\t234'],
    [' ', '1\n234'],
    ["'", "1'23"],
    ["'", '1 234'],
  ])('by %j: %j is none', (thousands, text) => {
    expect(number(text, { thousands })).toMatchObject({ code: 'invalid_type' });
  });

  test('no two ways to state numbers read one text differently unless they state the same mark differently', () => {
    const whole = fc.nat({ max: 999_999_999 });
    const decimals = fc.string({ unit: fc.constantFrom(...'0123456789'), minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(whole, decimals, fc.constantFrom('', '-', '+'), (digits, rest, sign) => {
        const groups = digits.toLocaleString('en-US').split(',');
        const value = Number(`${sign}${digits}.${rest}`);
        for (const [decimal, thousands] of [
          ['.', ','],
          [',', '.'],
          [',', ' '],
          ['.', "'"],
        ] as const) {
          const text = `${sign}${groups.join(thousands)}${decimal}${rest}`;
          expect(number(text, { decimal, thousands })).toBe(value);
          const plain = number(text, {});
          if (typeof plain === 'number') expect(thousands === ',' || groups.length === 1).toBe(true);
        }
      }),
    );
  });

  test('a text of 1 MiB is decided all the same', () => {
    const rules = { decimal: ',', thousands: '.' } as const;
    for (const text of ['1', '1.', '.', '1,', '.123', ',,'].map((unit) => unit.repeat(1 << 19))) {
      for (const end of ['', 'x', ',5', '.5']) {
        const read = number(`1${text}${end}`, rules);
        expect(typeof read === 'number' || typeof read === 'object').toBe(true);
      }
    }
  });
});

describe('what is no number is told with the option that may be needed', () => {
  const point = 'must be a number, with a point before decimals';
  const comma = 'must be a number, with a comma before decimals';

  test.each<[string, Partial<ValueRules>, string]>([
    ['1,5', {}, `${point}; for a comma state format.decimal`],
    ['1,234', {}, `${point}; for a comma state format.decimal or format.thousands`],
    ['1,234,567', {}, `${point}; for a comma state format.thousands`],
    ['1,234.5', {}, `${point}; for a comma state format.thousands`],
    ['1.234,5', {}, `${point}; for a comma state format.decimal`],
    ['1 234', {}, `${point}; for a blank state format.thousands`],
    ["-1'234.50", {}, `${point}; for an apostrophe state format.thousands`],
    ['1.5', { decimal: ',' }, comma],
    ['1.500', { decimal: ',' }, `${comma}; for a point state format.thousands`],
    ['1,5', { thousands: ',' }, point],
    ['1 234', { thousands: ',' }, point],
    ['1,2,3', {}, point],
    ['1,5 kg', {}, point],
    ['12,5%', {}, point],
    ['', {}, point],
    ['seven', { decimal: ',' }, comma],
    [`1,${'5'.repeat(1000)}`, {}, point],
  ])('%j by %j', (text, rules, message) => {
    expect(number(text, rules)).toEqual({ code: 'invalid_type', message });
  });
});

describe('in a workbook, where number cells have a point', () => {
  test.each<[string, Partial<ValueRules>, number]>([
    ['1.5', { decimal: ',' }, 1.5],
    ['1,5', { decimal: ',' }, 1.5],
    ['1.234', { decimal: ',' }, 1.234],
    ['1.5', { decimal: ',', thousands: '.' }, 1.5],
    ['1.23456', { decimal: ',', thousands: '.' }, 1.23456],
    ['1.234,5', { decimal: ',', thousands: '.' }, 1234.5],
    ['1234', { decimal: ',', thousands: '.' }, 1234],
    ['1.5e-7', { decimal: ',' }, 1.5e-7],
    ['1,234.5', { thousands: ',' }, 1234.5],
    ['0.000', { decimal: ',', thousands: '.' }, 0],
  ])('%j by %j', (text, rules, value) => {
    expect(number(text, rules, 'xlsx')).toBe(value);
  });

  test('what may be two numbers is none', () => {
    expect(number('1.234', { decimal: ',', thousands: '.' }, 'xlsx')).toEqual({
      code: 'invalid_type',
      message:
        'may be 1.234 or 1234: number cells of a workbook have a point before decimals, and format.thousands is one too',
    });
    // No file but a workbook has number cells.
    expect(number('1.234', { decimal: ',', thousands: '.' }, 'csv')).toBe(1234);
    expect(number('1.5', { decimal: ',' }, 'csv')).toMatchObject({ code: 'invalid_type' });
  });

  test('what is neither is told as in other files', () => {
    expect(number('x', { decimal: ',' }, 'xlsx')).toEqual({
      code: 'invalid_type',
      message: 'must be a number, with a comma before decimals',
    });
    expect(number('0.1234567890123456789', { decimal: ',' }, 'xlsx')).toMatchObject({ code: 'too_precise' });
  });
});

describe('other fields', () => {
  const name: Field = { name: 'name', path: ['name'], type: 'string', required: false };
  const rules: ValueRules = { decimal: ',', thousands: '.', dates: ['DD.MM.YYYY'], timeZone: 'Z' };

  test('a text is kept to the letter, whatever is stated of values', () => {
    const text = fc.string({ unit: 'binary', minLength: 1 }).filter((given) => !given.includes('\0'));
    fc.assert(
      fc.property(text, (given) => {
        expect(textReader(name, rules, 'xlsx')(given)).toBe(given);
      }),
    );
    for (const format of ['email', 'uuid', 'time']) {
      expect(textReader({ ...name, format }, rules)(' 31.12.1999 ')).toBe(' 31.12.1999 ');
    }
  });

  test('a date is read by the patterns', () => {
    expect(textReader({ ...name, format: 'date' }, rules)(' 31.12.1999 ')).toBe('1999-12-31');
    expect(textReader({ ...name, format: 'date-time' }, rules)('1999-12-31T23:59:00')).toBe(
      '1999-12-31T23:59:00Z',
    );
  });

  test.each(['toString', '__proto__', 'constructor', '1', 'yes', ''])('%j is no boolean', (text) => {
    expect(textReader({ ...name, type: 'boolean' }, rules)(text)).toEqual({
      code: 'invalid_type',
      message: 'must be true or false',
    });
  });
});
