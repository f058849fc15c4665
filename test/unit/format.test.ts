import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isEmail, isIsoDate, isIsoDateTime } from '../../src/core/format.ts';

const MIB = 1 << 20;

describe('isIsoDate', () => {
  test('agrees with the calendar on every day, and on every day that is none, from 1896 to 2104', () => {
    const wrong: string[] = [];
    for (let year = 1896; year <= 2104; year += 1) {
      for (let month = 0; month <= 13; month += 1) {
        for (let day = 0; day <= 32; day += 1) {
          const text = [year, month, day].map((part) => String(part).padStart(2, '0')).join('-');
          const date = new Date(Date.UTC(year, month - 1, day));
          const exists = date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
          if (isIsoDate(text) !== exists) wrong.push(text);
        }
      }
    }
    expect(wrong).toEqual([]);
  });

  test.each(['0001-01-01', '9999-12-31', '2000-02-29', '1600-02-29', '2024-02-29', '0004-02-29'])(
    '%s',
    (text) => {
      expect(isIsoDate(text)).toBe(true);
    },
  );

  test.each([
    '0000-01-01',
    '0000-02-29',
    '1900-02-29',
    '2100-02-29',
    '2023-02-29',
    '2024-02-30',
    '2024-04-31',
    '2024-00-10',
    '2024-13-01',
    '2024-01-00',
    '2024-1-1',
    '24-01-01',
    '10000-01-01',
    '-0001-01-01',
    '2024/01/01',
    '01.02.2024',
    '20240101',
    '2024-01-01T00:00:00Z',
    ' 2024-01-01',
    '2024-01-01 ',
    '2024-01-01\n',
    '٢٠٢٤-٠١-٠١',
    '',
    `2024-01-${'0'.repeat(MIB)}`,
    '2024-01-01'.repeat(MIB / 10),
  ])('%# is no date', (text) => {
    expect(isIsoDate(text)).toBe(false);
  });
});

describe('isIsoDateTime', () => {
  test.each([
    '2026-01-31T08:00:00Z',
    '2026-01-31T08:00:00+01:00',
    '2026-01-31T23:59:59.999999999-12:00',
    '2026-01-31T08:00:00.1+14:59',
    '2024-02-29T00:00:00-00:00',
    '0001-01-01T00:00:00Z',
    '0001-01-01T14:59:00+14:59',
    '0001-01-01T00:00:00-14:59',
    '9999-12-31T23:59:59.999Z',
    '9999-12-31T09:00:59-14:59',
    '9999-12-31T23:59:59+14:59',
  ])('%s', (text) => {
    expect(isIsoDateTime(text)).toBe(true);
  });

  test.each([
    // Told in UTC, these are in the years 0000 and 10000.
    '0001-01-01T00:00:00+00:01',
    '0001-01-01T14:58:59+14:59',
    '9999-12-31T23:59:59-00:01',
    '9999-12-31T09:01:00-14:59',
    '0000-06-01T00:00:00Z',
    '10000-01-01T00:00:00Z',
    '2026-02-29T08:00:00Z',
    '2026-01-31T24:00:00Z',
    '2026-01-31T08:60:00Z',
    '2026-12-31T23:59:60Z',
    '2026-01-31T08:00:00',
    '2026-01-31T08:00Z',
    '2026-01-31 08:00:00Z',
    '2026-01-31t08:00:00z',
    '2026-01-31T08:00:00+15:00',
    '2026-01-31T08:00:00+01:60',
    '2026-01-31T08:00:00+0100',
    '2026-01-31T08:00:00+01',
    '2026-01-31T08:00:00.Z',
    '2026-01-31T08:00:00.1234567891Z',
    '2026-01-31T08:00:00,5Z',
    '2026-01-31',
    '2026-01-31T08:00:00Z\n',
    '',
    `2026-01-31T08:00:00.${'0'.repeat(MIB)}Z`,
    `2026-01-31T08:00:00${'+01:00'.repeat(MIB / 6)}`,
  ])('%# is no date-time', (text) => {
    expect(isIsoDateTime(text)).toBe(false);
  });

  test('every moment of the years 0001 to 9999 as JavaScript writes it', () => {
    const moments = fc.date({
      min: new Date('0001-01-01T00:00:00.000Z'),
      max: new Date('9999-12-31T23:59:59.999Z'),
      noInvalidDate: true,
    });
    fc.assert(
      fc.property(moments, (date) => {
        expect(isIsoDateTime(date.toISOString())).toBe(true);
      }),
    );
  });

  test('the offset moves the moment out of the range, or does not', () => {
    const pad = (part: number) => String(part).padStart(2, '0');
    const minute = 60_000;
    const first = Date.parse('0001-01-01T00:00:00Z');
    const edges = fc.tuple(
      fc.constantFrom('0001-01-01', '9999-12-31'),
      fc.nat(24 * 60 - 1),
      fc.constantFrom(1, -1),
      fc.nat(14 * 60 + 59),
    );
    fc.assert(
      fc.property(edges, ([day, at, direction, offset]) => {
        const zone = `${direction > 0 ? '+' : '-'}${pad(Math.floor(offset / 60))}:${pad(offset % 60)}`;
        const utc = Date.parse(`${day}T00:00:00Z`) + (at - direction * offset) * minute;
        const inside = utc >= first && utc <= Date.parse('9999-12-31T23:59:00Z');
        expect(isIsoDateTime(`${day}T${pad(Math.floor(at / 60))}:${pad(at % 60)}:00${zone}`)).toBe(inside);
      }),
    );
  });
});

describe('isEmail', () => {
  test.each([
    'ada@example.org',
    'ada.lovelace+sheaf@mail.example.co.uk',
    "o'brien@example.org",
    'A_B-C@EXAMPLE.ORG',
    '1@2.3',
    'x@xn--bcher-kva.example',
    `${'a'.repeat(242)}@example.org`,
  ])('%s', (text) => {
    expect(isEmail(text)).toBe(true);
  });

  test.each([
    '',
    'ada',
    '@example.org',
    'ada@',
    'ada@localhost',
    'ada@@example.org',
    'ada@example..org',
    'ada@.example.org',
    'ada@example.org.',
    'ada@-example.org',
    'ada@example-.org',
    '.ada@example.org',
    'ada.@example.org',
    'a..b@example.org',
    'ada lovelace@example.org',
    'Ada <ada@example.org>',
    'ada@example.org, bob@example.org',
    'ada@example.org ',
    ' ada@example.org',
    'ada@example.org\n',
    'ada@exa_mple.org',
    'ädä@example.org',
    'ada@bücher.example',
    'mailto:ada@example.org',
    `${'a'.repeat(243)}@example.org`,
  ])('%j is none', (text) => {
    expect(isEmail(text)).toBe(false);
  });

  test.each([
    ['a'.repeat(MIB)],
    [`${'a.'.repeat(MIB / 2)}@`],
    [`a@${'a-'.repeat(MIB / 2)}`],
    [`a@${'a.'.repeat(MIB / 2)}`],
    ['@'.repeat(MIB)],
  ])('hostile text %# is refused', (text) => {
    expect(isEmail(text)).toBe(false);
  });

  test.each([
    [`${'a.'.repeat(120)}!@`],
    [`a@${'a-'.repeat(120)}!`],
    [`a@${'a'.repeat(240)}!`],
    [`a@${'a.'.repeat(120)}-`],
  ])('as is hostile text %# that is not too long', (text) => {
    expect(text.length).toBeLessThanOrEqual(254);
    expect(isEmail(text)).toBe(false);
  });
});
