import { gzipSync } from 'node:zlib';
import { parse } from 'csv-parse/sync';
import { Type } from 'typebox';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { defineOperation } from '../../src/core/operation.ts';
import { failed, succeeded } from '../../src/core/result.ts';
import type { BatchRequest } from '../../src/engine/batch-request.ts';
import type { BatchRow } from '../../src/engine/ports/request-stores.ts';
import { BatchResults, valuesOf, workbook } from '../support/batch-results.ts';
import { openTestSheaf, type TestSheaf } from '../support/sheaf.ts';

/** What every call was given, by record. */
const given = new Map<number, unknown>();

/** Notes what it is given, and refuses what is called so. */
const noting = defineOperation({
  name: 'note',
  version: 1,
  title: 'Note',
  description: 'Notes what it is given.',
  input: Type.Object(
    {
      id: Type.String({ maxLength: 40 }),
      text: Type.Optional(Type.String({ maxLength: 400 })),
      amount: Type.Optional(Type.Number({ maximum: 1000 })),
      count: Type.Optional(Type.Integer()),
      ok: Type.Optional(Type.Boolean()),
      address: Type.Optional(
        Type.Object({ city: Type.Optional(Type.String()) }, { additionalProperties: false }),
      ),
    },
    { additionalProperties: false },
  ),
  output: Type.Object({}, { additionalProperties: false }),
  settings: Type.Object({}, { additionalProperties: false }),
  failures: { refused: 'The record is bad' },
  run: async (records) => {
    for (const { number, input } of records) given.set(number, input);
    return records.map(({ input }) =>
      input.id === 'refused' ? failed('refused', 'is bad', 'id') : succeeded({}),
    );
  },
});

const FORMATS = ['ndjson', 'csv', 'xlsx'] as const;
const OURS = ['_rest', '_record', '_status', '_error_code', '_error', '_sheaf'];

let sheaf: TestSheaf;
const { names, text, lines, bytes, sheets, manifest, checkAccounting } = new BatchResults(() => sheaf);

beforeAll(async () => {
  sheaf = await openTestSheaf({ SHEAF_CHUNK_RECORDS: '4' }, { operations: [noting] });
  await sheaf.startWorkers();
});
afterAll(() => sheaf.close());

async function note(body: string | Buffer, request: Partial<BatchRequest> = {}) {
  given.clear();
  const batch = await sheaf.run(body, { operation: 'note', results_format: FORMATS, ...request });
  return { batch, inputs: [...given].sort(([a], [b]) => a - b).map(([, input]) => input) };
}

/** Texts that a spreadsheet, a reader or a writer might make something else of. */
const TEXTS = [
  '=1+1',
  '+1+1',
  '-2+3',
  '@SUM(A1)',
  "'=1+1",
  "''@x",
  "'plain",
  '\t=1',
  '+49 (170) 123-45',
  '-5',
  '007',
  '1.50',
  '12345678901234567890',
  '1e5',
  'TRUE',
  '2026-01-31',
  'a "b", c; d',
  'two\nlines',
  ' blanks ',
  'Ünïcødé 😀',
  '_x000D_',
  '{"a":1}',
  '\u0001control',
];

const records = TEXTS.map((value, n) => ({
  id: `r${n}`,
  text: value,
  amount: [1.5, -3, 0.001, 1000, 0][n % 5]!,
  count: n - 3,
  ok: n % 2 === 0,
  address: { city: n % 3 === 0 ? '=Ulm' : 'Köln' },
}));

const COLUMNS = ['id', 'text', 'amount', 'count', 'ok', 'address.city', 'unknown'];
const rowOf = (record: (typeof records)[number]) => {
  const { id, text, amount, count, ok, address } = record;
  return [id, text, String(amount), String(count), String(ok), address.city, '=not a field'];
};

function csvOf(delimiter: string, quote: string): string {
  const cell = (value: string) => `${quote}${value.replaceAll(quote, quote + quote)}${quote}`;
  return [COLUMNS, ...records.map(rowOf)].map((row) => `${row.map(cell).join(delimiter)}\r\n`).join('');
}

const ndjson = () =>
  records.map((record) => `${JSON.stringify({ ...record, unknown: '=not a field' })}\n`).join('');

/** exceljs leaves it to others to write what XML does not hold. */
const escaped = (value: string) =>
  value.replace(/_(?=x[0-9A-F]{4}_)/g, '_x005F_').replace('\u0001', '_x0001_');

/** What a spreadsheet would run, or may: a number it would not. */
const RUN = /^[=@\t\r]|^[+-](?!\d+(\.\d+)?$|49 \(170\) 123-45$)/;

const RFC_4180 = { delimiter: ',', quote: '"' };

describe.each<
  [string, () => Promise<string | Buffer> | string | Buffer, { delimiter: string; quote: string }]
>([
  ['CSV', () => csvOf(',', '"'), RFC_4180],
  ['CSV with semicolons and apostrophes', () => csvOf(';', "'"), { delimiter: ';', quote: "'" }],
  [
    'gzipped CSV in UTF-16',
    () => gzipSync(Buffer.from(`\uFEFF${csvOf('\t', '"')}`, 'utf16le')),
    { delimiter: '\t', quote: '"' },
  ],
  ['lines of JSON', ndjson, RFC_4180],
  ['a JSON array', () => JSON.stringify(records), RFC_4180],
  [
    'a workbook',
    () => workbook('People', [COLUMNS, ...records.map((it) => rowOf(it).map(escaped))]),
    RFC_4180,
  ],
])('the results of %s', (_, body, dialect) => {
  let first: BatchRow;
  let dry: BatchRow;

  beforeAll(async () => {
    const sent = await body();
    dry = (await note(sent, { dry_run: true })).batch;
    const { batch, inputs } = await note(sent);
    expect(inputs).toEqual(records);
    first = batch;
  });

  it('are of every kind in every format, and they add up', async () => {
    expect(first).toMatchObject({ status: 'completed', counts: { succeeded: records.length, failed: 0 } });
    const kinds = ['all', 'succeeded', 'failed', 'errors', 'unprocessed'];
    expect(names(first)).toEqual([
      ...kinds.flatMap((kind) => FORMATS.map((format) => `${kind}.${format}`)),
      'manifest.json',
    ]);
    await checkAccounting(first);
    expect((await manifest(first)).omitted).toEqual([]);
  });

  it('have nothing in tables that a spreadsheet runs', async () => {
    const [sheet] = await sheets(first, 'all');
    const [header = [], ...rows] = valuesOf(sheet);
    expect(header.slice(-6)).toEqual(OURS);
    const { delimiter, quote } = dialect;
    const table = parse(await text(first, 'all', 'csv'), {
      bom: true,
      delimiter,
      quote,
      escape: quote,
    }) as string[][];
    expect(table).toHaveLength(1 + TEXTS.length);
    for (const cell of table.flat()) expect(cell).not.toMatch(RUN);
    for (const row of rows) for (const cell of row) expect(String(cell ?? '')).not.toMatch(RUN);
  });

  it.each(['csv', 'xlsx'] as const)('sent back as %s are the same records', async (format) => {
    const again = await note(await bytes(first, 'all', format));
    expect(again.batch).toMatchObject({ status: 'completed', read: { format, marked: true } });
    expect(again.inputs).toEqual(records);
    // And once more: nothing grows.
    const third = await note(await bytes(again.batch, 'succeeded', format));
    expect(third.inputs).toEqual(records);
    const [sheet] = await sheets(third.batch, 'all');
    expect(valuesOf(sheet)[0]?.filter((name) => OURS.includes(name as string))).toEqual(OURS);
  });

  it.each(FORMATS)('that were not processed are the same records, sent back as %s', async (format) => {
    expect(dry).toMatchObject({ status: 'completed', counts: { unprocessed: records.length } });
    await checkAccounting(dry);
    const again = await note(await bytes(dry, 'unprocessed', format));
    expect(again.batch).toMatchObject({ status: 'completed', counts: { succeeded: records.length } });
    expect(again.inputs).toEqual(records);
  });
});

describe('the failed records of a workbook', () => {
  const error = { error: '#N/A' } as const;
  const rows = [
    ['id', 'amount', 'note'],
    ['a', 12.5, '=x'],
    ['b', error, 'kept'],
    ['refused', 7, ''],
    ['d', 1001, ''],
    ['e', 3, error],
  ];
  let batch: BatchRow;

  beforeAll(async () => {
    const sent = await workbook('People', rows as never);
    batch = (await note(sent, { on_invalid: 'skip', mapping: {}, custom_id: 'id' })).batch;
  });

  it('are told by what is wrong with each cell', async () => {
    expect(batch).toMatchObject({ status: 'completed', counts: { total: 5, succeeded: 2, failed: 3 } });
    await checkAccounting(batch);
    const failed = await lines(batch, 'failed');
    expect(failed.map(({ custom_id, input }) => [custom_id, input])).toEqual([
      ['b', { id: 'b', amount: { error: 'cell_error', message: expect.any(String) }, note: 'kept' }],
      ['refused', { id: 'refused', amount: '7', note: '' }],
      ['d', { id: 'd', amount: '1001', note: '' }],
    ]);
  });

  it('are marked in each workbook that has them, also where no field is filled', async () => {
    const [all] = await sheets(batch, 'all');
    expect(all?.name).toBe('People');
    expect(valuesOf(all).map((row) => row.slice(0, 3))).toEqual([
      ['id', 'amount', 'note'],
      ['a', 12.5, "'=x"],
      ['b', null, 'kept'],
      ['refused', 7, null],
      ['d', 1001, null],
      ['e', 3, null],
    ]);
    const marked = ['B3', 'A4', 'B5', 'C6'];
    for (const address of marked) expect(all?.getCell(address).note, address).toBeDefined();
    expect(JSON.stringify(all?.getCell('B3').note)).toContain('(cell_error)');
    expect(JSON.stringify(all?.getCell('A4').note)).toContain('is bad (refused)');
    expect(all?.getCell('A2').note).toBeUndefined();
    const [table, report] = await sheets(batch, 'errors');
    expect(valuesOf(table).map(([id]) => id)).toEqual(['id', 'b', 'refused', 'd']);
    expect(valuesOf(report).map(([record, id, column, , code]) => [record, id, column, code])).toEqual([
      ['record', 'custom_id', 'column', 'code'],
      [2, 'b', 'amount', 'cell_error'],
      [3, 'refused', 'id', 'refused'],
      [4, 'd', 'amount', 'out_of_range'],
    ]);
  });

  it('mended are accepted', async () => {
    const [table] = await sheets(batch, 'failed');
    table!.getCell('B2').value = 5;
    table!.getCell('A3').value = 'c';
    table!.getCell('B4').value = 1000;
    const { batch: again, inputs } = await note(Buffer.from(await table!.workbook.xlsx.writeBuffer()));
    expect(again).toMatchObject({ status: 'completed', counts: { total: 3, succeeded: 3 } });
    expect(inputs).toEqual([
      { id: 'b', amount: 5 },
      { id: 'c', amount: 7 },
      { id: 'd', amount: 1000 },
    ]);
  });
});

describe('what a record has besides its columns', () => {
  it('comes back with it, and is lost neither time', async () => {
    const body = '{"id":"a","extra":{"n":12345678901234567890}}\n{"id":"b","more":[1.0]}\n';
    let { batch } = await note(body);
    for (const format of ['csv', 'xlsx', 'csv'] as const) {
      batch = (await note(await bytes(batch, 'all', format))).batch;
      expect(batch).toMatchObject({ status: 'completed', counts: { succeeded: 2 } });
      const [sheet] = await sheets(batch, 'all');
      const [header = [], , second = []] = valuesOf(sheet);
      expect(second[header.indexOf('_rest')]).toBe('{"more":[1.0]}');
    }
  });

  it('fails again where it stands in place of a field, until it is mended', async () => {
    const { batch } = await note('{"id":"a","text":["x"]}\n{"id":"b","address":"here"}\n');
    expect(batch).toMatchObject({ status: 'validation_failed', counts: { failed: 2 } });
    for (const format of ['csv', 'xlsx'] as const) {
      const again = (await note(await bytes(batch, 'failed', format))).batch;
      const codes = (await lines(again, 'all')).map((line) => line.status === 'failed' && line.error.code);
      expect(codes).toEqual(['rest_not_empty', 'rest_not_empty']);
    }
    const table = await text(batch, 'failed', 'csv');
    expect(table).toContain(',"{""text"":[""x""]}",1,failed,invalid_type,');
    const mended = table.replace('"{""text"":[""x""]}"', '').replace('"{""address"":""here""}"', '');
    expect((await note(mended)).inputs).toEqual([{ id: 'a' }, { id: 'b' }]);
  });
});
