import { randomBytes } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Caller, Statement } from '../../src/core/access.ts';
import { PermanentFault } from '../../src/core/errors.ts';
import { builtInRole } from '../../src/core/roles.ts';
import { changeBatch } from '../../src/engine/change-batch.ts';
import { submitBatch } from '../../src/engine/submit-batch.ts';
import { actorFor } from '../support/actor.ts';
import { testCaller } from '../support/caller.ts';
import { gate } from '../support/gate.ts';
import { heldCsv, heldIds, heldOperation } from '../support/held-operation.ts';
import { outsideOperation } from '../support/outside-operation.ts';
import { OutsideTarget } from '../support/outside-target.ts';
import { openTestSheaf, type TestSheaf } from '../support/sheaf.ts';

/** A batch goes on only as long as whoever it runs on behalf of may run its operation. */

const held = heldOperation();
let target: OutsideTarget;
let sheaf: TestSheaf;

beforeAll(async () => {
  target = await OutsideTarget.start();
  sheaf = await openTestSheaf(
    { SHEAF_CHUNK_RECORDS: '2' },
    { operations: [held.operation, outsideOperation(target.url, { limits: { callRecords: 1 } })] },
  );
  await sheaf.startWorkers();
});
afterAll(async () => {
  await sheaf.close();
  await target.close();
});
beforeEach(() => {
  held.reset();
  target.reset();
});

const HOLDS: readonly Statement[] = [{ effect: 'allow', actions: ['create_*', 'update_batch', 'hold'] }];
let made = 0;

async function roleThatHolds(): Promise<string> {
  made += 1;
  const name = `holder-${made}`;
  await sheaf.account.roles.create({ name, description: '', statements: HOLDS });
  return name;
}

async function userWith(role: string): Promise<Caller> {
  made += 1;
  const user = { id: uuidv7(), name: `user-${made}`, role, passwordHash: 'none' };
  await sheaf.account.users.create(user);
  return await callerOf({ user: user.name, role, principal: { kind: 'user', id: user.id } });
}

async function keyWith(role: string, expiresAt: number | null = null): Promise<Caller> {
  made += 1;
  const key = { id: uuidv7(), name: `key-${made}`, role, hint: 'sheaf_0000', expiresAt };
  await sheaf.account.apiKeys.create({ ...key, hash: randomBytes(32) });
  return await callerOf({ user: `key:${key.name}`, role, principal: { kind: 'api_key', id: key.id } });
}

async function callerOf(who: Pick<Caller, 'user' | 'role' | 'principal'>): Promise<Caller> {
  const { statements } = builtInRole(who.role) ?? (await sheaf.account.roles.find(who.role))!;
  return testCaller({ accountId: sheaf.caller.accountId, statements, ...who });
}

const engineOf = (caller: Caller) => ({ ...sheaf.services, ...sheaf.services.account(actorFor(caller)) });
const idOf = ({ principal }: Caller) => (principal as { id: string }).id;

async function submitAs(caller: Caller, ids: readonly string[], operation = 'hold'): Promise<string> {
  const handler = await sheaf.upload(heldCsv(ids));
  const request = { handler, operation, execution: 'serial' } as const;
  return (await submitBatch(engineOf(caller), caller, request)).id;
}

const resumeAs = (caller: Caller, id: string) =>
  changeBatch(engineOf(caller), caller, id, { status: 'resume' });

/** Submits six records in three chunks, and does something while the handler has the first of them. */
async function whileTheFirstRuns(
  caller: Caller,
  meanwhile: (batchId: string) => Promise<unknown>,
): Promise<string> {
  const { arrived, wait, open } = gate();
  held.before = wait;
  const id = await submitAs(caller, heldIds(`w${made}x`, 6));
  await arrived;
  await meanwhile(id);
  open();
  return id;
}

const begun = () => held.calls.map(({ records }) => records);

const WAYS: [string, () => Promise<[Caller, (caller: Caller) => Promise<unknown>]>][] = [
  [
    'another role',
    async () => [
      await userWith('operator'),
      (who) => sheaf.account.users.change(idOf(who), { role: 'viewer' }),
    ],
  ],
  [
    'another statement of the role',
    async () => [
      await userWith(await roleThatHolds()),
      ({ role }) =>
        sheaf.account.roles.change(role, {
          statements: [...HOLDS, { effect: 'deny', actions: ['hold'] }],
        }),
    ],
  ],
  [
    'the role being removed',
    async () => [
      await userWith(await roleThatHolds()),
      // Nothing of ours removes one that somebody has.
      ({ role }) => sheaf.sql`delete from roles where name = ${role}`,
    ],
  ],
  [
    'the user being disabled',
    async () => [
      await userWith('operator'),
      (who) => sheaf.account.users.change(idOf(who), { disabled: true }),
    ],
  ],
  [
    'the user being removed',
    async () => [await userWith('operator'), (who) => sheaf.account.users.remove(idOf(who))],
  ],
  [
    'the key being revoked',
    async () => [await keyWith('submitter'), (who) => sheaf.account.apiKeys.revoke(idOf(who))],
  ],
  [
    'the account being suspended',
    async () => [
      await userWith('operator'),
      () => sheaf.sql`update accounts set suspended_at = now() where id = ${sheaf.caller.accountId}`,
    ],
  ],
];

describe('a right that is withdrawn while a batch runs', () => {
  it.each(WAYS)('by %s: no chunk that is claimed afterwards comes to its handler', async (_, prepare) => {
    const [caller, withdraw] = await prepare();
    try {
      const id = await whileTheFirstRuns(caller, () => withdraw(caller));
      const batch = await sheaf.ended(id);
      expect(batch).toMatchObject({
        status: 'failed',
        failedFrom: 'processing',
        statusReason: { code: 'permission_withdrawn' },
        counts: { total: 6, succeeded: 2, failed: 0, unprocessed: 4 },
      });
      expect(batch.statusReason?.message).toContain('hold');
      expect(batch.statusReason?.message).toContain(caller.user);
      expect(begun()).toEqual([[1, 2]]);
      expect((await sheaf.lines(batch, 'all')).map(({ status }) => status)).toEqual([
        ...Array(2).fill('succeeded'),
        ...Array(4).fill('unprocessed'),
      ]);
    } finally {
      await sheaf.sql`update accounts set suspended_at = null`;
    }
  });

  it.each<[string, (caller: Caller) => Promise<unknown>]>([
    [
      'a key that has expired',
      (who) => sheaf.sql`update api_keys set expires_at = now() - interval '1 day' where id = ${idOf(who)}`,
    ],
    ['a key of which nothing has changed', async () => undefined],
  ])('%s still counts for what was begun with it', async (_, change) => {
    const caller = await keyWith('submitter', Date.now() / 1000 + 3600);
    const batch = await sheaf.ended(await whileTheFirstRuns(caller, () => change(caller)));
    expect(batch).toMatchObject({ status: 'completed', counts: { succeeded: 6 } });
    expect(begun()).toEqual([
      [1, 2],
      [3, 4],
      [5, 6],
    ]);
  });

  it('of a batch that has effects outside: nothing is sent any more, and what was sent keeps its result', async () => {
    const caller = await userWith('operator');
    target.answer = async ({ id }) => {
      if (id === 'out2') await sheaf.account.users.change(idOf(caller), { role: 'viewer' });
      return { status: 200, body: { id } };
    };
    const id = await submitAs(caller, heldIds('out', 6), 'send');
    const batch = await sheaf.ended(id);
    expect(batch).toMatchObject({
      status: 'failed',
      statusReason: { code: 'permission_withdrawn' },
      counts: { total: 6, succeeded: 2, failed: 0, unprocessed: 4 },
    });
  });

  it('before the batch is processed at all: it is checked, and nothing comes to the handler', async () => {
    const caller = await userWith('operator');
    const handler = await sheaf.upload(heldCsv(heldIds('before', 2)));
    // Of a request that was let in before that was committed.
    await sheaf.account.users.remove(idOf(caller));
    const { id } = await submitBatch(engineOf(caller), caller, { handler, operation: 'hold' });
    expect(await sheaf.ended(id)).toMatchObject({
      status: 'failed',
      statusReason: { code: 'permission_withdrawn' },
      counts: { total: 2, unprocessed: 2 },
    });
    expect(begun()).toEqual([]);
  });

  it('ends nothing where nothing is processed: a dry run comes to its end', async () => {
    const caller = await userWith('operator');
    const handler = await sheaf.upload(heldCsv(heldIds('dry', 2)));
    const request = { handler, operation: 'hold', dry_run: true };
    await sheaf.account.users.remove(idOf(caller));
    const { id } = await submitBatch(engineOf(caller), caller, request);
    expect(await sheaf.ended(id)).toMatchObject({ status: 'completed' });
  });

  it('and a cancel before anybody noticed: the batch is cancelled, and does not fail', async () => {
    const caller = await userWith('operator');
    const id = await whileTheFirstRuns(caller, async (batch) => {
      await sheaf.account.users.remove(idOf(caller));
      await changeBatch(sheaf.engine, sheaf.caller, batch, { status: 'cancel' });
    });
    expect(await sheaf.ended(id)).toMatchObject({
      status: 'cancelled',
      counts: { total: 6, succeeded: 0, unprocessed: 6 },
    });
    expect(begun()).toEqual([[1, 2]]);
  });
});

describe('a batch whose right was withdrawn', () => {
  async function withdrawn(): Promise<[string, Caller]> {
    const caller = await userWith('operator');
    const id = await whileTheFirstRuns(caller, () =>
      sheaf.account.users.change(idOf(caller), { role: 'viewer' }),
    );
    await sheaf.ended(id);
    held.calls.length = 0;
    return [id, caller];
  }
  const rowOf = async (id: string) =>
    (await sheaf.sql`select user_name as "user", principal from batches where id = ${id}`)[0];

  it('goes on on behalf of whoever resumes it, with what was not settled', async () => {
    const [id] = await withdrawn();
    const other = await userWith('operator');
    expect(await resumeAs(other, id)).toMatchObject({ statusReason: null });
    const batch = await sheaf.ended(id);
    expect(batch).toMatchObject({ status: 'completed', counts: { succeeded: 6 } });
    expect(begun()).toEqual([
      [3, 4],
      [5, 6],
    ]);
    expect(held.calls.map(({ context }) => context.user)).toEqual([other.user, other.user]);
    expect(await rowOf(id)).toEqual({ user: other.user, principal: other.principal });
    const [noted] = await sheaf.sql`
      select actor_name, before, after from audit_log
      where target_id = ${id} and action = 'update_batch' order by id desc limit 1`;
    expect(noted).toMatchObject({ actor_name: other.user, after: { user: other.user } });
  });

  it('is not resumed by somebody who may not run the operation either, and stays as it is', async () => {
    const [id, former] = await withdrawn();
    const before = await sheaf.batch(id);
    const viewer = { ...former, statements: builtInRole('viewer')!.statements };
    await expect(resumeAs(viewer, id)).rejects.toMatchObject({ code: 'forbidden' });
    const role = await roleThatHolds();
    await sheaf.account.roles.change(role, { statements: [{ effect: 'allow', actions: ['update_batch'] }] });
    await expect(resumeAs(await userWith(role), id)).rejects.toMatchObject({ code: 'forbidden' });
    expect(await sheaf.batch(id)).toEqual(before);
    expect(await rowOf(id)).toMatchObject({ user: former.user });
  });

  it('is not resumed from another account, whose users have no rights in this one', async () => {
    const [id] = await withdrawn();
    const admin = testCaller({ accountId: sheaf.caller.accountId });
    const from = { ...actorFor(admin), ownAccountId: uuidv7() };
    const engine = { ...sheaf.services, ...sheaf.services.account(from) };
    const resumed = changeBatch(engine, admin, id, { status: 'resume' });
    await expect(resumed).rejects.toMatchObject({ code: 'forbidden' });
  });

  it('fails again as soon as the right of whoever resumed it is gone too', async () => {
    const [id] = await withdrawn();
    const other = await userWith('operator');
    await sheaf.account.users.change(idOf(other), { role: 'viewer' });
    // As a request that was let in before the change was committed.
    await resumeAs(other, id);
    expect(await sheaf.ended(id)).toMatchObject({
      status: 'failed',
      statusReason: { code: 'permission_withdrawn' },
      counts: { succeeded: 2, unprocessed: 4 },
    });
    expect(begun()).toEqual([]);
  });

  it('goes on by itself again for whom the right was given back', async () => {
    const [id, former] = await withdrawn();
    await sheaf.account.users.change(idOf(former), { role: 'submitter' });
    await resumeAs({ ...former, statements: builtInRole('submitter')!.statements }, id);
    expect(await sheaf.ended(id)).toMatchObject({ status: 'completed', counts: { succeeded: 6 } });
    expect(await rowOf(id)).toEqual({ user: former.user, principal: former.principal });
  });
});

it('a batch that failed for another reason goes on on behalf of whom it did before', async () => {
  const caller = await userWith('operator');
  held.before = async () => {
    throw new PermanentFault('handler_broken', 'broken for the test');
  };
  const id = await submitAs(caller, heldIds('same', 2));
  expect(await sheaf.ended(id)).toMatchObject({ status: 'failed', statusReason: { code: 'handler_broken' } });
  held.reset();
  await changeBatch(sheaf.engine, sheaf.caller, id, { status: 'resume' });
  expect(await sheaf.ended(id)).toMatchObject({ status: 'completed' });
  expect(held.calls.at(-1)?.context.user).toBe(caller.user);
});

it('batches from before it was known who made them go on', async () => {
  const id = await submitAs(sheaf.caller, heldIds('old', 2));
  const [row] = await sheaf.sql`select principal from batches where id = ${id}`;
  expect(row?.principal).toEqual({ kind: 'admin_key' });
  expect(await sheaf.ended(id)).toMatchObject({ status: 'completed' });
});
