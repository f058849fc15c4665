import type { KeepAnswer } from './request-stores.ts';
import type { WorkTransaction } from './work-transaction.ts';

/** The transactions of operations that are called with one record. */
export interface SingleCalls {
  /**
   * Does a call's work in a transaction of its own, in which its answer is kept as well. Of many at once some wait for
   * their turn; what `work` throws undoes everything.
   * @throws {KeyTaken} the same request took effect before
   * @throws {RequestError} unavailable: too many wait; outcome_unknown: nobody knows whether it was committed
   * @throws {RetryableFault} what may be gone if it is done once more; nothing was written
   */
  run<Made>(
    caller: { accountId: string },
    keep: KeepAnswer<Made> | undefined,
    work: (tx: WorkTransaction) => Promise<Made>,
  ): Promise<Made>;
}
