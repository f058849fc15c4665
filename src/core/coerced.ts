import type { RecordErrorCode } from './errors.ts';

/** What is wrong with one value. */
export interface Problem {
  code: RecordErrorCode;
  message: string;
}

/** A value as the type of its field, or why it is none. Nothing is put around a value: there is one for each cell. */
export type Coerced = string | number | boolean | Problem;

/** Reads a text, which is not empty, as a value of one field. */
export type ReadText = (text: string) => Coerced;

export function isProblem(coerced: Coerced): coerced is Problem {
  return typeof coerced === 'object';
}
