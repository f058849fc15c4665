import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { TestSheaf } from '../support/sheaf.ts';
import {
  addKey,
  addNamedAccount,
  addUser,
  audited,
  countedPasswords,
  PASSWORD,
  type SignInApi,
  useSignIn,
} from '../support/sign-in.ts';

/** Sessions, keys and what they may do: whatever is taken away counts for the next request, in every process. */

let sheaf: TestSheaf;
/** Two processes: what one does the other knows. */
let api: SignInApi;
let other: SignInApi;
const passwords = countedPasswords();
const ADMIN_KEY = 'an-admin-key-of-the-settings';

useSignIn(async (opened, open) => {
  sheaf = opened;
  api = await open({ passwords, adminKey: ADMIN_KEY });
  other = await open({ passwords });
});

const newUser = (user: Parameters<typeof addUser>[1] = {}) => addUser(sheaf, { passwords, ...user });
const refresh = (refresh_token: string) => other.post('/auth/refresh', { refresh_token });

/** Whether a token, or a key, is still worth anything. */
async function isKnown(bearer: string): Promise<boolean> {
  const codes = await Promise.all([api, other].map(async ({ me }) => (await me(bearer)).statusCode));
  expect(codes[0]).toBe(codes[1]);
  return codes[0] === 200;
}

async function signedIn(user: Parameters<typeof addUser>[1] = {}) {
  const person = await newUser(user);
  const tokens = await api.tokensOf(person);
  const { session } = (await api.me(tokens.token)).json();
  return { ...person, ...tokens, session: session as string };
}

test('a user has a hundred sessions, and one more ends the oldest', async () => {
  const person = await signedIn();
  await sheaf.sql`
    insert into sessions (id, account_id, user_id, created_at, expires_at)
    select gen_random_uuid(), account_id, user_id, created_at + n * interval '1 ms', expires_at
    from sessions, generate_series(1, 99) n where id = ${person.session}`;
  expect(await isKnown(person.token)).toBe(true);
  const [before] = await sheaf.sql`
    select count(*)::int as open from sessions where user_id = ${person.id} and ended_at is null`;
  expect(before?.open).toBe(100);
  const { token } = await api.tokensOf(person);
  expect([await isKnown(person.token), await isKnown(token)]).toEqual([false, true]);
  const [after] = await sheaf.sql`
    select count(*)::int as open from sessions where user_id = ${person.id} and ended_at is null`;
  expect(after?.open).toBe(100);
});

describe('a refresh token', () => {
  test('is exchanged for the next ones, of the same session', async () => {
    const { session, refresh_token, token } = await signedIn();
    const first = await refresh(refresh_token);
    expect(first.statusCode).toBe(200);
    const second = await refresh(first.json().refresh_token);
    expect(second.statusCode).toBe(200);
    expect(new Set([refresh_token, first.json().refresh_token, second.json().refresh_token]).size).toBe(3);
    expect((await api.me(second.json().token)).json().session).toBe(session);
    expect(await isKnown(token)).toBe(true);
    expect(second.json().refresh_expires_ts).toBe(first.json().refresh_expires_ts);
  });

  test('that comes twice ends its session, also for whoever was first', async () => {
    const { session, refresh_token, token } = await signedIn();
    const next = (await refresh(refresh_token)).json();
    const reused = await refresh(refresh_token);
    expect(reused.json()).toMatchObject({ status: 401, code: 'refresh_token_invalid' });
    expect(await isKnown(token)).toBe(false);
    expect(await isKnown(next.token)).toBe(false);
    expect((await refresh(next.refresh_token)).json().code).toBe('refresh_token_invalid');
    expect(await audited(sheaf, session)).toEqual(['sign_in', 'refresh_token_reused']);
  });

  test('that comes twice at once: one is answered, and the session ends', async () => {
    for (let round = 0; round < 5; round += 1) {
      const { session, refresh_token, token } = await signedIn();
      const answers = await Promise.all(
        [api, other, api, other].map((process) => process.post('/auth/refresh', { refresh_token })),
      );
      expect(answers.map(({ statusCode }) => statusCode).sort()).toEqual([200, 401, 401, 401]);
      expect(await isKnown(token)).toBe(false);
      expect(await audited(sheaf, session)).toEqual(['sign_in', 'refresh_token_reused']);
    }
  });

  test.each([
    'sheafr_',
    `sheafr_${'A'.repeat(43)}`,
    `sheafr_${'A'.repeat(44)}`,
    "' or 1=1 --",
    'x'.repeat(200),
  ])('made up is told the same: %s', async (made) => {
    expect((await refresh(made)).json()).toMatchObject({ status: 401, code: 'refresh_token_invalid' });
  });

  test('is worth nothing once the session has expired, or the user is disabled', async () => {
    const expired = await signedIn();
    await sheaf.sql`update sessions set expires_at = now() where id = ${expired.session}`;
    expect((await refresh(expired.refresh_token)).json().code).toBe('refresh_token_invalid');
    expect(await isKnown(expired.token)).toBe(false);
    const disabled = await signedIn();
    await sheaf.sql`update users set disabled_at = now() where id = ${disabled.id}`;
    expect((await refresh(disabled.refresh_token)).json().code).toBe('refresh_token_invalid');
    expect(await isKnown(disabled.token)).toBe(false);
  });

  test('is not used up while the account is suspended', async () => {
    const account = await addNamedAccount(sheaf);
    const { refresh_token, token } = await signedIn({ account });
    await sheaf.sql`update accounts set suspended_at = now() where id = ${account.id}`;
    expect((await refresh(refresh_token)).json()).toMatchObject({ status: 403, code: 'account_suspended' });
    expect((await api.me(token)).json()).toMatchObject({ status: 403, code: 'account_suspended' });
    await sheaf.sql`update accounts set suspended_at = null where id = ${account.id}`;
    expect((await refresh(refresh_token)).statusCode).toBe(200);
    expect(await isKnown(token)).toBe(true);
  });

  test('is kept only as its hash', async () => {
    const { refresh_token, session } = await signedIn();
    const rows = await sheaf.sql`
      select encode(hash, 'escape') as hash, row_to_json(s)::text as session from refresh_tokens t
      join sessions s on s.id = t.session_id where s.id = ${session}`;
    expect(rows).toHaveLength(1);
    expect(JSON.stringify(rows)).not.toContain(refresh_token.slice(7));
  });
});

describe('signing out', () => {
  test('ends the session, and no other one', async () => {
    const { session, token, refresh_token, ...person } = await signedIn();
    const second = await api.tokensOf(person);
    const response = await api.post('/auth/sign-out', {}, { bearer: token, payload: undefined });
    expect(response.statusCode).toBe(204);
    expect(await isKnown(token)).toBe(false);
    expect((await refresh(refresh_token)).statusCode).toBe(401);
    expect(await isKnown(second.token)).toBe(true);
    const again = await api.request({ method: 'POST', url: '/auth/sign-out', bearer: token });
    expect(again.statusCode).toBe(401);
    expect(await audited(sheaf, session)).toEqual(['sign_in', 'sign_out']);
  });

  test('is nothing that a key can do', async () => {
    const { key } = await addKey(sheaf, sheaf.services.accountId);
    for (const bearer of [key, ADMIN_KEY]) {
      const response = await api.request({ method: 'POST', url: '/auth/sign-out', bearer });
      expect(response.json()).toMatchObject({ status: 403, code: 'forbidden' });
      expect((await api.me(bearer)).statusCode).toBe(200);
    }
  });
});

describe('a new password', () => {
  const NEW = 'another staple, please';
  const change = (
    bearer: string,
    current_password: string,
    new_password = NEW,
    remoteAddress = '192.0.2.77',
  ) => api.post('/me/password', { current_password, new_password }, { bearer, remoteAddress });

  test('ends the other sessions of the user', async () => {
    const { id, token, refresh_token, ...person } = await signedIn();
    const second = await api.tokensOf(person);
    const stranger = await signedIn();
    expect((await change(second.token, PASSWORD)).statusCode).toBe(204);
    expect(await isKnown(token)).toBe(false);
    expect((await refresh(refresh_token)).statusCode).toBe(401);
    expect(await isKnown(second.token)).toBe(true);
    expect((await refresh(second.refresh_token)).statusCode).toBe(200);
    expect(await isKnown(stranger.token)).toBe(true);
    await expect(api.tokensOf(person)).rejects.toThrow('sign_in_failed');
    await api.tokensOf(person, NEW);
    expect(await audited(sheaf, id)).toEqual(['password_changed', 'sign_in_failed']);
  });

  test.each([
    ['short', 'too_short'],
    ['x'.repeat(257), 'too_long'],
  ])('of another length than they have is refused: %s', async (next, code) => {
    const { token } = await signedIn();
    const response = await change(token, PASSWORD, next);
    expect(response.json()).toMatchObject({ status: 422, errors: [{ pointer: '/new_password', code }] });
  });

  test('needs the current one, and may be tried no more often than signing in', async () => {
    const { id, token, ...person } = await signedIn();
    const before = passwords.looked;
    for (let tries = 0; tries < 5; tries += 1) {
      const response = await change(token, 'not the password');
      expect(response.json()).toMatchObject({ status: 422, errors: [{ pointer: '/current_password' }] });
    }
    expect((await change(token, PASSWORD)).json()).toMatchObject({ status: 429, code: 'sign_in_locked' });
    expect(passwords.looked - before).toBe(5);
    const signIn = { account: person.account, username: person.name, password: PASSWORD };
    expect((await api.post('/auth/token', signIn, { remoteAddress: '192.0.2.77' })).statusCode).toBe(429);
    expect((await api.post('/auth/token', signIn, { remoteAddress: '192.0.2.78' })).statusCode).toBe(200);
    expect(await isKnown(token)).toBe(true);
    expect((await audited(sheaf, id)).filter((action) => action === 'password_changed')).toEqual([]);
  });

  test('is nothing that a key can have', async () => {
    const { key } = await addKey(sheaf, sheaf.services.accountId);
    expect((await change(key, PASSWORD)).json()).toMatchObject({ status: 403, code: 'forbidden' });
    expect((await change(ADMIN_KEY, PASSWORD)).json()).toMatchObject({ status: 403, code: 'forbidden' });
  });
});

describe('rights', () => {
  test('of another role count for the next request; a role that is gone allows nothing', async () => {
    const account = await addNamedAccount(sheaf);
    const { id, token } = await signedIn({ account, role: 'viewer' });
    const { key } = await addKey(sheaf, account.id, 'clerk');
    const statuses = async (bearer: string) => [
      (await api.request({ method: 'GET', url: '/batches', bearer })).statusCode,
      (await other.request({ method: 'POST', url: '/uploads', bearer })).statusCode,
    ];
    expect(await statuses(token)).toEqual([200, 403]);
    await sheaf.sql`update users set role = 'submitter' where id = ${id}`;
    expect(await statuses(token)).toEqual([200, 201]);
    await sheaf.sql`update users set role = 'clerk' where id = ${id}`;
    expect(await statuses(token)).toEqual([403, 403]);
    const statements = [{ effect: 'allow', actions: ['create_*'] }];
    await sheaf.sql`
      insert into roles (account_id, name, description, statements)
      values (${account.id}, 'clerk', '', ${sheaf.sql.json(statements)})`;
    expect(await statuses(token)).toEqual([403, 201]);
    expect(await statuses(key)).toEqual([403, 201]);
    expect((await api.me(key)).json()).toMatchObject({ role: 'clerk', statements });
    await sheaf.sql`delete from roles where account_id = ${account.id}`;
    expect(await statuses(key)).toEqual([403, 403]);
    expect((await api.me(key)).json()).toMatchObject({ role: 'clerk', statements: [] });
  });

  test('are those of a role of the own account, whatever others call theirs', async () => {
    const [mine, foreign] = [await addNamedAccount(sheaf), await addNamedAccount(sheaf)];
    const all = [{ effect: 'allow', actions: ['*'] }];
    await sheaf.sql`
      insert into roles (account_id, name, description, statements)
      values (${foreign.id}, 'clerk', '', ${sheaf.sql.json(all)}), (${mine.id}, 'viewer', '', ${sheaf.sql.json(all)})`;
    const { token } = await signedIn({ account: mine, role: 'clerk' });
    expect((await api.request({ method: 'GET', url: '/batches', bearer: token })).statusCode).toBe(403);
    // A role that every account has goes before a row of its name.
    const viewer = await signedIn({ account: mine, role: 'viewer' });
    const upload = await api.request({ method: 'POST', url: '/uploads', bearer: viewer.token });
    expect(upload.statusCode).toBe(403);
  });

  test('and limits that an admin sets count at once', async () => {
    const account = await addNamedAccount(sheaf);
    const { token } = await signedIn({ account });
    const limits = { batches: 3, requests: { create_batch: { perMinute: 2, lockSeconds: 60 } } };
    await sheaf.sql`update accounts set limits = ${sheaf.sql.json(limits)} where id = ${account.id}`;
    expect((await other.me(token)).json().limits).toMatchObject({
      batches: 3,
      requests: {
        '*': { per_minute: 6000, lock_seconds: 0 },
        create_batch: { per_minute: 2, lock_seconds: 60 },
      },
    });
  });

  test('end with the user', async () => {
    const { id, token, refresh_token } = await signedIn();
    await sheaf.sql`delete from users where id = ${id}`;
    expect(await isKnown(token)).toBe(false);
    expect((await refresh(refresh_token)).statusCode).toBe(401);
  });

  test('on whose behalf work is done', async () => {
    const account = await addNamedAccount(sheaf);
    const { principals } = sheaf.services;
    const user = await newUser({ account, role: 'viewer' });
    const key = await addKey(sheaf, account.id, 'operator');
    const of = (kind: 'user' | 'api_key', id: string, accountId = account.id) =>
      principals.rightsOf(accountId, { kind, id });
    expect((await of('user', user.id))?.length).toBe(1);
    expect((await of('api_key', key.id))?.length).toBe(2);
    expect(await of('api_key', user.id)).toBeNull();
    expect(await of('user', user.id, sheaf.services.accountId)).toBeNull();
    await sheaf.sql`update api_keys set expires_at = now() - interval '1 second' where id = ${key.id}`;
    expect(await of('api_key', key.id)).not.toBeNull();
    await sheaf.sql`update api_keys set revoked_at = now(), role = 'none' where id = ${key.id}`;
    expect(await of('api_key', key.id)).toBeNull();
    await sheaf.sql`update users set role = 'none' where id = ${user.id}`;
    expect(await of('user', user.id)).toEqual([]);
    await sheaf.sql`update users set disabled_at = now() where id = ${user.id}`;
    expect(await of('user', user.id)).toBeNull();
  });
});

describe('an API key', () => {
  test('is known until it expires or is revoked', async () => {
    const account = await addNamedAccount(sheaf);
    const { id, key, name } = await addKey(sheaf, account.id);
    expect((await api.me(key)).json()).toMatchObject({
      user: `key:${name}`,
      account: { account: account.id },
      principal: { kind: 'api_key', id },
    });
    expect((await api.me(key)).json()).not.toHaveProperty('session');
    await sheaf.sql`update api_keys set expires_at = now() + interval '1 minute' where id = ${id}`;
    expect(await isKnown(key)).toBe(true);
    await sheaf.sql`update api_keys set expires_at = now() where id = ${id}`;
    expect(await isKnown(key)).toBe(false);
    await sheaf.sql`update api_keys set expires_at = null, revoked_at = now() where id = ${id}`;
    expect(await isKnown(key)).toBe(false);
  });

  test('of a suspended account is told so', async () => {
    const account = await addNamedAccount(sheaf);
    const { key } = await addKey(sheaf, account.id);
    await sheaf.sql`update accounts set suspended_at = now() where id = ${account.id}`;
    expect((await api.me(key)).json()).toMatchObject({ status: 403, code: 'account_suspended' });
  });

  test('notes once a minute that it is used, and no request waits for that', async () => {
    const { id, key } = await addKey(sheaf, sheaf.services.accountId);
    const noted = async () => {
      const [row] =
        await sheaf.sql`select xmin::text as version, last_used_at as at from api_keys where id = ${id}`;
      return row as { version: string; at: Date | null };
    };
    await sheaf.sql.begin(async (tx) => {
      await tx`select from api_keys where id = ${id} for update`;
      expect((await api.me(key)).statusCode).toBe(200);
    });
    while ((await noted()).at === null) {
      expect((await api.me(key)).statusCode).toBe(200);
      await sleep(20);
    }
    const first = await noted();
    for (let n = 0; n < 5; n += 1) await api.me(key);
    await sleep(100);
    expect(await noted()).toEqual(first);
    await sheaf.sql`update api_keys set last_used_at = now() - interval '61 seconds' where id = ${id}`;
    const { version } = await noted();
    await api.me(key);
    while ((await noted()).version === version) await sleep(20);
  });

  test.each([
    '',
    'Bearer',
    'Bearer ',
    'Basic YWRtaW46YWRtaW4=',
    'Bearer sheaf_',
    `Bearer sheaf_${'A'.repeat(43)}`,
    "Bearer sheaf_' or 1=1 --",
    `Bearer ${ADMIN_KEY}x`,
    `Bearer ${ADMIN_KEY.slice(1)}`,
    `Bearer  , Bearer ${ADMIN_KEY}`,
    `Bearer ${ADMIN_KEY} ${ADMIN_KEY}`,
    `Bearer ${'x'.repeat(5000)}`,
    'Bearer undefined',
    'Bearer null',
  ])('that is none: %s', async (authorization) => {
    const response = await api.request({ method: 'GET', url: '/me', headers: { authorization } });
    expect(response.json()).toMatchObject({ status: 401, code: 'unauthenticated' });
  });

  test('the one of the settings is an admin of the account that administers, where it is set', async () => {
    expect((await api.me(ADMIN_KEY)).json()).toMatchObject({
      user: 'admin',
      account: { name: 'default' },
      role: 'admin',
      principal: { kind: 'admin_key' },
    });
    expect((await other.me(ADMIN_KEY)).statusCode).toBe(401);
  });
});

describe('what is over', () => {
  test('is cleared away, and nothing else', async () => {
    const { sessions, throttle } = sheaf.services;
    const kept = await signedIn();
    const old = await signedIn();
    await refresh(old.refresh_token);
    await sheaf.sql`update sessions set expires_at = now() - interval '25 hours' where id = ${old.session}`;
    const counts = async (session: string) => {
      const [row] = await sheaf.sql`
        select (select count(*) from sessions where id = ${session})::int as sessions,
          (select count(*) from refresh_tokens where session_id = ${session})::int as tokens`;
      return row;
    };
    expect(await sessions.forgetOld(1)).toBe(1);
    expect(await counts(old.session)).toEqual({ sessions: 1, tokens: 1 });
    await sessions.forgetOld(1000);
    expect(await counts(old.session)).toEqual({ sessions: 0, tokens: 0 });
    expect(await counts(kept.session)).toEqual({ sessions: 1, tokens: 1 });

    await sheaf.sql`
      insert into sign_in_failures (key, failures, forget_at)
      values ('old', 1, now() - interval '1 second'), ('young', 1, now() + interval '1 minute')`;
    await throttle.forgetOld(1000);
    const left = await sheaf.sql`select key from sign_in_failures where key in ('old', 'young')`;
    expect(left.map(({ key }) => key)).toEqual(['young']);
  });
});
