import { describe, expect, test } from 'vitest';
import { type DateFormat, datePatternProblem, dateReader, timeZoneProblem } from '../../src/core/dates.ts';

interface Stated {
  dates?: readonly string[];
  timeZone?: string | null;
}

function read(format: DateFormat, text: string, { dates = [], timeZone = null }: Stated = {}) {
  return dateReader(format, { dates, timeZone })(text);
}

describe('a pattern', () => {
  test.each([
    'DD.MM.YYYY',
    'M/D/YYYY',
    'YYYYMMDD',
    'YYYY-M-D',
    'YYYY-MM-DD HH:mm:ss',
    'YYYY-MM-DDTHH:mm',
    'YYYYMMDDTHHmmss',
    'D.M.YYYY H:mm',
    'YYYY-MM-DD HH:mm:ss.SSS',
    'YYYY-MM-DD HH:mm:ss.SSSSSSZ',
    'DD.MM.YYYY [um] HH:mm [Uhr]',
    'YYYY-MM-DD[T00:00:00.000Z]',
    'YYYY年MM月DD日',
    '(DD/MM) [YYYY] YYYY',
    'HH:mm DD.MM.YYYY',
  ])('%j is one', (pattern) => {
    expect(datePatternProblem(pattern)).toBeNull();
  });

  test.each([
    ['DD.MM.YY', 'has a year of two digits: which century is meant would be a guess; it must be YYYY'],
    [
      'D MMM YYYY',
      'has the name of a month, which is not read, as names differ by language; it must be MM or M',
    ],
    [
      'MMMM D, YYYY',
      'has the name of a month, which is not read, as names differ by language; it must be MM or M',
    ],
    ['MM/DD/YYYY hh:mm A', 'has hours of a 12-hour clock, which are not read; they must be HH or H'],
    ['MM/DD/YYYY HH:mm a', 'has hours of a 12-hour clock, which are not read; they must be HH or H'],
    ['dd.MM.yyyy', 'has small letters for its date; these are YYYY, MM and DD'],
    ['Q YYYY', expect.stringContaining('has Q, which stands for nothing here; there are YYYY,')],
    ['DDD YYYY', expect.stringContaining('has DDD, which')],
    ['YYYYY-MM-DD', expect.stringContaining('has YYYYY, which')],
    ['YYYY-MM-DD HH:m', expect.stringContaining('has m, which')],
    ['YYYY-MM-DD HH:mm:ss.SSSSSSSSSS', expect.stringContaining('has SSSSSSSSSS, which')],
    ['YYYY-MM-DD um HH:mm', expect.stringContaining('has u, which')],
    ['', 'needs YYYY, MM or M, and DD or D'],
    ['YYYY-MM', 'needs YYYY, MM or M, and DD or D'],
    ['HH:mm:ss', 'needs YYYY, MM or M, and DD or D'],
    ['DD.M.YYYY D', 'names the day twice'],
    ['YYYY-MM-DD HH', 'names the hour without the minute'],
    ['YYYY-MM-DD mm', 'names the minute without the hour'],
    ['YYYY-MM-DD HH:ss', 'names the hour without the minute'],
    ['YYYY-MM-DD HH:mm.SSS', 'names the fraction without the second'],
    ['YYYY-MM-DDZ', 'names the zone without the hour'],
    ['YYYY-MM-DD Z HH:mm', 'has Z, which can only be its end'],
    ['DMYYYY', 'has D, one digit or two, right beside another number: where it ends would be a guess'],
    ['YYYYM-DD', 'has M, one digit or two, right beside another number: where it ends would be a guess'],
    ['D[1]M.YYYY', 'has D, one digit or two, right beside another number: where it ends would be a guess'],
    ['YYYYMMDDHmm', 'has H, one digit or two, right beside another number: where it ends would be a guess'],
    ['YYYY-MM-DD 00:00', 'has the digit 0; put it in [ ] or state a token'],
    ['[YYYY-MM-DD', 'has a bracket without its other one'],
    ['YYYY]MM-DD', 'has a bracket without its other one'],
    ['YYYY[]-MM-DD', 'has a bracket without its other one'],
    [' DD.MM.YYYY', 'begins or ends with a blank'],
    ['DD.MM.YYYY\u00a0', 'begins or ends with a blank'],
    ['YYYY-DD-MM', 'reads 2003-04-05 otherwise than ISO 8601, which is always read'],
    ['YYYY-D-M', 'reads 2003-04-05 otherwise than ISO 8601, which is always read'],
    ['YYYY-DD-MMTHH:mm:ss', 'reads 2003-04-05T06:07:08 otherwise than ISO 8601, which is always read'],
    ['YYYY-MM-DDTss:mm:HHZ', 'reads 2003-04-05T06:07:08Z otherwise than ISO 8601, which is always read'],
    [`${'.'.repeat(60)}DD.MM.YYYY`, 'is longer than 64 characters'],
  ])('%j is none', (pattern, problem) => {
    expect(datePatternProblem(pattern)).toEqual(problem);
    expect(() => read('date', 'x', { dates: [pattern] })).toThrow(/^the pattern "/);
  });

  test('may hold what is special in a regular expression', () => {
    const dates = ['^DD.MM+YYYY$', '(DD|MM)*\\YYYY?', '{DD}-MM/YYYY', '[]^$-YYYY]MM.DD'.slice(2)];
    const texts = ['^31.12+1999$', '(31|12)*\\1999?', '{31}-12/1999'];
    for (const [index, text] of texts.entries()) {
      const stated = { dates: [dates[index]!] };
      expect(read('date', text, stated)).toBe('1999-12-31');
      expect(read('date', text.replace('31', '3x'), stated)).toMatchObject({ code: 'invalid_format' });
    }
    expect(read('date', '^31x12+1999$', { dates: [dates[0]!] })).toMatchObject({ code: 'invalid_format' });
  });
});

test.each(['Z', '+01:00', '-00:30', '+14:00', '+05:45'])('the zone %s', (timeZone) => {
  expect(timeZoneProblem(timeZone)).toBeNull();
});

test.each([
  'UTC',
  'Europe/Berlin',
  '+1',
  '+0100',
  '01:00',
  '+15:00',
  '+01:60',
  '',
  'z',
  ' Z',
  'ZZ',
  '\u221201:00',
])('no zone: %j', (timeZone) => {
  expect(timeZoneProblem(timeZone)).toBe(
    'must be Z or an offset such as +01:00; names of zones are not read',
  );
});

describe('a date', () => {
  test.each([
    ['1999-12-31', [], '1999-12-31'],
    [' 1999-12-31\t', [], '1999-12-31'],
    ['1999-12-31T00:00:00', [], '1999-12-31'],
    ['1999-12-31T00:00:00.000', [], '1999-12-31'],
    ['31.12.1999', ['DD.MM.YYYY'], '1999-12-31'],
    [' 31.12.1999 ', ['DD.MM.YYYY'], '1999-12-31'],
    ['1999-12-31', ['DD.MM.YYYY'], '1999-12-31'],
    ['1.2.1999', ['D.M.YYYY'], '1999-02-01'],
    ['01.02.1999', ['D.M.YYYY'], '1999-02-01'],
    ['3/4/2024', ['M/D/YYYY'], '2024-03-04'],
    ['20240229', ['YYYYMMDD'], '2024-02-29'],
    ['2024年03月04日', ['YYYY年MM月DD日'], '2024-03-04'],
    ['2024-03-04 00:00:00', ['YYYY-MM-DD HH:mm:ss'], '2024-03-04'],
    ['2024-03-04T00:00:00.000Z', ['YYYY-MM-DD[T00:00:00.000Z]'], '2024-03-04'],
    ['3-4-2024', ['D.M.YYYY', 'M-D-YYYY'], '2024-03-04'],
    ['0001-01-01', ['DD.MM.YYYY'], '0001-01-01'],
  ])('%j by %j', (text, dates, value) => {
    expect(read('date', text, { dates })).toBe(value);
  });

  const example = 'must be a date such as 1999-12-31';

  test.each<[string, string[], string]>([
    ['31.12.1999', [], `${example}; other forms are stated in format.dates`],
    ['x', ['DD.MM.YYYY'], `${example}, or be written DD.MM.YYYY`],
    ['1.2.1999', ['DD.MM.YYYY', 'M/D/YYYY'], `${example}, or be written DD.MM.YYYY or M/D/YYYY`],
    ['31.12.99', ['DD.MM.YYYY'], `${example}, or be written DD.MM.YYYY`],
    ['31.12.1999 ?', ['DD.MM.YYYY'], `${example}, or be written DD.MM.YYYY`],
    ['3l.12.1999', ['DD.MM.YYYY'], `${example}, or be written DD.MM.YYYY`],
    ['٣١.١٢.١٩٩٩', ['DD.MM.YYYY'], `${example}, or be written DD.MM.YYYY`],
    [
      'x',
      ['D.M.YYYY', 'D/M/YYYY', 'D-M-YYYY', 'D:M:YYYY', 'D M YYYY', 'D_M_YYYY'],
      `${example}, or as format.dates says`,
    ],
    ['31.02.2024', ['DD.MM.YYYY'], 'is written as DD.MM.YYYY, but there is no such date or time'],
    ['29.02.2023', ['D.M.YYYY'], 'is written as D.M.YYYY, but there is no such date or time'],
    ['00.01.2024', ['DD.MM.YYYY'], 'is written as DD.MM.YYYY, but there is no such date or time'],
    ['01.13.2024', ['DD.MM.YYYY'], 'is written as DD.MM.YYYY, but there is no such date or time'],
    ['01.01.0000', ['DD.MM.YYYY'], 'is written as DD.MM.YYYY, but there is no such date or time'],
    ['2024-02-30', ['DD.MM.YYYY'], 'is written as ISO 8601, but there is no such date or time'],
    [
      '01.01.2024 24:00',
      ['DD.MM.YYYY HH:mm'],
      'is written as DD.MM.YYYY HH:mm, but there is no such date or time',
    ],
    ['1999-12-31T00:00:01', [], `has a time of day, which a date would lose; ${example}`],
    ['1999-12-31T00:00:00.001', [], `has a time of day, which a date would lose; ${example}`],
    ['1999-12-31T00:00:00Z', [], `has a time and its zone, which a date would lose; ${example}`],
    ['1999-12-31T00:00:00+01:00', [], `has a time and its zone, which a date would lose; ${example}`],
    ['31.12.1999 12:00', ['DD.MM.YYYY HH:mm'], `has a time of day, which a date would lose; ${example}`],
    ['12:00:00', [], `${example}; other forms are stated in format.dates`],
  ])('%j by %j is none', (text, dates, message) => {
    expect(read('date', text, { dates })).toEqual({ code: 'invalid_format', message });
  });

  test('a time in a zone is not one either where that zone is stated', () => {
    expect(read('date', '1999-12-31T00:00:00Z', { timeZone: 'Z' })).toMatchObject({ code: 'invalid_format' });
  });
});

describe('between day and month', () => {
  const dates = ['DD/MM/YYYY', 'MM/DD/YYYY'];

  test('nothing is guessed', () => {
    expect(read('date', '03/04/2024', { dates })).toEqual({
      code: 'ambiguous_date',
      message: 'is 2024-04-03 by DD/MM/YYYY, but 2024-03-04 by MM/DD/YYYY',
    });
    expect(
      read('date-time', '03/04/2024 12:00', { dates: dates.map((date) => `${date} HH:mm`), timeZone: 'Z' }),
    ).toEqual({
      code: 'ambiguous_date',
      message: 'is 2024-04-03T12:00:00Z by DD/MM/YYYY HH:mm, but 2024-03-04T12:00:00Z by MM/DD/YYYY HH:mm',
    });
  });

  test('what both read alike, or only one reads as a date that exists, is no guess', () => {
    expect(read('date', '04/04/2024', { dates })).toBe('2024-04-04');
    expect(read('date', '13/04/2024', { dates })).toBe('2024-04-13');
    expect(read('date', '04/13/2024', { dates })).toBe('2024-04-13');
    expect(read('date', '13/13/2024', { dates })).toEqual({
      code: 'invalid_format',
      message: 'is written as DD/MM/YYYY, but there is no such date or time',
    });
  });

  test('one of three is enough to differ', () => {
    expect(read('date', '3/4/2024', { dates: ['D/M/YYYY', 'YYYY-MM-DD', 'M/D/YYYY'] })).toMatchObject({
      code: 'ambiguous_date',
    });
  });
});

describe('a date and time', () => {
  test.each<[string, Stated, string]>([
    ['1999-12-31T23:59:00Z', {}, '1999-12-31T23:59:00Z'],
    [' 1999-12-31T23:59:00Z', {}, '1999-12-31T23:59:00Z'],
    ['1999-12-31T23:59:00.123456789+05:45', {}, '1999-12-31T23:59:00.123456789+05:45'],
    ['1999-12-31T23:59:00', { timeZone: '+01:00' }, '1999-12-31T23:59:00+01:00'],
    ['1999-12-31T23:59:00-08:00', { timeZone: '+01:00' }, '1999-12-31T23:59:00-08:00'],
    ['31.12.1999 23:59', { dates: ['DD.MM.YYYY HH:mm'], timeZone: 'Z' }, '1999-12-31T23:59:00Z'],
    ['1.2.1999 3:04', { dates: ['D.M.YYYY H:mm'], timeZone: 'Z' }, '1999-02-01T03:04:00Z'],
    ['23:59 31.12.1999', { dates: ['HH:mm DD.MM.YYYY'], timeZone: 'Z' }, '1999-12-31T23:59:00Z'],
    [
      '1999-12-31 23:59:01.5',
      { dates: ['YYYY-MM-DD HH:mm:ss.S'], timeZone: '-03:30' },
      '1999-12-31T23:59:01.5-03:30',
    ],
    [
      '1999-12-31 23:59:01.123456+00',
      { dates: ['YYYY-MM-DD HH:mm:ss.SSSSSSZ'] },
      '1999-12-31T23:59:01.123456+00:00',
    ],
    ['19991231T235901-0330', { dates: ['YYYYMMDDTHHmmssZ'], timeZone: 'Z' }, '1999-12-31T23:59:01-03:30'],
    ['19991231T235901Z', { dates: ['YYYYMMDDTHHmmssZ'] }, '1999-12-31T23:59:01Z'],
    ['1999-12-31T23:59:00+01:00', { dates: ['YYYY-MM-DDTHH:mm:ssZ'] }, '1999-12-31T23:59:00+01:00'],
  ])('%j by %j', (text, stated, value) => {
    expect(read('date-time', text, stated)).toBe(value);
  });

  const example = 'must be a date and time with its zone such as 1999-12-31T23:59:00Z';
  const zoneless = 'has no time zone; state format.time_zone, or write it as in 1999-12-31T23:59:00Z';

  test.each<[string, Stated, string]>([
    ['1999-12-31T23:59:00', {}, zoneless],
    ['31.12.1999 23:59', { dates: ['DD.MM.YYYY HH:mm'] }, zoneless],
    ['1999-12-31', { timeZone: 'Z' }, `is a date without a time; ${example}`],
    ['31.12.1999', { dates: ['DD.MM.YYYY'], timeZone: 'Z' }, `is a date without a time; ${example}`],
    ['1999-12-31T23:59:00', { dates: ['DD.MM.YYYY'] }, zoneless],
    ['1999-12-31 23:59', { timeZone: 'Z' }, `${example}; other forms are stated in format.dates`],
    ['1999-02-29T00:00:00', { timeZone: 'Z' }, 'is written as ISO 8601, but there is no such date or time'],
    ['1999-12-31T23:59:60', { timeZone: 'Z' }, 'is written as ISO 8601, but there is no such date or time'],
    [
      '1999-12-31T23:59:00+15:00',
      { dates: ['DD.MM.YYYY'] },
      'is written as ISO 8601, but there is no such date or time',
    ],
    ['0001-01-01T00:00:00', { timeZone: '+01:00' }, 'is not in the years 0001 to 9999'],
    ['9999-12-31T23:59:59', { timeZone: '-01:00' }, 'is not in the years 0001 to 9999'],
    [
      '31.12.1999 23:60',
      { dates: ['DD.MM.YYYY HH:mm'] },
      'is written as DD.MM.YYYY HH:mm, but there is no such date or time',
    ],
  ])('%j by %j is none', (text, stated, message) => {
    expect(read('date-time', text, stated)).toEqual({ code: 'invalid_format', message });
  });
});

test('a text of a MiB is decided all the same', () => {
  for (const unit of ['0', '1.', ' ', '1999-12-31', 'T', ':', '[']) {
    const text = unit.repeat(Math.ceil((1 << 20) / unit.length));
    for (const format of ['date', 'date-time'] as const) {
      const stated = { dates: ['D.M.YYYY', 'D.M.YYYY H:mm:ss.SSSZ'], timeZone: 'Z' };
      expect(read(format, text, stated)).toMatchObject({ code: 'invalid_format' });
      expect(read(format, text)).toMatchObject({ code: 'invalid_format' });
    }
  }
});
