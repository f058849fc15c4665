import postgres from 'postgres';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { scryptPasswords } from '../../src/adapters/password/scrypt-passwords.ts';
import { firstAdmin } from '../../src/caretaking.ts';
import { createTestDatabase, type TestDatabase } from '../support/sheaf.ts';
import { runScript } from '../support/sheaf-command.ts';

/** Somebody has to be able to sign in to a Sheaf that has no users yet; and only then. */

let database: TestDatabase;
let sql: postgres.Sql;

beforeAll(async () => {
  database = await createTestDatabase();
  sql = postgres(database.url, { max: 2, onnotice: () => undefined });
});
afterAll(async () => {
  await sql.end();
  await database.drop();
});
beforeEach(() => sql`delete from users`);

const GIVEN = 'a password of the settings';
const PRINTED = /^ {2}([a-z2-9]{24})$/m;

const users = () => sql<
  { name: string; role: string; hash: string; account: string; administers: boolean }[]
>`
  select u.name, u.role, u.password_hash as hash, a.name as account, a.administers
  from users u join accounts a on a.id = u.account_id`;

describe('npm run migrate', () => {
  const migrate = (settings: Record<string, string> = {}) => {
    const { endpoint, accessKeyId, secretAccessKey } = inject('s3');
    return runScript(['--import', 'tsx', 'src/migrate.ts'], {
      DATABASE_URL: database.url,
      S3_ENDPOINT: endpoint,
      S3_BUCKET: database.name.replace('_', '-'),
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
      ...settings,
    });
  };

  it('makes one admin, however many run at once, and one of them prints its password', async () => {
    const outcomes = await Promise.all([migrate(), migrate(), migrate()]);
    expect(outcomes.map(({ code }) => code)).toEqual([0, 0, 0]);
    const printed = outcomes.flatMap(({ out }) => PRINTED.exec(out)?.[1] ?? []);
    expect(printed).toHaveLength(1);
    const [admin, ...more] = await users();
    expect(more).toEqual([]);
    expect(admin).toMatchObject({ name: 'admin', role: 'admin', account: 'default', administers: true });
    expect(await scryptPasswords().verify(printed[0]!, admin!.hash)).toBe(true);
    for (const { err } of outcomes) expect(err).not.toContain(printed[0]);

    const again = await migrate();
    expect(again.out).toBe('the database and the bucket are up to date\n');
    expect(await users()).toEqual([admin]);
  });

  it('prints no password that the settings name', async () => {
    const { code, out, err } = await migrate({ SHEAF_ADMIN_PASSWORD: GIVEN });
    expect([code, out, err]).toEqual([0, 'the database and the bucket are up to date\n', '']);
    const [admin] = await users();
    expect(await scryptPasswords().verify(GIVEN, admin!.hash)).toBe(true);
  });
});

describe('the first admin', () => {
  it('is noted as made by the system, without the password and its hash', async () => {
    const password = await firstAdmin(database.url, undefined);
    const [user] = await sql<{ id: string; hash: string }[]>`select id, password_hash as hash from users`;
    const [entry] = await sql`select * from audit_log where target_id = ${user!.id}`;
    expect(entry).toMatchObject({
      actor_kind: 'system',
      action: 'create_user',
      after: { name: 'admin', role: 'admin' },
    });
    expect(JSON.stringify(entry)).not.toContain(password);
    expect(JSON.stringify(entry)).not.toContain(user!.hash);
  });

  it('keeps its password when the setting changes later', async () => {
    await firstAdmin(database.url, GIVEN);
    const before = await users();
    expect(await firstAdmin(database.url, 'another one of the settings')).toBeNull();
    expect(await users()).toEqual(before);
  });

  it('is not made where there is anybody else, and not beside those of other accounts alone', async () => {
    const [other] = await sql<{ id: string }[]>`
      insert into accounts (id, name) values (gen_random_uuid(), 'other') returning id`;
    const add = (accountId: string, name: string) => sql`
      insert into users (id, account_id, name, password_hash, role)
      values (gen_random_uuid(), ${accountId}, ${name}, 'x', 'viewer')`;
    await add(other!.id, 'admin');
    expect(await firstAdmin(database.url, undefined)).toMatch(/^[a-z2-9]{24}$/);

    await sql`delete from users`;
    const [own] = await sql<{ id: string }[]>`select id from accounts where name = 'default'`;
    await add(own!.id, 'grace');
    expect(await firstAdmin(database.url, undefined)).toBeNull();
    expect((await users()).map(({ name }) => name)).toEqual(['grace']);
  });

  it('has another password each time', async () => {
    const first = await firstAdmin(database.url, undefined);
    await sql`delete from users`;
    expect(await firstAdmin(database.url, undefined)).not.toBe(first);
  });
});
