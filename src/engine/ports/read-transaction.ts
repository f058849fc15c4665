import type { TransactionSql } from '../../core/sql.ts';

/** Where an operation reads what is in the database of an account at one moment; nothing can be written there. */
export interface ReadTransaction {
  /**
   * Statements after the work is done are refused.
   * @throws {RetryableFault} when the database does not answer, or takes too long
   */
  read<T>(work: (context: { accountId: string; sql: TransactionSql }) => Promise<T>): Promise<T>;
}
