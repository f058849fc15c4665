import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { scryptPasswords } from '../../src/adapters/password/scrypt-passwords.ts';
import { firstAdmin } from '../../src/caretaking.ts';
import { writeServices } from '../../src/embedded/services-file.ts';
import { openTestSheaf, type TestSheaf } from '../support/sheaf.ts';
import { sheafCommand } from '../support/sheaf-command.ts';

/** `npx sheaf` where it works on the database, as real processes. */

let sheaf: TestSheaf;
let folder: string;

beforeAll(async () => {
  sheaf = await openTestSheaf();
  await firstAdmin(sheaf.locations.databaseUrl, 'the password of before');
  folder = await mkdtemp(join(tmpdir(), 'sheaf-command-'));
});
afterAll(async () => {
  await sheaf.close();
  await rm(folder, { recursive: true, force: true });
});

const run = (args: readonly string[], input = '', settings: Record<string, string> = {}) =>
  sheafCommand(args, { DATABASE_URL: sheaf.locations.databaseUrl, ...settings }, input);

const admin = async () => {
  const [user] = await sheaf.sql<{ id: string; hash: string; accountId: string }[]>`
    select id, password_hash as hash, account_id as "accountId" from users where name = 'admin'`;
  return user!;
};

async function session(): Promise<string> {
  const { id, accountId } = await admin();
  const [row] = await sheaf.sql<{ id: string }[]>`
    insert into sessions (id, account_id, user_id, expires_at)
    values (gen_random_uuid(), ${accountId}, ${id}, now() + interval '1 day') returning id`;
  return row!.id;
}

describe('set-password', () => {
  it('takes the password that is piped in, ends the sessions, and notes it without the password', async () => {
    const opened = await session();
    expect(await sheaf.services.principals.ofSession(opened)).not.toBeNull();
    const { code, out, err } = await run(['set-password', 'Admin'], 'a whole new password\n');
    expect([code, err]).toEqual([0, '']);
    expect(out).toBe('The password of admin in the account default is set. Sessions that were ended: 1.\n');
    const { id, hash } = await admin();
    expect(await scryptPasswords().verify('a whole new password', hash)).toBe(true);
    expect(await sheaf.services.principals.ofSession(opened)).toBeNull();
    const [entry] = await sheaf.sql`select * from audit_log where action = 'password_changed'`;
    expect(entry).toMatchObject({ actor_kind: 'system', actor_name: 'system', target_id: id });
    expect(JSON.stringify(entry)).not.toMatch(/whole new password|scrypt/);
  });

  it('leaves a user disabled, and says so', async () => {
    await sheaf.sql`update users set disabled_at = now() where name = 'admin'`;
    const { code, out } = await run(['set-password', 'admin'], 'one more new password');
    await sheaf.sql`update users set disabled_at = null where name = 'admin'`;
    expect(code).toBe(0);
    expect(out).toContain('admin is disabled and cannot sign in');
  });

  it.each<[string, string[], string, string]>([
    ['a password that is too short', ['admin'], 'short\n', 'the password must have at least 12 characters'],
    [
      'nobody',
      ['--account', 'other', 'admin'],
      'a whole new password',
      'there is no user admin in the account other',
    ],
  ])('refuses %s, and changes nothing', async (_, args, input, told) => {
    const before = await admin();
    const { code, out, err } = await run(['set-password', ...args], input);
    expect([code, out, err]).toEqual([1, '', `sheaf: ${told}\n`]);
    expect(await admin()).toEqual(before);
  });

  it('finds the database of the npm start that runs on the data directory, and says when none does', async () => {
    const settings = { DATABASE_URL: '', SHEAF_DATA_DIR: folder };
    const none = await run(['set-password', 'admin'], 'a whole new password', settings);
    expect(none).toMatchObject({ code: 1, out: '' });
    expect(none.err).toContain(`DATABASE_URL is not set, and nothing runs on ${folder}`);
    const { databaseUrl } = sheaf.locations;
    await writeServices(folder, { pid: process.pid, started_ts: 1, database_url: databaseUrl });
    const found = await run(['set-password', 'admin'], 'found by the directory', settings);
    expect([found.code, found.err]).toEqual([0, '']);
    expect(await scryptPasswords().verify('found by the directory', (await admin()).hash)).toBe(true);
  });
});

describe('rotate-token-keys', () => {
  it('ends every key that tokens are signed with, and notes each', async () => {
    await sheaf.services.signingKeys.make();
    const [key] = await sheaf.services.signingKeys.load();
    const { code, out, err } = await run(['rotate-token-keys']);
    expect([code, err]).toEqual([0, '']);
    expect(out).toContain('refused within 5 seconds');
    expect(await sheaf.services.signingKeys.load()).toEqual([]);
    const entries = await sheaf.sql`
      select actor_kind, target_id from audit_log where target_kind = 'signing_key'`;
    expect(entries).toEqual([{ actor_kind: 'system', target_id: key!.id }]);

    const again = await run(['rotate-token-keys']);
    expect(again).toMatchObject({ code: 0, out: expect.stringContaining('There was no key') });
  });
});

describe('called wrongly', () => {
  it.each([
    [['set-password'], 'say whose password it is'],
    [['set-password', 'admin', randomBytes(4).toString('hex')], 'the password is asked for, or piped in'],
    [['toString'], 'there is no command "toString"'],
  ])('%j', async (args, told) => {
    const { code, out, err } = await run(args as string[]);
    expect([code, out]).toEqual([2, '']);
    expect(err).toContain(told);
    expect(err).toContain('Usage:');
  });
});
