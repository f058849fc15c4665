import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { apiInMemory, filledUpload, type World } from './api-memory.ts';

let world: World;
let handler: string;
beforeAll(async () => {
  world = await apiInMemory();
  handler = await filledUpload(world);
});
afterAll(() => world.app.close());

/** Pointer and code of each place that a body is refused for. */
async function refused(body: object, url = '/batches'): Promise<[string, string][]> {
  const payload = url === '/batches' ? { handler, operation: 'add_person', ...body } : body;
  const response = await world.post(url, payload);
  expect(response.statusCode).toBe(422);
  expect(response.json().code).toBe('invalid_request');
  return response
    .json()
    .errors.map((error: { pointer: string; code: string }) => [error.pointer, error.code]);
}

async function refusedText(text: string): Promise<[string, string][]> {
  const response = await world.request({
    method: 'POST',
    url: '/batches',
    payload: text,
    headers: { 'content-type': 'application/json' },
  });
  expect(response.statusCode).toBe(422);
  return response
    .json()
    .errors.map((error: { pointer: string; code: string }) => [error.pointer, error.code]);
}

const metadata = (json: string) => `{"handler":"${handler}","operation":"add_person","metadata":${json}}`;

describe('fields that are not known', () => {
  test.each(['dryRun', 'status', 'batch', 'results_formats', 'constructor'])('%s', async (name) => {
    expect(await refused({ [name]: true })).toEqual([[`/${name}`, 'unknown_field']]);
  });

  test('in an option', async () => {
    expect(await refused({ stop_after: { failure: 1 } })).toEqual([['/stop_after/failure', 'unknown_field']]);
  });

  test('in an upload', async () => {
    expect(await refused({ part: 3 }, '/uploads')).toEqual([['/part', 'unknown_field']]);
  });

  test('in the settings of the operation', async () => {
    expect(await refused({ settings: { depth: 1 } })).toEqual([['/settings/depth', 'unknown_field']]);
  });

  test('in a query: a filter that is not there would be an answer to another question', async () => {
    const response = await world.get('/batches?state=completed');
    expect(response.json().errors).toMatchObject([{ pointer: '?state', code: 'unknown_field' }]);
    const created = await world.post('/batches?dry_run=true', { handler, operation: 'add_person' });
    expect(created.json().errors).toMatchObject([{ pointer: '?dry_run', code: 'unknown_field' }]);
  });
});

describe('nothing is converted, filled in or guessed', () => {
  test.each([
    [{ handler: 5 }, '/handler', 'invalid_type'],
    [{ handler: 'x' }, '/handler', 'invalid_format'],
    [{ handler: 'urn:uuid:0199f3a0-7c1e-7b4e-9a51-3d2c6f0b8e11' }, '/handler', 'invalid_format'],
    [{ operation: '' }, '/operation', 'too_short'],
    [{ operation: 'add_people' }, '/operation', 'unknown_operation'],
    [{ hash: 'A'.repeat(64) }, '/hash', 'invalid_format'],
    [{ hash: null }, '/hash', 'invalid_type'],
    [{ on_invalid: 'ignore' }, '/on_invalid', 'not_allowed'],
    [{ metadata: [] }, '/metadata', 'invalid_type'],
    [{ metadata: { Key: 1 } }, '/metadata/Key', 'invalid_format'],
    [{ metadata: { 'a/b~c': 1 } }, '/metadata/a~1b~0c', 'invalid_format'],
    [
      { metadata: Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`k${i}`, 1])) },
      '/metadata',
      'too_many',
    ],
    [{ metadata: { text: 'x'.repeat(20_000) } }, '/metadata', 'too_large'],
    [{ mapping: { Name: 1 } }, '/mapping/Name', 'invalid_type'],
    [{ mapping: { Name: 'nmae' } }, '/mapping/Name', 'unknown_field'],
    [{ settings: { level: 0 } }, '/settings/level', 'out_of_range'],
    [{ settings: 'fast' }, '/settings', 'invalid_type'],
    [{ dry_run: 'true' }, '/dry_run', 'invalid_type'],
    [{ stop_after: 5 }, '/stop_after', 'invalid_type'],
    [{ stop_after: {} }, '/stop_after', 'required'],
    [{ stop_after: { min_records: 5 } }, '/stop_after', 'required'],
    [{ stop_after: { failures: 0 } }, '/stop_after/failures', 'out_of_range'],
    [{ stop_after: { failures: 1e300 } }, '/stop_after/failures', 'out_of_range'],
    [{ stop_after: { share: 0.5, min_records: 1e300 } }, '/stop_after/min_records', 'out_of_range'],
    [{ stop_after: { share: 1e300 } }, '/stop_after/share', 'out_of_range'],
    [{ stop_after: { failures: 1.5 } }, '/stop_after/failures', 'invalid_type'],
    [{ stop_after: { share: 0 } }, '/stop_after/share', 'out_of_range'],
    [{ stop_after: { share: 1.01 } }, '/stop_after/share', 'out_of_range'],
    [{ stop_after: { share: 0.5, min_records: 0 } }, '/stop_after/min_records', 'out_of_range'],
    [{ stop_after: { failures: 1, share: 0.5 } }, '/stop_after', 'invalid'],
    [{ stop_after: { failures: 1, min_records: 5 } }, '/stop_after/min_records', 'not_allowed'],
    [{ execution: 'random' }, '/execution', 'not_allowed'],
    [{ custom_id: '' }, '/custom_id', 'too_short'],
    [{ custom_id: null }, '/custom_id', 'invalid_type'],
    [{ custom_id: 'c'.repeat(1001) }, '/custom_id', 'too_long'],
    [{ priority: -101 }, '/priority', 'out_of_range'],
    [{ priority: 101 }, '/priority', 'out_of_range'],
    [{ priority: 0.5 }, '/priority', 'invalid_type'],
    [{ results_format: 'csv' }, '/results_format', 'invalid_type'],
    [{ results_format: [] }, '/results_format', 'too_short'],
    [{ results_format: ['xml'] }, '/results_format/0', 'not_allowed'],
    [{ results_format: [5] }, '/results_format/0', 'invalid_type'],
    [{ results_format: ['csv', 'ndjson', 'csv'] }, '/results_format/2', 'invalid'],
    [{ expires_after: 59 }, '/expires_after', 'out_of_range'],
    [{ expires_after: 315_360_001 }, '/expires_after', 'out_of_range'],
    [{ expires_after: 1e20 }, '/expires_after', 'out_of_range'],
    [{ handler: 1e20 }, '/handler', 'invalid_type'],
    [{ mapping: { Name: 1e20 } }, '/mapping/Name', 'invalid_type'],
    [{ dryRun: 1e20 }, '/dryRun', 'unknown_field'],
    [{ settings: { level: 1e20 } }, '/settings/level', 'too_precise'],
    [{ metadata: 1e20 }, '/metadata', 'invalid_type'],
    [{ expires_after: '30 days' }, '/expires_after', 'invalid_type'],
  ])('%j', async (body, pointer, code) => {
    expect(await refused(body)).toEqual([[pointer, code]]);
  });

  test.each([
    [{ stop_after: 5 }, '/stop_after: must be a JSON object or null'],
    [{ stop_after: { share: 0 } }, '/stop_after/share: must be more than 0'],
    [{ results_format: [] }, '/results_format: must not be empty'],
    [{ results_format: ['csv', 'csv'] }, '/results_format/1: is there already'],
    [{ results_format: ['xml'] }, '/results_format/0: must be one of ndjson, csv, xlsx'],
    [{ priority: 1000 }, '/priority: must be at most 100'],
    [{ expires_after: 1e20 }, '/expires_after: must be at most 315360000'],
    [{ operation: '' }, '/operation: must have at least 1 character'],
  ])('%j: %s', async (body, detail) => {
    const response = await world.post('/batches', { handler, operation: 'add_person', ...body });
    expect(response.json().detail).toBe(detail);
  });

  test('very many repetitions are refused as quickly as two', async () => {
    const [first] = await refused({ results_format: Array.from({ length: 150_000 }, () => 'csv') });
    expect(first).toEqual(['/results_format/149999', 'invalid']);
  });

  test.each([
    [{ size: '5' }, '/size', 'invalid_type'],
    [{ size: -1 }, '/size', 'out_of_range'],
    [{ size: 1.5 }, '/size', 'invalid_type'],
    [{ size: 1e300 }, '/size', 'out_of_range'],
    [{ parts: 1e300 }, '/parts', 'out_of_range'],
    [{ size: 2_000_000 }, '/size', 'too_large'],
    [{ filename: 'f'.repeat(256) }, '/filename', 'too_long'],
    [{ filename: 'a\0b' }, '/filename', 'nul_character'],
    [{ content_type: 'text/csv\r\nx: y' }, '/content_type', 'invalid_format'],
    [{ hash: 'abc' }, '/hash', 'invalid_format'],
    [{ parts: 0 }, '/parts', 'out_of_range'],
    [{ parts: 10_001 }, '/parts', 'out_of_range'],
    [{ parts: '3' }, '/parts', 'invalid_type'],
    [{ parts: 3, size: 1000 }, '/parts', 'out_of_range'],
    [{ parts: 1, size: 0 }, '/parts', 'out_of_range'],
    [{ parts: 3, size: 2_000_000 }, '/size', 'too_large'],
  ])('an upload: %j', async (body, pointer, code) => {
    expect(await refused(body, '/uploads')).toEqual([[pointer, code]]);
  });

  test('all that is wrong is told at once, but not more than twenty places', async () => {
    expect(await refused({ handler: 'x', hash: 'y', foo: 1 })).toEqual([
      ['/foo', 'unknown_field'],
      ['/handler', 'invalid_format'],
      ['/hash', 'invalid_format'],
    ]);
    const many = Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`field_${index}`, 1]));
    expect(await refused(many)).toHaveLength(20);
  });

  test.each(['', 'null', '[]', '"text"', '5'])('a body that is no object: %s', async (payload) => {
    const headers = payload === '' ? {} : { 'content-type': 'application/json' };
    const response = await world.request({ method: 'POST', url: '/batches', payload, headers });
    expect(response.json().errors).toMatchObject([{ pointer: '', code: 'invalid_type' }]);
  });
});

describe('JSON that could not be kept as it is', () => {
  test.each([
    ['{"id": 12345678901234567890}', '/metadata/id', 'too_precise'],
    ['{"id": 1e400}', '/metadata/id', 'too_precise'],
    ['{"text": "\\u0000"}', '/metadata/text', 'nul_character'],
    ['{"text": "\\ud800"}', '/metadata/text', 'not_text'],
    ['{"a": {"\\u0000": 1}}', '/metadata/a/\0', 'nul_character'],
    ['{"a": {"__proto__": 1}}', '/metadata/a/__proto__', 'reserved_name'],
  ])('%s', async (json, pointer, code) => {
    expect(await refusedText(metadata(json))).toEqual([[pointer, code]]);
  });

  test('nesting without an end', async () => {
    const [[pointer, code]] = (await refusedText(
      metadata(`${'['.repeat(100_000)}${']'.repeat(100_000)}`),
    )) as [[string, string]];
    expect([pointer.startsWith('/metadata/0/0'), code]).toEqual([true, 'too_deep']);
  });

  test.each([
    ['not UTF-8', Buffer.from([0x22, 0xff, 0x22])],
    ['cut off', '{"handler": "'],
    ['empty', ''],
  ])('%s is no JSON', async (_name, payload) => {
    const headers = { 'content-type': 'application/json' };
    const response = await world.request({ method: 'POST', url: '/uploads', payload, headers });
    expect([response.statusCode, response.json().code]).toEqual([400, 'malformed_json']);
  });

  test('a key of half a megabyte does not come back', async () => {
    const response = await world.post('/batches', {
      handler,
      operation: 'add_person',
      ['k'.repeat(500_000)]: 1,
    });
    expect(response.statusCode).toBe(422);
    expect(response.body.length).toBeLessThan(5000);
  });
});

test.each(['1e400', '-1e400'])('%s is no number that JavaScript has', async (number) => {
  const start = `{"handler":"${handler}","operation":"add_person"`;
  expect(await refusedText(`${start},"priority":${number}}`)).toEqual([['/priority', 'out_of_range']]);
  expect(await refusedText(`${start},"stop_after":{"share":${number}}}`)).toEqual([
    ['/stop_after/share', 'out_of_range'],
  ]);
});

describe('a key that is given twice', () => {
  const nested = (depth: number) => `${'['.repeat(depth)}{"b":1,"b":2}${']'.repeat(depth)}`;

  test.each([
    ['{"handler":"x","handler":"y"}', ['/handler']],
    ['{"handler":"x","handler":"y","handler":"z"}', ['/handler']],
    ['{ "a" : 1 ,\n "a"\n: 2 }', ['/a']],
    ['{"a":1,"\\u0061":2}', ['/a']],
    ['{"metadata":{"x":{"y":1,"y":1}},"metadata":{}}', ['/metadata/x/y', '/metadata']],
    ['{"metadata":{"list":[0,{"a":1},[{"a/b":1,"a/b":2}],"a"]}}', ['/metadata/list/2/0/a~1b']],
    ['[{"a":1},{"a":1,"a":2}]', ['/1/a']],
    ['{"__proto__":1,"__proto__":2}', ['/__proto__', '/__proto__']],
    [`{"a":${nested(3)},"c":{"d":1,"d":1}}`, ['/a/0/0/0/b', '/c/d']],
  ])('%s', async (text, pointers) => {
    expect((await refusedText(text)).map(([pointer]) => pointer)).toEqual(pointers);
  });

  test('and whose first value, which nothing else looks at, is nested without an end', async () => {
    expect(await refusedText(`{"a":${nested(100_000)},"a":1}`)).toContainEqual(['/a', 'invalid']);
  });

  test('is told as what it is', async () => {
    const text = `{"handler":"x","handler":"${handler}","operation":"add_person"}`;
    expect(await refusedText(text)).toEqual([['/handler', 'invalid']]);
  });

  test('is not one that other objects have too, or that is only a text', async () => {
    const json = '{"a":{"a":["a","a",{"a":"\\"a\\":"},{"a":1}]},"b":{"a":"a"},"c":[{},{}],"d":"\\\\"}';
    const response = await world.request({
      method: 'POST',
      url: '/batches',
      payload: metadata(json),
      headers: { 'content-type': 'application/json' },
    });
    expect([response.statusCode, response.json().metadata]).toEqual([201, JSON.parse(json)]);
  });

  test('very many are listed as few', async () => {
    const text = `{${Array.from({ length: 60_000 }, (_, index) => `"k${index % 30_000}":1`).join()}}`;
    expect(await refusedText(text)).toHaveLength(20);
  });
});

describe('the coding of a body', () => {
  const send = (encoding: string) =>
    world.request({
      method: 'POST',
      url: '/uploads',
      payload: '{}',
      headers: { 'content-type': 'application/json', 'content-encoding': encoding },
    });

  test.each(['gzip', 'br', 'identity, gzip'])('%s is not undone', async (encoding) => {
    const response = await send(encoding);
    expect(response.json()).toMatchObject({ status: 415, code: 'unsupported_media_type' });
    expect(response.json().detail).toContain('send the body uncompressed');
  });

  test.each(['identity', 'Identity'])('%s is none', async (encoding) => {
    expect((await send(encoding)).statusCode).toBe(201);
  });
});

describe('a POST without a body', () => {
  test('is enough for an upload', async () => {
    const response = await world.request({ method: 'POST', url: '/uploads' });
    expect(response.statusCode).toBe(201);
    expect(response.json()).toEqual({
      url: expect.stringContaining('http://store/uploads/account-1/'),
      method: 'PUT',
      headers: { 'content-length': '0' },
      handler: expect.stringMatching(/^[0-9a-f-]{36}$/),
      validity_ts: 4_102_444_800.123,
    });
  });
});

test('no body whatever makes an internal error', async () => {
  const field = fc.constantFrom(
    'handler',
    'operation',
    'hash',
    'metadata',
    'mapping',
    'settings',
    'format',
    'stop_after',
    'results_format',
    'priority',
    'size',
    'filename',
  );
  const body = fc.oneof(fc.jsonValue(), fc.dictionary(field, fc.jsonValue({ maxDepth: 3 })));
  await fc.assert(
    fc.asyncProperty(fc.constantFrom('/batches', '/uploads'), body, async (url, payload) => {
      const valid = url === '/batches' && typeof payload === 'object' && !Array.isArray(payload);
      const response = await world.request({
        method: 'POST',
        url,
        payload: JSON.stringify(valid ? { handler, operation: 'add_person', ...payload } : payload),
        headers: { 'content-type': 'application/json' },
      });
      expect([201, 404, 422]).toContain(response.statusCode);
    }),
    { numRuns: 300 },
  );
});
