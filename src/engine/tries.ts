import { DEFAULT_ATTEMPTS } from '../core/limits.ts';
import type { Operation } from '../core/operation.ts';
import { failed, type RecordResult, type RetryResult } from '../core/result.ts';
import { backoffSeconds } from './backoff.ts';
import type { JournalEntry } from './ports/chunk-outcome.ts';

const LONGEST_WAIT_SECONDS = 86_400;

const UNKNOWN = 'it was sent, and no answer told what came of it; look there before you send it again';

/** What the journal has of a record after one more try. */
export function afterTry(
  { limits }: Pick<Operation, 'limits'>,
  before: Pick<JournalEntry, 'record' | 'attempts' | 'uncertain'>,
  result: RecordResult<unknown>,
): JournalEntry {
  const attempts = before.attempts + 1;
  const entry = { record: before.record, attempts, dueSeconds: 0, uncertain: false };
  if (result.status !== 'retry') return { ...entry, state: 'final', result };
  const uncertain = before.uncertain || result.uncertain === true;
  const { code, message, field } = result.error;
  const error = failed<unknown>(code, message, field);
  if (attempts < (limits.attempts ?? DEFAULT_ATTEMPTS)) {
    const dueSeconds = waitOf(result) ?? backoffSeconds(attempts);
    return { ...entry, state: 'waiting', uncertain, dueSeconds, result: error };
  }
  return { ...entry, state: 'final', uncertain, result: uncertain ? outcomeUnknown() : error };
}

/** What is no time is not asked for; beyond a day nobody means it, and much farther no clock goes. */
function waitOf({ afterSeconds }: RetryResult): number | undefined {
  return typeof afterSeconds === 'number' && afterSeconds >= 0
    ? Math.min(afterSeconds, LONGEST_WAIT_SECONDS)
    : undefined;
}

export function outcomeUnknown() {
  return failed<unknown>('outcome_unknown', UNKNOWN);
}
