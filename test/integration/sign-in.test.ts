import { describe, expect, test } from 'vitest';
import { scryptPasswords } from '../../src/adapters/password/scrypt-passwords.ts';
import { RequestError } from '../../src/core/errors.ts';
import { signIn } from '../../src/engine/sign-in.ts';
import type { TestSheaf } from '../support/sheaf.ts';
import {
  addNamedAccount,
  addUser,
  audited,
  countedPasswords,
  openSignInApi,
  PASSWORD,
  type SignInApi,
  useSignIn,
} from '../support/sign-in.ts';

/** Names and passwords: who gets in, what is told to whoever does not, and how often they may try. */

let sheaf: TestSheaf;
let api: SignInApi;
const passwords = countedPasswords();

useSignIn(async (opened, open) => {
  sheaf = opened;
  api = await open({ passwords });
});

let addresses = 0;
/** One that nobody has tried from. */
const newAddress = () => {
  addresses += 1;
  return `10.${addresses >> 16}.${(addresses >> 8) & 255}.${addresses & 255}`;
};

const attempt = (body: object, remoteAddress = newAddress()) =>
  api.post('/auth/token', body, { remoteAddress });
const newUser = (user: Parameters<typeof addUser>[1] = {}) => addUser(sheaf, { passwords, ...user });

describe('the right password', () => {
  test('gives a token, which says who calls under both schemes in any case', async () => {
    const { id, name } = await newUser({ role: 'viewer' });
    const response = await attempt({ username: name, password: PASSWORD });
    expect(response.statusCode).toBe(200);
    expect(response.headers['cache-control']).toBe('no-store');
    const { token, refresh_token, expires_ts, refresh_expires_ts, ...rest } = response.json();
    expect(rest).toEqual({ token_type: 'Bearer' });
    expect(refresh_token).toMatch(/^sheafr_[\w-]{43}$/);
    const now = Date.now() / 1000;
    expect(Math.abs(expires_ts - now - 900)).toBeLessThan(60);
    expect(Math.abs(refresh_expires_ts - now - 30 * 86_400)).toBeLessThan(60);
    for (const scheme of ['Bearer', 'JWT', 'bearer', 'jwt', 'BEARER']) {
      const headers = { authorization: `${scheme} ${token}` };
      const me = await api.request({ method: 'GET', url: '/me', headers });
      expect(me.json()).toMatchObject({
        user: name,
        account: { account: sheaf.services.accountId, name: 'default' },
        role: 'viewer',
        principal: { kind: 'user', id },
        limits: { requests: { '*': { per_minute: 6000 } } },
      });
      expect(await audited(sheaf, me.json().session)).toEqual(['sign_in']);
    }
  });

  test('of a name in any case, and only in the account that is named', async () => {
    const account = await addNamedAccount(sheaf);
    const { name } = await newUser({ account, name: 'Ada.Lovelace@example.org' });
    const there = { username: name.toUpperCase(), password: PASSWORD, account: account.name };
    expect((await attempt(there)).statusCode).toBe(200);
    expect((await attempt({ ...there, account: 'default' })).statusCode).toBe(401);
    expect((await attempt({ username: name, password: PASSWORD })).statusCode).toBe(401);
  });

  test('however it was typed: spaces of all kinds are one, and so are two ways to write a letter', async () => {
    const { name } = await newUser({ password: 'crème brûlée\u00a0avec café' });
    const typed = 'cre\u0300me bru\u0302le\u0301e avec cafe\u0301';
    expect((await attempt({ username: name, password: typed })).statusCode).toBe(200);
    expect((await attempt({ username: name, password: 'creme brulee avec cafe' })).statusCode).toBe(401);
  });

  test('is hashed anew if it was with other parameters than today', async () => {
    const { id, name } = await newUser();
    const hash = async () =>
      (await sheaf.sql`select password_hash from users where id = ${id}`)[0]!.password_hash;
    const real = await openSignInApi(sheaf, { passwords: scryptPasswords({ cost: { ln: 5, r: 1, p: 1 } }) });
    const old = await scryptPasswords({ cost: { ln: 4, r: 1, p: 1 } }).hash(PASSWORD);
    await sheaf.sql`update users set password_hash = ${old} where id = ${id}`;
    await real.tokensOf({ account: 'default', name });
    expect(await hash()).toMatch(/^\$scrypt\$ln=5,/);
    const kept = await hash();
    await real.tokensOf({ account: 'default', name });
    expect(await hash()).toBe(kept);
    await real.app.close();
  });

  test.each([
    ['the same', PASSWORD, 200],
    ['another', 'another password', 401],
  ])('is hashed anew while %s one is put in its place', async (_, password, status) => {
    const { id, name } = await newUser({ passwords: scryptPasswords({ cost: { ln: 4, r: 1, p: 1 } }) });
    const today = scryptPasswords({ cost: { ln: 5, r: 1, p: 1 } });
    let meanwhile = 0;
    const late: typeof today = {
      ...today,
      hash: async (...given) => {
        meanwhile += 1;
        await sheaf.sql`update users set password_hash = ${await today.hash(password)} where id = ${id}`;
        return await today.hash(...given);
      },
    };
    const api = await openSignInApi(sheaf, { passwords: late });
    const answer = await api.post('/auth/token', { username: name, password: PASSWORD });
    expect(answer.statusCode).toBe(status);
    expect(meanwhile).toBe(1);
    await api.app.close();
  });

  test('is not right any more when it is changed, or the user disabled, while it is looked at', async () => {
    for (const change of ['password_hash = password_hash || $$x$$', 'disabled_at = now()']) {
      const { id, name } = await newUser();
      const meddled: typeof passwords = {
        ...passwords,
        verify: async (password, hash) => {
          const right = await passwords.verify(password, hash);
          await sheaf.sql.unsafe(`update users set ${change} where id = '${id}'`);
          return right;
        },
      };
      const api = await openSignInApi(sheaf, { passwords: meddled });
      const response = await api.post('/auth/token', { username: name, password: PASSWORD });
      expect(response.json().code).toBe('sign_in_failed');
      expect(await sheaf.sql`select from sessions where user_id = ${id}`).toHaveLength(0);
      await api.app.close();
    }
  });
});

describe('what is not told', () => {
  test('which of account, name and password is wrong, by answer or by cost', async () => {
    const account = await addNamedAccount(sheaf);
    const known = await newUser({ account });
    const disabled = await newUser({ account });
    await sheaf.sql`update users set disabled_at = now() where id = ${disabled.id}`;
    const broken = await newUser({ account });
    await sheaf.sql`update users set password_hash = 'nonsense' where id = ${broken.id}`;
    const suspended = await addNamedAccount(sheaf);
    const { name: inSuspended } = await newUser({ account: suspended });
    await sheaf.sql`update accounts set suspended_at = now() where id = ${suspended.id}`;

    const wrong = [
      { account: account.name, username: known.name, password: 'a wrong password' },
      { account: account.name, username: 'nobody', password: PASSWORD },
      { account: 'no-such-account', username: known.name, password: PASSWORD },
      { account: account.name, username: disabled.name, password: PASSWORD },
      { account: account.name, username: broken.name, password: PASSWORD },
      { account: suspended.name, username: inSuspended, password: 'a wrong password' },
      { account: account.name, username: "' or 1=1 --", password: PASSWORD },
      { account: account.name, username: `${known.name}%`, password: PASSWORD },
    ];
    const answers = [];
    for (const body of wrong) {
      const before = passwords.looked;
      const response = await attempt(body);
      const { request_id, ...problem } = response.json();
      answers.push({
        problem,
        status: response.statusCode,
        challenge: response.headers['www-authenticate'],
        looked: passwords.looked - before,
      });
    }
    expect(answers[0]).toMatchObject({ status: 401, looked: 1, problem: { code: 'sign_in_failed' } });
    expect(answers[0]!.challenge).toContain('Bearer');
    for (const answer of answers) expect(answer).toEqual(answers[0]);

    const right = await attempt({ account: suspended.name, username: inSuspended, password: PASSWORD });
    expect(right.json()).toMatchObject({ status: 403, code: 'account_suspended' });
  });

  test('that a name is locked means nothing either: one that nobody has is locked as soon', async () => {
    const { name } = await newUser();
    const locksAfter = async (username: string) => {
      const address = newAddress();
      for (let tries = 1; ; tries += 1) {
        const response = await attempt({ username, password: 'wrong' }, address);
        if (response.statusCode === 429) return { tries, retryAfter: response.headers['retry-after'] };
      }
    };
    expect(await locksAfter(name)).toEqual({ tries: 6, retryAfter: '30' });
    expect(await locksAfter(`${name}-who-is-not-there`)).toEqual({ tries: 6, retryAfter: '30' });
  });
});

describe('what is no request', () => {
  test.each([
    [{ username: 'ada' }, 422],
    [{ username: 'ada', password: 7 }, 422],
    [{ username: 'ada', password: ['a', 'b'] }, 422],
    [{ username: { $ne: null }, password: 'x' }, 422],
    [{ username: 'ada', password: 'x', role: 'admin' }, 422],
    [{ username: 'ada\u0000', password: 'x' }, 422],
    [{ username: 'ada', password: 'x'.repeat(257) }, 422],
    [{ username: 'ada', password: 'x'.repeat(9000) }, 413],
  ])('%j', async (body, status) => {
    const before = passwords.looked;
    expect((await attempt(body)).statusCode).toBe(status);
    expect(passwords.looked).toBe(before);
  });
});

describe('too many attempts', () => {
  /** As if so many seconds had passed. */
  const later = (seconds: number) => sheaf.sql`
    update sign_in_failures set locked_until = locked_until - make_interval(secs => ${seconds}),
      forget_at = forget_at - make_interval(secs => ${seconds})`;

  test('lock a name at an address, for longer each time, and nowhere else', async () => {
    const { name } = await newUser();
    const [here, elsewhere] = [newAddress(), newAddress()];
    const wrong = { username: name, password: 'wrong' };
    const right = { username: name, password: PASSWORD };
    for (let tries = 0; tries < 5; tries += 1) expect((await attempt(wrong, here)).statusCode).toBe(401);
    const before = passwords.looked;
    const refused = await attempt(right, here);
    expect(refused.json()).toMatchObject({ status: 429, code: 'sign_in_locked' });
    expect(passwords.looked).toBe(before);
    expect((await attempt({ ...right, username: name.toUpperCase() }, here)).statusCode).toBe(429);

    for (const locked of [60, 120, 240, 480, 900, 900]) {
      await later(900);
      expect((await attempt(wrong, here)).statusCode).toBe(401);
      const { headers } = await attempt(wrong, here);
      expect(Number(headers['retry-after'])).toBeGreaterThan(locked - 30);
      expect(Number(headers['retry-after'])).toBeLessThanOrEqual(locked);
    }
    expect((await attempt(right, elsewhere)).statusCode).toBe(200);
  });

  test('are forgotten when it was right, and after an hour', async () => {
    const { name } = await newUser();
    const here = newAddress();
    const tries = async (count: number) => {
      for (let n = 0; n < count; n += 1) {
        expect((await attempt({ username: name, password: 'wrong' }, here)).statusCode).toBe(401);
      }
    };
    await tries(4);
    expect((await attempt({ username: name, password: PASSWORD }, here)).statusCode).toBe(200);
    await tries(4);
    await later(3601);
    await tries(5);
    expect((await attempt({ username: name, password: PASSWORD }, here)).statusCode).toBe(429);
  });

  test('that nobody could look at lock nobody out, and leave what was counted before', async () => {
    const { name } = await newUser();
    const here = newAddress();
    const busy = await openSignInApi(sheaf, {
      passwords: {
        ...passwords,
        verify: () => Promise.reject(new RequestError('unavailable', 'too many at once')),
      },
    });
    const wrong = { username: name, password: 'wrong' };
    for (let tries = 0; tries < 4; tries += 1) expect((await attempt(wrong, here)).statusCode).toBe(401);
    for (let tries = 0; tries < 7; tries += 1) {
      const response = await busy.post('/auth/token', wrong, { remoteAddress: here });
      expect(response.statusCode).toBe(503);
    }
    expect((await attempt(wrong, here)).statusCode).toBe(401);
    expect((await attempt(wrong, here)).statusCode).toBe(429);
    await busy.app.close();
  });

  test('from many addresses lock a name for a minute', async () => {
    const { name } = await newUser();
    for (let n = 0; n < 50; n += 1) {
      expect((await attempt({ username: name, password: 'wrong' })).statusCode).toBe(401);
    }
    const refused = await attempt({ username: name, password: PASSWORD });
    expect(refused.statusCode).toBe(429);
    expect(Number(refused.headers['retry-after'])).toBeLessThanOrEqual(60);
    await later(61);
    expect((await attempt({ username: name, password: PASSWORD })).statusCode).toBe(200);
  });

  test('from many addresses lock nobody out where they have been before', async () => {
    const { name } = await newUser();
    const home = newAddress();
    const [right, wrong] = [PASSWORD, 'wrong'].map((password) => ({ username: name, password }));
    expect((await attempt(right!, home)).statusCode).toBe(200);
    for (let n = 0; n < 50; n += 1) expect((await attempt(wrong!)).statusCode).toBe(401);
    expect((await attempt(right!)).statusCode).toBe(429);
    for (let n = 0; n < 5; n += 1) expect((await attempt(wrong!, home)).statusCode).toBe(401);
    expect((await attempt(right!, home)).statusCode).toBe(429);
    await later(31);
    expect((await attempt(right!)).statusCode).toBe(429);
    expect((await attempt(right!, home)).statusCode).toBe(200);
  });

  test('with many names lock an address, of IPv6 with its network; whoever is right there counts for nothing', async () => {
    const { name } = await newUser();
    const from = (host: number) => `2001:db8:1:${addresses}::${host.toString(16)}`;
    for (let n = 0; n < 99; n += 1) {
      expect((await attempt({ username: `nobody-${n}`, password: 'wrong' }, from(n + 1))).statusCode).toBe(
        401,
      );
    }
    for (let n = 0; n < 3; n += 1) {
      expect((await attempt({ username: name, password: PASSWORD }, from(n + 500))).statusCode).toBe(200);
    }
    expect((await attempt({ username: 'nobody-99', password: 'wrong' }, from(1000))).statusCode).toBe(401);
    expect((await attempt({ username: name, password: PASSWORD }, from(1001))).statusCode).toBe(429);
    expect((await attempt({ username: name, password: PASSWORD }, '2001:db8:2::1')).statusCode).toBe(200);

    await sheaf.sql`update sign_in_failures set locked_until = null where failures >= 100`;
    for (let n = 0; n < 3; n += 1) {
      expect((await attempt({ username: name, password: PASSWORD }, from(n + 1002))).statusCode).toBe(200);
    }
    expect((await attempt({ username: 'nobody-100', password: 'wrong' }, from(1010))).statusCode).toBe(401);
    expect((await attempt({ username: name, password: PASSWORD }, from(1011))).statusCode).toBe(429);
  });

  test('ten thousand wrong passwords: a handful is looked at, and noted', async () => {
    const { id, name, account } = await newUser();
    const before = passwords.looked;
    const engine = { ...sheaf.services, passwords };
    const codes = new Map<string, number>();
    for (let wave = 0; wave < 20; wave += 1) {
      await Promise.all(
        Array.from({ length: 500 }, async (_, n) => {
          const password = `guess ${wave} ${n}`;
          const from = { ip: '203.0.113.7', requestId: null, userAgent: null };
          await signIn(engine, { account, user: name, password }, from).catch((error) => {
            codes.set(error.code, (codes.get(error.code) ?? 0) + 1);
          });
        }),
      );
    }
    expect(Object.fromEntries(codes)).toEqual({ sign_in_failed: 5, sign_in_locked: 9995 });
    expect(passwords.looked - before).toBe(5);
    expect((await audited(sheaf, id)).sort()).toEqual([...Array(5).fill('sign_in_failed'), 'sign_in_locked']);
    expect((await attempt({ username: name, password: PASSWORD })).statusCode).toBe(200);
  });

  test('a thousand at once from as many addresses', async () => {
    const { name, account } = await newUser();
    const before = passwords.looked;
    const engine = { ...sheaf.services, passwords };
    await Promise.all(
      Array.from({ length: 1000 }, (_, n) =>
        signIn(
          engine,
          { account, user: name, password: `guess ${n}` },
          { ip: `198.18.${n >> 8}.${n & 255}`, requestId: null, userAgent: null },
        ).catch(() => undefined),
      ),
    );
    expect(passwords.looked - before).toBe(50);
  });

  test('no password is in the audit log', async () => {
    const rows = await sheaf.sql`select row_to_json(a)::text as text from audit_log a`;
    expect(rows.length).toBeGreaterThan(10);
    const text = rows.map((row) => row.text).join('\n');
    expect(text).not.toMatch(/guess|wrong|correct horse|scrypt/);
  });
});
