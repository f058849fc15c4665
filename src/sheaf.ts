import Type from 'typebox';
import { defineOperation } from './core/operation.ts';
import { failed, succeeded, tryAgain } from './core/result.ts';

/** What a file with operations of its own imports as `sheaf`. */

export { type Static, Type } from 'typebox';
export { invalidRequest } from './core/errors.ts';
export {
  defineOperation,
  type Operation,
  type OperationContext,
  type OperationEvent,
  type OperationRecord,
  type OutsideContext,
  type TransactionContext,
} from './core/operation.ts';
export { failed, type RecordResult, succeeded, tryAgain } from './core/result.ts';
export type { SqlValue, TransactionSql } from './core/sql.ts';

/** The same, for a file that exports a function: it needs no import at all. */
export const operationTools = { defineOperation, Type, succeeded, failed, tryAgain };

export type OperationTools = typeof operationTools;
