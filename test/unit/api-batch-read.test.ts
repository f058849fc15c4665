import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { FailedRecord } from '../../src/core/tally.ts';
import { PLAIN_VALUES } from '../../src/core/value-rules.ts';
import type { BatchRow } from '../../src/engine/ports/request-stores.ts';
import { csvDescription, type InputDescription } from '../../src/formats/description.ts';
import { apiInMemory, someBatch, type World } from './api-memory.ts';

/** What a batch tells of its file and of what went wrong. */

let world: World;
beforeEach(async () => {
  world = await apiInMemory();
});
afterEach(() => world.app.close());

const batchOf = async (change: Partial<BatchRow>) =>
  (await world.get(`/batches/${await someBatch(world, change)}`)).json();

const columns = [
  { name: 'Name', field: 'name' },
  { name: 'Remarks', field: null },
];
const plain = { compression: null, encoding: 'utf-8', bom: false, values: PLAIN_VALUES, columns } as const;
const shown = { compression: null, encoding: 'utf-8', bom: false, columns, columns_total: 2 };

describe('read', () => {
  test.each<[string, InputDescription, object]>([
    [
      'CSV',
      csvDescription({
        bom: true,
        columns,
        encoding: 'utf-16le',
        compression: 'gzip',
        delimiter: '\t',
        quote: "'",
        lineEnd: 'cr',
        headerRow: 4,
      }),
      {
        ...shown,
        format: 'csv',
        compression: 'gzip',
        encoding: 'utf-16le',
        bom: true,
        delimiter: '\t',
        quote: "'",
        line_end: 'cr',
        header: true,
        header_row: 4,
        marked: false,
      },
    ],
    [
      'CSV without a header row',
      csvDescription({ bom: false, columns, headerRow: 0 }),
      {
        ...shown,
        format: 'csv',
        delimiter: ',',
        quote: '"',
        line_end: 'crlf',
        header: false,
        header_row: 0,
        marked: false,
      },
    ],
    ['NDJSON', { ...plain, format: 'ndjson', mapping: {} }, { ...shown, format: 'ndjson' }],
    ['a JSON array', { ...plain, format: 'json', mapping: {} }, { ...shown, format: 'json' }],
    [
      'XLSX',
      { ...plain, format: 'xlsx', sheet: 'Learners', dateSystem: 1904, headerRow: 2, marked: true },
      {
        ...shown,
        format: 'xlsx',
        sheet: 'Learners',
        date_system: 1904,
        header: true,
        header_row: 2,
        marked: true,
      },
    ],
  ])('of %s', async (_name, read, answered) => {
    expect((await batchOf({ read })).read).toEqual(answered);
  });

  test('tells of each column what was coerced in it, also of one that is called like something of JavaScript', async () => {
    const odd = [...columns, { name: 'constructor', field: 'age' }, { name: '__proto__', field: null }];
    const coerced = { Name: { blank: 2 }, age: { number: 1 } };
    const { read } = await batchOf({ read: csvDescription({ bom: false, columns: odd }), coerced });
    expect(read.columns).toEqual([{ name: 'Name', field: 'name', coerced: { blank: 2 } }, ...odd.slice(1)]);
  });
});

describe('failures', () => {
  const failed = (record: number): FailedRecord => ({ record, code: 'required', message: 'must be given' });
  const detailed = { ...failed(3), field: 'age', column: 'Age', value: 'x' };
  const failures = { codes: { required: 12, too_long: 1 }, first: [detailed, ...[4, 5].map(failed)] };

  test('are counted by their codes, and the first are shown', async () => {
    const batch = await batchOf({ failures });
    expect([batch.error_codes, batch.first_errors]).toEqual([failures.codes, failures.first]);
  });

  test('of a list are left out, as is what was coerced: nobody counts them there', async () => {
    await someBatch(world, {
      failures,
      coerced: { Name: { blank: 1 } },
      read: csvDescription({ bom: false, columns }),
    });
    const [item] = (await world.get('/batches')).json().items;
    expect(Object.keys(item)).not.toEqual(expect.arrayContaining(['error_codes']));
    expect(Object.keys(item)).not.toEqual(expect.arrayContaining(['first_errors']));
    expect(item.read.columns).toEqual(columns);
  });
});

test('while its file is converted a batch tells of bytes', async () => {
  const { progress } = await batchOf({
    status: 'copied',
    converting: true,
    progressDone: 40,
    statuses: [{ status: 'copied', ts: Date.now() / 1000 - 4 }],
  });
  expect(progress).toMatchObject({ stage: 'copied', unit: 'bytes', done: 40, of: 100 });
});
