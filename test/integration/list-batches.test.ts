import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { BatchFilters } from '../../src/engine/ports/request-stores.ts';
import { openTestApi, type TestApi } from '../support/api.ts';
import { addAccount, addBatch, clearBatches } from '../support/rows.ts';
import { openTestSheaf, type TestSheaf } from '../support/sheaf.ts';

let sheaf: TestSheaf;
let api: TestApi;

beforeAll(async () => {
  sheaf = await openTestSheaf();
  api = await openTestApi(sheaf);
});
afterAll(async () => {
  await api.close();
  await sheaf.close();
});
beforeEach(() => clearBatches(sheaf.sql));

interface Given {
  status?: string;
  operation?: string;
  createdAt?: string;
  metadata?: object;
  filename?: string;
  accountId?: string;
}

async function add(given: Given = {}): Promise<string> {
  const { status = 'completed', accountId = sheaf.caller.accountId } = given;
  const id = await addBatch(sheaf, { status, chunks: 0, accountId });
  await sheaf.sql`
    update batches set operation = ${given.operation ?? 'create_learner'},
      metadata = ${sheaf.sql.json((given.metadata ?? {}) as never)},
      created_at = coalesce(${given.createdAt ?? null}::timestamptz, created_at)
    where id = ${id}`;
  await sheaf.sql`
    update uploads set filename = ${given.filename ?? null}
    where id = (select upload_id from batches where id = ${id})`;
  return id;
}

async function page(query: Record<string, string>, account?: string) {
  const url = `/batches?${new URLSearchParams(query)}`;
  const response = await api.request({ method: 'GET', url, ...(account !== undefined && { account }) });
  expect([response.statusCode, response.body.slice(0, 300)]).toEqual([200, expect.any(String)]);
  const { items, next_cursor } = response.json();
  return { ids: items.map((item: { batch: string }) => item.batch) as string[], next: next_cursor as string };
}

const found = async (query: Record<string, string>, account?: string) => (await page(query, account)).ids;

describe('status, operation, and when it was accepted', () => {
  it('each by itself and together', async () => {
    const first = await add({ status: 'failed', operation: 'a' });
    const second = await add({ status: 'failed', operation: 'b' });
    const third = await add({ status: 'new', operation: 'b' });
    expect(await found({ status: 'failed' })).toEqual([second, first]);
    expect(await found({ operation: 'b' })).toEqual([third, second]);
    expect(await found({ status: 'failed', operation: 'b' })).toEqual([second]);
    expect(await found({ status: 'cancelled' })).toEqual([]);
  });

  it('the moment that a batch is shown with is one that it is found from, and not before', async () => {
    // Microseconds that a double would round either way.
    for (const createdAt of ['2026-01-02 03:04:05.678999+00', '2026-01-02 03:04:05.678+00']) {
      const id = await add({ createdAt });
      const shown = (await api.request({ method: 'GET', url: `/batches/${id}` })).json().created_ts;
      expect(shown).toBe(1_767_323_045.678);
      expect(await found({ created_from: String(shown) })).toContain(id);
      expect(await found({ created_before: String(shown) })).not.toContain(id);
      expect(await found({ created_from: '1767323045.679' })).not.toContain(id);
      expect(await found({ created_before: '1767323045.679' })).toContain(id);
    }
  });

  it('any moment there is can be asked for', async () => {
    const id = await add();
    expect(await found({ created_from: '0', created_before: '253402300799' })).toEqual([id]);
    expect(await found({ created_from: '1e-300' })).toEqual([id]);
  });
});

describe('metadata', () => {
  it.each([
    ['text', 'crm', 'crm'],
    ['text that looks like JSON', '"crm"', '"crm"'],
    ['a number', 42, '42'],
    ['a decimal', -0.5, '-0.5'],
    ['true', true, 'true'],
    ['false', false, 'false'],
    ['null', null, 'null'],
    ['an empty text', '', ''],
    ['blanks and signs', ' a=b&c%20+', ' a=b&c%20+'],
    ['quotes and backslashes', `'";--\\`, `'";--\\`],
  ])('%s', async (_name, value, asked) => {
    const id = await add({ metadata: { key: value, other: 1 } });
    await add({ metadata: { key: 'something else' } });
    await add({ metadata: { other: value } });
    await add();
    expect(await found({ 'metadata.key': asked })).toEqual([id]);
  });

  it('every key that is given must fit; a value within a value does not', async () => {
    const both = await add({ metadata: { a: '1', b: '2' } });
    await add({ metadata: { a: '1' } });
    await add({ metadata: { a: { a: '1' }, b: ['2'] } });
    expect(await found({ 'metadata.a': '1', 'metadata.b': '2' })).toEqual([both]);
    expect(await found({ 'metadata.a': 'x' })).toEqual([]);
  });

  it('hundreds of keys are no trouble', async () => {
    const id = await add({ metadata: { key_0: '0' } });
    const query = Object.fromEntries(Array.from({ length: 500 }, (_, n) => [`metadata.key_${n}`, String(n)]));
    expect(await found(query)).toEqual([]);
    expect(await found({ 'metadata.key_0': '0' })).toEqual([id]);
  });
});

describe('search', () => {
  it('looks into the id, the name of the file, and texts and numbers of the metadata, whatever their case', async () => {
    const id = await add({
      filename: 'Übersicht Learners.CSV',
      metadata: {
        Source: 'CRM',
        nested: [{ deep: ['Straße 7'] }],
        number: 4815162342,
        share: 12.5,
        flag: true,
      },
    });
    await add({ filename: 'other.txt', metadata: { nothing: 'here' } });
    const texts = [
      id,
      id.slice(9, 23).toUpperCase(),
      'übersicht',
      'learners.csv',
      'crm',
      'STRASSE',
      'straße',
      '15162342',
      '12.5',
    ];
    const results = await Promise.all(texts.map(async (text) => [text, await found({ search: text })]));
    expect(results).toEqual(texts.map((text) => [text, text === 'STRASSE' ? [] : [id]]));
  });

  it('does not find keys, quotes of the JSON, or what stands in two values', async () => {
    // No letters of hexadecimal digits: ids are looked through as well.
    await add({ metadata: { secret_key: 'x', other: 'y', list: ['z', 'w'] } });
    for (const search of ['secret_key', '"', ':', '{', 'xy', 'zw', 'z, w', 'null']) {
      expect([search, await found({ search })]).toEqual([search, []]);
    }
  });

  it.each([
    '%',
    '_',
    '\\',
    '%%',
    'a_c',
    'a%c',
    "'",
    "' or true --",
    '$.**',
    '.*',
    '\\u0061',
    '🎉',
    'é\u0301',
  ])('takes %s for what it is', async (search) => {
    const id = await add({ metadata: { text: `before${search}after` } });
    await add({ metadata: { text: 'abc' }, filename: 'abc.csv' });
    expect(await found({ search })).toEqual([id]);
  });

  it('is not stopped by the deepest and the largest metadata that there is', async () => {
    let deep: unknown = 'needle';
    for (let level = 0; level < 30; level += 1) deep = level % 2 === 0 ? [deep] : { k: deep };
    const wide = { list: Array.from({ length: 7000 }, (_, n) => n % 10), last: 'needle' };
    const ids = [await add({ metadata: { deep } }), await add({ metadata: wide })];
    for (let n = 0; n < 20; n += 1) await add({ metadata: wide });
    expect(await found({ search: 'NEEDLE', limit: '100' })).toEqual(expect.arrayContaining(ids));
    expect(await found({ search: 'n'.repeat(200) })).toEqual([]);
  });

  it('answers as a search through the values in memory does', async () => {
    const value = fc.letrec((tie) => ({
      any: fc.oneof(
        { maxDepth: 3 },
        fc.string({ unit: fc.constantFrom('a', 'B', '%', '_', '\\', '"', "'", 'ü', '🎉', ' ') }),
        fc.integer({ min: -1000, max: 1000 }),
        fc.constantFrom(true, false, null, 0.5),
        fc.array(tie('any'), { maxLength: 3 }),
        fc.dictionary(fc.constantFrom('a', 'b', 'k'), tie('any'), { maxKeys: 3 }),
      ),
    })).any;
    const text = fc.string({
      unit: fc.constantFrom('a', 'b', '%', '_', '\\', '1', 'Ü', '🎉'),
      minLength: 1,
      maxLength: 3,
    });
    const id = await add();
    const { batches } = sheaf.account;
    await fc.assert(
      fc.asyncProperty(fc.dictionary(fc.constantFrom('a', 'x'), value), text, async (metadata, search) => {
        await sheaf.sql`update batches set metadata = ${sheaf.sql.json(metadata as never)} where id = ${id}`;
        const rows = await batches.list({ limit: 1, filters: { search } });
        const expected = [id, ...leaves(metadata)].some((leaf) =>
          leaf.toLowerCase().includes(search.toLowerCase()),
        );
        expect(rows.length === 1).toBe(expected);
      }),
      { numRuns: 300 },
    );
  });
});

function leaves(value: unknown): string[] {
  if (typeof value === 'string' || typeof value === 'number') return [String(value)];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(leaves) : [];
}

it('no filter whatever makes an error of the database', async () => {
  await add({ metadata: { a: [1, { b: 'x' }] }, filename: 'x' });
  const text = fc.string({ unit: 'binary', minLength: 1 }).filter((one) => !one.includes('\0'));
  const filters = fc.record(
    {
      operation: text,
      createdFrom: fc.double({ min: 0, max: 253_402_300_799, noNaN: true }),
      createdBefore: fc.double({ min: 0, max: 253_402_300_799, noNaN: true }),
      metadata: fc.dictionary(fc.stringMatching(/^[a-z_][0-9a-z_]{0,63}$/), text),
      search: text,
    },
    { requiredKeys: [] },
  );
  await fc.assert(
    fc.asyncProperty(filters, async (given) => {
      const rows = await sheaf.account.batches.list({
        limit: 10,
        filters: given as BatchFilters,
      });
      expect(rows.length).toBeLessThanOrEqual(1);
    }),
    { numRuns: 300 },
  );
});

it('the cursor goes on among what fits, while new batches come in', async () => {
  const wanted: string[] = [];
  for (let n = 0; n < 10; n += 1) {
    const id = await add({ metadata: { parity: n % 2 } });
    if (n % 2 === 0) wanted.unshift(id);
  }
  const query = { 'metadata.parity': '0', limit: '2' };
  const first = await page(query);
  expect(first.ids).toEqual(wanted.slice(0, 2));
  await add({ metadata: { parity: 0 } });
  const second = await page({ ...query, cursor: first.next });
  const third = await page({ ...query, cursor: second.next });
  expect([...second.ids, ...third.ids]).toEqual(wanted.slice(2));
  expect(third.next).toBeNull();
});

it('nobody finds what is another account’s, or what is deleted', async () => {
  const stranger = await addAccount(sheaf.sql);
  const ours = await add({ metadata: { source: 'crm' }, filename: 'ours.csv' });
  const theirs = await add({ metadata: { source: 'crm' }, filename: 'theirs.csv', accountId: stranger });
  const deleted = await add({ metadata: { source: 'crm' }, status: 'deleting' });
  await sheaf.sql`update batches set deleted_at = now() where id = ${deleted}`;
  for (const query of [{}, { 'metadata.source': 'crm' }, { search: 's.csv' }, { search: 'crm' }] as Record<
    string,
    string
  >[]) {
    expect(await found(query)).toEqual([ours]);
    expect(await found(query, stranger)).toEqual([theirs]);
  }
  expect(await found({ search: theirs })).toEqual([]);
  for (const id of [theirs, deleted]) {
    const asked = [
      await api.request({ method: 'GET', url: `/batches/${id}` }),
      await api.request({ method: 'GET', url: `/batches/${id}/results` }),
      await api.request({ method: 'PATCH', url: `/batches/${id}`, payload: { status: 'cancel' } }),
    ];
    expect(asked.map((response) => response.json().code)).toEqual(Array(3).fill('batch_not_found'));
  }
  const url = `/batches/${theirs}`;
  expect((await api.request({ method: 'DELETE', url })).json().code).toBe('batch_not_found');
  expect((await api.request({ method: 'GET', url, account: stranger })).json().deletion_requested).toBe(
    false,
  );
  // A client whose answer was lost asks again: for a while that is no error.
  const again = await api.request({ method: 'DELETE', url: `/batches/${deleted}` });
  expect([again.statusCode, again.json()]).toEqual([202, { batch: deleted, status: 'deleting' }]);
});
