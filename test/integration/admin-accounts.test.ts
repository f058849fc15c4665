import type { FastifyInstance, InjectOptions } from 'fastify';
import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensureAccount } from '../../src/adapters/postgres/account-store.ts';
import { openDatabase } from '../../src/adapters/postgres/database.ts';
import { buildApi } from '../../src/api/app.ts';
import { testCaller } from '../support/caller.ts';
import { addAccount, addBatch } from '../support/rows.ts';
import { openTestSheaf, type TestSheaf } from '../support/sheaf.ts';

/** Accounts and their limits, for whoever runs a Sheaf. */

let sheaf: TestSheaf;
let app: FastifyInstance;

beforeAll(async () => {
  sheaf = await openTestSheaf({ SHEAF_MAX_BATCHES: '77' });
  const root = testCaller({ accountId: sheaf.services.accountId, administers: true, user: 'root' });
  app = await buildApi({
    ...sheaf.services,
    authenticator: { authenticate: async () => root },
  });
});
afterAll(async () => {
  await app.close();
  await sheaf.close();
});

const request = (method: InjectOptions['method'], url: string, payload?: object) =>
  app.inject({
    ...{ method, url, headers: { authorization: 'x' }, remoteAddress: '203.0.113.9' },
    ...(payload && { payload }),
  });

let names = 0;
const newName = () => `account-${++names}`;

async function make(given: object = {}) {
  const response = await request('POST', '/admin/accounts', { name: newName(), ...given });
  expect([response.statusCode, response.body]).toEqual([201, expect.any(String)]);
  return response.json();
}

const entriesOf = async (target: string) =>
  (await request('GET', `/admin/audit?target=${target}`)).json().items;

const DEFAULTS = {
  batches: 77,
  upload_seconds: 86_400,
  keep_seconds: null,
  worker_weight: 1,
  chunks: null,
};

describe('making one', () => {
  it('has the default limits, where none are set, and is in the log', async () => {
    const response = await request('POST', '/admin/accounts', { name: 'acme', limits: { records: 1000 } });
    const account = response.json();
    expect(response.headers.location).toBe(`/admin/accounts/${account.account}`);
    expect(account).toMatchObject({
      name: 'acme',
      administers: false,
      suspended: false,
      limits: { ...DEFAULTS, records: 1000, requests: { '*': { lock_seconds: 0 } } },
      limits_set: { records: 1000 },
      usage: { stored_bytes: 0, batches: 0, running_chunks: 0, users: 0 },
    });
    expect((await request('GET', response.headers.location as string)).json()).toEqual(account);
    expect(await entriesOf(account.account)).toMatchObject([
      {
        account: { account: account.account, name: 'acme' },
        actor: { name: 'root', account: sheaf.services.accountId },
        action: 'admin_create_account',
        target: { kind: 'account', id: account.account },
        ip: '203.0.113.9',
        request_id: response.headers['x-request-id'],
        before: null,
        after: { name: 'acme', limits: { records: 1000 } },
      },
    ]);
  });

  it('takes a first user with it, who is an admin there, and whose password is nowhere', async () => {
    const password = 'correct horse battery';
    const admin = { username: 'Ada@example.org', password };
    const made = await make({ admin });
    expect(made.usage.users).toBe(1);
    const [user] = await sheaf.sql`select * from users where account_id = ${made.account}`;
    expect(user).toMatchObject({ name: 'Ada@example.org', role: 'admin' });
    expect(await sheaf.services.passwords.verify(password, user?.password_hash)).toBe(true);
    const { items } = (await request('GET', `/admin/audit?account=${made.account}`)).json();
    expect(items.map(({ action }: { action: string }) => action)).toEqual([
      'create_user',
      'admin_create_account',
    ]);
    const [log] = await sheaf.sql`
      select string_agg(log::text, '') as text from audit_log log where account_id = ${made.account}`;
    expect(log?.text).not.toContain(password);
    expect(log?.text).not.toContain('scrypt');
  });

  it('is all or nothing', async () => {
    const name = newName();
    const admin = { username: 'ada', password: 'too short' };
    expect((await request('POST', '/admin/accounts', { name, admin })).json()).toMatchObject({
      code: 'invalid_request',
      errors: [{ pointer: '/admin/password' }],
    });
    const same = { username: 'password-is-name', password: 'Password-is-name' };
    expect((await request('POST', '/admin/accounts', { name, admin: same })).json()).toMatchObject({
      errors: [{ pointer: '/admin/password', code: 'not_allowed' }],
    });
    const [row] = await sheaf.sql`select count(*)::int as n from accounts where name = ${name}`;
    expect(row?.n).toBe(0);
  });

  it('of one name there is one, however many ask at once', async () => {
    const name = newName();
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => request('POST', '/admin/accounts', { name })),
    );
    expect(answers.map(({ statusCode }) => statusCode).sort()).toEqual([201, ...Array(7).fill(409)]);
    const refused = answers.find(({ statusCode }) => statusCode === 409);
    expect(refused?.json().code).toBe('name_taken');
    expect((await request('POST', '/admin/accounts', { name: 'default' })).json().code).toBe('name_taken');
  });

  it.each(['', '-a', 'Acme', 'a_b', 'a b', 'ä', 'a'.repeat(64), 'a\n', 'a\0', 'default '])(
    'the name %j is refused',
    async (name) => {
      expect((await request('POST', '/admin/accounts', { name })).json()).toMatchObject({
        code: 'invalid_request',
        errors: [{ pointer: '/name' }],
      });
    },
  );

  it.each([
    [{ name: 'x', administers: true }, '/administers'],
    [{ name: 'x', suspended: true }, '/suspended'],
    [{ name: 'x', account: uuidv7() }, '/account'],
    [{ name: 'x', limits: { fileBytes: 1 } }, '/limits/fileBytes'],
    [{ name: 'x', admin: { username: 'a', password: 'x'.repeat(20), role: 'viewer' } }, '/admin/role'],
    [{}, '/name'],
  ])('%j is refused', async (payload, pointer) => {
    expect((await request('POST', '/admin/accounts', payload)).json()).toMatchObject({
      code: 'invalid_request',
      errors: [{ pointer }],
    });
  });
});

describe('limits', () => {
  it('are set one by one, and null sets the default again', async () => {
    const { account } = await make({ limits: { batches: 3, chunks: 2 } });
    const url = `/admin/accounts/${account}`;
    const requests = {
      create_batch: { per_minute: 60, lock_seconds: 300 },
      create_learner: { per_minute: 5 },
    };
    const set = { file_bytes: 10, worker_weight: 0.5, stored_bytes: 0, requests };
    const changed = (await request('PATCH', url, { limits: set })).json();
    expect(changed.limits_set).toEqual({
      ...{ batches: 3, chunks: 2, file_bytes: 10, worker_weight: 0.5, stored_bytes: 0 },
      requests: { ...requests, create_learner: { per_minute: 5, lock_seconds: 0 } },
    });
    expect(changed.limits).toMatchObject({
      batches: 3,
      requests: { '*': { lock_seconds: 0 }, create_batch: { per_minute: 60, lock_seconds: 300 } },
    });
    expect(await sheaf.services.admin.accounts.limitSettings(account)).toEqual({
      ...{ batches: 3, chunks: 2, fileBytes: 10, workerWeight: 0.5, storedBytes: 0 },
      requests: {
        create_batch: { perMinute: 60, lockSeconds: 300 },
        create_learner: { perMinute: 5, lockSeconds: 0 },
      },
    });
    const back = { batches: null, requests: null, chunks: null };
    const reset = (await request('PATCH', url, { limits: back })).json();
    expect(reset.limits_set).toEqual({ file_bytes: 10, worker_weight: 0.5, stored_bytes: 0 });
    expect(reset.limits).toMatchObject({ ...DEFAULTS, file_bytes: 10, worker_weight: 0.5 });
    expect(Object.keys(reset.limits.requests)).toEqual(['*']);

    const [second, first] = await entriesOf(account);
    expect(first).toMatchObject({
      action: 'admin_update_account',
      before: { 'limits.file_bytes': null, 'limits.requests.create_batch': null },
      after: {
        'limits.file_bytes': 10,
        'limits.requests.create_batch': { per_minute: 60, lock_seconds: 300 },
      },
    });
    expect(first.after).not.toHaveProperty('limits.batches');
    expect(second).toMatchObject({ before: { 'limits.batches': 3 }, after: { 'limits.batches': null } });
  });

  it('that are set as they are already leave nothing in the log', async () => {
    const requests = { create_learner: { per_minute: 5, lock_seconds: 1 }, '*': { per_minute: 9 } };
    const { account } = await make({ limits: { batches: 3, requests } });
    const url = `/admin/accounts/${account}`;
    const before = (await request('GET', url)).json();
    expect((await request('PATCH', url, { limits: { batches: 3, requests } })).json()).toEqual(before);
    expect((await entriesOf(account)).length).toBe(1);
  });

  it.each([
    ['file_bytes', 0],
    ['file_bytes', 1.5],
    ['file_bytes', 2 ** 53],
    ['file_bytes', '1'],
    ['records', 0],
    ['records', -1],
    ['batches', -1],
    ['batches', 0.5],
    ['stored_bytes', -1],
    ['upload_seconds', 59],
    ['upload_seconds', 315_360_001],
    ['keep_seconds', 59],
    ['keep_seconds', 0.5],
    ['worker_weight', 0],
    ['worker_weight', 0.09],
    ['worker_weight', 100.1],
    ['worker_weight', true],
    ['chunks', 0],
    ['chunks', 1.5],
    ['users', 1],
    ['requests', []],
  ])('%s: %j is refused', async (name, value) => {
    const { account } = await make();
    const answer = await request('PATCH', `/admin/accounts/${account}`, { limits: { [name]: value } });
    expect(answer.json()).toMatchObject({
      code: 'invalid_request',
      errors: [{ pointer: `/limits/${name}` }],
    });
  });

  it.each([
    [{ create_batches: { per_minute: 1 } }, '/limits/requests/create_batches'],
    [{ 'create_*': { per_minute: 1 } }, '/limits/requests/create_*'],
    [{ 'a/b': { per_minute: 1 } }, '/limits/requests/a~1b'],
    [{ constructor: { per_minute: 1 } }, '/limits/requests/constructor'],
    [{ '*': { per_minute: 0 } }, '/limits/requests/*/per_minute'],
    [{ '*': { per_minute: 1.5 } }, '/limits/requests/*/per_minute'],
    [{ '*': { per_minute: 1, lock_seconds: 86_401 } }, '/limits/requests/*/lock_seconds'],
    [{ '*': { per_minute: 1, lock: 1 } }, '/limits/requests/*/lock'],
    [{ '*': {} }, '/limits/requests/*/per_minute'],
    [{ '*': null }, '/limits/requests/*'],
  ])('requests: %j are refused, when they are set and with a new account', async (requests, pointer) => {
    const { account } = await make();
    const answers = [
      await request('PATCH', `/admin/accounts/${account}`, { limits: { requests } }),
      await request('POST', '/admin/accounts', { name: newName(), limits: { requests } }),
    ];
    for (const answer of answers) {
      expect(answer.json()).toMatchObject({ code: 'invalid_request', errors: [{ pointer }] });
    }
  });

  it('that several set at once are all set', async () => {
    const { account } = await make();
    const url = `/admin/accounts/${account}`;
    const each = [
      ...[{ batches: 1 }, { records: 2 }, { file_bytes: 3 }, { chunks: 4 }, { worker_weight: 5 }],
      ...[{ upload_seconds: 60 }, { keep_seconds: 61 }],
    ];
    await Promise.all(each.map((limits) => request('PATCH', url, { limits })));
    expect((await request('GET', url)).json().limits_set).toEqual(Object.assign({}, ...each));
  });
});

describe('an account', () => {
  it('is suspended and let go on, as often as it is asked for', async () => {
    const { account } = await make();
    const url = `/admin/accounts/${account}`;
    for (const suspended of [true, true, false, false]) {
      expect((await request('PATCH', url, { suspended })).json().suspended).toBe(suspended);
    }
    const changes = (await entriesOf(account)).map(({ before, after }: Record<string, object>) => [
      before,
      after,
    ]);
    expect(changes.slice(0, 2)).toEqual([
      [{ suspended: true }, { suspended: false }],
      [{ suspended: false }, { suspended: true }],
    ]);
    expect(changes.length).toBe(3);
  });

  it('is renamed to a name that nobody has', async () => {
    const [{ account }, taken] = [await make(), await make()];
    const url = `/admin/accounts/${account}`;
    const name = newName();
    expect((await request('PATCH', url, { name })).json().name).toBe(name);
    expect((await request('PATCH', url, { name })).statusCode).toBe(200);
    const refused = await request('PATCH', url, { name: taken.name, suspended: true });
    expect(refused.json().code).toBe('name_taken');
    expect((await request('GET', url)).json()).toMatchObject({ name, suspended: false });
  });

  it('that administers all others can be neither suspended nor renamed, but limited', async () => {
    const url = `/admin/accounts/${sheaf.services.accountId}`;
    expect((await request('GET', url)).json()).toMatchObject({ name: 'default', administers: true });
    for (const payload of [
      { suspended: true },
      { name: 'mine' },
      { suspended: true, limits: { batches: 1 } },
    ]) {
      expect((await request('PATCH', url, payload)).json().code).toBe('account_administers');
    }
    const same = { suspended: false, name: 'default', limits: { batches: 5 } };
    expect((await request('PATCH', url, same)).json()).toMatchObject({ limits_set: { batches: 5 } });
    await request('PATCH', url, { limits: { batches: null } });
    expect((await request('PATCH', url, { administers: false })).json().code).toBe('invalid_request');
  });

  it.each(['nothing', '0199f39c-51aa-7f2e-9c01-77d0a1be4f13'])('%s is not found', async (id) => {
    const url = `/admin/accounts/${id}`;
    const answers = [await request('GET', url), await request('PATCH', url, { suspended: true })];
    expect(answers.map((answer) => answer.json().code)).toEqual(Array(2).fill('account_not_found'));
  });

  it('shows what it uses', async () => {
    const { account } = await make();
    const batch = await addBatch(sheaf, { status: 'processing', chunks: 3, accountId: account });
    await addBatch(sheaf, { status: 'completed', chunks: 0, accountId: account });
    await sheaf.sql`update batches set ended_at = now() where account_id = ${account} and status = 'completed'`;
    await sheaf.sql`update chunks set status = 'running' where batch_id = ${batch} and number > 1`;
    await sheaf.sql`update batches set stored_bytes = 5000000000 where account_id = ${account}`;
    await sheaf.sql`update uploads set stored_bytes = 7 where account_id = ${account}`;
    await sheaf.sql`
      update uploads set removed_at = now() where id = (select upload_id from batches where id = ${batch})`;
    expect((await request('GET', `/admin/accounts/${account}`)).json().usage).toEqual({
      ...{ stored_bytes: 10_000_000_007, batches: 1, running_chunks: 2, users: 0 },
    });
  });
});

describe('the list', () => {
  it('is newest first, in pages, and searched by name', async () => {
    const made = [];
    for (let n = 0; n < 3; n += 1) made.unshift((await make({ name: `page-${n}-x` })).account);
    const first = (await request('GET', '/admin/accounts?search=page-&limit=2')).json();
    expect(first.items.map(({ account }: { account: string }) => account)).toEqual(made.slice(0, 2));
    expect(first.items[0]).not.toHaveProperty('usage');
    const next = `/admin/accounts?search=page-&limit=2&cursor=${first.next_cursor}`;
    const second = (await request('GET', next)).json();
    expect(second.items.map(({ account }: { account: string }) => account)).toEqual(made.slice(2));
    expect(second.next_cursor).toBeNull();
    for (const search of ['%', '_', 'PAGE_', 'page-%']) {
      const url = `/admin/accounts?search=${encodeURIComponent(search)}`;
      expect((await request('GET', url)).json().items).toEqual([]);
    }
  });
});

describe('the account that administers', () => {
  it('is made once, however many processes start at once, and is the only one', async () => {
    const { db, close } = openDatabase(sheaf.locations.databaseUrl, { max: 8 });
    const ids = await Promise.all(Array.from({ length: 8 }, () => ensureAccount(db, 'default')));
    expect(new Set(ids)).toEqual(new Set([sheaf.services.accountId]));
    await addAccount(sheaf.sql);
    const rows = await sheaf.sql`select name from accounts where administers`;
    expect([...rows]).toEqual([{ name: 'default' }]);
    await close();
  });
});
