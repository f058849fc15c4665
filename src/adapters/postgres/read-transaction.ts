import type { Actor } from '../../engine/ports/actor.ts';
import type { ReadTransaction } from '../../engine/ports/read-transaction.ts';
import type { Sql } from './connect.ts';
import { faultsTold } from './faults.ts';
import { transaction } from './transaction.ts';
import { openWork } from './work-transaction.ts';

/** Somebody waits for the answer. */
const LONGEST_STATEMENT_MS = 30_000;

export function readTransactions(sql: Sql, { accountId }: Pick<Actor, 'accountId'>): ReadTransaction {
  return {
    read: async (work) =>
      await faultsTold(() =>
        transaction(sql, async (tx, connection) => {
          await tx`set transaction isolation level repeatable read, read only`;
          await tx`select set_config('statement_timeout', ${String(LONGEST_STATEMENT_MS)}, true)`;
          const opened = openWork(tx, connection, accountId);
          try {
            return await work({ accountId, sql: opened.transaction.sql });
          } finally {
            opened.close();
          }
        }),
      ),
  };
}
