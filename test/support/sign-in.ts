import { createHash, randomBytes } from 'node:crypto';
import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from 'fastify';
import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll } from 'vitest';
import { type Derive, scryptPasswords } from '../../src/adapters/password/scrypt-passwords.ts';
import { type ApiServices, buildApi } from '../../src/api/app.ts';
import { openAuthenticator } from '../../src/engine/authenticate.ts';
import type { Passwords } from '../../src/engine/ports/passwords.ts';
import { openTestSheaf, type TestSheaf } from './sheaf.ts';

/** Users, keys and sessions on a test's database, and the API that tells them apart as a real one does. */

/** So weak that thousands can be tried in a test; each one is counted. */
export function countedPasswords(): Passwords & { looked: number } {
  const derive: Derive = async (password, salt, bytes) => {
    passwords.looked += 1;
    const digest = createHash('sha512').update(salt).update(password).digest();
    return Buffer.concat([digest, digest]).subarray(0, bytes);
  };
  const passwords = Object.assign(scryptPasswords({ cost: { ln: 4, r: 1, p: 1 }, derive }), { looked: 0 });
  return passwords;
}

export const PASSWORD = 'correct horse battery';

export interface TestPerson {
  id: string;
  accountId: string;
  account: string;
  name: string;
}

export async function addUser(
  { services, sql }: Pick<TestSheaf, 'services' | 'sql'>,
  user: {
    account?: { id: string; name: string };
    name?: string;
    role?: string;
    password?: string;
    passwords?: Pick<Passwords, 'hash'>;
  } = {},
): Promise<TestPerson> {
  const { account = { id: services.accountId, name: 'default' }, role = 'admin', password = PASSWORD } = user;
  const person = { id: uuidv7(), name: user.name ?? `u${randomBytes(6).toString('hex')}` };
  const hash = await (user.passwords ?? services.passwords).hash(password);
  await sql`
    insert into users (id, account_id, name, password_hash, role)
    values (${person.id}, ${account.id}, ${person.name}, ${hash}, ${role})`;
  return { ...person, accountId: account.id, account: account.name };
}

export async function addNamedAccount({ sql }: Pick<TestSheaf, 'sql'>) {
  const account = { id: uuidv7(), name: `a${randomBytes(6).toString('hex')}` };
  await sql`insert into accounts (id, name) values (${account.id}, ${account.name})`;
  return account;
}

export async function addKey(
  { sql }: Pick<TestSheaf, 'sql'>,
  accountId: string,
  role = 'admin',
): Promise<{ id: string; key: string; name: string }> {
  const key = `sheaf_${randomBytes(32).toString('base64url')}`;
  const made = { id: uuidv7(), key, name: `k${randomBytes(6).toString('hex')}` };
  const hash = createHash('sha256').update(key).digest();
  await sql`
    insert into api_keys (id, account_id, name, role, hash, hint, created_by)
    values (${made.id}, ${accountId}, ${made.name}, ${role}, ${hash}, ${key.slice(0, 10)}, 'test')`;
  return made;
}

export interface Tokens {
  token: string;
  refresh_token: string;
}

export interface SignInApi {
  app: FastifyInstance;
  request(options: InjectOptions & { bearer?: string }): Promise<LightMyRequestResponse>;
  post(
    url: string,
    payload: object,
    options?: InjectOptions & { bearer?: string },
  ): Promise<LightMyRequestResponse>;
  /** @param bearer whose `GET /me` it is */
  me(bearer: string): Promise<LightMyRequestResponse>;
  /** What `POST /auth/token` gives a user of the password that all have here. */
  tokensOf(person: Pick<TestPerson, 'account' | 'name'>, password?: string): Promise<Tokens>;
}

type SignInChange = Partial<ApiServices> & { adminKey?: string };

/** As another process has it when `change` says so: with parts of its own on the same database. */
export async function openSignInApi(
  { services }: Pick<TestSheaf, 'services'>,
  change: SignInChange = {},
): Promise<SignInApi> {
  const { adminKey, ...parts } = change;
  const all = { ...services, ...parts };
  const authenticator = openAuthenticator({ ...all, adminKey, limits: services.settings.accountLimits });
  const app = await buildApi({ ...all, authenticator });
  const request: SignInApi['request'] = ({ bearer, headers, ...options }) =>
    app.inject({
      ...options,
      headers: { ...(bearer !== undefined && { authorization: `Bearer ${bearer}` }), ...headers },
    });
  const post: SignInApi['post'] = (url, payload, options) =>
    request({ method: 'POST', url, payload, ...options });
  return {
    app,
    request,
    post,
    me: (bearer) => request({ method: 'GET', url: '/me', bearer }),
    async tokensOf({ account, name }, password = PASSWORD) {
      const response = await post('/auth/token', { account, username: name, password });
      if (response.statusCode !== 200) throw new Error(`${name} could not sign in: ${response.body}`);
      return response.json();
    },
  };
}

/** Opens a Sheaf for the tests of a file, and as many APIs of it as they need; closes them after. */
export function useSignIn(
  use: (sheaf: TestSheaf, open: (change: SignInChange) => Promise<SignInApi>) => Promise<void>,
): void {
  let sheaf: TestSheaf;
  const apis: SignInApi[] = [];
  beforeAll(async () => {
    sheaf = await openTestSheaf();
    await use(sheaf, async (change) => {
      const api = await openSignInApi(sheaf, change);
      apis.push(api);
      return api;
    });
  });
  afterAll(async () => {
    for (const { app } of apis) await app.close();
    await sheaf.close();
  });
}

/** What the audit log has, oldest first. */
export async function audited({ sql }: Pick<TestSheaf, 'sql'>, targetId: string): Promise<string[]> {
  const rows = await sql<{ action: string }[]>`
    select action from audit_log where target_id = ${targetId} order by id`;
  return rows.map(({ action }) => action);
}
