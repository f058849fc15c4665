import { eq } from 'drizzle-orm';
import type postgres from 'postgres';
import { v7 as uuidv7 } from 'uuid';
import type { AccountLimitSettings } from '../../core/account-limits.ts';
import { RequestError } from '../../core/errors.ts';
import { ADMIN_ROLE } from '../../core/roles.ts';
import { accountLimitsRequestOf } from '../../engine/account-limits.ts';
import type { NewUser } from '../../engine/ports/access-stores.ts';
import type { Actor } from '../../engine/ports/actor.ts';
import type { Account, AccountChange, AccountStore, AccountUsage } from '../../engine/ports/admin-store.ts';
import { openBatches, storedBytes } from './account-quota.ts';
import { accounts } from './account-schema.ts';
import { difference, writeAudit } from './audit.ts';
import type { Sql, Transaction } from './connect.ts';
import type { Database } from './database.ts';
import { faultsTold } from './faults.ts';
import { refusalOf } from './refusal.ts';
import { transaction } from './transaction.ts';
import { createUser } from './user-store.ts';

/**
 * The id of the account of that name, which administers all others; made if there is none, also when several
 * processes ask at once.
 */
export async function ensureAccount(db: Database, name: string): Promise<string> {
  await db
    .insert(accounts)
    .values({ id: uuidv7(), name, administers: true })
    .onConflictDoNothing({ target: accounts.name });
  const [row] = await db.select({ id: accounts.id }).from(accounts).where(eq(accounts.name, name));
  if (row === undefined) throw new Error(`the account ${name} vanished while it was made`);
  return row.id;
}

export function postgresAccountStore(sql: Sql): AccountStore {
  return {
    create: (actor, account) => namesTold(account.name, () => createAccount(sql, actor, account)),
    find: (id) => faultsTold(async () => (await select(sql, sql`where id = ${id}`, 1))[0] ?? null),
    list: ({ limit, before, search }) => {
      const older = before === undefined ? sql`true` : sql`id < ${before}`;
      // Looked for as it is, so that no character of it is a wildcard.
      const found = search === undefined ? sql`true` : sql`strpos(lower(name), lower(${search}::text)) > 0`;
      return faultsTold(() => select(sql, sql`where ${older} and ${found}`, limit));
    },
    change: (actor, id, change) => namesTold(change.name, () => changeAccount(sql, actor, id, change)),
    usage: (id) => faultsTold(() => usageOf(sql, id)),
    limitSettings: async (id) => {
      const [row] = await faultsTold(
        () => sql<Pick<Account, 'limits'>[]>`select limits from accounts where id = ${id}`,
      );
      return row?.limits ?? {};
    },
  };
}

type Condition = postgres.PendingQuery<postgres.Row[]>;

function select(sql: Sql | Transaction, where: Condition, limit: number, lock: Condition = sql``) {
  return sql<Account[]>`
    select id, name, administers, suspended_at is not null as suspended, limits,
      extract(epoch from created_at)::float8 as "createdAt", extract(epoch from updated_at)::float8 as "updatedAt"
    from accounts ${where} order by id desc limit ${limit} ${lock}`;
}

async function createAccount(
  sql: Sql,
  actor: Actor,
  { id, name, limits, admin }: { id: string; name: string; limits: AccountLimitSettings; admin?: NewUser },
): Promise<Account> {
  return await transaction(sql, async (tx) => {
    await tx`insert into accounts (id, name, limits) values (${id}, ${name}, ${tx.json(limits as never)})`;
    // What is noted is the new account's, whoever made it.
    const maker = { ...actor, accountId: id };
    await writeAudit(tx, maker, {
      action: 'admin_create_account',
      target: { kind: 'account', id },
      after: { name, limits: accountLimitsRequestOf(limits) },
    });
    if (admin !== undefined) await createUser(tx, maker, { ...admin, role: ADMIN_ROLE });
    const [account] = await select(tx, tx`where id = ${id}`, 1);
    return account!;
  });
}

async function changeAccount(sql: Sql, actor: Actor, id: string, change: AccountChange): Promise<Account> {
  return await transaction(sql, async (tx) => {
    // Weaker than `for update`, which whoever makes a batch in the account would have to wait for.
    const [before] = await select(tx, tx`where id = ${id}`, 1, tx`for no key update`);
    if (before === undefined) {
      throw new RequestError('account_not_found', 'there is no account with this id');
    }
    const after = changed(before, change);
    if (before.administers) refuseOfTheFirst(before, after);
    const differs = difference(told(before), told(after));
    if (Object.keys(differs.after).length === 0) return before;
    await tx`
      update accounts set name = ${after.name}, limits = ${tx.json(after.limits as never)},
        suspended_at = ${after.suspended ? tx`coalesce(suspended_at, clock_timestamp())` : null},
        updated_at = clock_timestamp()
      where id = ${id}`;
    const target = { kind: 'account', id } as const;
    await writeAudit(tx, { ...actor, accountId: id }, { action: 'admin_update_account', target, ...differs });
    const [account] = await select(tx, tx`where id = ${id}`, 1);
    return account!;
  });
}

/** Starts find it by its name, and so does whoever signs in without naming an account. */
function refuseOfTheFirst(before: Account, after: Account): void {
  if (!after.suspended && after.name === before.name) return;
  const message = 'the account administers all others: it can be neither suspended nor renamed';
  throw new RequestError('account_administers', message);
}

function changed(account: Account, { name, suspended, limits = {} }: AccountChange): Account {
  const set = Object.entries({ ...account.limits, ...limits }).filter(([, value]) => value !== null);
  return {
    ...account,
    name: name ?? account.name,
    suspended: suspended ?? account.suspended,
    limits: Object.fromEntries(set),
  };
}

/**
 * What the audit log tells of an account, in the words of the API; each limit by itself, so that only those are there
 * which differ.
 */
function told({ name, suspended, limits }: Account): Record<string, unknown> {
  const { requests = {}, ...others } = accountLimitsRequestOf(limits);
  const named = Object.entries(others).map(([limit, value]) => [`limits.${limit}`, value]);
  const byAction = Object.entries(requests ?? {}).map(([action, value]) => [
    `limits.requests.${action}`,
    value,
  ]);
  return { name, suspended, ...Object.fromEntries([...named, ...byAction]) };
}

async function usageOf(sql: Sql, id: string): Promise<AccountUsage> {
  const [usage] = await sql<[AccountUsage]>`
    select ${storedBytes(sql, id)} as "storedBytes", ${openBatches(sql, id)} as batches,
      (select count(*) from chunks where account_id = ${id} and status = 'running')::float8 as "runningChunks",
      (select count(*) from users where account_id = ${id})::float8 as users`;
  return usage;
}

async function namesTold<T>(name: string | undefined, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const refusal = refusalOf(error);
    if (refusal?.kind === 'exists' && refusal.constraint === 'accounts_name_unique') {
      throw new RequestError('name_taken', `there is an account named ${name} already`);
    }
    return await faultsTold(() => Promise.reject(error));
  }
}
