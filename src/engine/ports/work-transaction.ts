import type { OperationEvent } from '../../core/operation.ts';
import type { Refusal } from '../../core/refusal.ts';
import type { TransactionSql } from '../../core/sql.ts';

/** What a handler does in a transaction. */
export interface WorkStatements {
  sql: TransactionSql;
  /** Keeps events in the transaction. */
  emit(events: readonly OperationEvent[]): Promise<void>;
}

/** A transaction in which a handler works. What it wrote is committed with what the engine writes of it, or not at all. */
export interface WorkTransaction extends WorkStatements {
  /**
   * Does something inside a savepoint. When the database refuses its data, all of it is undone, and the transaction
   * can go on; what else it throws is thrown, and the transaction is over.
   * @param work is given statements that are refused once it has answered: whatever it still sends would be written
   *   besides what the engine knows of
   */
  attempt<T>(work: (statements: WorkStatements) => Promise<T>): Promise<{ done: T } | { refused: Refusal }>;
}
