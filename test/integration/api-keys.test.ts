import { createHash, randomUUID } from 'node:crypto';
import { describe, expect, it, test } from 'vitest';
import {
  type AccessApi,
  type Answer,
  allow,
  audited,
  codesOf,
  deny,
  heldBack,
  useAccessApi,
  waiting,
} from '../support/access/access-api.ts';
import type { TestSheaf } from '../support/sheaf.ts';

let sheaf: TestSheaf;
let api: AccessApi;

useAccessApi((opened) => ({ sheaf, api } = opened));

const newName = () => `program ${randomUUID()}`;

async function addKey(role = 'viewer', more: object = {}) {
  const answer = await api.admin.post('/api-keys', { name: newName(), role, ...more });
  expect(answer.statusCode, answer.body).toBe(201);
  return answer.json() as { api_key: string; key: string; name: string; hint: string };
}

const withKey = (key: string, url = '/batches') =>
  api.app.inject({ method: 'GET', url, headers: { authorization: `Bearer ${key}` } });

const forbidden = (answer: Answer) =>
  expect([answer.statusCode, answer.json().code], answer.body).toEqual([403, 'forbidden']);

describe('an API key', () => {
  it('is made, answered once, found, listed and revoked, and each of it is written down', async () => {
    const name = newName();
    const made = await api.admin.post('/api-keys', { name, role: 'viewer' });
    expect(made.statusCode).toBe(201);
    const { key, ...view } = made.json();
    expect(key).toMatch(/^sheaf_[A-Za-z0-9_-]{43}$/);
    expect(view).toEqual({
      api_key: expect.stringMatching(/^[0-9a-f-]{36}$/),
      name,
      role: 'viewer',
      hint: key.slice(0, 10),
      created_by: expect.stringMatching(/^key:test /),
      created_ts: expect.closeTo(Date.now() / 1000, -2),
      expires_ts: null,
      last_used_ts: null,
      revoked_ts: null,
    });
    expect(made.headers).toMatchObject({
      location: `/api-keys/${view.api_key}`,
      'cache-control': 'no-store',
    });
    const path = `/api-keys/${view.api_key}`;
    expect((await api.admin.get(path)).json()).toEqual(view);
    expect((await api.admin.get('/api-keys')).json().items[0]).toEqual(view);

    expect((await withKey(key)).statusCode).toBe(200);
    await expect.poll(async () => (await api.admin.get(path)).json().last_used_ts).toBeGreaterThan(0);

    const revoked = await api.admin.delete(path);
    expect([revoked.statusCode, revoked.body]).toEqual([204, '']);
    expect((await withKey(key)).statusCode).toBe(401);
    const { revoked_ts } = (await api.admin.get(path)).json();
    expect(revoked_ts).toBeCloseTo(Date.now() / 1000, -2);
    expect((await api.admin.delete(path)).statusCode).toBe(204);
    expect((await api.admin.get(path)).json().revoked_ts).toBe(revoked_ts);
    expect((await api.admin.get('/api-keys')).json().items[0]).toMatchObject({ name, revoked_ts });

    expect(await audited(sheaf, view.api_key)).toEqual([
      {
        action: 'create_api_key',
        kind: 'api_key',
        before: null,
        after: { name, role: 'viewer', hint: view.hint, expires_ts: null },
      },
      {
        action: 'delete_api_key',
        kind: 'api_key',
        before: { name, revoked: false },
        after: { revoked: true },
      },
    ]);
  });

  it('may do what its role allows, from one request to the next', async () => {
    const role = `role-${randomUUID()}`;
    await api.admin.post('/roles', { name: role, statements: [allow('get_batches')] });
    const { key } = await addKey(role);
    expect((await withKey(key)).statusCode).toBe(200);
    forbidden(await withKey(key, '/operations'));
    await api.admin.patch(`/roles/${role}`, { statements: [allow('get_operations')] });
    forbidden(await withKey(key));
    expect((await withKey(key, '/operations')).statusCode).toBe(200);
  });

  it('is refused once it has expired, and stays in the list', async () => {
    const { key, api_key } = await addKey('viewer', { expires_ts: Date.now() / 1000 + 3600 });
    expect((await withKey(key)).statusCode).toBe(200);
    await sheaf.sql`update api_keys set expires_at = now() where id = ${api_key}`;
    expect((await withKey(key)).statusCode).toBe(401);
    expect((await api.admin.get(`/api-keys/${api_key}`)).statusCode).toBe(200);
  });

  it('expires to the millisecond that was asked for', async () => {
    const expires_ts = Math.round(Date.now() + 3_600_000) / 1000;
    const { api_key } = await addKey('viewer', { expires_ts });
    expect((await api.admin.get(`/api-keys/${api_key}`)).json().expires_ts).toBe(expires_ts);
  });

  it('has a name that no other key of the account has, until it is revoked', async () => {
    const { name, api_key } = await addKey();
    const again = { name: name.toUpperCase(), role: 'viewer' };
    const taken = await api.admin.post('/api-keys', again);
    expect([taken.statusCode, taken.json().code]).toEqual([409, 'name_taken']);
    expect((await api.stranger.post('/api-keys', again)).statusCode).toBe(201);
    await api.admin.delete(`/api-keys/${api_key}`);
    expect((await api.admin.post('/api-keys', again)).statusCode).toBe(201);
  });

  it('is made once under a name, however many ask at the same time', async () => {
    const body = { name: newName(), role: 'viewer' };
    const answers = await Promise.all(Array.from({ length: 8 }, () => api.admin.post('/api-keys', body)));
    expect(answers.map(({ statusCode }) => statusCode).sort()).toEqual([201, ...Array(7).fill(409)]);
  });

  it('goes on when whoever made it is removed', async () => {
    const password = 'a password of no account';
    const user = { username: `maker-${randomUUID()}`, password, role: 'admin' };
    const { user: id } = (await api.admin.post('/users', user)).json();
    await api.admin.post('/users', { ...user, username: `other-${randomUUID()}` });
    const maker = await api.signedIn(user.username, password);
    const made = (await maker.post('/api-keys', { name: newName(), role: 'viewer' })).json();
    expect(made.created_by).toBe(user.username);
    expect((await api.admin.delete(`/users/${id}`)).statusCode).toBe(204);
    expect((await withKey(made.key)).statusCode).toBe(200);
  });
});

describe('a request is refused', () => {
  const good = { name: 'never made', role: 'viewer' };
  test.each<[string, object, string[]]>([
    ['an empty body', {}, ['/name required', '/role required']],
    ['an empty name', { ...good, name: '' }, ['/name too_short']],
    ['a name of blanks', { ...good, name: '  ' }, ['/name invalid_format']],
    ['a name that ends with a blank', { ...good, name: 'x ' }, ['/name invalid_format']],
    ['a name with a line feed', { ...good, name: 'x\ny' }, ['/name invalid_format']],
    ['a name with a line separator', { ...good, name: 'x\u2028y' }, ['/name invalid_format']],
    ['a name that turns the text around', { ...good, name: 'x\u202ey' }, ['/name invalid_format']],
    ['a name with NUL', { ...good, name: 'x\0y' }, ['/name nul_character']],
    ['a name of 101 characters', { ...good, name: 'x'.repeat(101) }, ['/name too_long']],
    ['a role that is not there', { ...good, role: 'nothing-of-ours' }, ['/role unknown_role']],
    ['a time that is over', { ...good, expires_ts: Date.now() / 1000 - 1 }, ['/expires_ts out_of_range']],
    ['a time in milliseconds', { ...good, expires_ts: Date.now() * 1000 }, ['/expires_ts out_of_range']],
    ['a time as a text', { ...good, expires_ts: '2030-01-01' }, ['/expires_ts invalid_type']],
    ['a key of their own', { ...good, key: 'sheaf_x' }, ['/key unknown_field']],
    ['a hash', { ...good, hash: 'ff' }, ['/hash unknown_field']],
    ['an account', { ...good, account_id: randomUUID() }, ['/account_id unknown_field']],
    ['another maker', { ...good, created_by: 'admin' }, ['/created_by unknown_field']],
    ['statements', { ...good, statements: [allow('*')] }, ['/statements unknown_field']],
  ])('that makes a key with %s', async (_, body, problems) => {
    const answer = await api.admin.post('/api-keys', body);
    expect([answer.statusCode, codesOf(answer)]).toEqual([422, problems]);
  });

  it('that carries an idempotency key: the answer would be kept, and the key with it', async () => {
    const answer = await api.app.inject({
      method: 'POST',
      url: '/api-keys',
      headers: { authorization: `Bearer ${api.admin.secret}`, 'idempotency-key': 'one' },
      payload: good,
    });
    expect([answer.statusCode, codesOf(answer)]).toEqual([422, ['header:Idempotency-Key unknown_header']]);
  });

  test.each(['ключ', 'größe: 100 %', '夜間取込', '🔑', 'a'])('but not that names it %s', async (name) => {
    expect((await api.admin.post('/api-keys', { name, role: 'viewer' })).json().name).toBe(name);
  });
});

it('another account has no keys here: ours are answered as those that never were', async () => {
  const { api_key, key } = await addKey();
  const bodyOf = (answer: Answer) => {
    const { request_id: _, ...body } = answer.json();
    return [answer.statusCode, body];
  };
  for (const unknown of [randomUUID(), 'x', '%00', key]) {
    const [ours, never] = [`/api-keys/${api_key}`, `/api-keys/${unknown}`];
    expect(bodyOf(await api.stranger.get(ours))).toEqual(bodyOf(await api.stranger.get(never)));
    expect(bodyOf(await api.stranger.delete(ours))).toEqual(bodyOf(await api.stranger.delete(never)));
  }
  expect(bodyOf(await api.stranger.get(`/api-keys/${api_key}`))[0]).toBe(404);
  expect((await api.stranger.get('/api-keys?limit=100')).body).not.toContain(api_key);
  expect((await withKey(key)).statusCode).toBe(200);
});

it('a list has each of them once, newest first', async () => {
  const added: string[] = [];
  for (let index = 0; index < 5; index++) added.unshift((await addKey()).api_key);
  const first = (await api.admin.get('/api-keys?limit=3')).json();
  await addKey();
  const second = (await api.admin.get(`/api-keys?limit=2&cursor=${first.next_cursor}`)).json();
  const seen = [...first.items, ...second.items].map(({ api_key }: { api_key: string }) => api_key);
  expect(seen).toEqual(added);
});

describe('whoever may make keys, but not everything', () => {
  const MANAGES = allow('create_api_key', 'delete_api_key', 'get_api_key');

  it('makes none of a stronger role, not of their own either when it is widened meanwhile', async () => {
    const key = await api.keyThatMay(MANAGES, allow('get_*'));
    for (const role of ['admin', 'operator', 'submitter'])
      forbidden(await key.post('/api-keys', { name: newName(), role }));
    expect((await key.post('/api-keys', { name: newName(), role: 'viewer' })).statusCode).toBe(201);

    const role = `role-${randomUUID()}`;
    await api.admin.post('/roles', { name: role, statements: [allow('get_batch')] });
    const widened = await heldBack(
      sheaf,
      (session) =>
        session`update roles set statements = ${session.json([allow('*')] as never)} where name = ${role}`,
    );
    const made = key.post('/api-keys', { name: newName(), role });
    await waiting(sheaf, 1);
    await widened.commit();
    forbidden(await made);
  });

  it('does not revoke a key that may do more', async () => {
    const strong = await addKey('admin');
    const weak = await addKey('viewer');
    const key = await api.keyThatMay(allow('*'), deny('update_user'));
    forbidden(await key.delete(`/api-keys/${strong.api_key}`));
    expect((await withKey(strong.key)).statusCode).toBe(200);
    expect((await key.delete(`/api-keys/${weak.api_key}`)).statusCode).toBe(204);
    // As one that is revoked may do nothing, anybody may say so again.
    await api.admin.delete(`/api-keys/${strong.api_key}`);
    expect((await key.delete(`/api-keys/${strong.api_key}`)).statusCode).toBe(204);
  });

  it('needs the permission of each route besides', async () => {
    const { api_key } = await addKey();
    for (const role of ['operator', 'submitter', 'viewer']) {
      const lesser = await api.keyOf(role);
      forbidden(await lesser.get('/api-keys'));
      forbidden(await lesser.get(`/api-keys/${api_key}`));
      forbidden(await lesser.post('/api-keys', { name: newName(), role }));
      forbidden(await lesser.delete(`/api-keys/${api_key}`));
    }
  });
});

it('a key is in the answer that made it, and nowhere else: no other answer, no table, no log', async () => {
  const { key, api_key } = await addKey('admin');
  const hash = createHash('sha256').update(key).digest('hex');
  const [kept] = await sheaf.sql`select encode(hash, 'hex') as hash from api_keys where id = ${api_key}`;
  expect(kept).toEqual({ hash });
  const answers = [
    await withKey(key, '/api-keys'),
    await withKey(key, `/api-keys/${api_key}`),
    await withKey(key, '/no-such-route'),
    await withKey(`${key}x`),
    await withKey(key, '/api-keys?cursor=x'),
  ];
  const tables = await sheaf.sql<{ name: string }[]>`
    select tablename as name from pg_tables where schemaname = 'public'`;
  const rows = await Promise.all(
    tables.map(({ name }) => sheaf.sql`select t::text as row from ${sheaf.sql(name)} t`),
  );
  const inTables = JSON.stringify(rows);
  expect(inTables).toContain(hash);
  const everything = [...answers.map(({ body }) => body), inTables, api.logged()].join('\n');
  expect(everything).toContain(api_key);
  expect(everything).not.toContain(key.slice(10));
  expect(JSON.stringify(await sheaf.sql`select * from audit_log`) + api.logged()).not.toContain(hash);
});
