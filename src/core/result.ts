/** One broken rule of one record. `column` is what the client's file calls the field. */
export interface RecordError {
  code: string;
  message: string;
  field?: string;
  column?: string;
  /** The offending value, shortened. */
  value?: string;
}

/** Why a record failed, in the operation’s own words. */
export interface RecordFailure {
  code: string;
  message: string;
  /** Of the operation’s input. */
  field?: string;
}

/** What stays a record’s result. */
export type FinalResult<Output> =
  | { status: 'succeeded'; output: Output }
  | { status: 'failed'; error: RecordFailure };

/** The record is to be tried again; if that was done as often as allowed, it fails with this error. */
export interface RetryResult {
  status: 'retry';
  error: RecordFailure;
  /** When, at the earliest; left out: later each time. */
  afterSeconds?: number;
  /** It may have taken effect, as it was sent and no answer came: without one in the end it is `outcome_unknown`. */
  uncertain?: boolean;
  /** Of an outside effect: it says something of the other side, and so of everybody who calls it. */
  target?: { down?: boolean; waitSeconds?: number };
}

/** What a handler answers for one record. */
export type RecordResult<Output> = FinalResult<Output> | RetryResult;

export function succeeded<Output>(output: Output): FinalResult<Output> {
  return { status: 'succeeded', output };
}

export function failed<Output>(code: string, message: string, field?: string): FinalResult<Output> {
  return { status: 'failed', error: field === undefined ? { code, message } : { code, message, field } };
}

export function tryAgain(
  code: string,
  message: string,
  more: Omit<RetryResult, 'status' | 'error'> = {},
): RetryResult {
  return { status: 'retry', error: { code, message }, ...more };
}

/**
 * One line of the result files, with its keys in this order, which the files are assembled by without parsing them.
 * `source_record` is there in a retry: the number of the record in the first batch of its lineage.
 * `custom_id` is there when the batch names a column for it and the record has a value in it. `error` is the first
 * broken rule; `errors` is there when a record breaks more than one.
 */
export type ResultLine = { record: number; source_record?: number; custom_id?: string } & (
  | { status: 'succeeded'; output: unknown; attempts: number }
  | { status: 'failed'; error: RecordError; errors?: RecordError[]; attempts: number }
  | { status: 'unprocessed' }
  | { status: 'skipped' }
);

export function succeededLine(
  record: number,
  output: unknown,
  attempts: number,
  customId?: string,
): ResultLine {
  return { ...lineStart(record, customId), status: 'succeeded', output, attempts };
}

export function failedLine(
  record: number,
  errors: readonly RecordError[],
  attempts: number,
  customId?: string,
): ResultLine {
  const [error] = errors;
  if (error === undefined) throw new Error(`record ${record} failed without a reason`);
  const start = lineStart(record, customId);
  if (errors.length === 1) return { ...start, status: 'failed', error, attempts };
  return { ...start, status: 'failed', error, errors: [...errors], attempts };
}

export function unprocessedLine(record: number, customId?: string): ResultLine {
  return { ...lineStart(record, customId), status: 'unprocessed' };
}

/** Of a correction: what the record corrects has succeeded already. */
export function skippedLine(record: number, customId?: string): ResultLine {
  return { ...lineStart(record, customId), status: 'skipped' };
}

function lineStart(record: number, customId: string | undefined): { record: number; custom_id?: string } {
  return customId === undefined ? { record } : { record, custom_id: customId };
}

const LONGEST_VALUE_SHOWN = 100;

/** A value as an error message may show it: whole characters, at most 100 of them. */
export function shortened(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value));
  const characters = Array.from(text.slice(0, 2 * LONGEST_VALUE_SHOWN + 2));
  return characters.length <= LONGEST_VALUE_SHOWN
    ? text
    : `${characters.slice(0, LONGEST_VALUE_SHOWN).join('')}…`;
}
