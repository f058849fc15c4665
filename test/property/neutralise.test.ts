import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { neutralised, restored } from '../../src/core/neutralise.ts';

/** Texts as they come, and those that are made of what matters here. */
const text = fc.oneof(
  fc.string({ unit: fc.constantFrom(...'+-15'), maxLength: 4 }),
  fc.string({ unit: 'binary' }),
  fc.string({ unit: fc.constantFrom(..."'''=+-@\t\r\n\0＝5,. (A%eE/\u00a0"), maxLength: 12 }),
  fc
    .tuple(fc.constantFrom("'", '=', '+', '-', '@', "'="), fc.string({ unit: 'grapheme' }))
    .map((parts) => parts.join('')),
);

describe('what is neutralised', () => {
  test('comes back to the letter', () => {
    fc.assert(
      fc.property(text, (given) => {
        expect(restored(neutralised(given))).toBe(given);
      }),
      { numRuns: 20_000 },
    );
  });

  test('comes back however often it went', () => {
    fc.assert(
      fc.property(text, fc.nat(5), (given, times) => {
        let cell = given;
        for (let time = 0; time < times; time++) cell = neutralised(cell);
        for (let time = 0; time < times; time++) cell = restored(cell);
        expect(cell).toBe(given);
      }),
    );
  });

  test('begins like no formula, unless it is a number or a phone number', () => {
    let kept = 0;
    fc.assert(
      fc.property(text, (given) => {
        const cell = neutralised(given);
        if (!/^[=+\-@\t\r\n\0＝＋－＠]/.test(cell)) return;
        kept += 1;
        expect(cell).toBe(given);
        // Nothing that names a cell or a function, or compares: at most sums of what the cell itself says.
        expect(cell).toMatch(/^[+-][\d.,'() /%eE+\-\u00a0\u2019\u202f]*$/);
        expect(cell).toMatch(/\d/);
        expect(cell).not.toMatch(/[A-DF-Za-df-z]|[eE][^\d+-]|[eE]$/);
      }),
      { numRuns: 20_000 },
    );
    expect(kept).toBeGreaterThan(20);
  });

  test('no two texts become one cell', () => {
    fc.assert(
      fc.property(text, text, (one, other) => {
        expect(neutralised(one) === neutralised(other)).toBe(one === other);
      }),
    );
    fc.assert(
      fc.property(text, (one) => {
        expect(neutralised(`'${one}`)).not.toBe(neutralised(one));
      }),
    );
  });

  test('stays as it is where it is any number that a program writes', () => {
    const number = fc.oneof(fc.integer(), fc.double({ noNaN: true, noDefaultInfinity: true }));
    fc.assert(
      fc.property(number, (value) => {
        for (const cell of [String(value), `${value}%`, String(value).replace('.', ',')]) {
          expect(neutralised(cell)).toBe(cell);
        }
      }),
    );
  });
});
