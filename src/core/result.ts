/** One broken rule of one record. `column` is what the client's file calls the field. */
export interface RecordError {
  code: string;
  message: string;
  field?: string;
  column?: string;
  /** The offending value, shortened. */
  value?: string;
}

/** What a handler answers for one record. */
export type RecordResult<Output> =
  | { status: 'succeeded'; output: Output }
  | { status: 'failed'; error: { code: string; message: string; field?: string } };

export function succeeded<Output>(output: Output): RecordResult<Output> {
  return { status: 'succeeded', output };
}

export function failed<Output>(code: string, message: string, field?: string): RecordResult<Output> {
  return { status: 'failed', error: field === undefined ? { code, message } : { code, message, field } };
}

/**
 * One line of the result files, with its keys in this order, which the files are assembled by without parsing them.
 * `custom_id` is there when the batch names a column for it and the record has a value in it. `error` is the first
 * broken rule; `errors` is there when a record breaks more than one.
 */
export type ResultLine = { record: number; custom_id?: string } & (
  | { status: 'succeeded'; output: unknown; attempts: number }
  | { status: 'failed'; error: RecordError; errors?: RecordError[]; attempts: number }
  | { status: 'unprocessed' }
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
