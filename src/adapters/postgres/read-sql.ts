import type { SqlValue, TransactionSql } from '../../core/sql.ts';
import type { Sql } from './connect.ts';
import { faultsTold } from './faults.ts';

/** Statements outside of any transaction, for whoever only reads. */
export function readSql(sql: Sql): TransactionSql {
  return async <Row>(strings: TemplateStringsArray, ...values: readonly SqlValue[]) =>
    (await faultsTold(() => sql(strings, ...(values as string[])))) as unknown as Row[];
}
