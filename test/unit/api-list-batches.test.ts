import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { BatchRow } from '../../src/engine/ports/request-stores.ts';
import { csvDescription } from '../../src/formats/description.ts';
import { apiInMemory, someBatch, type World } from './api-memory.ts';

let world: World;
beforeEach(async () => {
  world = await apiInMemory();
});
afterEach(() => world.app.close());

async function found(query: string): Promise<string[]> {
  const response = await world.get(`/batches?${query}`);
  expect(response.statusCode).toBe(200);
  return response.json().items.map((item: { batch: string }) => item.batch);
}

describe('each filter reaches the store', () => {
  const fitting: Partial<BatchRow> = {
    status: 'completed',
    operation: 'add_person',
    createdAt: 1_795_300_000.5,
    filename: 'Learners 50%.csv',
    metadata: { source: 'crm', year: 2026, scale: 'Infinity', checked: true, 'a-b': 1 },
  };
  const other: Partial<BatchRow> = {
    status: 'processing',
    operation: 'remove_person',
    createdAt: 1_795_300_001,
    filename: null,
    metadata: {},
  };

  test.each([
    'status=completed',
    'operation=add_person',
    'created_before=1795300001',
    'created_before=1795300000.501',
    'created_from=1795300000.5&created_before=1795300000.6',
    'metadata.source=crm',
    'metadata.scale=Infinity',
    'metadata.year=2026&metadata.checked=true',
    'search=learners%2050%25',
    'search=CRM',
    'search=infinity',
    'status=completed&operation=add_person&metadata.source=crm&search=csv&limit=5',
  ])('%s', async (query) => {
    const wanted = await someBatch(world, fitting);
    await someBatch(world, other);
    expect(await found(query)).toEqual([wanted]);
  });

  test.each(['metadata.source=hr', 'metadata.source=crm&metadata.year=2025', 'search=_rm', 'status=new'])(
    '%s finds neither',
    async (query) => {
      await someBatch(world, fitting);
      await someBatch(world, other);
      expect(await found(query)).toEqual([]);
    },
  );
});

test('the cursor of a filtered page goes on among what fits', async () => {
  const wanted: string[] = [];
  for (let index = 0; index < 6; index += 1) {
    const id = await someBatch(world, { metadata: { kind: index % 2 === 0 ? 'even' : 'odd' } });
    if (index % 2 === 0) wanted.unshift(id);
  }
  const first = (await world.get('/batches?metadata.kind=even&limit=2')).json();
  expect(first.items.map((item: { batch: string }) => item.batch)).toEqual(wanted.slice(0, 2));
  const query = `metadata.kind=even&limit=2&cursor=${first.next_cursor}`;
  expect(await found(query)).toEqual(wanted.slice(2));
  expect((await world.get(`/batches?${query}`)).json().next_cursor).toBeNull();
});

test('a wide file does not make a long list: the batch itself has all of its columns', async () => {
  const columns = Array.from({ length: 5000 }, (_, index) => ({ name: `column ${index}`, field: null }));
  const wide = await someBatch(world, { read: csvDescription({ bom: false, columns }) });
  const few = columns.slice(0, 20);
  const narrow = await someBatch(world, { read: csvDescription({ bom: false, columns: few }) });
  const unread = await someBatch(world);

  const { items } = (await world.get('/batches')).json();
  expect(items.map((item: { batch: string }) => item.batch)).toEqual([unread, narrow, wide]);
  expect(items[0].read).toBeNull();
  for (const item of items.slice(1)) {
    expect(item.read.columns).toEqual(few);
    const whole = (await world.get(`/batches/${item.batch}`)).json();
    expect(whole.read.columns).toHaveLength(item.read.columns_total);
    const same = { read: null, progress: null, error_codes: undefined, first_errors: undefined };
    expect({ ...whole, ...same }).toEqual({ ...item, ...same });
  }
  expect(items.map((item: { read: { columns_total: number } | null }) => item.read?.columns_total)).toEqual([
    undefined,
    20,
    5000,
  ]);
});

describe('a query that is wrong', () => {
  test.each([
    ['status=done', '?status', 'not_allowed'],
    ['status=', '?status', 'not_allowed'],
    ['status=new&status=copying', '?status', 'invalid'],
    ['operation=', '?operation', 'too_short'],
    ['operation=a%00b', '?operation', 'nul_character'],
    ['created_from=yesterday', '?created_from', 'invalid_type'],
    ['created_from=-1', '?created_from', 'out_of_range'],
    ['created_before=1e300', '?created_before', 'out_of_range'],
    ['created_before=Infinity', '?created_before', 'invalid_type'],
    ['created_from=-Infinity', '?created_from', 'invalid_type'],
    ['created_from=NaN', '?created_from', 'invalid_type'],
    ['limit=Infinity', '?limit', 'invalid_type'],
    ['search=', '?search', 'too_short'],
    [`search=${'s'.repeat(201)}`, '?search', 'too_long'],
    ['search=%00', '?search', 'nul_character'],
    ['metadata.source=a&metadata.source=b', '?metadata.source', 'invalid'],
    ['metadata.source=%00', '?metadata.source', 'nul_character'],
    ['metadata.Source=a', '?metadata.Source', 'unknown_field'],
    ['metadata.=a', '?metadata.', 'unknown_field'],
    ['metadata=a', '?metadata', 'unknown_field'],
    ['metadata.__proto__.x=a', '?metadata.__proto__.x', 'unknown_field'],
    ['sort=created_ts', '?sort', 'unknown_field'],
  ])('%s', async (query, pointer, code) => {
    const response = await world.get(`/batches?${query}`);
    expect(response.statusCode).toBe(422);
    expect(response.json().errors).toMatchObject([{ pointer, code }]);
  });

  test('what is not known is told with what there is', async () => {
    expect((await world.get('/batches?state=new')).json().detail).toBe(
      '?state: is not known; there are status, operation, created_from, created_before, search, limit, cursor, what matches ^metadata\\.[a-z_][0-9a-z_]{0,63}$',
    );
  });

  test('a key that objects have by themselves is looked for in the metadata only', async () => {
    await someBatch(world, { metadata: {} });
    expect(await found('metadata.__proto__=x')).toEqual([]);
    expect(await found('metadata.constructor=x')).toEqual([]);
  });
});
