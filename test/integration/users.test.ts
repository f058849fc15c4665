import { randomUUID } from 'node:crypto';
import { beforeEach, describe, expect, it, test } from 'vitest';
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

const PASSWORD = 'a password of no account';
const NO_SUCH_USER = '0199f3a2-64be-7a11-b0a3-0d5a2f7c1e94';

let sheaf: TestSheaf;
let api: AccessApi;

useAccessApi((opened) => ({ sheaf, api } = opened));

let names = 0;
const newName = () => `somebody-${++names}`;

async function addUser(role = 'viewer', { username = newName(), password = PASSWORD } = {}) {
  const answer = await api.admin.post('/users', { username, password, role });
  expect(answer.statusCode, answer.body).toBe(201);
  return answer.json() as { user: string; username: string };
}

describe('a user', () => {
  it('is added, found, listed, changed and removed, and each of it is written down', async () => {
    const added = await api.admin.post('/users', {
      username: 'Ada@example.org',
      password: PASSWORD,
      role: 'viewer',
    });
    expect(added.statusCode).toBe(201);
    const user = added.json();
    expect(user).toEqual({
      user: expect.stringMatching(/^[0-9a-f-]{36}$/),
      username: 'Ada@example.org',
      role: 'viewer',
      disabled: false,
      created_ts: expect.closeTo(Date.now() / 1000, -2),
      updated_ts: user.created_ts,
    });
    expect(added.headers).toMatchObject({ location: `/users/${user.user}`, 'cache-control': 'no-store' });
    expect((await api.admin.get(`/users/${user.user}`)).json()).toEqual(user);
    expect((await api.admin.get(`/users/${user.user.toUpperCase()}`)).json()).toEqual(user);
    expect((await api.admin.get('/users')).json().items[0]).toEqual(user);

    const changed = await api.admin.patch(`/users/${user.user}`, { role: 'operator', disabled: true });
    expect(changed.statusCode).toBe(200);
    expect(changed.json()).toMatchObject({ role: 'operator', disabled: true, created_ts: user.created_ts });
    expect(changed.json().updated_ts).toBeGreaterThan(user.updated_ts);
    const enabled = await api.admin.patch(`/users/${user.user}`, {
      disabled: false,
      password: `${PASSWORD}!`,
    });
    expect(enabled.json()).toMatchObject({ disabled: false });

    const removed = await api.admin.delete(`/users/${user.user}`);
    expect([removed.statusCode, removed.body]).toEqual([204, '']);
    expect((await api.admin.get(`/users/${user.user}`)).json().code).toBe('user_not_found');
    expect((await api.admin.delete(`/users/${user.user}`)).json().code).toBe('user_not_found');

    expect(await audited(sheaf, user.user)).toEqual([
      {
        action: 'create_user',
        kind: 'user',
        before: null,
        after: { name: 'Ada@example.org', role: 'viewer' },
      },
      {
        action: 'update_user',
        kind: 'user',
        before: { role: 'viewer', disabled: false },
        after: { role: 'operator', disabled: true },
      },
      {
        action: 'update_user',
        kind: 'user',
        before: { disabled: true, password: null },
        after: { disabled: false, password: 'changed' },
      },
      {
        action: 'delete_user',
        kind: 'user',
        before: { name: 'Ada@example.org', role: 'operator', disabled: false },
        after: null,
      },
    ]);
    const [entry] = await sheaf.sql`
      select actor_kind, actor_name, account_id, actor_account_id, ip, request_id from audit_log
      where target_id = ${user.user} order by id limit 1`;
    expect(entry).toEqual({
      actor_kind: 'api_key',
      actor_name: expect.stringMatching(/^key:test /),
      account_id: sheaf.services.accountId,
      actor_account_id: sheaf.services.accountId,
      ip: '127.0.0.1',
      request_id: added.headers['x-request-id'],
    });
  });

  it('that is changed to what it is stays as it is, sessions and all, and nothing is written down', async () => {
    const { user, username } = await addUser();
    const token = await api.signedIn(username, PASSWORD);
    const before = (await api.admin.get(`/users/${user}`)).json();
    const answer = await api.admin.patch(`/users/${user}`, { role: 'viewer', disabled: false });
    expect([answer.statusCode, answer.json()]).toEqual([200, before]);
    expect(await audited(sheaf, user)).toHaveLength(1);
    expect((await token.get('/batches')).statusCode).toBe(200);
  });

  test.each([
    ['another role', { role: 'operator' }],
    ['another password', { password: `${PASSWORD} 2` }],
    ['being disabled', { disabled: true }],
  ])('loses its sessions with %s', async (_, change) => {
    const { user, username } = await addUser();
    const token = await api.signedIn(username, PASSWORD);
    expect((await token.get('/batches')).statusCode).toBe(200);
    expect((await api.admin.patch(`/users/${user}`, change)).statusCode).toBe(200);
    expect((await token.get('/batches')).statusCode).toBe(401);
  });

  it('that is removed has no sessions any more', async () => {
    const { user, username } = await addUser();
    const token = await api.signedIn(username, PASSWORD);
    await api.admin.delete(`/users/${user}`);
    expect((await token.get('/batches')).statusCode).toBe(401);
    expect(await sheaf.sql`select from sessions where user_id = ${user}`).toHaveLength(0);
  });

  it('has a name that nobody else of the account has, whatever its capitals; another account may have it', async () => {
    const { username } = await addUser();
    const body = { username: username.toUpperCase(), password: PASSWORD, role: 'viewer' };
    const taken = await api.admin.post('/users', body);
    expect([taken.statusCode, taken.json().code]).toEqual([409, 'name_taken']);
    expect((await api.stranger.post('/users', body)).statusCode).toBe(201);
  });

  it('is made once, however many ask at the same time', async () => {
    const body = { username: newName(), password: PASSWORD, role: 'viewer' };
    const answers = await Promise.all(Array.from({ length: 8 }, () => api.admin.post('/users', body)));
    expect(answers.map(({ statusCode }) => statusCode).sort()).toEqual([201, ...Array(7).fill(409)]);
  });
});

describe('a request is refused', () => {
  const good = { username: 'nobody', password: PASSWORD, role: 'viewer' };
  test.each<[string, object, string[]]>([
    ['an empty body', {}, ['/username required', '/password required', '/role required']],
    ['a name with a blank', { ...good, username: 'no body' }, ['/username invalid_format']],
    ['a name with a line feed', { ...good, username: 'nobody\n' }, ['/username invalid_format']],
    ['a name that begins with a dot', { ...good, username: '.nobody' }, ['/username invalid_format']],
    ['a name that looks like that of a key', { ...good, username: 'key:x' }, ['/username invalid_format']],
    ['a name of 129 characters', { ...good, username: 'n'.repeat(129) }, ['/username invalid_format']],
    ['a short password', { ...good, password: '11character' }, ['/password too_short']],
    [
      'a short password of characters of two units',
      { ...good, password: '😀'.repeat(11) },
      ['/password too_short'],
    ],
    ['a long password', { ...good, password: 'x'.repeat(257) }, ['/password too_long']],
    ['a password with NUL', { ...good, password: `${PASSWORD}\0` }, ['/password nul_character']],
    ['a password that is no text', { ...good, password: `${PASSWORD}\ud800` }, ['/password not_text']],
    ['a password that is no string', { ...good, password: 123456789012 }, ['/password invalid_type']],
    [
      'the name as the password',
      { ...good, username: 'the-same-as-this', password: 'The-Same-As-This' },
      ['/password not_allowed'],
    ],
    ['a role that is not there', { ...good, role: 'nothing-of-ours' }, ['/role unknown_role']],
    ['a role as a list', { ...good, role: ['viewer'] }, ['/role invalid_type']],
    ['an account', { ...good, account_id: NO_SUCH_USER }, ['/account_id unknown_field']],
    ['an account in other words', { ...good, account: 'others' }, ['/account unknown_field']],
    ['administering', { ...good, administers: true }, ['/administers unknown_field']],
    ['an id', { ...good, id: NO_SUCH_USER }, ['/id unknown_field']],
    ['a hash', { ...good, password_hash: '$scrypt$' }, ['/password_hash unknown_field']],
    ['statements', { ...good, statements: [allow('*')] }, ['/statements unknown_field']],
  ])('that adds a user with %s', async (_, body, problems) => {
    const answer = await api.admin.post('/users', body);
    expect([answer.statusCode, codesOf(answer)]).toEqual([422, problems]);
    expect(answer.body).not.toContain(PASSWORD);
  });

  test.each<[string, object, string[]]>([
    ['nothing', {}, [' required']],
    ['a name', { username: 'other' }, ['/username unknown_field']],
    ['an account', { role: 'viewer', account_id: NO_SUCH_USER }, ['/account_id unknown_field']],
    ['no role', { role: null }, ['/role invalid_type']],
    ['an unknown role', { role: 'nothing-of-ours' }, ['/role unknown_role']],
    ['disabled as a text', { disabled: 'true' }, ['/disabled invalid_type']],
    ['a short password', { password: 'short' }, ['/password too_short']],
  ])('that changes %s', async (_, body, problems) => {
    const { user } = await addUser();
    const answer = await api.admin.patch(`/users/${user}`, body);
    expect([answer.statusCode, codesOf(answer)]).toEqual([422, problems]);
    expect(await audited(sheaf, user)).toHaveLength(1);
  });

  it('that gives a user its name as the password', async () => {
    const { user } = await addUser('viewer', { username: 'a-name-that-is-long' });
    const answer = await api.admin.patch(`/users/${user}`, { password: 'A-NAME-that-is-long' });
    expect([answer.statusCode, codesOf(answer)]).toEqual([422, ['/password not_allowed']]);
  });

  it('that carries an idempotency key, under which nothing is kept', async () => {
    const answer = await api.app.inject({
      method: 'POST',
      url: '/users',
      headers: { authorization: `Bearer ${api.admin.secret}`, 'idempotency-key': 'one' },
      payload: good,
    });
    expect([answer.statusCode, codesOf(answer)]).toEqual([422, ['header:Idempotency-Key unknown_header']]);
  });
});

describe('another account', () => {
  it('has no users here: theirs are answered as those that never were', async () => {
    const { user } = await addUser('viewer');
    const before = await audited(sheaf, user);
    const bodyOf = (answer: Answer) => {
      const { request_id: _, ...body } = answer.json();
      return [answer.statusCode, body];
    };
    for (const unknown of [NO_SUCH_USER, 'me', '%00', `${user}0`]) {
      const [theirs, never] = [`/users/${user}`, `/users/${unknown}`];
      expect(bodyOf(await api.stranger.get(theirs))).toEqual(bodyOf(await api.stranger.get(never)));
      for (const body of [{ role: 'admin' }, { password: `${PASSWORD} 3` }, { disabled: true }])
        expect(bodyOf(await api.stranger.patch(theirs, body))).toEqual(
          bodyOf(await api.stranger.patch(never, body)),
        );
      expect(bodyOf(await api.stranger.delete(theirs))).toEqual(bodyOf(await api.stranger.delete(never)));
    }
    expect(bodyOf(await api.stranger.get(`/users/${user}`))[0]).toBe(404);
    expect((await api.stranger.get('/users?limit=100')).body).not.toContain(user);
    expect(await audited(sheaf, user)).toEqual(before);
    expect((await api.admin.get(`/users/${user}`)).json()).toMatchObject({ role: 'viewer', disabled: false });
  });

  it('cannot be paged into with the id of one of its users', async () => {
    const { user } = await addUser();
    const cursor = Buffer.from(user).toString('base64url');
    const page = (await api.stranger.get(`/users?cursor=${cursor}&limit=100`)).json();
    const [{ count } = { count: 0 }] = await sheaf.sql<{ count: number }[]>`
      select count(*) from users where account_id = ${sheaf.services.accountId}`;
    expect(count).toBeGreaterThan(0);
    for (const { user: id } of page.items) {
      expect((await api.admin.get(`/users/${id}`)).statusCode).toBe(404);
    }
  });
});

describe('a list of users', () => {
  it('has each of them once, newest first, whatever is added meanwhile', async () => {
    const added: string[] = [];
    for (let index = 0; index < 5; index++) added.unshift((await addUser()).user);
    const first = (await api.admin.get('/users?limit=2')).json();
    await addUser();
    const second = (await api.admin.get(`/users?limit=2&cursor=${first.next_cursor}`)).json();
    const seen = [...first.items, ...second.items].map(({ user }: { user: string }) => user);
    expect(seen).toEqual(added.slice(0, 4));
    const all = (await api.admin.get('/users?limit=100')).json();
    expect(all.next_cursor).toBeNull();
  });

  test.each(['limit=0', 'limit=101', 'limit=x', 'cursor=x', 'cursor=%00', 'role=admin'])(
    'refuses %s',
    async (query) => {
      expect((await api.admin.get(`/users?${query}`)).statusCode).toBe(422);
    },
  );
});

describe('the last admin', () => {
  beforeEach(async () => {
    await sheaf.sql`delete from users where account_id = ${sheaf.services.accountId}`;
  });

  test.each<[string, (user: string) => Promise<Answer>]>([
    ['removed', (user) => api.admin.delete(`/users/${user}`)],
    ['disabled', (user) => api.admin.patch(`/users/${user}`, { disabled: true })],
    ['made something else', (user) => api.admin.patch(`/users/${user}`, { role: 'viewer' })],
    [
      'given back and disabled',
      (user) => api.admin.patch(`/users/${user}`, { role: 'admin', disabled: true }),
    ],
  ])('cannot be %s; with another one who is not disabled it can', async (_, take) => {
    const { user } = await addUser('admin');
    const disabled = await addUser('admin');
    await api.admin.patch(`/users/${disabled.user}`, { disabled: true });
    await addUser('operator');
    const refused = await take(user);
    expect([refused.statusCode, refused.json().code]).toEqual([409, 'last_admin']);
    expect((await api.admin.get(`/users/${user}`)).json()).toMatchObject({ role: 'admin', disabled: false });

    await api.admin.patch(`/users/${disabled.user}`, { disabled: false });
    expect((await take(user)).statusCode).toBeLessThan(300);
  });

  it('may have another password, and one that is disabled may go', async () => {
    const { user } = await addUser('admin');
    expect((await api.admin.patch(`/users/${user}`, { password: `${PASSWORD} 4` })).statusCode).toBe(200);
    const disabled = await addUser('admin');
    expect((await api.admin.patch(`/users/${disabled.user}`, { disabled: true })).statusCode).toBe(200);
    expect((await api.admin.delete(`/users/${disabled.user}`)).statusCode).toBe(204);
  });

  test.each<[string, (user: string) => Promise<Answer>]>([
    ['remove', (user) => api.admin.delete(`/users/${user}`)],
    ['disable', (user) => api.admin.patch(`/users/${user}`, { disabled: true })],
    ['demote', (user) => api.admin.patch(`/users/${user}`, { role: 'viewer' })],
  ])('stays when two requests %s the last two at once', async (_, take) => {
    const one = await addUser('admin');
    const two = await addUser('admin');
    const held = await heldBack(
      sheaf,
      (session) => session`select from users where id in (${one.user}, ${two.user}) for update`,
    );
    const answers = [take(one.user), take(two.user)];
    await waiting(sheaf, 2);
    await held.commit();
    const statuses = (await Promise.all(answers)).map(({ statusCode }) => statusCode).sort();
    expect(statuses).toEqual([statuses[0], 409]);
    expect(statuses[0]).toBeLessThan(300);
    const left = await sheaf.sql`
      select from users where account_id = ${sheaf.services.accountId} and role = 'admin' and disabled_at is null`;
    expect(left).toHaveLength(1);
  });

  it('stays, and nothing deadlocks, in a crowd that takes them all away at once', async () => {
    const admins = await Promise.all(Array.from({ length: 6 }, () => addUser('admin')));
    const takes = admins.flatMap(({ user }, index) => [
      index % 2 ? api.admin.delete(`/users/${user}`) : api.admin.patch(`/users/${user}`, { disabled: true }),
      api.admin.patch(`/users/${user}`, { role: 'operator' }),
      api.admin.patch(`/users/${user}`, { password: `${PASSWORD} 5` }),
    ]);
    const statuses = (await Promise.all(takes)).map(({ statusCode }) => statusCode);
    for (const status of statuses) expect([200, 204, 404, 409]).toContain(status);
    const left = await sheaf.sql`
      select from users where account_id = ${sheaf.services.accountId} and role = 'admin' and disabled_at is null`;
    expect(left).toHaveLength(1);
  });
});

describe('whoever may change users, but not everything', () => {
  const MANAGES = allow('create_user', 'get_user', 'update_user', 'delete_user');
  const forbidden = (answer: Answer) => {
    expect([answer.statusCode, answer.json().code], answer.body).toEqual([403, 'forbidden']);
    return answer.json().detail as string;
  };

  it('makes nobody who may do more, and is told what is missing', async () => {
    const key = await api.keyThatMay(MANAGES, allow('get_batches'));
    const body = { username: newName(), password: PASSWORD, role: 'admin' };
    expect(forbidden(await key.post('/users', body))).toMatch(/^the role admin allows .* does not: \*$/);
    const viewer = forbidden(await key.post('/users', { ...body, role: 'viewer' }));
    expect(viewer).toContain('get_batch, get_operations');
    expect(viewer).not.toContain('get_batches');
    expect(await sheaf.sql`select from users where name = ${body.username}`).toHaveLength(0);
    expect(
      (await (await api.keyThatMay(MANAGES, allow('get_*'))).post('/users', { ...body, role: 'viewer' }))
        .statusCode,
    ).toBe(201);
  });

  test.each<[string, object]>([
    ['role', { role: 'admin' }],
    ['password', { password: `${PASSWORD} 6` }],
    ['disabled', { disabled: true }],
  ])('does not touch the %s of an admin, nor removes it', async (_, change) => {
    await addUser('admin');
    const { user, username } = await addUser('admin');
    const token = await api.signedIn(username, PASSWORD);
    const key = await api.keyThatMay(allow('*'), deny('delete_batch'));
    forbidden(await key.patch(`/users/${user}`, change));
    forbidden(await key.delete(`/users/${user}`));
    expect((await token.get('/users')).statusCode).toBe(200);
    expect(await audited(sheaf, user)).toHaveLength(1);
  });

  it('promotes neither others nor themselves', async () => {
    const role = `managers-${randomUUID()}`;
    const statements = [MANAGES, allow('get_*')];
    expect((await api.admin.post('/roles', { name: role, statements })).statusCode).toBe(201);
    const { user, username } = await addUser(role);
    const self = await api.signedIn(username, PASSWORD);
    for (const more of ['admin', 'operator', 'submitter']) {
      forbidden(await self.patch(`/users/${user}`, { role: more }));
      forbidden(await self.patch(`/users/${(await addUser('viewer')).user}`, { role: more }));
    }
    expect((await self.patch(`/users/${user}`, { role: 'viewer' })).statusCode).toBe(200);
    expect((await self.get('/users')).statusCode).toBe(401);
  });

  it('gains nothing when the role is widened while they give it', async () => {
    const role = `widened-${randomUUID()}`;
    const allowed = [allow('get_batches')];
    await api.admin.post('/roles', { name: role, statements: allowed });
    const key = await api.keyThatMay(MANAGES, ...allowed);
    const { user } = await addUser(role);
    const username = newName();
    const held = await heldBack(
      sheaf,
      (session) =>
        session`update roles set statements = ${session.json([allow('*')] as never)} where name = ${role}`,
    );
    const answers = Promise.all([
      key.post('/users', { username, password: PASSWORD, role }),
      key.patch(`/users/${user}`, { password: `${PASSWORD} 7` }),
    ]);
    await waiting(sheaf, 2);
    await held.commit();
    for (const answer of await answers) forbidden(answer);
    expect(await audited(sheaf, user)).toHaveLength(1);
  });

  it('needs the permission of each route besides', async () => {
    const { user } = await addUser();
    const key = await api.keyThatMay(allow('*'), deny('update_user', 'delete_user'));
    forbidden(await key.patch(`/users/${user}`, { disabled: true }));
    forbidden(await key.delete(`/users/${user}`));
    for (const role of ['operator', 'submitter', 'viewer']) {
      const lesser = await api.keyOf(role);
      forbidden(await lesser.get('/users'));
      forbidden(await lesser.get(`/users/${user}`));
      forbidden(await lesser.post('/users', { username: newName(), password: PASSWORD, role }));
    }
  });
});

it('no password and no hash is in any answer, in the audit log or in the log', async () => {
  const secret = 'the most secret of passwords';
  const answers = [
    await api.admin.post('/users', { username: 'keeps-secrets', password: secret, role: 'admin' }),
    await api.admin.post('/users', { username: 'keeps-secrets', password: secret, role: 'admin' }),
    await api.admin.post('/users', { username: 'keeps secrets', password: secret, role: 'admin' }),
    await api.admin.post('/users', { username: 'keeps', [secret]: secret, password: 'short', role: secret }),
  ];
  const { user } = answers[0]!.json();
  answers.push(await api.admin.patch(`/users/${user}`, { password: `${secret} 2` }));
  answers.push(await api.admin.get(`/users/${user}`), await api.admin.get('/users'));
  const [{ hash } = { hash: '' }] = await sheaf.sql<{ hash: string }[]>`
    select password_hash as hash from users where id = ${user}`;
  expect(hash).toMatch(/^\$scrypt\$/);
  const audit = JSON.stringify(await sheaf.sql`select * from audit_log`);
  const everything = [
    ...answers.filter(({ statusCode }) => statusCode !== 422).map(({ body }) => body),
    audit,
    api.logged(),
  ].join('\n');
  expect(everything).toContain('keeps-secrets');
  for (const hidden of [secret, hash, '$scrypt$']) expect(everything).not.toContain(hidden);
});
