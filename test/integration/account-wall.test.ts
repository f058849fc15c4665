import { randomBytes } from 'node:crypto';
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ACCOUNT_ROLE, whatHoldsBack } from '../../src/adapters/postgres/account-role.ts';
import { type AccountWall, openAccountWall } from '../../src/adapters/postgres/account-wall.ts';
import { connect, type Sql, type Transaction } from '../../src/adapters/postgres/connect.ts';
import { type OpenDatabase, openDatabase } from '../../src/adapters/postgres/database.ts';
import { migrateDatabase } from '../../src/adapters/postgres/migrate.ts';
import { transaction } from '../../src/adapters/postgres/transaction.ts';
import { addAccount, addBatch } from '../support/rows.ts';
import { serverThatLeaves } from '../support/server-that-leaves.ts';
import { createTestDatabase, openTestSheaf, type TestSheaf } from '../support/sheaf.ts';

/** What statements of one account see of another's though they name no account: as if ours had forgotten theirs. */

let sheaf: TestSheaf;
let wall: AccountWall;
let plain: { database: OpenDatabase; sql: Sql };
let ours: string;
let theirs: string;
let batch: string;

beforeAll(async () => {
  sheaf = await openTestSheaf();
  ours = sheaf.caller.accountId;
  theirs = await addAccount(sheaf.sql);
  batch = await addBatch(sheaf, { status: 'processing', chunks: 2 });
  await addBatch(sheaf, { status: 'processing', chunks: 1, accountId: theirs });
  const url = sheaf.locations.databaseUrl;
  plain = { database: openDatabase(url, { max: 1 }), sql: connect(url, { max: 1, name: 'plain' }) };
  wall = await openAccountWall(url, { db: plain.database.db, sql: plain.sql }, { max: 2 });
});
afterAll(async () => {
  await wall.close();
  await plain.sql.end({ timeout: 5 });
  await plain.database.close();
  await sheaf.close();
});

const inside = <T>(account: string, work: (tx: Transaction) => Promise<T>): Promise<T> =>
  transaction(wall.of(account).sql, work);

const owners = (rows: readonly { account_id: string }[]) => new Set(rows.map((row) => row.account_id));

describe('a statement of a transaction that forgets its account', () => {
  it.each(['batches', 'uploads', 'chunks'])('finds its own of %s, and nothing else', async (table) => {
    expect(wall.missing).toBeNull();
    for (const account of [ours, theirs]) {
      const rows = await inside(
        account,
        (tx) => tx<{ account_id: string }[]>`select account_id from ${tx(table)}`,
      );
      expect(owners(rows)).toEqual(new Set([account]));
    }
  });

  it('finds nothing of any table when it is of nobody', async () => {
    const tables = await sheaf.sql<{ name: string }[]>`
      select relname as name from pg_class where relrowsecurity and relnamespace = 'public'::regnamespace`;
    expect(tables.length).toBeGreaterThan(12);
    for (const { name } of tables) {
      expect(await inside('', (tx) => tx`select from ${tx(name)}`), name).toHaveLength(0);
    }
  });

  it.each(['audit_log', 'signing_keys', 'refresh_tokens', 'sign_in_failures'])(
    'reads and changes nothing of %s, which is not of one account',
    async (table) => {
      for (const statement of [`select from ${table}`, `delete from ${table}`]) {
        await expect(inside(ours, (tx) => tx.unsafe(statement))).rejects.toThrow('permission denied');
      }
    },
  );

  it('changes and removes nothing of another', async () => {
    await inside(theirs, async (tx) => {
      expect((await tx`update batches set metadata = '{"a": 1}' where id = ${batch}`).count).toBe(0);
      expect((await tx`delete from chunks where batch_id = ${batch}`).count).toBe(0);
      expect(await tx`select from batches where id = ${batch} for update`).toHaveLength(0);
    });
  });

  it('writes nothing for another', async () => {
    const insert = inside(
      theirs,
      (tx) => tx`insert into learners (account_id, learner_id) values (${ours}, 'x')`,
    );
    await expect(insert).rejects.toThrow('row-level security');
    const update = inside(theirs, (tx) => tx`update batches set account_id = ${ours}`);
    await expect(update).rejects.toThrow('row-level security');
  });
});

it('many of several accounts at once, on few connections, each see their own', async () => {
  const asked = Array.from({ length: 200 }, async (_, n) => {
    const account = n % 2 === 0 ? ours : theirs;
    const rows = await inside(account, (tx) => tx<{ account_id: string }[]>`select account_id from batches`);
    return [...owners(rows)].join() === account;
  });
  expect(await Promise.all(asked)).toEqual(asked.map(() => true));
});

it('fragments and helpers of postgres.js are parts of a statement as ever', async () => {
  const { sql } = wall.of(ours);
  const own = sql`account_id = ${ours}`;
  expect(
    await inside(ours, (tx) => tx`select from batches where id in ${tx([batch])} and ${own}`),
  ).toHaveLength(1);
  expect((await sql`select ${sql.json({ a: 1 })}::jsonb as it`)[0]!.it).toEqual({ a: 1 });
});

describe('the owner of the tables', () => {
  it('sees everything, as workers do', async () => {
    expect(owners(await sheaf.sql`select account_id from batches`).size).toBe(2);
  });
});

describe('a user of the database who is no superuser', () => {
  /** A database that such a user owns and has migrated. */
  async function ownedBy(rights: string) {
    const database = await createTestDatabase('template1');
    const name = `u_${randomBytes(4).toString('hex')}`;
    const admin = postgres(database.url, { max: 1, onnotice: () => undefined });
    await admin.unsafe(`create role ${name} login password 'x' ${rights}`);
    await admin.unsafe(`grant all on database ${database.name} to ${name}`);
    await admin.unsafe(`grant all on schema public to ${name}`);
    const url = new URL(database.url);
    url.username = name;
    url.password = 'x';
    return {
      url: url.href,
      name,
      admin,
      close: async () => {
        await admin.end();
        await database.drop();
        const cluster = postgres(sheaf.locations.databaseUrl, { max: 1, onnotice: () => undefined });
        await cluster.unsafe(`drop role ${name}`);
        await cluster.end();
      },
    };
  }

  it('and may not take the role is served without the wall, and told so; once it may, with it', async () => {
    const user = await ownedBy('');
    await migrateDatabase(user.url);
    const sql = connect(user.url, { max: 1, name: 'test' });
    expect(await whatHoldsBack(sql)).toContain('may not take the role');
    const { db, close } = openDatabase(user.url, { max: 1 });
    const none = await openAccountWall(user.url, { db, sql }, { max: 1 });
    expect(none.missing).toContain(ACCOUNT_ROLE);
    expect(none.of(ours).sql).toBe(sql);

    await user.admin.unsafe(`grant ${ACCOUNT_ROLE} to ${user.name}`);
    expect(await whatHoldsBack(sql)).toBeNull();
    const walled = await openAccountWall(user.url, { db, sql }, { max: 1 });
    await sql`insert into learners (account_id, learner_id) values (${ours}, 'a'), (${theirs}, 'b')`;
    const rows = await transaction(
      walled.of(ours).sql,
      (tx) => tx<{ account_id: string }[]>`select account_id from learners`,
    );
    expect(owners(rows)).toEqual(new Set([ours]));
    expect(await sql`select from learners`).toHaveLength(2);
    await walled.close();
    await close();
    await sql.end();
    await user.close();
  });

  it('and does not own the tables sees them as before, for nothing is said of it', async () => {
    const user = await ownedBy('');
    await migrateDatabase(user.url);
    await user.admin.unsafe(`insert into learners (account_id, learner_id) values ('${ours}', 'a')`);
    const reader = `r_${randomBytes(4).toString('hex')}`;
    await user.admin.unsafe(`create role ${reader}; grant select on learners to ${reader}`);
    const seen = await user.admin.begin(async (tx) => {
      await tx.unsafe(`set local role ${reader}`);
      return await tx`select from learners`;
    });
    expect(seen).toHaveLength(1);
    await user.admin.unsafe(`drop owned by ${reader}; drop role ${reader}`);
    await user.close();
  });
});

describe('a server that goes away when it has begun a transaction', () => {
  it('fails the transaction, and ends no process', async () => {
    const uncaught: unknown[] = [];
    const note = (error: unknown) => void uncaught.push(error);
    process.on('uncaughtException', note);
    const begun = Buffer.from('BEGIN\0');
    const url = await serverThatLeaves(sheaf.locations.databaseUrl, begun);
    const cut = await openAccountWall(url, { db: plain.database.db, sql: plain.sql }, { max: 1 });
    try {
      const lost = transaction(cut.of(ours).sql, (tx) => tx`select 1`);
      await expect(lost).rejects.toMatchObject({ code: 'CONNECTION_CLOSED' });
      await new Promise((resolve) => setTimeout(resolve, 500));
      expect(uncaught).toEqual([]);
    } finally {
      process.off('uncaughtException', note);
      await cut.close();
    }
  });
});
