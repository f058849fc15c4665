import { Type } from 'typebox';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Problem } from '../../src/api/schemas/problem.ts';
import { RetryableFault } from '../../src/core/errors.ts';
import { defineOperation, type Operation, OperationRegistry } from '../../src/core/operation.ts';
import { failed, type RecordResult, succeeded, tryAgain } from '../../src/core/result.ts';
import { apiInMemory, callerWith, type World } from './api-memory.ts';

const closed = { additionalProperties: false };

/** What the handler was given, last first, and how it is to answer. */
interface Script {
  answer: (tries: number) => RecordResult<{ got: string }> | Promise<never>;
  seen: { input: unknown; settings: unknown; key: string; batchId: string | null; attempt?: number }[];
}

const input = Type.Object(
  {
    text: Type.Optional(Type.String({ maxLength: 30 })),
    count: Type.Optional(Type.Integer()),
    price: Type.Optional(Type.Number({ multipleOf: 0.01 })),
    sure: Type.Optional(Type.Boolean()),
    address: Type.Optional(Type.Object({ city: Type.Optional(Type.String()) }, closed)),
  },
  closed,
);
const settings = Type.Object(
  {
    level: Type.Integer({ minimum: 1, default: 1 }),
    loud: Type.Boolean({ default: false }),
    mode: Type.Union([Type.Literal('soft'), Type.Literal('hard')], { default: 'soft' }),
    grade: Type.Unsafe<'a' | 1>({ enum: ['a', 1], default: 'a' }),
    name: Type.String({ default: '7' }),
    tags: Type.Array(Type.String(), { default: [] }),
  },
  closed,
);

function scripted(effects: 'transaction' | 'outside', script: Script): Operation {
  const shared = {
    name: effects === 'outside' ? 'send_it' : 'write_it',
    ...{ version: 1, title: 'Do it', description: 'Does it.', input, settings },
    output: Type.Object({ got: Type.String() }, closed),
    failures: { refused: 'It was refused', not_now: 'It was not the time' },
  };
  const seen = (given: { input: unknown }, context: Record<string, unknown>) => {
    const key = (context.idempotencyKey as (record: number) => string)(1);
    script.seen.unshift({
      input: given.input,
      settings: context.settings,
      key,
      batchId: context.batchId as null,
    });
    return script.answer(script.seen.length);
  };
  return effects === 'outside'
    ? defineOperation({
        ...shared,
        effects,
        limits: { attempts: 3 },
        run: async ([given], context) => [await seen(given!, { ...context })],
      })
    : defineOperation({
        ...shared,
        limits: { attempts: 3 },
        run: async ([given], context) => [await seen(given!, { ...context })],
      });
}

let script: Script;
let world: World;
beforeEach(async () => {
  script = { answer: () => succeeded({ got: 'it' }), seen: [] };
  const operations = new OperationRegistry([scripted('transaction', script), scripted('outside', script)]);
  world = await apiInMemory({ operations });
});
afterEach(() => world.app.close());

const call = (
  body: string,
  headers: Record<string, string> = {},
  path = '/operations/write_it',
  key = 'all',
) =>
  world.request({
    method: 'POST',
    url: path,
    payload: body,
    headers: { 'content-type': 'application/json', ...headers },
    key,
  });

const given = () => script.seen[0]?.input;

describe('a record that succeeds', () => {
  test('is answered with its output', async () => {
    const response = await call('{"text": "Grüße, 世界 🎉"}');
    expect([response.statusCode, response.json()]).toEqual([
      200,
      { status: 'succeeded', output: { got: 'it' } },
    ]);
    expect(given()).toEqual({ text: 'Grüße, 世界 🎉' });
    expect(script.seen[0]?.batchId).toBeNull();
  });

  test.each<[string, string, unknown]>([
    ['a number for a text keeps its digits', '{"text": 00}'.replace('00', '1.10'), { text: '1.10' }],
    [
      'a long number for a text too',
      '{"text":\n 123456789012345678901234}',
      { text: '123456789012345678901234' },
    ],
    ['and in a line of its own', '{"text"\n:\n12345678901234567890\n}', { text: '12345678901234567890' }],
    ['a text for a number', '{"count": "007"}', { count: 7 }],
    ['a text for a truth value', '{"sure": "true"}', { sure: true }],
    ['blank and null are not given', '{"text": "", "count": null, "sure": false}', { sure: false }],
    ['an object', '{"address": {"city": "Ulm"}}', { address: { city: 'Ulm' } }],
    ['a key with dots', '{"address.city": "Ulm"}', { address: { city: 'Ulm' } }],
  ])('is read as in a file: %s', async (_, body, read) => {
    expect((await call(body)).statusCode).toBe(200);
    expect(given()).toEqual(read);
  });

  test('is also what Byte Order Marks and line ends of Windows stand around', async () => {
    expect((await call('\ufeff{\r\n  "text": "a"\r\n}\r\n')).statusCode).toBe(200);
    expect(given()).toEqual({ text: 'a' });
  });
});

describe('a record that fails', () => {
  test('names every rule that it breaks; nothing is run', async () => {
    const response = await call(
      '{"text": "' + 'x'.repeat(31) + '", "price": "1.005", "address": {"town": 1}, "no": null}',
    );
    expect(response.statusCode).toBe(422);
    const { code, errors, detail, title, type } = response.json<Problem>();
    expect([code, type, title]).toEqual([
      'unknown_field',
      'urn:sheaf:error:unknown_field',
      expect.any(String),
    ]);
    expect(detail).toContain('address.town');
    expect(errors?.map((error) => [error.pointer, error.code])).toEqual([
      ['/address/town', 'unknown_field'],
      ['/no', 'unknown_field'],
      ['/text', 'too_long'],
      ['/price', 'too_precise'],
    ]);
    expect(script.seen).toEqual([]);
  });

  test.each([
    ['[1]', 'json_not_object'],
    ['7', 'json_not_object'],
    ['{"text": "a", "text": "b"}', 'json_key_repeated'],
    ['{"__proto__": {}}', 'json_key_reserved'],
    [`${'{"a":'.repeat(40)}1${'}'.repeat(40)}`, 'json_too_deep'],
    [`${'['.repeat(30_000)}${']'.repeat(30_000)}`, 'json_not_object'],
    ['{"text": "\\u0000"}', 'nul_character'],
    ['{"text": "\\ud800"}', 'not_text'],
    ['{"count": 1e400}', 'too_precise'],
    ['{"count": "1.5"}', 'invalid_type'],
    ['{"address": 5}', 'invalid_type'],
  ])('%.40s is %s', async (body, code) => {
    const response = await call(body);
    expect([response.statusCode, response.json<Problem>().code]).toEqual([422, code]);
  });

  test.each([['{'], ['{"a": "\n"}'], [''], ['\ud800'.toString() && '{"a": }']])(
    'what is no JSON is a matter of the request: %j',
    async (body) => {
      expect((await call(body)).json()).toMatchObject({ status: 400, code: 'malformed_json' });
    },
  );

  test('no record at all is a matter of the request, too', async () => {
    const response = await world.request({ method: 'POST', url: '/operations/write_it' });
    expect(response.json()).toMatchObject({
      status: 422,
      code: 'invalid_request',
      errors: [{ pointer: '', code: 'required' }],
    });
    expect((await call('{}', { 'content-type': 'text/csv' })).json()).toMatchObject({ status: 415 });
  });

  test('by the operation has its code, its words and its field', async () => {
    script.answer = () => failed('refused', '"a" is not wanted', 'address.city');
    const response = await call('{"address": {"city": "a"}}');
    expect(response.statusCode).toBe(422);
    expect(response.headers['content-type']).toBe('application/problem+json');
    expect(response.json()).toMatchObject({
      type: 'urn:sheaf:error:refused',
      title: 'It was refused',
      detail: 'address.city: "a" is not wanted',
      code: 'refused',
      errors: [{ pointer: '/address/city', code: 'refused', message: '"a" is not wanted' }],
    });
  });

  test('by an operation that answers what it does not declare is a fault of ours', async () => {
    script.answer = () => failed('surprise', 'x');
    expect((await call('{}')).json()).toMatchObject({ status: 500, code: 'internal' });
  });

  test('larger than a record may be: 413', async () => {
    const response = await call(`{"text": "${'x'.repeat(9_000_000)}"}`);
    expect(response.json()).toMatchObject({ status: 413, code: 'body_too_large' });
  });

  test('of no operation: 404, also for names that every object has', async () => {
    for (const name of ['nothing', 'constructor', '__proto__', 'get_batch']) {
      const response = await call('{}', {}, `/operations/${name}`);
      expect(response.json()).toMatchObject({ status: 404, code: 'operation_not_found' });
    }
  });
});

describe('settings', () => {
  test('are in the query, each read as its schema says', async () => {
    const query = 'level=3&loud=true&mode=hard&grade=1&name=12&tags=%5B%22a%22%5D';
    expect((await call('{}', {}, `/operations/write_it?${query}`)).statusCode).toBe(200);
    expect(script.seen[0]?.settings).toEqual({
      ...{ level: 3, loud: true, mode: 'hard', grade: 1, name: '12', tags: ['a'] },
    });
  });

  test('have their defaults', async () => {
    await call('{}');
    expect(script.seen[0]?.settings).toEqual({
      ...{ level: 1, loud: false, mode: 'soft', grade: 'a', name: '7', tags: [] },
    });
  });

  test.each([
    ['level=0', '?level', 'out_of_range'],
    ['level=x', '?level', 'invalid_type'],
    ['level=', '?level', 'invalid_type'],
    ['level=1.5', '?level', 'invalid_type'],
    ['level=9007199254740993', '?level', 'too_precise'],
    ['level=1&level=2', '?level', 'invalid'],
    ['loud=perhaps', '?loud', 'invalid_type'],
    ['grade=2', '?grade', 'not_allowed'],
    ['tags=a', '?tags', 'invalid_type'],
    ['volume=1', '?volume', 'unknown_field'],
    ['name=%00', '?name', 'nul_character'],
    ['__proto__=1', '?__proto__', 'unknown_field'],
  ])('%s is refused', async (query, pointer, code) => {
    const response = await call('{}', {}, `/operations/write_it?${query}`);
    expect(response.json()).toMatchObject({ status: 422, code: 'invalid_request' });
    expect(response.json<Problem>().errors).toContainEqual(expect.objectContaining({ pointer, code }));
    expect(script.seen).toEqual([]);
  });
});

describe('Idempotency-Key', () => {
  const key = { 'idempotency-key': 'k1' };

  test.each(['/operations/write_it', '/operations/send_it'])(
    'the same record is run once by %s, however it is written',
    async (path) => {
      const first = await call('{"text": "a", "count": 1}', key, path);
      const second = await call('{ "count": 1,\n "text": "a" }', key, path);
      expect([second.statusCode, second.body]).toEqual([200, first.body]);
      expect(first.headers['idempotent-replayed']).toBeUndefined();
      expect(second.headers['idempotent-replayed']).toBe('true');
      expect(script.seen).toHaveLength(1);
    },
  );

  test.each([
    ['another record', '{"text": "b", "count": 1}', ''],
    ['a number written otherwise', '{"text": "a", "count": 1.0}', ''],
    ['other settings', '{"text": "a", "count": 1}', '?level=2'],
  ])('%s under the same key is refused', async (_, body, query) => {
    await call('{"text": "a", "count": 1}', key);
    const response = await call(body, key, `/operations/write_it${query}`);
    expect(response.json()).toMatchObject({ status: 422, code: 'idempotency_key_reused' });
  });

  test('what failed is not kept', async () => {
    script.answer = () => failed('refused', 'no');
    expect((await call('{}', key)).statusCode).toBe(422);
    script.answer = () => succeeded({ got: 'it' });
    expect((await call('{}', key)).statusCode).toBe(200);
  });

  test('names the record to the handler, the same each time, and not that of others', async () => {
    script.answer = () => failed('refused', 'no');
    world.callers.set('other', callerWith([{ effect: 'allow', actions: ['*'] }], 'account-2'));
    await call('{}', key);
    await call('{}', key);
    await call('{}', key, '/operations/send_it');
    await call('{}', { 'idempotency-key': 'k2' });
    await call('{}', key, undefined, 'other');
    await call('{}');
    await call('{}');
    const [first, ...rest] = script.seen.map((seen) => seen.key).reverse();
    expect(first).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-5/);
    expect(rest[0]).toBe(first);
    expect(new Set([first, ...rest]).size).toBe(6);
  });
});

describe('a record that asks to be tried again', () => {
  test.each(['/operations/write_it', '/operations/send_it'])('is, within the call: %s', async (path) => {
    script.answer = (tries) =>
      tries < 3 ? tryAgain('not_now', 'later', { afterSeconds: 0.01 }) : succeeded({ got: 'it' });
    expect((await call('{}', {}, path)).statusCode).toBe(200);
    expect(script.seen).toHaveLength(3);
    expect(new Set(script.seen.map((seen) => seen.key)).size).toBe(1);
  });

  test('fails when that was done as often as allowed', async () => {
    script.answer = () => tryAgain('not_now', 'later', { afterSeconds: 0.01 });
    expect((await call('{}')).json()).toMatchObject({ status: 422, code: 'not_now', detail: 'later' });
    expect(script.seen).toHaveLength(3);
  });

  test('later than anybody waits: 503, and when to come back', async () => {
    script.answer = () => tryAgain('not_now', 'the shop is closed', { afterSeconds: 90.2 });
    const response = await call('{}');
    expect(response.json()).toMatchObject({ status: 503, code: 'unavailable' });
    expect(response.json<Problem>().detail).toContain('the shop is closed');
    expect(response.headers['retry-after']).toBe('91');
    expect(script.seen).toHaveLength(1);
  });

  test('and may have taken effect: 504', async () => {
    script.answer = () => tryAgain('not_now', 'no answer', { afterSeconds: 0.01, uncertain: true });
    expect((await call('{}', {}, '/operations/send_it')).json()).toMatchObject({
      status: 504,
      code: 'outcome_unknown',
    });
    expect(script.seen).toHaveLength(3);
    script.answer = () => tryAgain('not_now', 'no answer', { afterSeconds: 60, uncertain: true });
    expect((await call('{}', {}, '/operations/send_it')).json()).toMatchObject({ status: 504 });
  });
});

test('contention is tried again by itself; other trouble of the database is a 503', async () => {
  script.answer = (tries) =>
    tries < 4 ? Promise.reject(new RetryableFault('deadlock', { free: true })) : succeeded({ got: 'it' });
  expect((await call('{}')).statusCode).toBe(200);
  expect(script.seen).toHaveLength(4);
  script.answer = () => Promise.reject(new RetryableFault('gone'));
  expect((await call('{}')).json()).toMatchObject({ status: 503, code: 'unavailable' });
  expect(script.seen).toHaveLength(5);
});

test('a handler that throws tells nothing of its insides', async () => {
  script.answer = () => Promise.reject(new Error('the password is 1234'));
  const response = await call('{}');
  expect(response.json()).toMatchObject({ status: 500, code: 'internal' });
  expect(response.body).not.toContain('1234');
  expect(world.logged.join('')).toContain('1234');
});

test('the document has a path for each operation, with its own body, settings and answer', async () => {
  const { paths } = (await world.request({ method: 'GET', url: '/openapi.json', key: null })).json();
  expect(Object.keys(paths)).not.toContain('/operations/{name}/post');
  expect(paths['/operations/{name}'].post).toBeUndefined();
  const { post } = paths['/operations/write_it'];
  expect(post['x-permission']).toBe('write_it');
  expect(Object.keys(post.requestBody.content['application/json'].schema.properties)).toEqual([
    ...['text', 'count', 'price', 'sure', 'address'],
  ]);
  const parameters = post.parameters.map(({ name }: { name: string }) => name);
  expect(parameters).toEqual(expect.arrayContaining(['level', 'loud', 'Idempotency-Key']));
  expect(post.responses['200'].content['application/json'].schema.properties.output.properties).toEqual({
    got: { type: 'string' },
  });
  expect(post.responses['422'].description).toContain('`refused`: It was refused');
  expect(Object.keys(post.responses)).toEqual(expect.arrayContaining(['413', '422', '503', '504']));
});
