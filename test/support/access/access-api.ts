import { randomUUID } from 'node:crypto';
import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from 'fastify';
import { pino } from 'pino';
import { afterAll, beforeAll, expect } from 'vitest';
import { scryptPasswords } from '../../../src/adapters/password/scrypt-passwords.ts';
import { buildApi } from '../../../src/api/app.ts';
import type { Statement } from '../../../src/core/access.ts';
import { openAuthenticator } from '../../../src/engine/authenticate.ts';
import { AMPLE } from '../caller.ts';
import type { Session } from '../held-lock.ts';
import { openTestSheaf, type TestSheaf } from '../sheaf.ts';
import { addKey, addRole } from './tenants.ts';

/** The HTTP API as it runs, with the authenticator that it has; whoever calls shows a key or a token of theirs. */
export interface AccessApi {
  app: FastifyInstance;
  /** Of the account that administers, and of another one. */
  admin: Key;
  stranger: Key;
  /** A key of a role of these statements, in the first account. */
  keyThatMay(...statements: Statement[]): Promise<Key>;
  keyOf(role: string): Promise<Key>;
  /** With a token. */
  signedIn(username: string, password: string): Promise<Key>;
  /** All that was logged so far. */
  logged(): string;
  close(): Promise<void>;
}

export type Answer = LightMyRequestResponse;

export interface Key {
  secret: string;
  get(url: string): Promise<Answer>;
  post(url: string, body: object): Promise<Answer>;
  patch(url: string, body: object): Promise<Answer>;
  delete(url: string): Promise<Answer>;
}

/** Hashing of almost no cost: what is slow about it is tested elsewhere. */
const CHEAP = { ln: 4, r: 8, p: 1 };

export async function openAccessApi(sheaf: TestSheaf): Promise<AccessApi> {
  const { services, sql } = sheaf;
  const lines: string[] = [];
  const passwords = scryptPasswords({ cost: CHEAP });
  const app = await buildApi({
    ...services,
    passwords,
    log: pino({ level: 'trace' }, { write: (line: string) => lines.push(line) }),
    authenticator: openAuthenticator({ ...services, adminKey: undefined, limits: AMPLE }),
  });
  const other = randomUUID();
  await sql`insert into accounts (id, name) values (${other}, 'others')`;

  const key = (secret: string): Key => {
    const send = (options: InjectOptions) =>
      app.inject({ ...options, headers: { authorization: `Bearer ${secret}` } });
    return {
      secret,
      get: (url) => send({ method: 'GET', url }),
      post: (url, payload) => send({ method: 'POST', url, payload }),
      patch: (url, payload) => send({ method: 'PATCH', url, payload }),
      delete: (url) => send({ method: 'DELETE', url }),
    };
  };
  const keyOf = async (role: string, account = services.accountId) =>
    key((await addKey(sql, account, { name: `test ${randomUUID()}`, role })).key);

  return {
    app,
    admin: await keyOf('admin'),
    stranger: await keyOf('admin', other),
    keyOf: (role) => keyOf(role),
    async keyThatMay(...statements) {
      const role = `test-${randomUUID()}`;
      return await keyOf(await addRole(sql, services.accountId, role, statements));
    },
    async signedIn(username, password) {
      const signIn = { method: 'POST', url: '/auth/token', payload: { username, password } } as const;
      const answer = await app.inject(signIn);
      expect(answer.statusCode, answer.body).toBe(200);
      return key(answer.json().token);
    },
    logged: () => lines.join(''),
    close: () => app.close(),
  };
}

/** Opens a Sheaf and its API for the tests of a file, and closes them after. */
export function useAccessApi(use: (opened: { sheaf: TestSheaf; api: AccessApi }) => void): void {
  let sheaf: TestSheaf;
  let api: AccessApi;
  beforeAll(async () => {
    sheaf = await openTestSheaf();
    api = await openAccessApi(sheaf);
    use({ sheaf, api });
  });
  afterAll(async () => {
    await api.close();
    await sheaf.close();
  });
}

/** Which fields of a request an answer says are wrong, and how. */
export function codesOf(answer: Answer): string[] {
  return (answer.json().errors ?? []).map(
    ({ pointer, code }: Record<string, string>) => `${pointer} ${code}`,
  );
}

export const allow = (...actions: string[]): Statement => ({ effect: 'allow', actions });
export const deny = (...actions: string[]): Statement => ({ effect: 'deny', actions });

/** What was written down of something, oldest first, without who and when. */
export async function audited({ sql }: TestSheaf, target: string): Promise<Record<string, unknown>[]> {
  const rows = await sql`
    select action, target_kind as kind, before, after from audit_log where target_id = ${target} order by id`;
  return rows.map((row) => ({ ...row }));
}

/** Waits until so many sessions of the database wait for a lock. */
export async function waiting({ sql }: TestSheaf, count: number): Promise<void> {
  const waiters = async () =>
    (await sql`select from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`)
      .length;
  await expect.poll(waiters, { timeout: 60_000, interval: 10 }).toBe(count);
}

/** Makes a change and keeps it back: whoever needs what it has locked waits until it is committed. */
export async function heldBack(
  { sql }: TestSheaf,
  change: (session: Session) => PromiseLike<unknown>,
): Promise<{ commit(): Promise<void> }> {
  const session = await sql.reserve();
  await session`begin`;
  await change(session);
  return {
    async commit() {
      await session`commit`;
      session.release();
    },
  };
}
