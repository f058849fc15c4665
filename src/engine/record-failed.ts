import type { RecordError } from '../core/result.ts';

/** The one record of a call failed: nothing of it was kept. */
export class RecordFailed extends Error {
  /** Every rule that it breaks, at least one. */
  readonly errors: readonly RecordError[];

  constructor(errors: readonly RecordError[]) {
    super(errors[0]?.message);
    this.name = 'RecordFailed';
    this.errors = errors;
  }
}
