import type { Transaction } from './connect.ts';
import { isConnectionLost } from './faults.ts';

/**
 * Sends an empty statement now and then, so that the server does not end the session of a transaction whose work
 * computes or waits for others: it is not one that was left. Ends by itself when the connection is lost.
 * @returns what is cleared when the work is over
 */
export function keepAwake(tx: Transaction, connection: { lost: boolean }, ms: number): NodeJS.Timeout {
  const awake = setInterval(() => {
    if (connection.lost) clearInterval(awake);
    else tx`select`.catch(failed);
  }, ms);
  const failed = (error: unknown) => {
    // Anything else fails the transaction's next statement too, or its COMMIT.
    if (!isConnectionLost(error)) return;
    connection.lost = true;
    clearInterval(awake);
  };
  return awake;
}
