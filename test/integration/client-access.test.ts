import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AuditEntryView } from '../../src/api/schemas/admin-audit.ts';
import { serveApi } from '../../src/api/serve.ts';
import { firstAdmin } from '../../src/caretaking.ts';
import { SheafClient } from '../../src/client/client.ts';
import type { Tokens } from '../../src/client/session.ts';
import { openTestSheaf, type TestSheaf } from '../support/sheaf.ts';

/** The client against the API: as users who sign in, with keys, and as an admin of all accounts. */

let sheaf: TestSheaf;
let api: Awaited<ReturnType<typeof serveApi>>;
let password: string;

beforeAll(async () => {
  sheaf = await openTestSheaf();
  api = await serveApi(sheaf.services, { adminKey: undefined, host: '127.0.0.1', port: 0 });
  password = (await firstAdmin(sheaf.locations.databaseUrl, undefined)) ?? '';
});
afterAll(async () => {
  await api.close();
  await sheaf.close();
});

const ANOTHER = 'another staple, please';

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

async function admin(): Promise<SheafClient> {
  const client = new SheafClient({ baseUrl: api.url });
  await client.signIn({ username: 'admin', password });
  return client;
}

describe('a user', () => {
  it('signs in, is told who they are, and is nobody after signing out', async () => {
    const client = await admin();
    expect(await client.me()).toMatchObject({
      user: 'admin',
      account: { name: 'default' },
      role: 'admin',
      principal: { kind: 'user' },
    });
    await client.signOut();
    await expect(client.me()).rejects.toMatchObject({ status: 401, code: 'unauthenticated' });
    const wrong = client.signIn({ username: 'admin', password: 'not the password' });
    await expect(wrong).rejects.toMatchObject({ status: 401, code: 'sign_in_failed' });
  });

  it('stays signed in when the token is refused, and what onTokens keeps is what counts', async () => {
    let kept: Tokens | null = null;
    const onTokens = (tokens: Tokens | null) => {
      kept = tokens;
    };
    const first = new SheafClient({ baseUrl: api.url, onTokens });
    await first.signIn({ username: 'admin', password });
    const begun = kept!;
    // As it is after its time is over.
    const tokens = { ...begun, token: `${begun.token}x` };
    const client = new SheafClient({ baseUrl: api.url, tokens, onTokens });
    await Promise.all(Array.from({ length: 5 }, () => client.me()));
    expect(kept).not.toEqual(begun);
    expect(await new SheafClient({ baseUrl: api.url, tokens: kept! }).me()).toMatchObject({ user: 'admin' });

    const stolen = new SheafClient({ baseUrl: api.url, tokens });
    await expect(stolen.me()).rejects.toMatchObject({ code: 'refresh_token_invalid' });
    await expect(client.me()).rejects.toMatchObject({ code: 'refresh_token_invalid' });
    expect(kept).toBeNull();
  });

  it('changes their own password', async () => {
    const client = await admin();
    const user = await client.users.create({ username: 'ada', password: ANOTHER, role: 'viewer' });
    const ada = new SheafClient({ baseUrl: api.url });
    await ada.signIn({ username: 'Ada', password: ANOTHER, account: 'default' });
    const change = { current_password: ANOTHER, new_password: 'yet another staple' };
    await ada.changePassword(change);
    await expect(ada.signIn({ username: 'ada', password: ANOTHER })).rejects.toMatchObject({ status: 401 });
    await ada.signIn({ username: 'ada', password: 'yet another staple' });
    await client.users.remove(user.user);
    await expect(ada.me()).rejects.toMatchObject({ status: 401 });
  });
});

describe('users, roles and keys', () => {
  it('are made, listed, changed and removed', async () => {
    const client = await admin();
    const statements = [{ effect: 'allow' as const, actions: ['get_*'] }];
    const role = await client.roles.create({ name: 'looker', description: 'Looks.', statements });
    expect(await client.roles.get('looker')).toEqual(role);
    expect((await all(client.roles.list({ limit: 2 }))).map(({ name }) => name)).toContain('looker');

    const user = await client.users.create({ username: 'grace', password: ANOTHER, role: 'looker' });
    expect(await client.users.change(user.user, { disabled: true })).toMatchObject({ disabled: true });
    expect(await client.users.get(user.user)).toMatchObject({ username: 'grace', disabled: true });
    const names = (await all(client.users.list({ limit: 1 }))).map(({ username }) => username);
    expect(names).toEqual(['grace', 'admin']);
    await expect(client.roles.remove('looker')).rejects.toMatchObject({ code: 'role_in_use' });
    await client.users.remove(user.user);

    const { key, api_key: id } = await client.apiKeys.create({ name: 'nightly', role: 'looker' });
    const program = new SheafClient({ baseUrl: api.url, apiKey: key });
    expect(await program.me()).toMatchObject({ user: 'key:nightly', principal: { kind: 'api_key', id } });
    await client.roles.change('looker', { statements: [{ effect: 'allow', actions: ['get_batch'] }] });
    await expect(program.getOperations()).rejects.toMatchObject({ code: 'forbidden' });
    await client.apiKeys.revoke(id);
    await expect(program.me()).rejects.toMatchObject({ status: 401 });
    expect((await client.apiKeys.get(id)).revoked_ts).not.toBeNull();
    expect(await all(client.apiKeys.list())).toHaveLength(1);
  });
});

describe('an admin', () => {
  it('makes accounts, sees the batches of all, and reads and exports the audit log', async () => {
    const client = await admin();
    const account = await client.admin.createAccount({
      name: 'acme',
      limits: { batches: 5 },
      admin: { username: 'ada', password: ANOTHER },
    });
    expect(await client.admin.account(account.account)).toMatchObject({ name: 'acme', usage: { users: 1 } });
    expect(await all(client.admin.accounts({ search: 'acm' }))).toHaveLength(1);
    const ada = new SheafClient({ baseUrl: api.url });
    await ada.signIn({ username: 'ada', password: ANOTHER, account: 'acme' });

    const handler = await sheaf.upload('learner_id,email\nada,ada@example.org\n');
    const { batch } = await client.createBatch({ handler, operation: 'create_learner' });
    expect((await all(client.admin.batches({ operation: 'create_learner' }))).map((it) => it.batch)).toEqual([
      batch,
    ]);
    expect(await client.admin.batch(batch)).toMatchObject({ account: { name: 'default' }, user: 'admin' });
    expect(await client.admin.cancelBatches({ all: true, dry_run: true })).toMatchObject({ matched: 1 });
    expect(await client.admin.cancelBatch(batch)).toMatchObject({ status: 'cancel' });
    await expect(all(ada.admin.batches())).rejects.toMatchObject({ status: 403 });

    expect(await client.admin.changeAccount(account.account, { suspended: true })).toMatchObject({
      suspended: true,
    });
    await expect(ada.me()).rejects.toMatchObject({ code: 'account_suspended' });

    const filters = { action: 'admin_create_account' };
    const [entry, ...more] = await all(client.admin.audit(filters));
    expect(more).toEqual([]);
    expect(entry).toMatchObject({
      actor: { name: 'admin' },
      target: { kind: 'account', id: account.account },
    });
    expect(await all<AuditEntryView>(client.admin.exportAudit(filters))).toEqual([entry]);
    expect(await all(client.admin.exportAudit())).toHaveLength((await all(client.admin.audit())).length);
  });
});
