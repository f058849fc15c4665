import { PermanentFault } from '../core/errors.ts';
import type {
  Operation,
  OperationContext,
  OperationRecord,
  TransactionOperation,
} from '../core/operation.ts';
import { refusalFailure } from '../core/refusal.ts';
import type { RecordResult } from '../core/result.ts';
import { failed, shortened } from '../core/result.ts';
import { findRefused } from './find-refused.ts';
import type { WorkStatements, WorkTransaction } from './ports/work-transaction.ts';
import { withinTime } from './within-time.ts';

/**
 * Runs a handler in a transaction, on a chunk's records as on a single one. Where the database refuses the data of one
 * record, that record fails in plain words, and what the handler wrote for the others stays.
 * @throws {PermanentFault} handler_broken
 * @throws {RetryableFault} when a call takes longer than the operation allows
 */
export async function applyInTransaction(
  operation: TransactionOperation,
  records: readonly OperationRecord<unknown>[],
  tx: WorkTransaction,
  context: OperationContext<unknown>,
): Promise<RecordResult<unknown>[]> {
  if (records.length === 0) return [];
  const { timeoutSeconds } = operation.limits;
  // A handler that is not waited for any longer leaves a statement behind, which nobody else could end.
  if (timeoutSeconds !== undefined) await boundStatements(tx, timeoutSeconds);
  const call = async (group: readonly OperationRecord<unknown>[], { sql, emit }: WorkStatements) => {
    const results = await withinTime(operation, context, (signal) =>
      operation.run(group, { ...context, signal, sql, emit }),
    );
    checkAnswers(operation, group, results);
    return results;
  };
  const results = await findRefused(
    records,
    (group) => tx.attempt((statements) => call(group, statements)),
    (_record, refusal): RecordResult<unknown> => {
      const { code, message, field } = refusalFailure(operation, refusal);
      return failed(code, message, field);
    },
  );
  if (timeoutSeconds !== undefined) await tx.sql`set local statement_timeout to default`;
  return results;
}

async function boundStatements({ sql }: WorkTransaction, seconds: number): Promise<void> {
  await sql`select set_config('statement_timeout', ${String(Math.ceil(seconds * 1000))}, true)`;
}

/**
 * One result for each record, with codes that are declared, and outputs as they are described.
 * @throws {PermanentFault} handler_broken: going on would give some record somebody else's result
 */
export function checkAnswers(
  operation: Operation,
  records: readonly OperationRecord<unknown>[],
  results: readonly RecordResult<unknown>[],
): void {
  const broken = (what: string) => new PermanentFault('handler_broken', `${operation.name} ${what}`);
  if (!Array.isArray(results) || results.length !== records.length) {
    throw broken(`was given ${records.length} records and answered ${results?.length ?? 'no'} results`);
  }
  for (const result of results) {
    if (result?.status === 'succeeded') {
      // What an operation did outside cannot be undone: its record is told of it instead.
      if (operation.effects === 'outside') continue;
      const [wrong] = operation.checkOutput(result.output);
      if (wrong !== undefined)
        throw broken(`answered an output whose ${wrong.field ?? 'whole'} ${wrong.message}`);
    } else if (result?.status !== 'failed' && result?.status !== 'retry') {
      throw broken('answered something that is no result');
    } else if (typeof result.error?.message !== 'string') {
      throw broken('failed a record without saying why: it needs an error with a code and a message');
    } else if (!['undefined', 'string'].includes(typeof result.error.field)) {
      throw broken('failed a record with a field that is no name');
    } else if (!Object.hasOwn(operation.failures, result.error.code)) {
      throw broken(
        `failed a record with the code ${shortened(result.error.code)}, which it does not declare`,
      );
    }
  }
}
