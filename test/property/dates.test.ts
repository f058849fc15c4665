import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { datePatternProblem, dateReader } from '../../src/core/dates.ts';
import { isIsoDate, isIsoDateTime } from '../../src/core/format.ts';

const two = (value: number) => String(value).padStart(2, '0');

interface Moment {
  year: number;
  month: number;
  day: number;
  hour: number;
  minute: number;
  second: number;
  milli: number;
}

/** Also what does not exist: the 31st of February, the hour 24. */
const moment: fc.Arbitrary<Moment> = fc.record({
  year: fc.oneof(fc.integer({ min: 1900, max: 2100 }), fc.integer({ min: 0, max: 9999 })),
  month: fc.oneof({ weight: 9, arbitrary: fc.integer({ min: 1, max: 12 }) }, fc.constantFrom(0, 13)),
  day: fc.oneof({ weight: 9, arbitrary: fc.integer({ min: 1, max: 31 }) }, fc.constantFrom(0, 32)),
  hour: fc.oneof({ weight: 9, arbitrary: fc.nat(23) }, fc.constant(24)),
  minute: fc.oneof({ weight: 9, arbitrary: fc.nat(59) }, fc.constant(60)),
  second: fc.oneof({ weight: 9, arbitrary: fc.nat(59) }, fc.constant(60)),
  milli: fc.nat(999),
});

const WRITE: Record<string, (moment: Moment) => string> = {
  YYYY: ({ year }) => String(year).padStart(4, '0'),
  MM: ({ month }) => two(month),
  M: ({ month }) => String(month),
  DD: ({ day }) => two(day),
  D: ({ day }) => String(day),
  HH: ({ hour }) => two(hour),
  H: ({ hour }) => String(hour),
  mm: ({ minute }) => two(minute),
  ss: ({ second }) => two(second),
  SSS: ({ milli }) => String(milli).padStart(3, '0'),
};

const separator = fc.constantFrom('.', '/', '-', ' ', ', ', ':', '年', '[ am ]', '+', '(');

/** Tokens in any order, each once, and what stands between them. */
const pieces = fc
  .tuple(
    fc.constantFrom('MM', 'M'),
    fc.constantFrom('DD', 'D'),
    fc.constantFrom<string[]>([], ['HH', 'mm'], ['H', 'mm'], ['HH', 'mm', 'ss'], ['H', 'mm', 'ss', 'SSS']),
  )
  .chain(([month, day, time]) => {
    const tokens = ['YYYY', month, day, ...time];
    return fc.tuple(
      fc.shuffledSubarray(tokens, { minLength: tokens.length }),
      fc.array(separator, { minLength: tokens.length - 1, maxLength: tokens.length - 1 }),
    );
  })
  .map(([tokens, between]) => tokens.flatMap((token, index) => [token, between[index] ?? '']));

const patternOf = (parts: readonly string[]) => parts.join('');
const textOf = (parts: readonly string[], moment: Moment) =>
  parts.map((part) => WRITE[part]?.(moment) ?? part.replace(/^\[|\]$/g, '')).join('');

function isoOf(parts: readonly string[], moment: Moment): { date: string; time: string } {
  const { year, month, day, hour, minute, second, milli } = moment;
  const fraction = parts.includes('SSS') ? `.${String(milli).padStart(3, '0')}` : '';
  return {
    date: `${String(year).padStart(4, '0')}-${two(month)}-${two(day)}`,
    time: `${two(hour)}:${two(minute)}:${parts.includes('ss') ? two(second) : '00'}${fraction}`,
  };
}

describe('a pattern', () => {
  test('reads what was written by it, and nothing that does not exist', () => {
    let good = 0;
    fc.assert(
      fc.property(pieces, moment, fc.constantFrom('', ' '), (parts, when, blank) => {
        const pattern = patternOf(parts);
        fc.pre(datePatternProblem(pattern) === null);
        const text = `${blank}${textOf(parts, when)}${blank}`;
        const { date, time } = isoOf(parts, when);
        const rules = { dates: [pattern], timeZone: '-03:30' };
        const timed = parts.includes('mm');
        const day = dateReader('date', rules)(text);
        const instant = dateReader('date-time', rules)(text);
        if (timed ? isIsoDateTime(`${date}T${time}-03:30`) : isIsoDate(date)) {
          good += 1;
          const midnight = !timed || /^00:00:00(\.000)?$/.test(time);
          expect(day).toEqual(midnight ? date : { code: 'invalid_format', message: expect.any(String) });
          if (timed) expect(instant).toBe(`${date}T${time}-03:30`);
          else expect(instant).toMatchObject({ code: 'invalid_format' });
        } else {
          expect(instant).toMatchObject({ code: 'invalid_format' });
          if (!isIsoDate(date)) expect(day).toMatchObject({ code: 'invalid_format' });
        }
      }),
      { numRuns: 3000 },
    );
    expect(good).toBeGreaterThan(500);
  });

  test('any two either agree on a text, or the text is ambiguous', () => {
    const pattern = fc.constantFrom(
      'DD.MM.YYYY',
      'D.M.YYYY',
      'MM.DD.YYYY',
      'M.D.YYYY',
      'YYYY.MM.DD',
      'YYYY.M.D',
      'YYYY.DD.MM',
      'YYYY-MM-DD',
    );
    const separators = fc.constantFrom('.', '-');
    const codes = new Set<string>();
    fc.assert(
      fc.property(pattern, pattern, pattern, moment, separators, (one, other, by, when, mark) => {
        const text = textOf(by.split(/([-.])/), when).replaceAll(/[-.]/g, mark);
        const alone = [one, other, null].map((dates) =>
          dateReader('date', { dates: dates === null ? [] : [dates], timeZone: null })(text),
        );
        const found = new Set(alone.filter((value) => typeof value === 'string'));
        const both = dateReader('date', { dates: [one, other], timeZone: null })(text);
        // Alone, what looks like ISO 8601 is left to the check of the schema.
        for (const value of found) if (!isIsoDate(String(value))) found.delete(value);
        if (found.size === 1) expect(both).toBe([...found][0]);
        else expect(both).toMatchObject({ code: found.size === 0 ? 'invalid_format' : 'ambiguous_date' });
        codes.add(typeof both === 'object' ? both.code : 'good');
      }),
      { numRuns: 3000 },
    );
    expect([...codes].sort()).toEqual(['ambiguous_date', 'good', 'invalid_format']);
  });

  test('that is any text at all is read or told, and reads any text', () => {
    const token = fc.constantFrom(
      ...Object.keys(WRITE),
      'YY',
      'Z',
      'T',
      '[',
      ']',
      '[0]',
      '(',
      '\\',
      '.',
      '*',
      '\0',
    );
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 70 }),
      fc.array(token, { maxLength: 12 }).map((tokens) => tokens.join('')),
      fc.array(token, { maxLength: 4 }).map((tokens) => `YYYY-MM/DD${tokens.join('')}`),
    );
    let patterns = 0;
    fc.assert(
      fc.property(text, text, (pattern, given) => {
        const problem = datePatternProblem(pattern);
        if (problem !== null) {
          expect(problem).not.toBe('');
          return;
        }
        patterns += 1;
        for (const format of ['date', 'date-time'] as const) {
          const read = dateReader(format, { dates: [pattern], timeZone: 'Z' })(given);
          const good = format === 'date' ? isIsoDate : isIsoDateTime;
          expect(typeof read === 'object' || good(String(read))).toBe(true);
        }
      }),
      { numRuns: 3000 },
    );
    expect(patterns).toBeGreaterThan(100);
  });
});
