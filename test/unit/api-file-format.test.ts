import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ENCODINGS, FILE_TYPES, UNSTATED } from '../../src/core/file-format.ts';
import { type FormatRequest, fileFormatOf, formatRequestOf } from '../../src/engine/file-format.ts';
import { apiInMemory, filledUpload, type World } from './api-memory.ts';

let world: World;
let handler: string;
beforeAll(async () => {
  world = await apiInMemory();
  handler = await filledUpload(world);
});
afterAll(() => world.app.close());

const submit = (format: unknown) => world.post('/batches', { handler, operation: 'add_person', format });

/** Pointer, code and message of each place that a format is refused for. */
async function refused(format: unknown): Promise<[string, string, string][]> {
  const response = await submit(format);
  expect([response.statusCode, response.json().code]).toEqual([422, 'invalid_request']);
  return response
    .json()
    .errors.map((error: Record<string, string>) => [error.pointer, error.code, error.message]);
}

const EVERYTHING = {
  type: 'csv',
  encoding: 'windows-1252',
  delimiter: ';',
  quote: "'",
  header_row: 3,
  decimal: ',',
  thousands: '.',
  dates: ['DD.MM.YYYY', 'YYYY-MM-DD HH:mm:ss'],
  time_zone: '+01:00',
} satisfies FormatRequest;

describe('a format that is stated', () => {
  test('reaches the engine, and is answered as it was stated', async () => {
    const response = await submit(EVERYTHING);
    expect([response.statusCode, response.json().format]).toEqual([201, EVERYTHING]);
    const { batch } = response.json();
    expect((await world.get(`/batches/${batch}`)).json().format).toEqual(EVERYTHING);
    expect(world.batches.get(batch)!.format).toEqual({
      type: 'csv',
      encoding: 'windows-1252',
      delimiter: ';',
      quote: "'",
      headerRow: 3,
      values: {
        decimal: ',',
        thousands: '.',
        dates: ['DD.MM.YYYY', 'YYYY-MM-DD HH:mm:ss'],
        timeZone: '+01:00',
      },
    });
  });

  test.each([undefined, {}, { decimal: '.' }, { thousands: null }, { dates: [] }])(
    '%j says nothing that would not go without saying',
    async (format) => {
      const { batch, format: answered } = (await submit(format)).json();
      expect([answered, world.batches.get(batch)!.format]).toEqual([{}, UNSTATED]);
    },
  );

  test.each<FormatRequest>([
    { type: 'xlsx', sheet: 'Learners 2026', header_row: 0, dates: ['DD.MM.YYYY'] },
    { sheet: 'S'.repeat(31) },
    { type: 'json', encoding: 'utf-16le', decimal: ',' },
    { type: 'ndjson', encoding: 'utf-8', time_zone: 'Z' },
    { delimiter: '\t', quote: '~' },
    { delimiter: '|', header_row: 1_000_000 },
    { delimiter: ' ' },
    { delimiter: ':', quote: '~' },
    { delimiter: ',', decimal: ',' },
    { delimiter: '.', thousands: "'", quote: "'" },
    { thousands: ',' },
    { thousands: ' ' },
    { decimal: ',', thousands: '\u00a0' },
    { decimal: ',', thousands: '\u202f' },
    { time_zone: '-05:30' },
  ])('%j is taken', async (format) => {
    const response = await submit(format);
    expect([response.statusCode, response.json().format]).toEqual([201, format]);
  });
});

describe('a format that is refused', () => {
  test.each<[unknown, string, string]>([
    ['csv', '/format', 'invalid_type'],
    [null, '/format', 'invalid_type'],
    [[], '/format', 'invalid_type'],
    [{ delimeter: ';' }, '/format/delimeter', 'unknown_field'],
    [{ headerRow: 1 }, '/format/headerRow', 'unknown_field'],
    [{ values: {} }, '/format/values', 'unknown_field'],
    [{ constructor: 1 }, '/format/constructor', 'unknown_field'],
    [{ type: 'tsv' }, '/format/type', 'not_allowed'],
    [{ type: 'CSV' }, '/format/type', 'not_allowed'],
    [{ type: null }, '/format/type', 'not_allowed'],
    [{ encoding: 'utf8' }, '/format/encoding', 'not_allowed'],
    [{ encoding: 'latin1' }, '/format/encoding', 'not_allowed'],
    [{ delimiter: '' }, '/format/delimiter', 'too_short'],
    [{ delimiter: '\\t' }, '/format/delimiter', 'too_long'],
    [{ delimiter: 'tab' }, '/format/delimiter', 'too_long'],
    [{ delimiter: 9 }, '/format/delimiter', 'invalid_type'],
    [{ delimiter: '\0' }, '/format/delimiter', 'nul_character'],
    [{ delimiter: '¦' }, '/format/delimiter', 'invalid_format'],
    [{ delimiter: '🦊' }, '/format/delimiter', 'invalid_format'],
    [{ delimiter: '\n' }, '/format/delimiter', 'invalid_format'],
    [{ delimiter: '\u0001' }, '/format/delimiter', 'invalid_format'],
    [{ delimiter: '=' }, '/format/delimiter', 'invalid_format'],
    [{ quote: '@' }, '/format/quote', 'invalid_format'],
    [{ delimiter: '\r' }, '/format/delimiter', 'invalid_format'],
    [{ delimiter: 'x' }, '/format/delimiter', 'invalid_format'],
    [{ delimiter: '7' }, '/format/delimiter', 'invalid_format'],
    [{ delimiter: '"' }, '/format/delimiter', 'invalid_format'],
    [{ delimiter: "'" }, '/format/delimiter', 'invalid_format'],
    [{ quote: '' }, '/format/quote', 'too_short'],
    [{ quote: '""' }, '/format/quote', 'too_long'],
    [{ quote: null }, '/format/quote', 'invalid_type'],
    [{ quote: '“' }, '/format/quote', 'invalid_format'],
    [{ quote: '\n' }, '/format/quote', 'invalid_format'],
    [{ quote: 'q' }, '/format/quote', 'invalid_format'],
    [{ quote: ' ' }, '/format/quote', 'invalid_format'],
    [{ quote: ',' }, '/format/quote', 'invalid_format'],
    [{ quote: ';' }, '/format/quote', 'invalid_format'],
    [{ quote: '\t' }, '/format/quote', 'invalid_format'],
    [{ quote: '|', delimiter: '|' }, '/format/quote', 'invalid_format'],
    [{ quote: '~', delimiter: '~' }, '/format/quote', 'not_allowed'],
    [{ sheet: '' }, '/format/sheet', 'too_short'],
    [{ sheet: 'S'.repeat(32) }, '/format/sheet', 'too_long'],
    [{ sheet: 1 }, '/format/sheet', 'invalid_type'],
    [{ header_row: -1 }, '/format/header_row', 'out_of_range'],
    [{ header_row: 1_000_001 }, '/format/header_row', 'out_of_range'],
    [{ header_row: 1.5 }, '/format/header_row', 'invalid_type'],
    [{ header_row: true }, '/format/header_row', 'invalid_type'],
    [{ decimal: ';' }, '/format/decimal', 'not_allowed'],
    [{ decimal: null }, '/format/decimal', 'not_allowed'],
    [{ thousands: '' }, '/format/thousands', 'not_allowed'],
    [{ thousands: '_' }, '/format/thousands', 'not_allowed'],
    [{ thousands: '.' }, '/format/thousands', 'not_allowed'],
    [{ thousands: '.', decimal: '.' }, '/format/thousands', 'not_allowed'],
    [{ thousands: ',', decimal: ',' }, '/format/thousands', 'not_allowed'],
    [{ dates: 'DD.MM.YYYY' }, '/format/dates', 'invalid_type'],
    [{ dates: [1] }, '/format/dates/0', 'invalid_type'],
    [{ dates: ['DD.MM.YYYY', ''] }, '/format/dates/1', 'too_short'],
    [{ dates: ['DD.MM.YYYY', 'D'.repeat(65)] }, '/format/dates/1', 'too_long'],
    [{ dates: ['DD.MM.YYYY', 'DD.MM.YYYY'] }, '/format/dates/1', 'invalid'],
    [
      { dates: Array.from({ length: 11 }, (_, n) => `${'-'.repeat(n)}DD.MM.YYYY`) },
      '/format/dates',
      'too_long',
    ],
    [{ dates: ['DD.MM.YYYY', 'day.month'] }, '/format/dates/1', 'invalid_format'],
    [{ time_zone: '' }, '/format/time_zone', 'too_short'],
    [{ time_zone: 'CET' }, '/format/time_zone', 'invalid_format'],
    [{ time_zone: '+1:00' }, '/format/time_zone', 'invalid_format'],
    [{ time_zone: '+01:60' }, '/format/time_zone', 'invalid_format'],
    [{ time_zone: '.12Z' }, '/format/time_zone', 'invalid_format'],
    [{ time_zone: 60 }, '/format/time_zone', 'invalid_type'],
  ])('%j', async (format, pointer, code) => {
    expect(await refused(format)).toEqual([[pointer, code, expect.stringMatching(/\w/)]]);
  });

  test.each<[FormatRequest, string[]]>([
    [{ type: 'xlsx', delimiter: ';' }, ['delimiter']],
    [{ type: 'xlsx', encoding: 'utf-8', quote: "'" }, ['encoding', 'quote']],
    [{ type: 'csv', sheet: 'Learners' }, ['sheet']],
    [
      { type: 'ndjson', delimiter: ';', header_row: 2, sheet: 'Learners' },
      ['delimiter', 'sheet', 'header_row'],
    ],
    [{ type: 'json', quote: "'" }, ['quote']],
    [{ sheet: 'Learners', delimiter: ';' }, ['delimiter']],
    [{ sheet: 'Learners', encoding: 'utf-16be' }, ['encoding']],
  ])('%j contradicts itself', async (format, options) => {
    const places = (await refused(format)).map(([pointer, code]) => [pointer, code]);
    expect(places).toEqual(options.map((option) => [`/format/${option}`, 'not_allowed']));
  });

  test('what does not belong there is told once, whatever else is wrong with it', async () => {
    expect(await refused({ type: 'xlsx', delimiter: 'x', thousands: '.' })).toEqual([
      ['/format/delimiter', 'not_allowed', 'goes with csv only, not with the type xlsx'],
      ['/format/thousands', 'not_allowed', expect.anything()],
    ]);
  });

  test.each<[unknown, string]>([
    [{ type: 'xls' }, 'must be one of csv, ndjson, json, xlsx'],
    [{ encoding: 'latin1' }, 'must be one of utf-8, utf-16le, utf-16be, windows-1252'],
    [{ decimal: ';' }, 'must be one of ".", ","'],
    [{ thousands: '_' }, 'must be one of ".", ",", " ", "\'", "\\u00a0", "\\u202f", null'],
    [{ thousands: '.' }, 'is what stands before decimals too; state the other one as decimal'],
    [{ delimiter: '||' }, 'must have at most 1 character'],
    [{ delimiter: '¦' }, 'must be one ASCII character, such as ";" or a tab'],
    [{ quote: '~', delimiter: '~' }, 'is the delimiter too'],
    [{ sheet: 'Learners', encoding: 'utf-8' }, 'goes with csv, ndjson, json only, not with a sheet'],
  ])('%j: %s', async (format, message) => {
    expect((await refused(format)).map(([, , said]) => said)).toEqual([message]);
  });
});

const records = { requiredKeys: [] };
const headerRow = fc.integer({ min: 0, max: 1_000_000 });
const table = fc.oneof(
  fc.record(
    {
      type: fc.constant('csv'),
      encoding: fc.constantFrom(...ENCODINGS),
      delimiter: fc.constantFrom(',', ';', '\t', '|', ' ', ':'),
      quote: fc.constantFrom('"', "'", '~'),
      header_row: headerRow,
    },
    records,
  ),
  fc.record(
    {
      type: fc.constant('xlsx'),
      sheet: fc.string({ minLength: 1, maxLength: 31, unit: 'grapheme' }).filter((name) => name.length < 32),
      header_row: headerRow,
    },
    records,
  ),
  fc.record(
    { type: fc.constantFrom(...FILE_TYPES.slice(0, 3)), encoding: fc.constantFrom(...ENCODINGS) },
    records,
  ),
);
const values = fc.record(
  {
    decimal: fc.constantFrom('.', ','),
    thousands: fc.constantFrom(' ', "'", '\u00a0', '\u202f', null),
    dates: fc.subarray(['DD.MM.YYYY', 'M/D/YYYY', 'YYYY-MM-DD HH:mm:ss']),
    time_zone: fc.constantFrom('Z', '+01:00', '-12:00'),
  },
  records,
);

test('what is answered makes the same batch once more', async () => {
  await fc.assert(
    fc.asyncProperty(table, values, async (...parts) => {
      const format = Object.assign({}, ...parts) as FormatRequest;
      const response = await submit(format);
      expect(response.statusCode).toBe(201);
      const answered = response.json().format;
      const again = await submit(answered);
      expect([again.statusCode, again.json().format]).toEqual([201, answered]);
      expect(fileFormatOf(answered)).toEqual(fileFormatOf(format));
      expect(formatRequestOf(fileFormatOf(answered))).toEqual(answered);
    }),
    { numRuns: 200 },
  );
});
