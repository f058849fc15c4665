import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { encodeCursor } from '../../src/api/cursor.ts';
import { TERMINAL_STATUSES } from '../../src/core/batch.ts';
import type { ResultFile } from '../../src/engine/ports/batch-results.ts';
import type { BatchRow } from '../../src/engine/ports/request-stores.ts';
import { apiInMemory, filledUpload, someBatch, type World } from './api-memory.ts';

let world: World;
beforeEach(async () => {
  world = await apiInMemory();
});
afterEach(() => world.app.close());

test('a batch is created from an upload, and answered as it will be shown', async () => {
  const handler = await filledUpload(world);
  const hash = 'ab'.repeat(32);
  const response = await world.post('/batches', {
    handler,
    operation: 'add_person',
    hash,
    metadata: { source: 'crm', tags: [1, null] },
    mapping: { Name: 'name' },
    on_invalid: 'skip',
  });
  expect(response.statusCode).toBe(201);
  const batch = response.json();
  expect(response.headers.location).toBe(`/batches/${batch.batch}`);
  expect(batch).toEqual({
    batch: expect.stringMatching(/^[0-9a-f-]{36}$/),
    operation: 'add_person',
    status: 'new',
    status_reason: null,
    hash,
    metadata: { source: 'crm', tags: [1, null] },
    created_ts: expect.any(Number),
    updated_ts: expect.any(Number),
    statuses: [{ status: 'new', ts: expect.any(Number) }],
    counts: { total: null, succeeded: 0, failed: 0, skipped: 0, unprocessed: 0 },
    progress: { stage: 'new', unit: 'bytes', done: 0, of: 100, per_second: null, seconds_left: null },
    handler,
    filename: null,
    on_invalid: 'skip',
    mapping: { Name: 'name' },
    settings: { level: 1 },
    dry_run: false,
    stop_after: null,
    execution: 'parallel',
    custom_id: null,
    priority: 0,
    results_format: ['ndjson'],
    expires_after: 2_592_000,
    failed_from: null,
    resumable: false,
    format: {},
    on_duplicate_file: 'allow',
    warnings: [],
    retry_of: null,
    retries: [],
    read: null,
    error_codes: {},
    first_errors: [],
    results_ready: false,
    expires_ts: null,
    deletion_requested: false,
    links: {
      self: `/batches/${batch.batch}`,
      results: `/batches/${batch.batch}/results`,
      events: `/batches/${batch.batch}/events`,
    },
  });
  expect(world.tickets).toEqual([batch.batch]);
});

test.each([
  [
    {
      dry_run: true,
      stop_after: { failures: 1 },
      execution: 'serial',
      custom_id: 'Personnel number',
      priority: -100,
      results_format: ['xlsx', 'csv', 'ndjson'],
      expires_after: 60,
    },
    {},
  ],
  [
    { stop_after: { share: 0.05 }, priority: 100, results_format: ['csv'], expires_after: 315_360_000 },
    { stop_after: { share: 0.05, min_records: 1000 } },
  ],
  [{ stop_after: { share: 1, min_records: 1 }, dry_run: false, execution: 'parallel', priority: 0 }, {}],
  [{ stop_after: null }, {}],
])('the options %j are answered, complete', async (options, completed) => {
  const handler = await filledUpload(world);
  const response = await world.post('/batches', { handler, operation: 'add_person', ...options });
  expect(response.statusCode).toBe(201);
  expect(response.json()).toMatchObject({ ...options, ...completed });
  const shown = (await world.get(`/batches/${response.json().batch}`)).json();
  expect(shown).toMatchObject({ ...options, ...completed });
});

test('a batch tells what the client called the file', async () => {
  const { handler } = (await world.post('/uploads', { filename: 'learners 2026.csv' })).json();
  world.objects.set(world.uploads.get(handler)!.objectKey, { bytes: 100, etag: '"e"' });
  const batch = (await world.post('/batches', { handler, operation: 'add_person' })).json();
  expect(batch.filename).toBe('learners 2026.csv');
});

describe('resumable', () => {
  const failed = (code: string, more: Partial<BatchRow> = {}): Partial<BatchRow> => ({
    status: 'failed',
    failedFrom: 'processing',
    statusReason: { code, message: 'it failed' },
    expiresAt: Date.now() / 1000 + 3600,
    ...more,
  });

  test.each([
    ['retries used up', failed('retries_exhausted'), true],
    ['at its limit of failures', failed('failure_limit'), true],
    ['what it works on is gone', failed('input_gone'), false],
    ['the upload was overwritten', failed('upload_changed'), false],
    ['its files are removed', failed('retries_exhausted', { expired: true }), false],
    ['its files are about to be removed', failed('retries_exhausted', { expiresAt: 1 }), false],
    ['it is to be deleted', failed('retries_exhausted', { deleting: true }), false],
    ['it has not failed', { status: 'completed' } as const, false],
  ])('%s', async (_name, change, resumable) => {
    expect((await world.get(`/batches/${await someBatch(world, change)}`)).json().resumable).toBe(resumable);
  });
});

test('a batch tells when its files go, and whether it is to be deleted', async () => {
  const id = await someBatch(world, { status: 'completed', expiresAt: 1_795_300_000.1236, deleting: true });
  const batch = (await world.get(`/batches/${id}`)).json();
  expect([batch.expires_ts, batch.deletion_requested]).toEqual([1_795_300_000.124, true]);
});

test('times have three decimals', async () => {
  const id = await someBatch(world, {
    createdAt: 1.23456,
    updatedAt: 2.0005,
    statuses: [{ status: 'new', ts: 3.00049 }],
  });
  const batch = (await world.get(`/batches/${id}`)).json();
  expect([batch.created_ts, batch.updated_ts, batch.statuses[0].ts]).toEqual([1.235, 2.001, 3]);
});

describe('Retry-After', () => {
  const processing = (settled: number, total: number): Partial<BatchRow> => ({
    status: 'processing',
    counts: { total, succeeded: settled, failed: 0, skipped: 0, unprocessed: total - settled },
    phase: { settled, recent: settled, since: Date.now() / 1000 - 10 },
  });

  test.each([
    [processing(99, 100), '1'],
    [processing(50, 80), '5'],
    [processing(10, 1_000_000), '5'],
    [{}, '1'],
  ])('of a batch that is at work: %#', async (change, expected) => {
    const id = await someBatch(world, change);
    const header = (await world.get(`/batches/${id}`)).headers['retry-after'];
    expect(Number(header)).toBeGreaterThanOrEqual(1);
    expect(Number(header)).toBeLessThanOrEqual(Number(expected));
  });

  test.each(TERMINAL_STATUSES)('not of %s', async (status) => {
    const response = await world.get(`/batches/${await someBatch(world, { status })}`);
    expect(response.headers).not.toHaveProperty('retry-after');
    expect(response.json().progress).toBeNull();
  });
});

describe('pages', () => {
  test('newest first, each batch once, until there is no cursor', async () => {
    const ids: string[] = [];
    for (let index = 0; index < 25; index += 1) ids.unshift(await someBatch(world));
    const first = (await world.get('/batches')).json();
    expect(first.items.map((item: { batch: string }) => item.batch)).toEqual(ids.slice(0, 20));
    const second = (await world.get(`/batches?cursor=${first.next_cursor}`)).json();
    expect(second.items.map((item: { batch: string }) => item.batch)).toEqual(ids.slice(20));
    expect(second.next_cursor).toBeNull();
  });

  test('a last page that is just full has no cursor', async () => {
    await someBatch(world);
    await someBatch(world);
    expect((await world.get('/batches?limit=2')).json().next_cursor).toBeNull();
    expect((await world.get('/batches?limit=1')).json().next_cursor).not.toBeNull();
  });

  test.each(['0', '101', 'ten', '1.5', '', '2&limit=3'])('limit=%s is refused', async (limit) => {
    const response = await world.get(`/batches?limit=${limit}`);
    expect(response.statusCode).toBe(422);
    expect(response.json().errors[0].pointer).toBe('?limit');
  });

  test.each([
    '',
    'abc',
    encodeCursor('not-an-id'),
    `${encodeCursor('0199f3a0-7c1e-7b4e-9a51-3d2c6f0b8e11')}!`,
    '0199f3a0-7c1e-7b4e-9a51-3d2c6f0b8e11',
  ])('the invented cursor "%s" is refused', async (cursor) => {
    const response = await world.get(`/batches?cursor=${cursor}`);
    expect(response.statusCode).toBe(422);
    expect(response.json().errors).toMatchObject([{ pointer: '?cursor', code: 'invalid_cursor' }]);
  });
});

describe('results', () => {
  const file = (kind: ResultFile['kind'], format: ResultFile['format']): ResultFile => ({
    kind,
    format,
    key: `results/${kind}`,
    bytes: 10,
    sha256: 'ab'.repeat(32),
    records: 2,
  });
  const written: Partial<BatchRow> = {
    status: 'completed',
    resultsReady: true,
    results: [file('all', 'ndjson'), file('errors', 'ndjson'), file('manifest', 'json')],
  };
  /** The unprocessed records could not be written as XLSX. */
  const writtenThrice: Partial<BatchRow> = {
    status: 'cancelled',
    resultsReady: true,
    resultsFormats: ['csv', 'ndjson', 'xlsx'],
    results: [
      file('all', 'csv'),
      file('all', 'ndjson'),
      file('all', 'xlsx'),
      file('errors', 'ndjson'),
      file('unprocessed', 'csv'),
      file('unprocessed', 'ndjson'),
      file('manifest', 'json'),
    ],
  };

  test('each file with a URL that saves it under a name of its own', async () => {
    const id = await someBatch(world, written);
    const { files } = (await world.get(`/batches/${id}/results`)).json();
    expect(files).toHaveLength(3);
    expect(files[0]).toEqual({
      kind: 'all',
      format: 'ndjson',
      url: `http://store/results/all?as=${id}-all.ndjson`,
      bytes: 10,
      sha256: 'ab'.repeat(32),
      records: 2,
      expires_ts: 4_102_444_800.123,
    });
  });

  test('a format chooses among those written; the manifest belongs to all of them', async () => {
    const id = await someBatch(world, written);
    const { files } = (await world.get(`/batches/${id}/results?format=ndjson`)).json();
    expect(files.map((one: ResultFile) => one.kind)).toEqual(['all', 'errors', 'manifest']);
    for (const format of ['csv', 'json']) {
      const response = await world.get(`/batches/${id}/results?format=${format}`);
      expect(response.json()).toMatchObject({ status: 404, code: 'format_not_written' });
      expect(response.json().detail).toContain('there is ndjson');
    }
  });

  test.each([
    ['csv', ['all csv', 'unprocessed csv', 'manifest json']],
    ['ndjson', ['all ndjson', 'errors ndjson', 'unprocessed ndjson', 'manifest json']],
    ['xlsx', ['all xlsx', 'unprocessed csv', 'unprocessed ndjson', 'manifest json']],
  ])('of a batch with several formats, %s', async (format, expected) => {
    const id = await someBatch(world, writtenThrice);
    const { files } = (await world.get(`/batches/${id}/results?format=${format}`)).json();
    expect(files.map((one: ResultFile) => `${one.kind} ${one.format}`)).toEqual(expected);
  });

  test('the unprocessed records come in the format of the input too, which is no choice', async () => {
    const id = await someBatch(world, { ...writtenThrice, resultsFormats: ['ndjson'] });
    const response = await world.get(`/batches/${id}/results?format=csv`);
    expect(response.json()).toMatchObject({ status: 404, code: 'format_not_written' });
  });

  test('after they expired: 410', async () => {
    const id = await someBatch(world, { ...written, resultsReady: false, expired: true });
    for (const query of ['', '?format=ndjson', '?format=csv']) {
      const response = await world.get(`/batches/${id}/results${query}`);
      expect(response.json()).toMatchObject({ status: 410, code: 'results_expired' });
    }
    expect((await world.get(`/batches/${id}`)).json()).toMatchObject({ results_ready: false });
  });

  test('of a batch that ended with nothing to tell of its records: none', async () => {
    const id = await someBatch(world, { status: 'hash_mismatch', resultsReady: true, results: [] });
    const response = await world.get(`/batches/${id}/results`);
    expect([response.statusCode, response.json()]).toEqual([200, { files: [] }]);
  });

  test.each([
    ['processing', 'ask again'],
    ['cancelling', 'ask again'],
    ['hash_mismatch', 'no result files'],
  ] as const)('of a batch in %s: 409', async (status, saying) => {
    const response = await world.get(`/batches/${await someBatch(world, { status })}/results`);
    expect(response.json()).toMatchObject({ status: 409, code: 'results_not_ready' });
    expect(response.json().detail).toContain(saying);
  });
});

test('operations tell what they read, what they answer, and what they are limited to', async () => {
  const { items, next_cursor } = (await world.get('/operations')).json();
  expect(next_cursor).toBeNull();
  expect(items).toEqual([(await world.get('/operations/add_person')).json()]);
  expect(items[0]).toEqual({
    name: 'add_person',
    version: 3,
    title: 'Add a person',
    description: 'Adds a person.',
    input: {
      type: 'object',
      required: ['name'],
      properties: { name: { type: 'string', maxLength: 50 }, age: { type: 'integer' } },
      additionalProperties: false,
    },
    output: {
      type: 'object',
      required: ['id'],
      properties: { id: { type: 'integer' } },
      additionalProperties: false,
    },
    settings: {
      type: 'object',
      required: ['level'],
      properties: { level: { type: 'integer', minimum: 1, default: 1 } },
      additionalProperties: false,
    },
    effects: 'transaction',
    failures: { person_known: 'The person is there already' },
    limits: {
      file_bytes: 1_000_000,
      file_records: 1_000_000_000,
      record_bytes: 8_388_608,
      cell_bytes: 1_048_576,
      chunk_records: 100,
      attempts: 5,
    },
    links: {
      run: '/operations/add_person',
      template_csv: '/operations/add_person/template?format=csv',
      template_xlsx: '/operations/add_person/template?format=xlsx',
    },
  });
});
