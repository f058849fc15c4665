import { Readable } from 'node:stream';
import Fastify from 'fastify';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { buildApi } from '../../src/api/app.ts';
import { ADMITTED_MS, guardRoutes } from '../../src/api/plugins/access.ts';
import { PERMISSIONS } from '../../src/core/access.ts';
import { apiInMemory, callerWith, filledUpload, someBatch, type World } from './api-memory.ts';

let world: World;
beforeEach(async () => {
  world = await apiInMemory();
});
afterEach(async () => {
  vi.restoreAllMocks();
  await world.app.close();
});

const ALL = [{ effect: 'allow' as const, actions: ['*'] }];

const ID = '0199f3a0-7c1e-7b4e-9a51-3d2c6f0b8e11';

const GUARDED = [
  ['POST', '/uploads', 'create_upload_url'],
  ['POST', `/uploads/${ID}/complete`, 'create_upload_url'],
  ['DELETE', `/uploads/${ID}`, 'invalidate_upload_url'],
  ['POST', '/batches', 'create_batch'],
  ['GET', '/batches', 'get_batches'],
  ['HEAD', '/batches', 'get_batches'],
  ['GET', `/batches/${ID}`, 'get_batch'],
  ['GET', `/batches/${ID}/results`, 'get_batch'],
  ['PATCH', `/batches/${ID}`, 'update_batch'],
  ['DELETE', `/batches/${ID}`, 'delete_batch'],
  ['GET', '/operations', 'get_operations'],
  ['GET', '/operations/add_person', 'get_operations'],
  ['POST', '/operations/add_person', 'add_person'],
  ['POST', '/operations/not_there', 'not_there'],
  ['GET', '/operations/add_person/template', 'get_operations'],
] as const;

describe.each(GUARDED)('%s %s', (method, url, permission) => {
  test('needs a key', async () => {
    expect((await world.request({ method, url, key: null })).statusCode).toBe(401);
    expect((await world.request({ method, url, key: 'wrong' })).statusCode).toBe(401);
  });

  test('needs its permission, and no other one', async () => {
    const others = PERMISSIONS.filter((name) => name !== permission);
    world.callers.set('others', callerWith([{ effect: 'allow', actions: others }]));
    world.callers.set('only', callerWith([{ effect: 'allow', actions: [permission] }]));
    expect((await world.request({ method, url, key: 'others' })).statusCode).toBe(403);
    expect([401, 403]).not.toContain((await world.request({ method, url, key: 'only' })).statusCode);
  });
});

test('what is anyone’s needs a key, and no permission', async () => {
  world.callers.set('powerless', callerWith([{ effect: 'deny', actions: ['*'] }]));
  expect((await world.request({ method: 'GET', url: '/me', key: null })).statusCode).toBe(401);
  expect((await world.get('/me', 'wrong')).statusCode).toBe(401);
  expect((await world.get('/me', 'powerless')).json()).toMatchObject({
    user: 'ada',
    account: { account: 'account-1', name: 'name of account-1' },
  });
});

test('what reaches into other accounts counts only in the one that administers', async () => {
  const app = Fastify();
  const callers = new Map([false, true].map((administers) => [String(administers), administers]));
  guardRoutes(app, {
    authenticate: async (authorization = '') => {
      const administers = callers.get(authorization);
      return administers === undefined ? null : { ...callerWith(ALL), administers };
    },
  });
  app.get('/reaching', { config: { permission: 'admin_get_audit' } }, async () => 'all of it');
  const status = async (authorization: string) =>
    (await app.inject({ url: '/reaching', headers: { authorization } })).payload;
  expect(await status('true')).toBe('all of it');
  expect(await status('false')).toContain('does not allow admin_get_audit');
  await app.close();
});

test('what is withdrawn while the body is on its way does not count any more', async () => {
  const now = performance.now.bind(performance);
  let passedMs = 0;
  vi.spyOn(performance, 'now').mockImplementation(() => now() + passedMs);
  const send = (key: string, meanwhile: () => void, takesMs = ADMITTED_MS) => {
    async function* slowly() {
      yield '{"name": ';
      passedMs += takesMs;
      meanwhile();
      yield '"Bob"}';
    }
    const headers = { 'content-type': 'application/json' };
    const payload = Readable.from(slowly());
    return world.request({ method: 'POST', url: '/operations/add_person', key, headers, payload });
  };
  world.callers.set('leaving', callerWith(ALL));
  const gone = await send('leaving', () => void world.callers.delete('leaving'));
  expect(gone.json().code).toBe('unauthenticated');
  world.callers.set('demoted', callerWith(ALL));
  const demoted = await send('demoted', () => void world.callers.set('demoted', callerWith([])));
  expect(demoted.json().code).toBe('forbidden');
  world.callers.set('slow', callerWith(ALL));
  expect((await send('slow', () => undefined)).statusCode).toBe(200);
  // Nobody is asked about again whose body came at once.
  world.callers.set('quick', callerWith(ALL));
  expect((await send('quick', () => void world.callers.delete('quick'), 0)).statusCode).toBe(200);
});

test('without a key nothing of the body is read', async () => {
  const response = await world.request({
    method: 'POST',
    url: '/batches',
    key: null,
    payload: '{',
    headers: { 'content-type': 'application/json' },
  });
  expect(response.statusCode).toBe(401);
});

test('a batch needs the permission of its operation too', async () => {
  world.callers.set(
    'clerk',
    callerWith([
      { effect: 'allow', actions: ['*'] },
      { effect: 'deny', actions: ['add_person'] },
    ]),
  );
  const handler = await filledUpload(world, 'clerk');
  const response = await world.post('/batches', { handler, operation: 'add_person' }, 'clerk');
  expect(response.json()).toMatchObject({ status: 403, code: 'forbidden' });
  expect(response.json().detail).toContain('add_person');
  expect(world.batches.size).toBe(0);
});

test('what belongs to another account is as if it were not there', async () => {
  const batch = await someBatch(world);
  const handler = await filledUpload(world);
  world.callers.set('stranger', callerWith([{ effect: 'allow', actions: ['*'] }], 'account-2'));
  expect((await world.get(`/batches/${batch}`, 'stranger')).json().code).toBe('batch_not_found');
  expect((await world.get(`/batches/${batch}/results`, 'stranger')).json().code).toBe('batch_not_found');
  const { metadata } = (await world.get(`/batches/${batch}`)).json();
  const patched = await world.patch(`/batches/${batch}`, { status: 'cancel' }, 'stranger');
  expect(patched.json().code).toBe('batch_not_found');
  expect((await world.delete(`/batches/${batch}`, 'stranger')).json().code).toBe('batch_not_found');
  expect((await world.get(`/batches/${batch}`)).json()).toMatchObject({ status: 'new', metadata });
  expect((await world.get('/batches', 'stranger')).json().items).toEqual([]);
  expect((await world.get(`/batches?search=${batch}`, 'stranger')).json().items).toEqual([]);
  const taken = await world.delete(`/uploads/${handler}`, 'stranger');
  expect(taken.json().code).toBe('handler_not_found');
  const stolen = await world.post('/batches', { handler, operation: 'add_person' }, 'stranger');
  expect(stolen.json().code).toBe('handler_not_found');
});

test.each(['/', '/docs', '/docs/static/swagger-ui.css', '/openapi.json', '/health/live', '/health/ready'])(
  '%s is open to everybody',
  async (url) => {
    expect((await world.request({ method: 'GET', url, key: null })).statusCode).toBeLessThan(400);
  },
);

test.each([
  [{}, 'declares no permission'],
  [{ config: { permission: 'get_everything' } }, 'the unknown permission get_everything'],
  [{ config: { permission: 'named' } }, 'the unknown permission named'],
  [{ config: { permission: { operation: '' } } }, 'the unknown permission'],
  [{ config: { permission: 'Anyone' } }, 'the unknown permission Anyone'],
])('a route with %j stops the start', async (options, message) => {
  const app = Fastify();
  guardRoutes(app, { authenticate: async () => null });
  const start = async () => {
    app.get('/forgotten', options as object, async () => 'secret');
    await app.ready();
  };
  await expect(start()).rejects.toThrow(message);
});

test('a route that is added to the finished API is guarded as well', async () => {
  const { app } = await apiInMemory();
  await app.close();
  const fresh = await buildApi({ ...worldServices(), log: pino({ level: 'silent' }) });
  expect(() => fresh.get('/late', async () => 'secret')).toThrow('declares no permission');
  await fresh.close();
});

/** Ports that no request reaches. */
function worldServices(): Parameters<typeof buildApi>[0] {
  return {
    authenticator: { authenticate: async () => null },
    operations: { list: () => [] },
    training: {},
  } as never;
}

test('the key is never logged, whatever the logger would write of a request', async () => {
  const lines: string[] = [];
  const log = pino(
    {
      level: 'trace',
      serializers: { req: (request: { headers: unknown }) => ({ headers: request.headers }) },
    },
    { write: (line: string) => void lines.push(line) },
  );
  const careful = await apiInMemory({ log });
  await careful.get('/batches', 'a-secret-key');
  careful.trouble = new Error('broken');
  await careful.get('/batches');
  await careful.app.close();
  expect(lines.join('')).toContain('"path":"/batches"');
  expect(lines.join('')).not.toMatch(/a-secret-key|authorization/i);
});
