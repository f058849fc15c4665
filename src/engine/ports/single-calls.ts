import type { KeepAnswer } from './request-stores.ts';
import type { WorkTransaction } from './work-transaction.ts';

/** The transactions of operations that an account calls with one record; each call is noted in the audit log. */
export interface SingleCalls {
  /**
   * Does a call's work in a transaction of its own, in which it is noted and its answer kept as well. Of many at once
   * some wait for their turn; what `work` throws undoes everything.
   * @throws {KeyTaken} the same request took effect before
   * @throws {RequestError} unavailable: too many wait; outcome_unknown: nobody knows whether it was committed
   * @throws {RetryableFault} what may be gone if it is done once more; nothing was written
   */
  run<Made>(
    operation: string,
    keep: KeepAnswer<Made> | undefined,
    work: (tx: WorkTransaction) => Promise<Made>,
  ): Promise<Made>;
  /** Notes a call whose effects are outside before it has any: should the process die, it is known who made it. */
  note(operation: string): Promise<void>;
  /** Keeps the answer of such a call. @throws {KeyTaken} the same request took effect before */
  keep<Made>(keep: KeepAnswer<Made>, made: Made): Promise<void>;
}
