import { randomUUID } from 'node:crypto';
import { describe, expect, it, test } from 'vitest';
import { BUILT_IN_ROLES } from '../../src/core/roles.ts';
import {
  type AccessApi,
  type Answer,
  allow,
  audited,
  codesOf,
  deny,
  heldBack,
  openAccessApi,
  useAccessApi,
  waiting,
} from '../support/access/access-api.ts';
import { openTestSheaf, type TestSheaf } from '../support/sheaf.ts';

const PASSWORD = 'a password of no account';

let sheaf: TestSheaf;
let api: AccessApi;

useAccessApi((opened) => ({ sheaf, api } = opened));

const newName = () => `role-${randomUUID()}`;

async function addRole(...statements: object[]): Promise<string> {
  const name = newName();
  const answer = await api.admin.post('/roles', { name, statements });
  expect(answer.statusCode, answer.body).toBe(201);
  return name;
}

const addUser = (role: string) =>
  api.admin.post('/users', { username: randomUUID(), password: PASSWORD, role });

const forbidden = (answer: Answer): string => {
  expect([answer.statusCode, answer.json().code], answer.body).toEqual([403, 'forbidden']);
  return answer.json().detail;
};

describe('a role', () => {
  it('is added, found, listed, changed and removed, and each of it is written down', async () => {
    const statements = [allow('get_*', 'create_batch'), deny('get_users')];
    const name = newName();
    const added = await api.admin.post('/roles', { name, description: 'Looks.', statements });
    expect(added.statusCode).toBe(201);
    expect(added.headers).toMatchObject({ location: `/roles/${name}`, 'cache-control': 'no-store' });
    const role = added.json();
    expect(role).toEqual({
      name,
      description: 'Looks.',
      statements,
      built_in: false,
      unknown_actions: [],
      created_ts: expect.closeTo(Date.now() / 1000, -2),
      updated_ts: role.created_ts,
    });
    expect((await api.admin.get(`/roles/${name}`)).json()).toEqual(role);
    expect((await api.admin.get('/roles')).json().items[0]).toEqual(role);

    const narrower = [allow('get_batch')];
    const changed = await api.admin.patch(`/roles/${name}`, { statements: narrower });
    expect(changed.statusCode).toBe(200);
    expect(changed.json()).toMatchObject({ description: 'Looks.', statements: narrower });
    expect((await api.admin.patch(`/roles/${name}`, { description: '' })).json().description).toBe('');

    const removed = await api.admin.delete(`/roles/${name}`);
    expect([removed.statusCode, removed.body]).toEqual([204, '']);
    for (const answer of [await api.admin.get(`/roles/${name}`), await api.admin.delete(`/roles/${name}`)])
      expect([answer.statusCode, answer.json().code]).toEqual([404, 'role_not_found']);

    const entry = { kind: 'role' };
    expect(await audited(sheaf, name)).toEqual([
      { ...entry, action: 'create_role', before: null, after: { name, description: 'Looks.', statements } },
      { ...entry, action: 'update_role', before: { statements }, after: { statements: narrower } },
      { ...entry, action: 'update_role', before: { description: 'Looks.' }, after: { description: '' } },
      {
        ...entry,
        action: 'delete_role',
        before: { name, description: '', statements: narrower },
        after: null,
      },
    ]);
  });

  it('that is changed to what it is stays as it is, and nothing is written down', async () => {
    const name = await addRole(allow('get_batch'));
    const before = (await api.admin.get(`/roles/${name}`)).json();
    const same = { statements: [{ actions: ['get_batch'], effect: 'allow' }] };
    expect((await api.admin.patch(`/roles/${name}`, same)).json()).toEqual(before);
    expect(await audited(sheaf, name)).toHaveLength(1);
  });

  it('counts as it is for the next request of whoever has it', async () => {
    const name = await addRole(allow('get_batches'));
    const key = await api.keyOf(name);
    expect((await key.get('/batches')).statusCode).toBe(200);
    await api.admin.patch(`/roles/${name}`, { statements: [allow('get_operations')] });
    expect(forbidden(await key.get('/batches'))).toContain('get_batches');
    expect((await key.get('/operations')).statusCode).toBe(200);
  });

  it('tells which of its actions name nothing', async () => {
    const name = newName();
    const statements = [
      allow('get_batch', 'get_batchs', 'create_learner', 'creat_*', 'create_*', '*'),
      deny('create_lerner', 'get_batchs'),
    ];
    const answer = await api.admin.post('/roles', { name, statements });
    expect(answer.json().unknown_actions).toEqual(['get_batchs', 'creat_*', 'create_lerner']);
  });

  it('has a name that no other role of the account has; another account may have it', async () => {
    const name = await addRole(allow('get_batch'));
    const body = { name, statements: [allow('get_batches')] };
    const taken = await api.admin.post('/roles', body);
    expect([taken.statusCode, taken.json().code]).toEqual([409, 'name_taken']);
    expect((await api.stranger.post('/roles', body)).statusCode).toBe(201);
    expect((await api.admin.get(`/roles/${name}`)).json().statements).toEqual([allow('get_batch')]);
    expect((await api.stranger.get(`/roles/${name}`)).json().statements).toEqual([allow('get_batches')]);
  });
});

describe('roles that every account has', () => {
  test.each(BUILT_IN_ROLES.map(({ name }) => name))('%s is there, and stays as it is', async (name) => {
    const role = await api.stranger.get(`/roles/${name}`);
    expect(role.json()).toMatchObject({ name, built_in: true, unknown_actions: [], created_ts: null });
    const statements = [allow('get_batch')];
    for (const answer of [
      await api.admin.patch(`/roles/${name}`, { statements }),
      await api.admin.delete(`/roles/${name}`),
    ])
      expect([answer.statusCode, answer.json().code]).toEqual([409, 'role_built_in']);
    const taken = await api.admin.post('/roles', { name, statements });
    expect([taken.statusCode, taken.json().code]).toEqual([409, 'name_taken']);
    for (const spelt of [name.toUpperCase(), `${name[0]!.toUpperCase()}${name.slice(1)}`]) {
      expect((await api.admin.post('/roles', { name: spelt, statements })).statusCode).toBe(422);
      expect((await api.admin.get(`/roles/${spelt}`)).statusCode).toBe(404);
    }
  });
});

describe('a list of roles', () => {
  it('has each of them once, newest first, and then those that every account has', async () => {
    const other = await openTestSheaf();
    const { admin, close } = await openAccessApi(other);
    const names: string[] = [];
    for (let index = 0; index < 5; index++) {
      const name = `r${index}`;
      await admin.post('/roles', { name, statements: [allow('get_batch')] });
      names.unshift(name);
    }
    // Within the same millisecond it is the names that tell which comes first.
    await other.sql`
      update roles set created_at = date_trunc('second', now())
        + interval '1 microsecond' * (case name when 'r1' then 900 when 'r2' then 100 else 600 end)
      where name in ('r1', 'r2', 'r3')`;
    const seen: string[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const { items, next_cursor }: { items: { name: string }[]; next_cursor: string | null } = (
        await admin.get(`/roles?limit=2${cursor && `&cursor=${cursor}`}`)
      ).json();
      expect(items.length).toBeLessThanOrEqual(2);
      seen.push(...items.map(({ name }) => name));
      cursor = next_cursor;
      // The role that the cursor names may be gone meanwhile.
      await other.sql`delete from roles where name = ${seen.at(-1)!}`;
    }
    const builtIn = BUILT_IN_ROLES.map(({ name }) => name);
    expect([...seen].sort()).toEqual([...names, ...builtIn].sort());
    expect(seen.slice(-4)).toEqual(builtIn);
    expect(seen.filter((name) => ['r1', 'r2', 'r3'].includes(name))).toEqual(['r3', 'r2', 'r1']);
    await close();
    await other.close();
  });

  test.each([
    'limit=0',
    'limit=101',
    'cursor=x',
    `cursor=${Buffer.from('1.A').toString('base64url')}`,
    'a=1',
  ])('refuses %s', async (query) => {
    expect((await api.admin.get(`/roles?${query}`)).statusCode).toBe(422);
  });

  it('takes the cursor of a list of something else for none', async () => {
    const cursor = Buffer.from(randomUUID()).toString('base64url');
    expect(codesOf(await api.admin.get(`/roles?cursor=${cursor}`))).toEqual(['?cursor invalid_cursor']);
  });
});

describe('a request is refused', () => {
  const good = { name: 'never-made', statements: [allow('get_batch')] };
  const many = (count: number) => Array.from({ length: count }, (_, index) => `a${index}`);
  test.each<[string, object, string[]]>([
    ['an empty body', {}, ['/name required', '/statements required']],
    ['a name with a capital', { ...good, name: 'Role' }, ['/name invalid_format']],
    ['a name that begins with a digit', { ...good, name: '1role' }, ['/name invalid_format']],
    ['a name of 65 characters', { ...good, name: 'r'.repeat(65) }, ['/name invalid_format']],
    ['a name with a path', { ...good, name: 'a/b' }, ['/name invalid_format']],
    ['no statements', { ...good, statements: [] }, ['/statements too_short']],
    ['51 statements', { ...good, statements: Array(51).fill(allow('a')) }, ['/statements too_long']],
    ['no actions', { ...good, statements: [allow()] }, ['/statements/0/actions too_short']],
    ['201 actions', { ...good, statements: [allow(...many(201))] }, ['/statements/0/actions too_long']],
    [
      '1001 actions in all',
      { ...good, statements: [...Array(5).fill(allow(...many(200))), deny('a')] },
      ['/statements too_long'],
    ],
    [
      'another effect',
      { ...good, statements: [{ effect: 'Allow', actions: ['a'] }] },
      ['/statements/0/effect not_allowed'],
    ],
    [
      'a member of a statement',
      { ...good, statements: [{ ...allow('a'), resource: '*' }] },
      ['/statements/0/resource unknown_field'],
    ],
    [
      'a star in the middle',
      { ...good, statements: [allow('a*b')] },
      ['/statements/0/actions/0 invalid_format'],
    ],
    ['two stars', { ...good, statements: [allow('**')] }, ['/statements/0/actions/0 invalid_format']],
    ['a capital', { ...good, statements: [allow('Get_batch')] }, ['/statements/0/actions/0 invalid_format']],
    ['an empty action', { ...good, statements: [allow('')] }, ['/statements/0/actions/0 invalid_format']],
    [
      'a line feed',
      { ...good, statements: [allow('get_batch\n')] },
      ['/statements/0/actions/0 invalid_format'],
    ],
    ['an account', { ...good, account_id: randomUUID() }, ['/account_id unknown_field']],
    ['being built in', { ...good, built_in: true }, ['/built_in unknown_field']],
    ['a long description', { ...good, description: 'd'.repeat(1001) }, ['/description too_long']],
  ])('that adds a role with %s', async (_, body, problems) => {
    const answer = await api.admin.post('/roles', body);
    expect([answer.statusCode, codesOf(answer)]).toEqual([422, problems]);
  });

  test.each<[string, object, string[]]>([
    ['nothing', {}, [' required']],
    ['a name', { name: 'other' }, ['/name unknown_field']],
    ['no statements', { statements: [] }, ['/statements too_short']],
    ['statements to null', { statements: null }, ['/statements invalid_type']],
    [
      '1001 actions',
      { statements: [...Array(5).fill(allow(...many(200))), deny('a')] },
      ['/statements too_long'],
    ],
  ])('that changes %s', async (_, body, problems) => {
    const name = await addRole(allow('get_batch'));
    const answer = await api.admin.patch(`/roles/${name}`, body);
    expect([answer.statusCode, codesOf(answer)]).toEqual([422, problems]);
  });

  test.each(['%00', 'a%2Fb', 'Admin', 'a%0A', '%F0%9F%98%80'])('of a role named %s', async (name) => {
    for (const answer of [
      await api.admin.get(`/roles/${name}`),
      await api.admin.patch(`/roles/${name}`, { description: 'x' }),
      await api.admin.delete(`/roles/${name}`),
    ])
      expect(answer.statusCode).toBe(404);
  });
});

it('another account has no roles here: ours are answered as those that never were', async () => {
  const name = await addRole(allow('get_batch'));
  const never = newName();
  const bodyOf = (answer: Answer) => {
    const { request_id: _, ...body } = answer.json();
    return [answer.statusCode, JSON.stringify(body).replaceAll(name, never)];
  };
  const change = { statements: [allow('*')] };
  const pairs = await Promise.all([
    Promise.all([name, never].map((role) => api.stranger.get(`/roles/${role}`))),
    Promise.all([name, never].map((role) => api.stranger.patch(`/roles/${role}`, change))),
    Promise.all([name, never].map((role) => api.stranger.delete(`/roles/${role}`))),
    Promise.all(
      [name, never].map((role) =>
        api.stranger.post('/users', { username: randomUUID(), password: PASSWORD, role }),
      ),
    ),
    Promise.all([name, never].map((role) => api.stranger.post('/api-keys', { name: randomUUID(), role }))),
  ]);
  for (const [theirs, unknown] of pairs) expect(bodyOf(theirs!)).toEqual(bodyOf(unknown!));
  expect(pairs.map(([answer]) => answer!.statusCode)).toEqual([404, 404, 404, 422, 422]);
  expect((await api.stranger.get('/roles?limit=100')).body).not.toContain(name);
  expect((await api.admin.get(`/roles/${name}`)).json().statements).toEqual([allow('get_batch')]);
});

describe('a role that somebody has', () => {
  it('stays, also while its users are disabled, until they and its keys have another one', async () => {
    const name = await addRole(allow('get_batch'));
    const { user } = (await addUser(name)).json();
    const { api_key } = (await api.admin.post('/api-keys', { name: randomUUID(), role: name })).json();
    await api.admin.patch(`/users/${user}`, { disabled: true });
    const used = async () => {
      const answer = await api.admin.delete(`/roles/${name}`);
      return [answer.statusCode, answer.json().code, answer.json().detail];
    };
    expect(await used()).toEqual([409, 'role_in_use', `1 users and 1 API keys have the role ${name}`]);
    await api.admin.patch(`/users/${user}`, { role: 'viewer' });
    expect(await used()).toEqual([409, 'role_in_use', `0 users and 1 API keys have the role ${name}`]);
    await api.admin.delete(`/api-keys/${api_key}`);
    expect((await api.admin.delete(`/roles/${name}`)).statusCode).toBe(204);
    // What was revoked can be revoked again, though its role is gone.
    expect((await api.admin.delete(`/api-keys/${api_key}`)).statusCode).toBe(204);
  });

  test.each<[string, (role: string, user: string) => Promise<Answer>]>([
    ['to a new user', (role) => addUser(role)],
    ['to a user', (role, user) => api.admin.patch(`/users/${user}`, { role })],
    ['to a key', (role) => api.admin.post('/api-keys', { name: randomUUID(), role })],
  ])('is not removed while it is given %s', async (_, give) => {
    const { user } = (await addUser('viewer')).json();
    const name = await addRole(allow('get_batch'));
    // Whoever gives the role has it in its hands, and waits only to write down that it did.
    const held = await heldBack(sheaf, (session) => session`lock table audit_log in access exclusive mode`);
    const given = give(name, user);
    await waiting(sheaf, 1);
    expect(await isHeld(name)).toBe(true);
    const removed = api.admin.delete(`/roles/${name}`);
    await waiting(sheaf, 2);
    await held.commit();
    expect((await given).statusCode).toBeLessThan(300);
    expect((await removed).json()).toMatchObject({ status: 409, code: 'role_in_use' });
  });

  it('is not given any more while it is removed', async () => {
    const name = await addRole(allow('get_batch'));
    const held = await heldBack(sheaf, (session) => session`delete from roles where name = ${name}`);
    const { user } = (await addUser('viewer')).json();
    const given = [
      addUser(name),
      api.admin.patch(`/users/${user}`, { role: name }),
      api.admin.post('/api-keys', { name: randomUUID(), role: name }),
    ];
    await waiting(sheaf, 3);
    await held.commit();
    for (const answer of await Promise.all(given)) expect(codesOf(answer)).toEqual(['/role unknown_role']);
    expect((await api.admin.get(`/users/${user}`)).json().role).toBe('viewer');
  });
});

it('in a crowd that gives, changes and removes roles at once nobody is left with one that is not there', async () => {
  const names = [newName(), newName()];
  const users = await Promise.all(names.map(async () => (await addUser('viewer')).json().user as string));
  const statements = [allow('get_batch')];
  const round = () =>
    names.flatMap((name, index) => [
      api.admin.post('/roles', { name, statements }),
      api.admin.patch(`/users/${users[index]}`, { role: name }),
      api.admin.patch(`/users/${users[1 - index]!}`, { role: name, disabled: true }),
      api.admin.patch(`/roles/${name}`, { statements: [allow('get_batch', `a${index}`)] }),
      api.admin.post('/api-keys', { name: `${name} key`, role: name }),
      api.admin.delete(`/roles/${name}`),
      api.admin.patch(`/users/${users[index]}`, { role: 'viewer', disabled: false }),
      api.admin.delete(`/roles/${name}`),
    ]);
  for (const { statusCode } of await Promise.all([round(), round(), round()].flat()))
    expect([200, 201, 204, 404, 409, 422]).toContain(statusCode);
  const orphans = await sheaf.sql`
    select given.role from (
      select account_id, role from users
      union all select account_id, role from api_keys where revoked_at is null) given
    left join roles r on r.account_id = given.account_id and r.name = given.role
    where r.name is null and given.role <> all (${BUILT_IN_ROLES.map(({ name }) => name)})`;
  expect(orphans).toEqual([]);
});

/** Whether a transaction has the row locked: whoever would change it without waiting does not get it. */
async function isHeld(name: string): Promise<boolean> {
  const free = await sheaf.sql`select from roles where name = ${name} for update skip locked`;
  return free.length === 0;
}

describe('whoever may change roles, but not everything', () => {
  const MANAGES = allow('create_role', 'get_role', 'update_role', 'delete_role');

  it('makes none that allows more', async () => {
    const key = await api.keyThatMay(MANAGES, allow('get_*'), deny('get_users'));
    const make = (...statements: object[]) => key.post('/roles', { name: newName(), statements });
    expect((await make(allow('get_batch'))).statusCode).toBe(201);
    expect((await make(allow('get_*'), deny('get_u*'))).statusCode).toBe(201);
    expect(forbidden(await make(allow('*')))).toMatch(/: \*, get_users$/);
    expect(forbidden(await make(allow('get_*')))).toMatch(/: get_users$/);
    expect(forbidden(await make(allow('get_batch', 'create_batch', 'delete_batch')))).toMatch(
      /: create_batch, delete_batch$/,
    );
    const many = Array.from({ length: 9 }, (_, index) => `operation_${index}`);
    expect(forbidden(await make(allow(...many)))).toMatch(/_3, operation_4 and 4 more$/);
  });

  it('widens neither their own role nor another, nor takes from one that allows more', async () => {
    const own = await addRole(MANAGES, allow('get_batch'));
    const key = await api.keyOf(own);
    const stronger = await addRole(allow('delete_batch'));
    for (const statements of [[allow('*')], [MANAGES, allow('get_*')], [allow('admin_*')]])
      forbidden(await key.patch(`/roles/${own}`, { statements }));
    forbidden(await key.patch(`/roles/${stronger}`, { statements: [allow('get_batch')] }));
    forbidden(await key.patch(`/roles/${stronger}`, { description: 'harmless' }));
    forbidden(await key.delete(`/roles/${stronger}`));
    expect(await audited(sheaf, own)).toHaveLength(1);
    expect(await audited(sheaf, stronger)).toHaveLength(1);
    expect((await key.patch(`/roles/${own}`, { statements: [MANAGES] })).statusCode).toBe(200);
    forbidden(await key.patch(`/roles/${own}`, { statements: [MANAGES, allow('get_batch')] }));
  });

  it('is told of a role that is not there before of what they lack', async () => {
    const key = await api.keyThatMay(MANAGES);
    const answer = await key.patch(`/roles/${newName()}`, { statements: [allow('*')] });
    expect(answer.json().code).toBe('role_not_found');
  });

  it('of two changes at once each is checked against what the other has left', async () => {
    const name = await addRole(allow('get_batch'));
    const key = await api.keyThatMay(MANAGES, allow('get_batch'));
    const held = await heldBack(
      sheaf,
      (session) =>
        session`update roles set statements = ${session.json([allow('*')] as never)} where name = ${name}`,
    );
    const changed = key.patch(`/roles/${name}`, { statements: [allow('get_batch')] });
    const removed = key.delete(`/roles/${name}`);
    await waiting(sheaf, 2);
    await held.commit();
    forbidden(await changed);
    forbidden(await removed);
  });
});

it('what begins with admin_ counts in the account that administers alone', async () => {
  const statements = [allow('admin_get_audit', 'get_batches')];
  const name = newName();
  expect((await api.stranger.post('/roles', { name, statements })).statusCode).toBe(201);
  const made = await api.stranger.post('/api-keys', { name: 'looks around', role: name });
  const ask = async (url: string) => {
    const headers = { authorization: `Bearer ${made.json().key}` };
    return (await api.app.inject({ method: 'GET', url, headers })).statusCode;
  };
  expect(await ask('/batches')).toBe(200);
  expect(await ask('/admin/audit')).not.toBe(200);
});
