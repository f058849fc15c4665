import { PermanentFault } from '../../core/errors.ts';
import { OUTSIDE_TIMEOUT_SECONDS } from '../../core/limits.ts';
import type { OperationContext, OperationRecord, OutsideOperation } from '../../core/operation.ts';
import { failed, type RecordResult, tryAgain } from '../../core/result.ts';
import { checkAnswers } from '../run-in-transaction.ts';
import { withinTime } from '../within-time.ts';

export interface OutsideCall {
  records: readonly OperationRecord<unknown>[];
  context: OperationContext<unknown>;
  /** How often a record was tried, this time included. */
  attempt(record: number): number;
}

/** What came of a call. `thrown`: it told nothing, and nobody knows what came of its records. */
export interface CallOutcome {
  results: RecordResult<unknown>[];
  thrown?: unknown;
}

/**
 * Makes one call of an operation with effects outside, for as long as it may take; one that does not listen to its
 * signal then is not waited for.
 * @throws {PermanentFault} handler_broken, and what the operation itself throws of this kind
 */
export async function callOperation(
  operation: OutsideOperation,
  { records, context, attempt }: OutsideCall,
): Promise<CallOutcome> {
  const { name, limits } = operation;
  const timed = { name, limits: { timeoutSeconds: limits.timeoutSeconds ?? OUTSIDE_TIMEOUT_SECONDS } };
  let results: readonly RecordResult<unknown>[];
  try {
    results = await withinTime(timed, context, async (signal) => {
      return await operation.run(records, { ...context, signal, attempt });
    });
  } catch (error) {
    if (error instanceof PermanentFault) throw error;
    const unknown = tryAgain('outcome_unknown', 'no answer came', { uncertain: true });
    return { results: records.map(() => unknown), thrown: error };
  }
  checkAnswers(operation, records, results);
  return { results: results.map((result) => withSoundOutput(operation, result)) };
}

/** What was done cannot be undone, so the record is told of it. */
function withSoundOutput(operation: OutsideOperation, result: RecordResult<unknown>): RecordResult<unknown> {
  if (result.status !== 'succeeded') return result;
  const [wrong] = operation.checkOutput(result.output);
  if (wrong === undefined && isJson(result.output)) return result;
  const what = wrong === undefined ? 'is no JSON' : `has a mistake: ${wrong.field ?? 'it'} ${wrong.message}`;
  return failed('output_invalid', `what the operation answered ${what}; it may have taken effect`);
}

function isJson(output: unknown): boolean {
  try {
    return JSON.stringify(output) !== undefined;
  } catch {
    return false;
  }
}
