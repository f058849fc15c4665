import type { Transaction } from './connect.ts';
import { isConnectionLost } from './faults.ts';
import { untracked } from './untracked.ts';

/**
 * Sends an empty statement now and then, so that the server does not end the session of a transaction whose work
 * computes or waits for others: it is not one that was left. Ends by itself when the connection is lost.
 * @returns what is cleared when the work is over
 */
export function keepAwake(tx: Transaction, connection: { lost: boolean }, ms: number): NodeJS.Timeout {
  const awake = setInterval(() => {
    if (connection.lost) clearInterval(awake);
    // Between a statement that failed and the savepoint that is gone back to, this one fails too.
    else untracked(tx`select`).then(undefined, failed);
  }, ms);
  const failed = (error: unknown) => {
    // Anything else fails the transaction's next statement too, or its COMMIT.
    if (!isConnectionLost(error)) return;
    connection.lost = true;
    clearInterval(awake);
  };
  return awake;
}
