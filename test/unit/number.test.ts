import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decimalsOf, multiplesOf, parseDecimal } from '../../src/core/number.ts';

/** A decimal number as a fraction of whole numbers: nothing is rounded. */
function fraction(text: string): { over: bigint; under: bigint } {
  const [, sign, whole = '', decimals = '', exponent = '0'] =
    /^([+-]?)(\d*)\.?(\d*)(?:[eE]([+-]?\d+))?$/.exec(text) ?? [];
  const shift = Number(exponent) - decimals.length;
  const digits = BigInt(`${sign === '-' ? '-' : ''}${whole}${decimals}`);
  return shift >= 0
    ? { over: digits * 10n ** BigInt(shift), under: 1n }
    : { over: digits, under: 10n ** BigInt(-shift) };
}

function sameNumber(one: string, other: string): boolean {
  const [a, b] = [fraction(one), fraction(other)];
  return a.over * b.under === b.over * a.under;
}

const digits = (maxLength: number, minLength = 0) =>
  fc.string({ unit: fc.constantFrom(...'00123456789'), minLength, maxLength });
const sign = fc.constantFrom('', '+', '-');
const exponent = fc.oneof(
  { weight: 2, arbitrary: fc.constant('') },
  fc.tuple(fc.constantFrom('e', 'E'), sign, digits(3, 1)).map((parts) => parts.join('')),
);
const decimal = fc
  .oneof(
    fc.tuple(sign, digits(24, 1), exponent),
    fc.tuple(sign, digits(18, 1), fc.constant('.'), digits(18, 1), exponent),
    fc.tuple(sign, fc.constant('.'), digits(18, 1), exponent),
  )
  .map((parts) => parts.join(''));

describe('parseDecimal', () => {
  test.each([
    ['0', 0],
    ['007', 7],
    ['+7', 7],
    ['-7.50', -7.5],
    ['.5', 0.5],
    ['-.5', -0.5],
    ['0.1', 0.1],
    ['1e3', 1000],
    ['1.5E-3', 0.0015],
    ['1e+3', 1000],
    ['9007199254740991', Number.MAX_SAFE_INTEGER],
    ['-9007199254740991', Number.MIN_SAFE_INTEGER],
    ['+0009007199254740991', Number.MAX_SAFE_INTEGER],
    ['123456789012345', 123456789012345],
    ['0.000000000000000000000000000000123456789012345', 1.23456789012345e-31],
    ['100000000000000000000000', 1e23],
    ['1.50000000000000000000000000', 1.5],
    ['0e999', 0],
    ['0.000', 0],
    ['0.30000000000000004', 0.30000000000000004],
    ['-0.1234567890123456', -0.1234567890123456],
    ['2.2250738585073e-308', 2.2250738585073e-308],
    ['1.79769313486231e308', 1.79769313486231e308],
  ])('%s is %d', (text, value) => {
    expect(parseDecimal(text)).toBe(value);
  });

  test.each([
    '9007199254740993',
    '9007199254740992',
    '1234567890123456789',
    '0.12345678901234567',
    '9007199254740991.5',
    '1e309',
    '-1e999',
    '1e-400',
    '0.5e-999',
    // Below 2^-1022 a double has fewer digits: this one would come back as 1.2347e-320.
    '1.2345e-320',
    '9.87654321012345e-310',
    `0.${'0'.repeat(400)}1`,
    '9'.repeat(400),
  ])('%s cannot be kept', (text) => {
    expect(parseDecimal(text)).toBe('inexact');
  });

  test.each([
    '',
    ' ',
    ' 1',
    '1 ',
    '.',
    '+',
    '-',
    '1.',
    '1,5',
    '1,000',
    '1.000.000',
    '1 000',
    '1_000',
    '--1',
    '+-1',
    '1e',
    'e3',
    '1e1.5',
    '0x10',
    '0b1',
    '1n',
    'NaN',
    'Infinity',
    '-Infinity',
    '١٢',
    '１２',
    '½',
    '−5',
    '1\n',
    '1\0',
    '$5',
    '5%',
    '1e0001',
  ])('%j is no number', (text) => {
    expect(parseDecimal(text)).toBeNull();
  });

  test('what is accepted is the number of the text, to its last digit', () => {
    fc.assert(
      fc.property(decimal, (text) => {
        const value = parseDecimal(text);
        expect(value).not.toBeNull();
        if (typeof value === 'number') expect(sameNumber(String(value), text), text).toBe(true);
      }),
      { numRuns: 5000 },
    );
  });

  test('up to 15 significant digits are accepted, wherever the point is', () => {
    fc.assert(
      fc.property(sign, digits(15, 1), fc.nat(15), (plus, all, point) => {
        const [whole, rest] = [all.slice(0, point), all.slice(point)];
        const text = rest === '' ? `${plus}${whole}` : `${plus}${whole}.${rest}`;
        expect(parseDecimal(text), text).toBeTypeOf('number');
      }),
    );
  });

  test('every safe integer is accepted', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), (whole) => {
        expect(parseDecimal(String(whole))).toBe(whole);
      }),
    );
  });

  test('a text of 1 MiB is decided all the same', () => {
    const zeros = '0'.repeat(1 << 20);
    expect(parseDecimal(zeros)).toBe(0);
    expect(parseDecimal(`1${zeros}1`)).toBe('inexact');
    expect(parseDecimal(`1.${zeros}1`)).toBe('inexact');
    expect(parseDecimal(`1.${zeros}`)).toBe(1);
    expect(parseDecimal(`1${zeros}x`)).toBeNull();
    expect(parseDecimal(`${'1.'.repeat(1 << 19)}x`)).toBeNull();
    expect(parseDecimal(`1${'e'.repeat(1 << 20)}`)).toBeNull();
  });
});

describe('decimalsOf', () => {
  test.each([
    [0, 0],
    [-0, 0],
    [5, 0],
    [0.25, 2],
    [-0.25, 2],
    [99.99, 2],
    [1e-7, 7],
    [1.5e-7, 8],
    [1e21, 0],
    [1.5e300, 0],
    [5e-324, 324],
  ])('%d has %i', (value, decimals) => {
    expect(decimalsOf(value)).toBe(decimals);
  });

  test('it is the least power of ten that makes the shortest notation whole', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        const { over, under } = fraction(String(value));
        const whole = (decimals: number) => (over * 10n ** BigInt(decimals)) % under === 0n;
        const decimals = decimalsOf(value);
        expect(whole(decimals)).toBe(true);
        if (decimals > 0) expect(whole(decimals - 1)).toBe(false);
      }),
    );
  });
});

describe('multiplesOf', () => {
  test.each([
    [0.07, 0.01],
    [4.35, 0.01],
    [99.99, 0.01],
    [-1.1, 0.01],
    [0, 0.01],
    [0.15, 0.05],
    [0.3, 0.1],
    [1.1, 0.1],
    [7.25, 0.25],
    [1e21, 0.01],
    [1e-7, 1e-7],
    [3e-7, 1e-7],
    [1e22, 2],
    [-9, 3],
    [4.5, 1.5],
    [1_000_000_000_000_000.5, 0.5],
    [3e-300, 1e-300],
    [1.7976931348623157e308, 0.01],
  ])('%d is a multiple of %d', (value, step) => {
    expect(multiplesOf(step)(value)).toBe(true);
  });

  test.each([
    [99.990000000001, 0.01],
    [0.005, 0.01],
    [1e-7, 0.01],
    [0.12, 0.05],
    [1e22, 3],
    [10, 3],
    [0.5, 1],
    [5e-324, 1e-300],
    [4, 1.5],
    [1_000_000_000_000_000.1, 0.5],
    [3.5e-300, 1e-300],
    [10_000_000_000_001.01, 0.1],
    [0.30000000000000004, 0.1],
    [123456789.12345679, 1e-7],
  ])('%d is none of %d', (value, step) => {
    expect(multiplesOf(step)(value)).toBe(false);
  });

  test('it agrees with fractions of whole numbers', () => {
    const places = fc.nat(30);
    const step = fc.tuple(fc.integer({ min: 1, max: 1_000_000 }), places);
    const any = fc.tuple(
      fc.oneof(fc.integer({ min: -1_000_000, max: 1_000_000 }), fc.maxSafeInteger()),
      places,
    );
    const multiple = fc.integer({ min: -1_000_000, max: 1_000_000 });
    const agree = (value: number, of: number) => {
      const [a, b] = [fraction(String(value)), fraction(String(of))];
      const expected = (a.over * b.under) % (a.under * b.over) === 0n;
      expect(multiplesOf(of)(value), `${value} of ${of}`).toBe(expected);
      return expected;
    };
    fc.assert(
      fc.property(any, step, multiple, (other, [digits, decimals], times) => {
        const of = Number(`${digits}e-${decimals}`);
        agree(Number(`${other[0]}e-${other[1]}`), of);
        expect(agree(Number(`${digits * times}e-${decimals}`), of)).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });
});
