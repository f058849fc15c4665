import Fastify from 'fastify';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { answerErrorsAsProblems } from '../../src/api/plugins/errors.ts';
import { addRequestRules } from '../../src/api/plugins/request-rules.ts';
import { RequestError } from '../../src/core/errors.ts';
import { apiInMemory, callerWith, filledUpload, type World } from './api-memory.ts';

let world: World;
let handler: string;
beforeEach(async () => {
  world = await apiInMemory();
  handler = await filledUpload(world);
});
afterEach(() => world.app.close());

function submit(key: string, body: object = {}, caller = 'all') {
  return world.request({
    method: 'POST',
    url: '/batches',
    payload: { handler, operation: 'add_person', ...body },
    headers: { 'idempotency-key': key },
    key: caller,
  });
}

test('the same request with the same key is answered the same to the byte, and takes effect once', async () => {
  const first = await submit('k1', { metadata: { b: 1, a: 2 } });
  expect(first.statusCode).toBe(201);
  expect(first.headers).not.toHaveProperty('idempotent-replayed');
  const again = await submit('k1', { metadata: { a: 2, b: 1 } });
  expect([again.statusCode, again.body]).toEqual([201, first.body]);
  expect(again.headers.location).toBe(first.headers.location);
  expect(again.headers['idempotent-replayed']).toBe('true');
  expect(world.batches.size).toBe(1);
  expect(world.tickets).toHaveLength(1);
});

test('the answer stays what it was, whatever has become of the batch', async () => {
  const first = await submit('k1');
  world.batches.get(first.json().batch)!.status = 'completed';
  expect((await submit('k1')).body).toBe(first.body);
  world.batches.clear();
  expect((await submit('k1')).body).toBe(first.body);
});

test('another key is another request', async () => {
  await submit('k1');
  expect((await submit('k2')).headers).not.toHaveProperty('idempotent-replayed');
  expect(world.batches.size).toBe(2);
});

test('without a key each request takes effect', async () => {
  for (const _ of [1, 2]) await world.post('/batches', { handler, operation: 'add_person' });
  expect(world.batches.size).toBe(2);
  expect(world.answers.size).toBe(0);
});

test('the same key with another body is refused, and does nothing', async () => {
  await submit('k1', { priority: 1 });
  const other = await submit('k1', { priority: 2 });
  expect(other.json()).toMatchObject({ status: 422, code: 'idempotency_key_reused' });
  expect(world.batches.size).toBe(1);
});

test('keys belong to an account and a route', async () => {
  await submit('k1');
  world.callers.set('stranger', callerWith([{ effect: 'allow', actions: ['*'] }], 'account-2'));
  const strange = await submit('k1', {}, 'stranger');
  expect(strange.json()).toMatchObject({ status: 404, code: 'handler_not_found' });
  const upload = await world.request({
    method: 'POST',
    url: '/uploads',
    headers: { 'idempotency-key': 'k1' },
  });
  expect(upload.statusCode).toBe(201);
});

describe('an error is not kept', () => {
  test('what was wrong with the request', async () => {
    expect((await submit('k1', { operation: 'nothing' })).statusCode).toBe(422);
    expect((await submit('k1')).statusCode).toBe(201);
  });

  test('what the request met', async () => {
    const { objectKey } = world.uploads.get(handler)!;
    const file = world.objects.get(objectKey)!;
    world.objects.delete(objectKey);
    expect((await submit('k1')).json().code).toBe('upload_missing');
    world.objects.set(objectKey, file);
    expect((await submit('k1')).statusCode).toBe(201);
  });

  test('a fault of the server', async () => {
    world.trouble = new Error('broken');
    expect((await submit('k1')).statusCode).toBe(500);
    world.trouble = null;
    expect((await submit('k1')).statusCode).toBe(201);
  });
});

test('an upload is used up by the first of two requests: the second has its answer all the same', async () => {
  const first = await submit('k1');
  world.uploads.get(handler)!.usedBy = first.json().batch;
  expect((await submit('k1')).body).toBe(first.body);
  expect((await submit('k2')).json().code).toBe('upload_used');
});

test('an upload is made once too, and its URL is in no log', async () => {
  const ask = (payload: object) =>
    world.request({ method: 'POST', url: '/uploads', payload, headers: { 'idempotency-key': 'u1' } });
  const first = await ask({ filename: 'a.csv' });
  const again = await ask({ filename: 'a.csv' });
  expect([again.statusCode, again.body]).toEqual([201, first.body]);
  expect(again.headers['idempotent-replayed']).toBe('true');
  expect(world.uploads.size).toBe(2);
  expect((await ask({ filename: 'b.csv' })).json().code).toBe('idempotency_key_reused');
  expect(world.logged.join('')).not.toContain(first.json().url);
});

test('no body and an empty one are the same request', async () => {
  const ask = (payload?: object) =>
    world.request({
      method: 'POST',
      url: '/uploads',
      headers: { 'idempotency-key': 'u1' },
      ...(payload !== undefined && { payload }),
    });
  const first = await ask();
  expect((await ask({})).body).toBe(first.body);
});

describe('a key that cannot be one', () => {
  test.each([
    ['', 'too_short'],
    ['k'.repeat(256), 'too_long'],
    ['schlüssel', 'invalid_format'],
    ['a\tb', 'invalid_format'],
  ])('"%s"', async (key, code) => {
    const response = await submit(key);
    expect(response.statusCode).toBe(422);
    expect(response.json().errors).toMatchObject([{ pointer: 'header:Idempotency-Key', code }]);
    expect(world.batches.size).toBe(0);
  });

  test('two of them are not joined to one', async () => {
    const response = await world.request({
      method: 'POST',
      url: '/batches',
      payload: { handler, operation: 'add_person' },
      headers: { 'idempotency-key': ['a', 'b'] as unknown as string },
    });
    expect(response.statusCode).toBe(422);
    expect(response.json().errors).toMatchObject([{ pointer: 'header:Idempotency-Key', code: 'invalid' }]);
    expect(world.batches.size).toBe(0);
  });

  test.each(['k', 'a, b', 'k'.repeat(255), '"8e03978e-40d5-43dd-bc93-6894a57f9324"', '~ !'])(
    '"%s" can',
    async (key) => {
      expect((await submit(key)).statusCode).toBe(201);
    },
  );
});

test.each([
  ['PATCH', { status: 'cancel' }],
  ['DELETE', undefined],
] as const)('%s may be repeated as it is: a key does nothing', async (method, payload) => {
  const { batch } = (await submit('k1')).json();
  const response = await world.request({
    method,
    url: `/batches/${batch}`,
    headers: { 'idempotency-key': 'k1' },
    ...(payload !== undefined && { payload }),
  });
  expect(response.statusCode).toBeLessThan(300);
  expect(response.headers).not.toHaveProperty('idempotent-replayed');
});

test('a POST that says nothing of keys refuses them, and does nothing', async () => {
  const app = Fastify();
  addRequestRules(app);
  answerErrorsAsProblems(app);
  let done = 0;
  app.post('/deeds', { schema: { body: {} } }, async () => {
    done += 1;
    return done;
  });
  const request = { method: 'POST', url: '/deeds', payload: {} } as const;
  const refused = await app.inject({ ...request, headers: { 'idempotency-key': 'k1' } });
  expect(refused.statusCode).toBe(422);
  expect(refused.json().errors).toMatchObject([
    { pointer: 'header:Idempotency-Key', code: 'unknown_header' },
  ]);
  expect(done).toBe(0);
  expect((await app.inject(request)).statusCode).toBe(200);
  await app.close();
});

test('a store that refuses is not asked twice for the same error', async () => {
  let asked = 0;
  world.batches.set = () => {
    asked += 1;
    throw new RequestError('upload_in_use', 'another batch is about to copy it');
  };
  expect((await submit('k1')).json().code).toBe('upload_in_use');
  expect(asked).toBe(1);
});
