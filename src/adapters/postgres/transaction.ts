import type { Sql, Transaction } from './connect.ts';
import { isConnectionLost } from './faults.ts';

/**
 * Runs a transaction that ends with its connection. postgres.js (3.4.9; its issues #1133, #1154, #1208, open) does
 * not: when the server ends a session in the middle of `begin`, the ROLLBACK that follows is written to a socket that
 * is gone, an exception that nobody can catch; and a statement that comes later may run on the connection made
 * anew, outside of any transaction. We end sessions on purpose (leases), so neither may happen here:
 * once the connection is lost the work is left hanging, so that no ROLLBACK follows, and gets no statement through.
 * @throws {RetryableFault} through `asFault`, when the connection is lost
 */
export async function transaction<T>(
  sql: Sql,
  work: (tx: Transaction, connection: { lost: boolean }) => Promise<T>,
): Promise<T> {
  const connection = { lost: false };
  const running = sql.begin(async (tx) => {
    try {
      return await work(tx, connection);
    } catch (error) {
      if (connection.lost || isConnectionLost(error)) return await new Promise<never>(() => undefined);
      throw error;
    }
  });
  try {
    return (await running) as T;
  } catch (error) {
    // `begin` rejects as soon as the connection closes, whatever the work is waiting for at that moment.
    connection.lost = true;
    throw error;
  }
}
