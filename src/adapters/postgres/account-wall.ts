import { ACCOUNT_ROLE, whatHoldsBack } from './account-role.ts';
import { type ConnectOptions, connect, type Sql, type Transaction } from './connect.ts';
import type { Database } from './database.ts';
import { transaction } from './transaction.ts';

/** What the stores of one account work with. */
export interface AccountConnections {
  db: Database;
  sql: Sql;
}

export interface AccountWall {
  /** Why PostgreSQL does not refuse the rows of other accounts; `null`: it does. */
  missing: string | null;
  of(accountId: string): AccountConnections;
  close(): Promise<void>;
}

/**
 * Transactions of accounts, which is all that changes anything, in sessions of a role to which row-level security shows
 * the rows of one account. Statements by themselves, which only read, are not: each would need a transaction around it,
 * which was measured to cost 15 % of the time of a request. To send the setting and the statement together without one
 * costs less, but postgres.js (3.4.9) leaves a statement whose values cannot be bound in the queue of its connection,
 * where it would be given the next one's answer: that of another account.
 * @param plain what reads, and what serves altogether where there is no such role
 */
export async function openAccountWall(
  url: string,
  plain: AccountConnections,
  options: Omit<ConnectOptions, 'name' | 'role'>,
): Promise<AccountWall> {
  const missing = await whatHoldsBack(plain.sql);
  if (missing !== null) return { missing, of: () => plain, close: async () => undefined };
  const pool = connect(url, { ...options, name: 'account', role: ACCOUNT_ROLE });
  return {
    missing,
    of: (accountId) => ({ db: plain.db, sql: withTransactionsOf(accountId, plain.sql, pool) }),
    close: () => pool.end({ timeout: 5 }),
  };
}

function withTransactionsOf(accountId: string, plain: Sql, pool: Sql): Sql {
  const begin = (work: (tx: Transaction) => Promise<unknown>) =>
    transaction(pool, async (tx) => {
      await tx`select set_config('sheaf.account', ${accountId}, true)`;
      return await work(tx);
    });
  const tag = (...of: Parameters<Sql>) => plain(...of);
  return Object.assign(tag, { ...plain, begin }) as unknown as Sql;
}
